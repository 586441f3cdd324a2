"""Several processes on one ledger: numbers become visible in order, and a partition is never published twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from materializers.sql_ledger import SqlLedger

ROOT = Path(__file__).resolve().parents[2]
EACH = 60

CHILD = """
import sys
sys.path.insert(0, {root!r})
from datetime import UTC, datetime
from pathlib import Path
from graph.fingerprint import Basis
from graph.partition_set import Partition, PartitionSet
from materializers.ledger import Content, Judgement, Made, Product, RunRecord, Wanted
from materializers.sql_ledger import open_postgres_ledger, open_sqlite_ledger
ledger = {open}
name = {name!r}
ledger.begin_run(RunRecord(id=name, environment="main", selection="*", engine="local", started_at=datetime.now(UTC)))
print("ready", flush=True)
sys.stdin.readline()
for at in range({each}):
    partition = Partition("", at)
    wanted = {{partition: Wanted(fingerprint="f", was=None)}}
    begun = ledger.begin("main", "g/a", wanted, run_id=name, number=1)
    if isinstance(begun, tuple):
        made = Made(content=Content(data_version=name, format="json"), basis=Basis(code="c"), inputs={{}})
        product = Product(attempt=begun[0], made={{"g/a": made}}, judged={{"g/a": Judgement(checks="")}})
        ledger.publish([product])
ledger.end_run(name, "success")
ledger.close()
"""


@pytest.fixture
def children(
    request: pytest.FixtureRequest, open_ledger: Callable[..., SqlLedger]
) -> list[subprocess.Popen[str]]:
    """Two processes that will publish the same partitions, waiting for a word."""
    kind = request.node.callspec.params["open_ledger"]
    ledger: Any = open_ledger()
    if kind == "postgres":
        database = ledger.database
        opening = f"open_postgres_ledger({request.getfixturevalue('postgres')!r}, schema={database.schema!r})"
    else:
        opening = f"open_sqlite_ledger(Path({str(ledger.database.path)!r}))"
    found = []
    for name in ("one", "two"):
        code = CHILD.format(root=str(ROOT), open=opening, name=name, each=EACH)
        found.append(
            subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return found


@pytest.mark.parametrize("open_ledger", ["file", "postgres"], indirect=True)
def test_numbers_become_visible_in_ascending_order_and_nothing_is_published_twice(
    children: list[subprocess.Popen[str]], open_ledger: Callable[..., SqlLedger]
) -> None:
    ledger = open_ledger()
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n", child.communicate()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    looks: list[list[int]] = []
    while any(child.poll() is None for child in children):
        rows = ledger.database.rows("SELECT sequence FROM publications ORDER BY sequence")
        looks.append([row["sequence"] for row in rows])
    for child in children:
        out, errors = child.communicate()
        assert child.returncode == 0, out + errors
    for before, after in pairwise(looks):
        assert after[: len(before)] == before, "a number that was seen stays, and none appears below it"
    with ledger.state("main") as state:
        assert (state.sequence, len(state.published("g/a"))) == (EACH, EACH)
        assert {one.data_version for one in state.published("g/a").values()} <= {"one", "two"}
