"""The asset market/prices: what it asks for, what it leaves out, and what its checks refuse."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from assets.market.exchange_sessions import sessions_between
from assets.market.file_prices import FilePrices
from assets.market.price_source import SAMPLE
from assets.market.prices import prices
from assets.market.sample_prices import SamplePrices
from assets.market.sources import PriceSource, Terms, bar_schema, bar_table
from assets.market.table_prices import TablePrices
from checks import Beside, Verdict, blocking, evaluate
from graph import Previous
from graph.declare import declaration_of

REAL = Path(__file__).parents[4] / "shared" / "data" / "market"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real bars in {REAL}")
REMOTE = Terms(provider="table", start=date(2024, 1, 2), remote=True)
DAYS = sessions_between(date(2024, 1, 2), date(2024, 3, 28)).tolist()
EVENING = datetime(2024, 2, 1, 22, tzinfo=UTC)
NOON = datetime(2024, 2, 1, 17, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A run at ``now`` that remembers what it was told."""

    now: datetime
    key: str = "market/prices"
    run_id: str = "1"
    partition: str | None = None
    attempt: int = 1
    said: list[str] = field(default_factory=list)

    def log(self, message: str) -> None:
        self.said.append(message)

    def progress(self, done: float, total: float) -> None:
        self.said.append(f"{done}/{total}")


def universe(*symbols: str) -> pa.Table:
    return pa.table({"symbol": list(symbols)})


def table(terms: Terms, *symbols: str) -> TablePrices:
    columns = {
        "symbol": [symbol for symbol in symbols for _ in DAYS],
        "session": DAYS * len(symbols),
        "close": [100.0 + n for _ in symbols for n in range(len(DAYS))],
    }
    return TablePrices(terms=terms, table=bar_table(columns, terms))


def judged(bars: pa.Table, now: datetime = EVENING) -> dict[str, Verdict]:
    declared = declaration_of(prices)
    assert declared is not None
    universe = pa.table({"symbol": bars["symbol"].drop_null().unique()})
    beside = Beside(upstream={"universe": lambda: universe})
    verdicts = evaluate(bars, declared.outputs[0].checks, now=now, beside=beside)
    return {verdict.check: verdict for verdict in verdicts}


@pytest.mark.parametrize(
    ("now", "last"),
    [
        pytest.param(EVENING, date(2024, 2, 1), id="after the close, today's session"),
        pytest.param(NOON, date(2024, 1, 31), id="before it, yesterday's"),
    ],
)
def test_a_service_is_asked_for_closed_sessions_only(now: datetime, last: date) -> None:
    service = table(REMOTE, "A", "B")
    bars = prices(universe("B", "A"), service, Previous(), Moment(now=now))
    assert service.asked == [(("A", "B"), date(2024, 1, 2), last)]
    assert bars["session"].to_pylist()[-1] == last
    assert bars["symbol"].unique().to_pylist() == ["A", "B"]
    assert not blocking(judged(bars, now).values())


def test_the_second_day_asks_for_one_session_and_the_overlap() -> None:
    service = table(REMOTE, "A")
    before = prices(universe("A"), service, Previous(), Moment(now=NOON))
    after = prices(universe("A"), service, Previous(value=before), Moment(now=EVENING))
    assert service.asked[1:] == [(("A",), date(2024, 1, 25), date(2024, 2, 1))]
    assert len(after) == len(before) + 1
    assert prices(universe("A"), service, Previous(value=after), Moment(now=EVENING)) == after
    assert len(service.asked) == 2


def test_a_history_survives_its_storage(tmp_path: Path) -> None:
    """What was published comes back from Parquet, and is grown as if it had never left."""
    import pyarrow.parquet as pq

    service = table(REMOTE, "A")
    pq.write_table(prices(universe("A"), service, Previous(), Moment(now=NOON)), tmp_path / "p.parquet")
    prices(universe("A"), service, Previous(value=pq.read_table(tmp_path / "p.parquet")), Moment(now=EVENING))
    assert service.asked[1] == (("A",), date(2024, 1, 25), date(2024, 2, 1))


def test_another_source_starts_anew() -> None:
    sample = prices(
        universe("AAPL"), SamplePrices(terms=Terms(provider="sample")), Previous(), Moment(now=NOON)
    )
    service = table(REMOTE, "AAPL")
    prices(universe("AAPL"), service, Previous(value=sample), Moment(now=NOON))
    assert service.asked == [(("AAPL",), date(2024, 1, 2), date(2024, 1, 31))]


def test_what_a_readjustment_costs_is_told() -> None:
    run, service = Moment(now=EVENING), table(REMOTE, "A")
    before = prices(universe("A"), service, Previous(), Moment(now=NOON))
    doubled = [None if close is None else 2 * close for close in before["close"].to_pylist()]
    before = before.set_column(5, before.schema.field("close"), [doubled])
    prices(universe("A"), service, Previous(value=before), run)
    assert run.said == ["0/1", "re-adjusted, so all of it is asked for again: A", "1/1"]


def local(tmp_path: Path, text: str) -> PriceSource:
    (tmp_path / "bars.csv").write_text(text)
    return FilePrices(terms=Terms(provider="files"), path=str(tmp_path))


def test_from_files_the_open_session_is_left_out_and_the_future_is_not(tmp_path: Path) -> None:
    rows = "".join(f"A,{day},10\n" for day in ("2024-01-31", "2024-02-01", "2042-02-03"))
    bars = prices(universe("A"), local(tmp_path, f"symbol,date,close\n{rows}"), Previous(), Moment(now=NOON))
    assert bars["session"].to_pylist() == [date(2024, 1, 31), date(2042, 2, 3)]
    assert judged(bars, NOON)["only_closed_sessions"].blocks


def test_a_negative_close_a_duplicate_and_a_gap_are_refused_with_their_rows(tmp_path: Path) -> None:
    days = [day for day in DAYS[:12] if day != DAYS[5]]
    rows = [f"{day},A,{-3 if day == DAYS[2] else 10}\n" for day in days] + [f"{DAYS[8]},A,11\n"]
    source = local(tmp_path, f"date,symbol,close\n{''.join(rows)}")

    verdicts = judged(prices(universe("A"), source, Previous(), Moment(now=EVENING)))

    failed = {name: verdict for name, verdict in verdicts.items() if verdict.blocks}
    assert set(failed) == {
        "positive_close",
        "unique(symbol, session)",
        "monotonic(session by symbol)",
        "every_session",
    }
    assert [(row["session"], row["close"]) for row in failed["positive_close"].sample] == [(DAYS[2], -3.0)]
    assert [row["session"] for row in failed["unique(symbol, session)"].sample] == [DAYS[8], DAYS[8]]
    assert failed["every_session"].sample == ({"symbol": "A", "missing": DAYS[5]},)


BAR = {
    "symbol": "A",
    "session": date(2024, 1, 2),
    "open": 10.0,
    "high": 11.0,
    "low": 9.0,
    "close": 10.5,
    "volume": 5,
}


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        pytest.param({}, set(), id="a bar as it should be"),
        pytest.param({"open": None, "high": None, "low": None, "volume": None}, set(), id="only a close"),
        pytest.param({"close": None}, {"not_null(symbol, session, close)"}, id="no close"),
        pytest.param({"symbol": None}, {"not_null(symbol, session, close)"}, id="no symbol"),
        pytest.param({"low": 0.0}, {"positive_low"}, id="a low of nothing"),
        pytest.param({"high": float("inf")}, {"positive_high"}, id="a high without end"),
        pytest.param({"high": 10.4}, {"high_is_highest"}, id="a high below the close"),
        pytest.param({"high": 10.499999}, set(), id="but for rounding"),
        pytest.param({"low": 10.2}, {"low_is_lowest"}, id="a low above the open"),
        pytest.param({"high": 8.0}, {"high_is_highest", "low_is_lowest"}, id="a high below the low"),
        pytest.param({"volume": -1}, {"between(volume)"}, id="a negative volume"),
        pytest.param({"session": date(2024, 1, 1)}, {"only_sessions"}, id="a holiday"),
    ],
)
def test_what_the_checks_refuse(change: dict[str, object], failed: set[str]) -> None:
    bars = pa.Table.from_pylist([{**BAR, **change}], schema=bar_schema(REMOTE))
    assert {name for name, verdict in judged(bars).items() if verdict.blocks} == failed


def test_all_of_the_sample_passes() -> None:
    source = SamplePrices(terms=Terms(provider="sample"))
    bars = prices(universe(*SAMPLE), source, Previous(), Moment(now=EVENING))
    assert len(bars) == 166_260
    assert {name for name, verdict in judged(bars).items() if not verdict.passed} == {
        "moving_closes",
        "no_unadjusted_splits",  # RRC on 1990-04-10, an error of the sample
    }


@needs_real
def test_real_bars_pass_but_for_their_real_gaps() -> None:
    source = FilePrices(terms=Terms(provider="files", adjustment="raw"), path=str(REAL))
    bars = prices(universe(*source.symbols()), source, Previous(), Moment(now=EVENING))
    found = {name: verdict for name, verdict in judged(bars).items() if not verdict.passed}
    assert found.keys() == {"every_session", "no_unadjusted_splits", "plausible_range"}
    splits = {(row["symbol"], row["session"].year) for row in found["no_unadjusted_splits"].sample}
    assert splits >= {("AAPL", 2005), ("AAPL", 2014), ("BAC", 2004)}, "real ones: these bars are raw"


@needs_real
def test_real_adjusted_bars_pass() -> None:
    source = FilePrices(terms=Terms(provider="files"), path=str(REAL))
    bars = prices(universe("AAPL", "AIG", "BAC", "IBM", "SPY"), source, Previous(), Moment(now=EVENING))
    assert len(bars) == 5 * 5849
    (mistyped,) = [verdict for verdict in judged(bars).values() if not verdict.passed]
    assert mistyped.check == "plausible_range"
    assert [(row["symbol"], row["session"]) for row in mistyped.sample] == [
        ("AAPL", date(2009, 9, 21)),  # a low of a seventeenth of the close, and others of that kind
        ("AAPL", date(2010, 8, 31)),
        ("AAPL", date(2011, 1, 3)),
        ("AIG", date(2009, 5, 5)),
    ]
