"""The package's face: what it offers, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import checks


def test_everything_it_offers_is_there() -> None:
    assert all(getattr(checks, name) is not None for name in checks.__all__)


def fresh(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_importing_it_loads_nothing_heavy() -> None:
    code = """
import sys
import checks
heavy = {"duckdb", "great_expectations", "networkx", "numpy", "pandas", "pyarrow", "pydantic"}
heavy |= {"graph.asset_graph", "graph.declare", "graph.plan"}  # who only judges makes no plans
print(sorted(heavy & set(sys.modules)))
checks.evaluate([1], [checks.row_count(1)], now=__import__("datetime").datetime.now().astimezone())
print(sorted(heavy & set(sys.modules)))
"""
    ran = fresh(code)
    assert (ran.stdout, ran.stderr) == ("[]\n[]\n", "")


def test_a_program_that_judged_ends_without_a_word() -> None:
    code = """
import sys
from datetime import UTC, datetime
import duckdb, pyarrow as pa
from checks import check, evaluate, expression, unique

@check
def relation(value: duckdb.DuckDBPyRelation) -> bool:
    return value.count("*").fetchall() == [(2,)]

declared = [unique("a"), expression("a > 1"), relation]
print([v.failing for v in evaluate(pa.table({"a": [1, 1]}), declared, now=datetime.now(UTC), small_rows=0)])
"""
    ran = fresh(code)
    assert (ran.stdout, ran.stderr) == ("[2, 2, None]\n", "")
