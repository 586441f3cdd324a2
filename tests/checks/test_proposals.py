"""Proposed checks hold for the data, can fail, and are code that declares them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks import Check, ParquetFiles, evaluate
from checks.counterexamples import counterexample
from checks.proposals import as_code, propose

NOW = datetime(2024, 6, 1, tzinfo=UTC)
REAL = Path(__file__).resolve().parents[3] / "shared" / "data"
DAYS = [date(2024, 1, 1) + timedelta(days=n) for n in range(20)]

BARS = pa.table(
    {
        "symbol": ["KO"] * 20 + ["PEP"] * 20,
        "session": DAYS * 2,
        "high": [60.0 + n for n in range(40)],
        "low": [59.0 + n for n in range(39)] + [None],
        "change": [(-1) ** n * n / 7 for n in range(40)],
        "weight": [0.5, 0.25] * 10 + [0.5, 0.75] * 10,
        "side": ["BUY", "SELL"] * 20,
    }
)
STRANGE = pa.table(
    {
        'a "quoted" name': ["it's", 'say "hi"', "ünï\\code", None] * 5,
        "price": pa.array(
            [Decimal("1.50"), Decimal("2.25"), None, Decimal("0.10")] * 5, pa.decimal128(12, 2)
        ),
        "nan": [1.0, float("nan"), 2.0, None] * 5,
        "infinite": [float("inf"), 1.0, 2.0, 3.0] * 5,
        "at": pa.array([datetime(2024, 1, 1, n, tzinfo=UTC) for n in range(20)], pa.timestamp("us", "UTC")),
        "nothing": pa.nulls(20),
        "empty": pa.array([None] * 20, pa.string()),
        "list": [[1], [2], [], None] * 5,
        "ok": [True, False] * 10,
    }
)
TABLES = {"bars": BARS, "strange": STRANGE, "one row": BARS.slice(0, 1), "no rows": BARS.slice(0, 0)}


def names(table: Any, **options: Any) -> list[str]:
    return [one.check.name for one in propose(table, now=NOW, **options)]


def test_what_is_proposed_of_bars() -> None:
    assert names(BARS) == [
        "row_count",
        "schema",
        "not_null(symbol, session, high, change, weight, side)",
        "unique(symbol, session)",
        "one_of(symbol)",
        "no_future_timestamps(session)",
        "between(high)",
        "between(low)",
        "between(change)",
        "between(weight)",
        "one_of(side)",
        "monotonic(session by symbol)",
        "high >= low",
        "sums_to(weight by session)",
        "sums_to(weight by side)",
    ]


@pytest.mark.parametrize("name", TABLES)
def test_it_holds_and_is_code(name: str, tmp_path: Path) -> None:
    table = TABLES[name]
    proposals = propose(table, now=NOW)
    checks = [one.check for one in proposals]
    assert all(verdict.passed for verdict in evaluate(table, checks, now=NOW))
    declared: dict[str, Any] = {}
    exec(as_code(proposals), declared)  # that it runs is the promise
    assert [one.digest for one in declared["checks"]] == [one.digest for one in checks]
    if table.num_rows:
        pq.write_table(
            table.drop_columns(["nothing", "list"]) if name == "strange" else table, tmp_path / "t.parquet"
        )
        files = ParquetFiles(paths=(str(tmp_path / "t.parquet"),))
        assert {one.code.partition("(")[0] for one in propose(files, now=NOW)} == {
            one.code.partition("(")[0] for one in proposals
        }


@pytest.mark.parametrize("name", ["bars", "strange"])
def test_each_can_fail(name: str) -> None:
    for one in propose(TABLES[name], now=NOW):
        assert counterexample(one.check, TABLES[name], now=NOW) is not None, one.code


def test_bounds_are_round_and_beyond_what_was_seen() -> None:
    (code,) = [one.code for one in propose(BARS, now=NOW) if one.check.name == "between(change)"]
    assert code == 'between("change", -6.7, 6.6)'


@pytest.mark.parametrize(
    ("values", "regex"),
    [
        (["2024-01-02", "2023-12-31"] * 20, "a date"),
        ([f"u{n}@example.org" for n in range(40)], "an e-mail"),
        ([f"{n:032x}" for n in range(40)], "hexadecimal"),
        ([f"AB{n}" for n in range(40)], "a ticker"),
        ([f"no format {n}" for n in range(40)], None),
    ],
)
def test_formats(values: list[str], regex: str | None) -> None:
    table = pa.table({"s": values, "n": list(range(40))})
    found = [one.seen for one in propose(table, now=NOW) if one.code.startswith("matches")]
    told = [one.code for one in propose(table, now=NOW) if one.code.startswith("one_of")]
    assert (regex is None and not found) or told or (regex is not None and regex in found[0])


def test_private_columns_give_nothing_away() -> None:
    table = pa.table(
        {"name": ["Zaphod", "Trillian"] * 20, "born": list(range(1900, 1940)), "n": list(range(40))}
    )
    proposals = propose(table, now=NOW, private=frozenset({"name", "born"}))
    text = as_code(proposals)
    assert not [word for word in ("Zaphod", "Trillian", "1900", "1939") if word in text]
    assert 'not_null("name", "born", "n")' in text


def test_a_million_rows_of_one_price_file() -> None:
    table = pa.table({"n": pa.array(range(1_000_000)), "x": pa.array([n % 7 / 7 for n in range(1_000_000)])})
    assert names(table) == ["row_count", "schema", "not_null(n, x)", "unique(n)", "between(n)", "between(x)"]


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {REAL}")
def test_real_vehicle_positions() -> None:
    table = pq.read_table(REAL / "eta" / "eta_vp_sample.parquet")
    proposals = propose(table, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert len(proposals) > 10
    declared: dict[str, list[Check]] = {}
    exec(as_code(proposals), declared)  # that it runs is the promise
    assert all(
        one.passed for one in evaluate(table, declared["checks"], now=datetime(2026, 1, 1, tzinfo=UTC))
    )


def test_what_is_no_table_has_none() -> None:
    with pytest.raises(ValueError, match="of type int"):
        propose(3, now=NOW)  # type: ignore[arg-type]  # as a user may
