"""Proposed checks hold for the data, can fail, and are code that declares them."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks import Check, ParquetFiles, evaluate
from checks.counterexamples import counterexample
from checks.proposals import as_code, propose

NOW = datetime(2024, 6, 1, tzinfo=UTC)
REAL = Path(__file__).resolve().parents[3] / "shared" / "data"
BAR = ("open", "high", "low", "close")
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
        "between(session)",
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


def formatted(code: str) -> str:
    """What a formatter makes of it, with settings of nobody's."""
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    return subprocess.run(command, input=code, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", TABLES)
def test_it_holds_and_is_code(name: str, tmp_path: Path) -> None:
    table = TABLES[name]
    proposals = propose(table, now=NOW)
    checks = [one.check for one in proposals]
    assert all(verdict.passed for verdict in evaluate(table, checks, now=NOW))
    declared: dict[str, Any] = {}
    exec(as_code(proposals), declared)  # that it runs is the promise
    assert [one.digest for one in declared["checks"]] == [one.digest for one in checks]
    assert formatted(as_code(proposals)) == as_code(proposals)
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


def test_what_is_proposed_of_parts_holds_for_each() -> None:
    table = pa.table({"share": [0.5, 0.5, 0.5, 0.5], "side": ["BUY", "BUY", "SELL", "SELL"]})
    parts = [table.slice(0, 1), table.slice(1, 3)]
    whole, each = (propose(table, now=NOW, parts=given) for given in ((), parts))
    assert {one.check.name for one in whole} - {one.check.name for one in each} == {"sums_to(share by side)"}
    for part in parts:
        assert all(said.passed for said in evaluate(part, [one.check for one in each], now=NOW))
    assert (whole[0].code, each[0].code) == ("row_count(2)", "row_count(1)")
    assert each[0].seen == "4 rows in 2 parts of 1 or more; at least half of that"


def test_bounds_are_round_and_beyond_what_was_seen() -> None:
    (code,) = [one.code for one in propose(BARS, now=NOW) if one.check.name == "between(change)"]
    assert code == 'between("change", -6.7, 6.6)'


@pytest.mark.parametrize(
    ("low", "high", "code"),
    [
        pytest.param(4, 14, 'between("x", 3, 15)', id="a margin on both sides"),
        pytest.param(1, 100, 'between("x", 0, 110)', id="nothing below zero where there was nothing"),
        pytest.param(42.33, 42.41, 'between("x", 42, 43)', id="two digits"),
        pytest.param(0.2, 0.9, 'between("x", 0, 1)', id="shares"),
        pytest.param(7, 7, 'between("x", 0, None)', id="always the same"),
        pytest.param(-7, -7, 'between("x", None, 0)', id="always the same, below zero"),
        pytest.param(
            date(2020, 3, 1),
            date(2022, 3, 1),
            'between("x", date(2019, 1, 1), None)',
            id="days that are past",
        ),
        pytest.param(
            date(2030, 3, 1),
            date(2032, 3, 1),
            'between("x", date(2029, 1, 1), date(2033, 1, 1))',
            id="days to come",
        ),
    ],
)
def test_bounds(low: Any, high: Any, code: str) -> None:
    codes = [one.code for one in propose(pa.table({"x": [low, high] * 3}), now=NOW)]
    assert [one for one in codes if one.startswith("between")] == [code]


@pytest.mark.parametrize(
    ("type_", "values", "codes"),
    [
        pytest.param(pa.uint8(), [1, 9], ['between("x", None, 10)'], id="whole, as the values are"),
        pytest.param(pa.int8(), [-120, 120], [], id="no value of the type lies beyond"),
        pytest.param(pa.int64(), [-(2**63), 2**63 - 1], [], id="the widest"),
        pytest.param(pa.uint64(), [2**63, 2**64 - 1], ['between("x", 8300000000000000000, None)'], id="one"),
    ],
)
def test_a_bound_can_be_broken_by_a_value_of_its_type(
    type_: pa.DataType, values: list[int], codes: list[str]
) -> None:
    table = pa.table({"x": pa.array(values * 10, type_)})
    assert [one.code for one in propose(table, now=NOW) if one.code.startswith("between")] == codes


@pytest.mark.parametrize(
    ("columns", "keys"),
    [
        pytest.param(
            {"id": range(40), "ref": [f"r{n}" for n in range(40)]},
            ['unique("id")', 'unique("ref")'],
            id="each that tells rows apart",
        ),
        pytest.param(
            {"symbol": ["A"] * 20 + ["B"] * 20, "day": DAYS * 2, "volume": range(900, 940)},
            ['unique("volume")', 'unique("symbol", "day")'],
            id="a number may do so by chance",
        ),
        pytest.param(
            {"symbol": ["A"] * 20 + ["B"] * 20, "day": DAYS * 2, "ref": [f"r{n}" for n in range(40)]},
            ['unique("ref")'],
            id="a text does so for a reason",
        ),
        pytest.param({"fee": [Decimal(n) / 4 for n in range(40)]}, [], id="an amount does so by chance only"),
        pytest.param({"day": DAYS * 2}, [], id="none does"),
    ],
)
def test_keys(columns: dict[str, Any], keys: list[str]) -> None:
    codes = [one.code for one in propose(pa.table(columns), now=NOW)]
    assert [one for one in codes if one.startswith("unique")] == keys


def test_order_is_that_of_the_key_beside_a_number_that_tells_rows_apart() -> None:
    table = BARS.append_column("volume", pa.array(range(900, 940)))
    assert 'monotonic("session", by="symbol", strict=True)' in [one.code for one in propose(table, now=NOW)]


def test_only_what_names_a_day_imports_it() -> None:
    code = as_code(propose(pa.table({", date(": [", date("] * 8}), now=NOW))
    assert "import date" not in code


@pytest.mark.parametrize("turned", [False, True])
def test_files_of_which_some_have_more_columns(turned: bool, tmp_path: Path) -> None:
    tables = [BARS, BARS.drop_columns(["side"])]
    paths = [str(tmp_path / f"{n}.parquet") for n in range(2)]
    for path, table in zip(paths, reversed(tables) if turned else tables, strict=True):
        pq.write_table(table, path)
    parts = [ParquetFiles(paths=(path,)) for path in paths]
    proposals = propose(ParquetFiles(paths=tuple(paths)), now=NOW, parts=parts)
    assert "side" not in as_code(proposals), "it speaks of what all of them have"
    for part in parts:
        assert all(said.passed for said in evaluate(part, [one.check for one in proposals], now=NOW))


def test_what_counts_rows_will_go_on() -> None:
    assert 'between("n", 0, None)' in [one.code for one in propose(pa.table({"n": range(20)}), now=NOW)]


@pytest.mark.parametrize(
    ("values", "like"),
    [
        ([f"2024-01-{n:02}" for n in range(1, 31)], "a date, as ISO 8601 has it"),
        ([f"u{n}@example.org" for n in range(40)], "an e-mail address"),
        ([str(UUID(int=n)) for n in range(40)], "a UUID"),
        ([f"{n:032x}" for n in range(40)], "hexadecimal"),
        ([str(1000 + n) for n in range(40)], "digits"),
        ([f"AB{n}" for n in range(40)], "a ticker"),
        ([f"no format {n}" for n in range(40)], None),
    ],
)
def test_formats(values: list[str], like: str | None) -> None:
    found = [one.seen for one in propose(pa.table({"s": values}), now=NOW) if one.code.startswith("matches")]
    assert found == ([] if like is None else [f"each of {len(values)} looks like {like}"])


def test_private_columns_give_nothing_away() -> None:
    table = pa.table(
        {"name": ["Zaphod", "Trillian"] * 20, "born": list(range(1900, 1940)), "n": list(range(40))}
    )
    proposals = propose(table, now=NOW, private=frozenset({"name", "born"}))
    text = as_code(proposals)
    assert not [word for word in ("Zaphod", "Trillian", "1900", "1939") if word in text]
    assert 'not_null("name", "born", "n")' in text


def test_a_million_rows() -> None:
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


def real_bars(symbol: str) -> pa.Table:
    """Daily bars as they were traded."""
    with ZipFile(REAL / "market" / f"daily_{symbol}.zip") as archive:
        lines = archive.read(archive.namelist()[0]).decode().split()
    days, rows = lines[::2], [line.partition(",")[2].split(",") for line in lines[1::2]]
    prices = {name: [int(row[at]) / 10_000 for row in rows] for at, name in enumerate(BAR)}
    return pa.table(
        {
            "symbol": [symbol.upper()] * len(rows),
            "session": [date.fromisoformat(day) for day in days],
            **prices,
            "volume": [int(row[4]) for row in rows],
        }
    )


@pytest.mark.skipif(not (REAL / "market").is_dir(), reason=f"no real bars in {REAL / 'market'}")
def test_real_bars() -> None:
    table = pa.concat_tables([real_bars("aapl"), real_bars("spy")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    code = as_code(propose(table, now=now))
    for proposed in (
        'unique("symbol", "session")',
        'one_of("symbol", ["AAPL", "SPY"])',
        'monotonic("session", by="symbol", strict=True)',
        'name="high >= low"',
    ):
        assert proposed in code
    declared: dict[str, list[Check]] = {}
    exec(code, declared)  # that it runs is the promise
    assert all(one.passed for one in evaluate(table, declared["checks"], now=now))


def test_what_is_no_table_has_none() -> None:
    with pytest.raises(ValueError, match="of type int"):
        propose(3, now=NOW)  # as a user may
