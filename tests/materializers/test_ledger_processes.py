"""Several processes on one ledger: numbers become visible in order, nothing is published twice, the dead let go."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from graph.partition_set import WHOLE
from materializers.ledger import Busy, RunRecord, Wanted
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


CLAIMER = """
import sys
sys.path.insert(0, {root!r})
from datetime import UTC, datetime, timedelta
from pathlib import Path
from graph.partition_set import WHOLE
from materializers.ledger import RunRecord, Wanted
from materializers.sql_ledger import open_postgres_ledger, open_sqlite_ledger
ledger = {open}
ledger.lease = timedelta(seconds=1)
run = RunRecord(id="child", environment="main", selection="*", engine="local", started_at=datetime.now(UTC))
ledger.begin_run(run)
ledger.begin("main", "g/a", {{WHOLE: Wanted(fingerprint="f", was=None)}}, run_id="child", number=1)
print("claimed", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def start(
    request: pytest.FixtureRequest, open_ledger: Callable[..., SqlLedger]
) -> Callable[..., subprocess.Popen[str]]:
    """Starts a process on the ledger of this test, and waits for its first word."""
    database: Any = open_ledger().database
    if request.node.callspec.params["open_ledger"] == "postgres":
        url = request.getfixturevalue("postgres")
        opening = f"open_postgres_ledger({url!r}, schema={database.schema!r})"
    else:
        opening = f"open_sqlite_ledger(Path({str(database.path)!r}))"

    def process(code: str, word: str, **parts: object) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", code.format(root=str(ROOT), open=opening, **parts)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == f"{word}\n", child.communicate()
        return child

    return process


@pytest.mark.parametrize("open_ledger", ["file", "postgres"], indirect=True)
def test_numbers_become_visible_in_ascending_order_and_nothing_is_published_twice(
    start: Callable[..., subprocess.Popen[str]], open_ledger: Callable[..., SqlLedger]
) -> None:
    ledger = open_ledger()
    children = [start(CHILD, "ready", name=name, each=EACH) for name in ("one", "two")]
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


@pytest.mark.parametrize("open_ledger", ["file", "postgres"], indirect=True)
def test_the_claims_of_a_killed_process_are_free(
    start: Callable[..., subprocess.Popen[str]], open_ledger: Callable[..., SqlLedger], request: Any
) -> None:
    ledger = open_ledger()
    run = RunRecord(id="r", environment="main", selection="*", engine="local", started_at=datetime.now(UTC))
    ledger.begin_run(run)
    wanted = {WHOLE: Wanted(fingerprint="f", was=None)}
    child = start(CLAIMER, "claimed")
    assert ledger.begin("main", "g/a", wanted, run_id="r", number=1) == Busy(run_id="child")
    child.send_signal(signal.SIGKILL)
    child.communicate()
    began, tries = time.monotonic(), 1
    while ledger.begin("main", "g/a", wanted, run_id="r", number=1) == Busy(run_id="child"):
        assert time.monotonic() - began < 10, "its lease of a second has run out long ago"
        tries += 1
    if request.node.callspec.params["open_ledger"] == "file":
        assert tries == 1, "on one host they are free at once"
