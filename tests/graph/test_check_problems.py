"""What is wrong with checks is found when the graph is built, before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from checks import (
    Check,
    across_partitions,
    between,
    needs,
    no_look_ahead,
    not_null,
    references,
    schema,
    sums_to,
    unique,
)
from graph import (
    Daily,
    DefinitionErrors,
    Labels,
    Observation,
    Out,
    asset,
    build_graph,
    multi_asset,
    source,
)
from graph.asset_graph import AssetGraph
from graph.cadence import Cadence

TYPES = {"symbol": "string", "session": "date32[day]", "close": "double"}


@asset(name="m/prices", checks=[schema(TYPES)])
def prices() -> Any: ...


@asset(name="m/loose", checks=[schema({"symbol": "string"}, exact=False)])
def loose() -> Any: ...


def consumer(*checks: Check, **options: Any) -> Callable[..., Any]:
    @asset(name="m/returns", checks=checks, **options)
    def returns(prices: Any, loose: Any) -> Any: ...

    return returns


def graph_of(*declared: Callable[..., Any]) -> AssetGraph:
    return build_graph([prices, loose, *declared])


def problems(*declared: Callable[..., Any]) -> list[str]:
    with pytest.raises(DefinitionErrors) as raised:
        graph_of(*declared)
    return [str(problem.message) for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        pytest.param(
            [needs("prices", "symbol", "closes")],
            "needs the column 'closes' of 'm/prices' (check 'needs(prices: symbol, closes)'), whose schema lacks it."
            " Did you mean 'close'?",
            id="a column that upstream lacks",
        ),
        pytest.param(
            [references("symbol", "prices", "ticker")],
            "needs the column 'ticker' of 'm/prices' (check 'references(prices: symbol)'), whose schema lacks it.",
            id="a foreign key to nothing",
        ),
        pytest.param(
            [no_look_ahead("session", prices="day")],
            "needs the column 'day' of 'm/prices' (check 'no_look_ahead(session)'), whose schema lacks it.",
            id="a probe by a column that is not there",
        ),
        pytest.param(
            [references("symbol", "price")],
            "has the check 'references(price: symbol)' that compares with 'price', which its function does not read."
            " Did you mean 'prices'?",
            id="no upstream",
        ),
        pytest.param(
            [schema(TYPES), not_null("closing")],
            "has the check 'not_null(closing)' of a column 'closing', which its own schema lacks."
            " Did you mean 'close'?",
            id="a column of its own that it lacks",
        ),
        pytest.param(
            [across_partitions(unique("symbol"))],
            "has the check 'unique(symbol) across partitions' about all partitions, and has none;"
            " leave across_partitions out.",
            id="about all partitions of what has none",
        ),
    ],
)
def test_problems(checks: Sequence[Check], said: str) -> None:
    assert problems(consumer(*checks)) == [said]


def test_what_is_not_known_is_no_problem() -> None:
    graph_of(consumer(schema(TYPES, severity="warn"), not_null("closing")))
    graph_of(
        consumer(needs("loose", "anything"), needs("prices", "close"), schema(TYPES), sums_to("close", 1))
    )


def test_rows_are_moved_into_an_asset_of_their_own() -> None:
    graph = graph_of(consumer(not_null("symbol", severity="quarantine")))
    aside = graph["m/returns_quarantine"]
    assert (graph["m/returns"].aside, aside.aside_of) == (aside.key, "m/returns")
    assert aside.upstream == graph["m/returns"].upstream
    assert graph.siblings("m/returns") == graph.siblings(aside.key) == ("m/returns", aside.key)
    assert aside.unchecked == "the rows that checks moved out of m/returns"


def test_each_of_several_has_its_own() -> None:
    @multi_asset(
        Out("train", checks=[not_null("x", severity="quarantine")]), Out("test", checks=[not_null("x")])
    )
    def split() -> Any: ...

    graph = build_graph([split])
    assert [key.partition("/")[2] for key in graph.assets] == ["train", "test", "train_quarantine"]


def test_what_cannot_move_rows_aside() -> None:
    promise = between("x", 0, None, severity="quarantine")

    @source(name="m/feed", checks=[promise])
    def feed() -> Observation: ...

    @asset(name="m/loop", checks=[promise], cadence=Cadence(every=timedelta(seconds=2)))
    def loop() -> Any: ...

    told = problems(feed, loop)
    assert [one.partition(", and ")[2] for one in told] == [
        "it is a source, whose data are others'; make it an error or a warning.",
        "it has a cadence, and publishes summaries; make it an error or a warning.",
    ]


def test_an_asset_may_not_have_the_name_of_a_quarantine() -> None:
    @asset(name="m/returns_quarantine")
    def other() -> Any: ...

    (said,) = problems(consumer(not_null("x", severity="quarantine")), other)
    assert said.startswith("is declared twice; first at ")


def test_what_is_private_is_so_downstream() -> None:
    @asset(name="m/people", labels=Labels(private=("name",)))
    def people() -> Any: ...

    @asset(name="m/visits", labels=Labels(private=("doctor",)))
    def visits(people: Any) -> Any: ...

    @asset(name="m/count", partitions=Daily(start="2024-01-01"))
    def count(visits: Any, prices: Any) -> Any: ...

    graph = graph_of(count, visits, people)
    assert graph.private == {
        "m/people": {"name"},
        "m/visits": {"name", "doctor"},
        "m/count": {"name", "doctor"},
    }
    assert graph.subgraph(["m/count"]).private == graph.private
