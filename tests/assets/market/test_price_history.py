"""Growing a history: what is asked for, and that the pieces make the whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.market.exchange_sessions import sessions_between
from assets.market.price_history import Request, grown, in_order, missing, usable
from assets.market.sources import Terms, UnknownSymbol, bar_schema, bar_table
from assets.market.table_prices import TablePrices

if TYPE_CHECKING:
    import pyarrow as pa

START = date(2024, 1, 2)
TERMS = Terms(provider="table", start=START, remote=True)
DAYS = sessions_between(START, date(2024, 2, 29)).tolist()


def table(closes: dict[str, list[float]], first: int = 0) -> pa.Table:
    """Bars from the ``first`` session on, one for each close."""
    columns: dict[str, list[Any]] = {"symbol": [], "session": [], "close": []}
    for symbol, values in closes.items():
        columns["symbol"] += [symbol] * len(values)
        columns["session"] += DAYS[first : first + len(values)]
        columns["close"] += values
    return bar_table(columns, TERMS)


def source(closes: dict[str, list[float]]) -> TablePrices:
    return TablePrices(terms=TERMS, table=table(closes))


NOTHING = bar_schema(TERMS).empty_table()
TEN = [float(n) for n in range(10, 20)]
ALL = [float(n) for n in range(10, 30)]


@pytest.mark.parametrize(
    ("known", "symbols", "expected"),
    [
        pytest.param(
            NOTHING,
            ["A", "B"],
            [Request(symbols=("A", "B"), start=START, end=DAYS[19], overlaps=False)],
            id="all that is new shares one request from the start",
        ),
        pytest.param(table({"A": ALL}), ["A"], [], id="a symbol that is known to the end needs no request"),
        pytest.param(
            table({"A": TEN}),
            ["A"],
            [Request(symbols=("A",), start=DAYS[5], end=DAYS[19], overlaps=True)],
            id="five known sessions are asked for again",
        ),
        pytest.param(
            table({"A": [1.0, 2.0]}),
            ["A"],
            [Request(symbols=("A",), start=START, end=DAYS[19], overlaps=True)],
            id="but nothing before the start",
        ),
        pytest.param(
            table({"B": TEN, "A": TEN, "C": ALL[:12]}),
            ["A", "B", "C"],
            [
                Request(symbols=("A", "B"), start=DAYS[5], end=DAYS[19], overlaps=True),
                Request(symbols=("C",), start=DAYS[7], end=DAYS[19], overlaps=True),
            ],
            id="symbols that lack the same share a request",
        ),
        pytest.param(
            table({"A": ALL}),
            ["A", "A", "B"],
            [Request(symbols=("B",), start=START, end=DAYS[19], overlaps=False)],
            id="a new symbol gets its whole history, once",
        ),
    ],
)
def test_only_what_is_missing_is_asked_for(
    known: pa.Table, symbols: list[str], expected: list[Request]
) -> None:
    assert missing(known, symbols, START, DAYS[19]) == expected


def test_new_sessions_are_added() -> None:
    service = source({"A": ALL, "B": ALL})
    history = grown(table({"A": TEN, "B": TEN}), ["A", "B"], DAYS[19], service)
    assert history == in_order(service.table)
    assert service.asked == [(("A", "B"), DAYS[5], DAYS[19])]


def test_a_readjusted_symbol_is_asked_for_from_the_beginning() -> None:
    halved = [close / 2 for close in ALL]
    service, said = source({"A": ALL, "B": halved}), list[str]()

    history = grown(table({"A": TEN, "B": TEN}), ["A", "B"], DAYS[19], service, log=said.append)

    assert history == in_order(service.table)
    assert service.asked == [(("A", "B"), DAYS[5], DAYS[19]), (("B",), START, DAYS[19])]
    assert said == ["re-adjusted, so all of it is asked for again: B"]


@pytest.mark.parametrize(
    ("factor", "requests"),
    [
        pytest.param(1 + 5e-7, 1, id="the rounding of single precision is no change"),
        pytest.param(1 - 1e-5, 2, id="a dividend of a thousandth of a percent is one"),
    ],
)
def test_what_counts_as_a_change(factor: float, requests: int) -> None:
    service = source({"A": [close * factor for close in ALL]})
    grown(table({"A": TEN}), ["A"], DAYS[19], service)
    assert len(service.asked) == requests


def test_a_known_session_that_is_gone_is_a_change() -> None:
    whole = table({"A": ALL})
    service = TablePrices(
        terms=TERMS, table=whole.filter([day != DAYS[7] for day in whole["session"].to_pylist()])
    )
    assert grown(table({"A": TEN}), ["A"], DAYS[19], service) == service.table


def test_a_symbol_that_left_the_universe_is_left_out() -> None:
    history = grown(table({"A": ALL, "B": ALL}), ["B"], DAYS[19], source({"B": ALL}))
    assert history["symbol"].unique().to_pylist() == ["B"]


def test_a_symbol_that_ended_stays_as_it_is() -> None:
    service = source({"A": TEN})
    assert grown(table({"A": TEN}), ["A"], DAYS[19], service) == service.table


def test_a_symbol_that_the_source_forgot_is_an_error() -> None:
    with pytest.raises(UnknownSymbol):
        grown(table({"A": TEN}), ["A"], DAYS[19], source({"B": ALL}))


def test_progress_is_told() -> None:
    told: list[tuple[float, float]] = []
    known = table({"A": TEN, "C": ALL[:12]})
    grown(known, ["A", "C"], DAYS[19], source({"A": ALL, "C": ALL}), progress=lambda *at: told.append(at))
    assert told == [(0, 2), (1, 2), (2, 2)]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(TERMS, provider="another"), id="another provider"),
        pytest.param(replace(TERMS, feed="iex"), id="another feed"),
        pytest.param(replace(TERMS, adjustment="raw"), id="another adjustment"),
        pytest.param(replace(TERMS, start=date(2023, 1, 3)), id="an earlier start"),
    ],
)
def test_a_history_on_other_terms_is_not_grown(other: Terms) -> None:
    service = TablePrices(terms=other, table=table({"A": ALL}))
    assert usable(table({"A": TEN}), service).num_rows == 0
    assert usable(table({"A": TEN}), source({"A": ALL})) == table({"A": TEN})


def test_without_a_history_there_is_nothing_to_grow() -> None:
    assert usable(None, source({"A": ALL})).num_rows == 0
    assert usable(table({"A": ALL}).drop_columns("volume"), source({"A": ALL})).num_rows == 0


def up_to(bars: pa.Table, end: date) -> pa.Table:
    return in_order(bars.filter([day <= end for day in bars["session"].to_pylist()]))


@given(
    lengths=st.dictionaries(st.sampled_from("ABC"), st.integers(1, 40), min_size=1),
    cuts=st.lists(st.integers(0, 39), max_size=5),
)
def test_pieces_make_the_whole(lengths: dict[str, int], cuts: list[int]) -> None:
    service = source({symbol: [100.0 + n for n in range(length)] for symbol, length in lengths.items()})
    known = NOTHING
    for cut in sorted(cuts):
        known = grown(known, list(lengths), DAYS[cut], service)
        assert known == up_to(service.table, DAYS[cut])


@given(steps=st.dictionaries(st.integers(0, 39), st.sampled_from([1.0, 0.5, 0.999]), min_size=1))
def test_every_history_is_of_one_piece(steps: dict[int, float]) -> None:
    """Whatever was re-adjusted before a new session: the history with it is what the source now says."""
    known = NOTHING
    for cut, factor in sorted(steps.items()):
        service = source({"A": [factor * (100.0 + n) for n in range(40)]})
        known = grown(known, ["A"], DAYS[cut], service)
        assert known == up_to(service.table, DAYS[cut])
