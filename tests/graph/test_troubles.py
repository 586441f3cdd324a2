"""What is wrong upstream: found by this run, or left by the last one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graph import Daily, Intents, Item, asset, build_graph, effect, fresh_within, source
from graph.effects import Trouble, Troubles
from graph.fingerprint import Basis
from graph.partition_set import ONLY, WHOLE, Partition
from graph.partitions import Horizon
from graph.reading import Reader
from graph.state import Attempt, MemoryState, Version
from graph.troubles import Wrong, accepted, goes_without, holding, kind_of, troubles_above

NOW = datetime(2024, 5, 6, tzinfo=UTC)
EARLIER, LATER = NOW - timedelta(hours=3), NOW - timedelta(hours=1)


def perform(item: Item) -> None: ...


@source(name="g/bars", freshness=fresh_within(timedelta(hours=2)))
def bars() -> Any: ...


@asset(name="g/days", partitions=Daily(start="2024-05-01"))
def days(bars: int) -> int:
    return bars


@asset(name="g/weights")
def weights(bars: int) -> int:
    return bars


@asset(name="g/orders")
def orders(weights: int) -> int:
    return weights


@effect(name="g/sent", perform=perform, doubt="at most once", accepts=["overdue"])
def sent(orders: int) -> Intents: ...  # nobody calls it


@asset(name="g/report", accepts=["failed"])
def report(days: int, sent: Any) -> int:
    return days


GRAPH = build_graph([bars, days, weights, orders, sent, report])


def published(key: str, *, made: datetime = EARLIER, failing: bool = False, at: Partition = WHOLE) -> Version:
    basis = Basis(code="c")
    return Version(
        id=key, key=key, partition=at, fingerprint="f", basis=basis, inputs={}, data_version="d", made_at=made,
        as_of=NOW - timedelta(hours=1), failing=failing,
    )  # fmt: skip


def found(
    key: str = "g/sent",
    *,
    versions: Sequence[Version] = (),
    tried: dict[str, Attempt] | None = None,
    ended: dict[str, Sequence[Wrong]] | None = None,
    in_doubt: Sequence[str] = (),
) -> list[str]:
    by_key: dict[str, dict[Partition, Version]] = {}
    for name in ("g/bars", "g/weights", "g/orders"):
        by_key[name] = {WHOLE: published(name)}
    for one in versions:
        by_key.setdefault(one.key, {})[one.partition] = one
    attempts = {(name, WHOLE): attempt for name, attempt in (tried or {}).items()}
    state = MemoryState(versions=by_key, tried=attempts)
    horizon = Horizon(now=NOW, sessions=lambda *_: ())
    reader = Reader(graph=GRAPH, state=state, horizon=horizon)
    troubles = troubles_above(GRAPH.assets[key], WHOLE, reader, NOW, ended or {}, in_doubt)
    return [f"{one.key} {one.kind}" for one in troubles]


def attempt(outcome: Any, ended: datetime = LATER) -> Attempt:
    return Attempt(fingerprint="g", outcome=outcome, ended_at=ended, reason="no good")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, [], id="all is well"),
        pytest.param({"tried": {"g/weights": attempt("failed")}}, ["g/weights failed"], id="failed since"),
        pytest.param(
            {"tried": {"g/weights": attempt("rejected")}}, ["g/weights rejected"], id="rejected since"
        ),
        pytest.param(
            {"tried": {"g/weights": attempt("failed", EARLIER - timedelta(hours=1))}}, [], id="mended since"
        ),
        pytest.param(
            {"tried": {"g/weights": attempt("failed")}, "ended": {"g/weights": []}},
            [],
            id="this run found it well",
        ),
        pytest.param(
            {"ended": {"g/weights": [Wrong("rejected", ONLY, "x")]}},
            ["g/weights rejected"],
            id="this run rejected it",
        ),
        pytest.param(
            {"tried": {"g/sent": attempt("failed")}}, [], id="its own failure is no trouble upstream"
        ),
        pytest.param({"in_doubt": ["g/sent", "g/other"]}, [], id="its own doubt is none either"),
    ],
)
def test_what_is_wrong_above(given: dict[str, Any], expected: list[str]) -> None:
    assert found(**given) == expected


def test_a_version_that_fails_its_checks_is_rejected_data() -> None:
    from checks import check

    @asset(name="g/checked", checks=[check(lambda value: True, name="any")])
    def checked() -> int:
        return 1

    @asset(name="g/below")
    def below(checked: int) -> int:
        return checked

    graph = build_graph([checked, below])
    state = MemoryState(versions={"g/checked": {WHOLE: published("g/checked", failing=True)}})
    reader = Reader(graph=graph, state=state, horizon=Horizon(now=NOW, sessions=lambda *_: ()))
    (trouble,) = troubles_above(graph.assets["g/below"], WHOLE, reader, NOW, {}, ())
    assert (trouble.key, trouble.kind) == ("g/checked", "rejected")


def test_what_is_overdue_is_named_where_it_begins() -> None:
    old = Version(
        id="b", key="g/bars", fingerprint="f", basis=Basis(code="c"), inputs={}, data_version="d",
        made_at=EARLIER, as_of=EARLIER,
    )  # fmt: skip
    assert found(versions=[old]) == ["g/bars overdue"]


def test_an_effect_above_that_is_in_doubt() -> None:
    assert found("g/report", in_doubt=["g/sent"]) == ["g/sent in doubt"]


TROUBLES = (
    Trouble(key="g/bars", kind="overdue"),
    Trouble(key="g/weights", kind="failed", why="no net"),
    Trouble(key="g/orders", kind="held"),
)


def test_what_holds_and_what_is_accepted() -> None:
    effect_asset, ordinary = GRAPH.assets["g/sent"], GRAPH.assets["g/report"]
    assert [one.key for one in holding(effect_asset, TROUBLES)] == ["g/weights"]
    assert [one.key for one in accepted(effect_asset, TROUBLES)] == ["g/bars"]
    assert [one.key for one in accepted(ordinary, TROUBLES)] == ["g/weights"]
    assert goes_without(ordinary, "g/weights", TROUBLES)
    assert not goes_without(ordinary, "g/orders", TROUBLES)


@pytest.mark.parametrize(
    ("outcome", "reason", "kind"),
    [
        ("failed", "never built", "failed"),
        ("held", "rejected before", "rejected"),
        ("held", "upstream skipped", "skipped"),
        ("held", "not observed", "failed"),
        ("held", "waits", "held"),
        ("held", "already performed", None),
        ("held", "rehearsed", None),
        ("kept", "up to date", None),
        ("published", "never built", None),
    ],
)
def test_the_end_of_a_step_as_trouble(outcome: Any, reason: Any, kind: str | None) -> None:
    assert kind_of(outcome, reason) == kind


def test_troubles_are_read_as_a_sentence() -> None:
    assert str(Troubles(TROUBLES)) == "g/bars is overdue; g/weights failed (no net); g/orders was held"
    assert not Troubles()
    assert Troubles(TROUBLES).of("g/weights") == TROUBLES[1:2]
