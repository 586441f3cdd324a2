"""Runners that are killed at random, on one ledger: nothing is published twice, nothing is lost, every claim is freed.

Each seed is four rounds of two runs at once, each a process of its own, over selections that overlap. In each round
the root has another value, so that all has to be built; a killed run leaves it to the others.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from materializers.sql_ledger import SqlLedger, open_postgres_ledger, open_sqlite_ledger

ROOT = Path(__file__).resolve().parents[2]
LEASE = timedelta(seconds=0.6)
ROUNDS = 4
SELECTIONS = ("*", "+total", "+joined", "+left or +total", "parity or +joined")

SHOP = """
import os
from graph import Config, Daily, asset


def said(what):
    os.write(1, f"{os.getpid()} {what}\\n".encode())


class Number(Config):
    number: int = 0


@asset
def root(config: Number) -> int:
    said("root")
    return config.number


@asset(partitions=Daily(start="2024-01-01", end="2024-01-04"))
def days(root: int) -> int:
    said("days")
    return root + 1


@asset
def total(days: dict[str, int]) -> int:
    said("total")
    return sum(days.values())


@asset
def parity(root: int) -> int:
    said("parity")
    return root % 2


@asset
def left(root: int) -> int:
    said("left")
    return -root


@asset
def joined(left: int, parity: int, total: int) -> int:
    said("joined")
    return left + parity + total
"""

ZYGOTE = """
import json, os, sys, traceback
sys.path[:0] = {paths!r}
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
import pyarrow, duckdb
from materializers import find_project, run_plan
from materializers.loading import open_workspace
from materializers.runner import Silent
from materializers.sql_ledger import open_postgres_ledger, open_sqlite_ledger
import shop


class Told(Silent):
    def step_ended(self, result):
        shop.said(f"ended {{result.name}}")


def carry_out(order):
    project = find_project(Path({folder!r}), environ={{"ASSETS_HOME": order["home"]}})
    opened = open_workspace(project, config={{"shop/root": {{"number": order["number"]}}}})
    lease = timedelta(seconds=order["lease_s"])
    if order["url"]:
        ledger = open_postgres_ledger(order["url"], lease=lease)
    else:
        ledger = open_sqlite_ledger(project.home / "ledger.sqlite", lease=lease)
    workspace = replace(opened, ledger=ledger)
    result = run_plan(workspace.plan(order["selection"]), workspace, jobs=2, listener=Told())
    shop.said(f"outcome {{result.outcome}}")


for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if child == 0:
        try:
            carry_out(order)
        except BaseException:
            traceback.print_exc()
        os._exit(0)
    shop.said(f"began {{child}}")
    while True:
        gone, _ = os.waitpid(-1, os.WNOHANG)
        if gone == 0:
            break
        shop.said(f"gone {{gone}}")
"""


class Runners:
    """Starts runs as processes, and reads what all of them say."""

    def __init__(self, folder: Path) -> None:
        (folder / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["shop"]\n')
        (folder / "shop.py").write_text(SHOP)
        code = ZYGOTE.format(paths=[str(ROOT), str(folder)], folder=str(folder))
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.said: dict[int, list[str]] = {}

    def begin(self, **order: Any) -> int:
        assert self.process.stdin is not None
        print(json.dumps(order), file=self.process.stdin, flush=True)
        while True:
            pid, words = self.listen()
            if pid == self.process.pid and words.startswith("began "):
                return int(words.removeprefix("began "))

    def listen(self) -> tuple[int, str]:
        assert self.process.stdout is not None
        pid, _, words = self.process.stdout.readline().strip().partition(" ")
        self.said.setdefault(int(pid), []).append(words)
        return int(pid), words

    def close(self) -> None:
        self.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def runners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runners]:
    made = Runners(tmp_path_factory.mktemp("shop"))
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[SqlLedger, str, Path]]:
    if request.param == "sqlite":
        ledger = open_sqlite_ledger(tmp_path / "ledger.sqlite", lease=LEASE)
        yield ledger, "", tmp_path
        ledger.close()
        return
    import psycopg

    url = request.getfixturevalue("postgres")
    ledger = open_postgres_ledger(url, lease=LEASE)
    yield ledger, url, tmp_path
    ledger.close()
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("DROP SCHEMA assets CASCADE")


@pytest.mark.faults(small=2, full=25)
def test_nothing_is_doubled_lost_or_held(
    fault_seed: int, runners: Runners, shared: tuple[SqlLedger, str, Path]
) -> None:
    ledger, url, home = shared
    chance = random.Random(fault_seed)
    order = {"url": url, "home": str(home), "lease_s": LEASE.total_seconds()}
    number = 0
    for number in range(1, ROUNDS + 1):
        selections = [chance.choice(SELECTIONS) for _ in range(2)]
        running = {
            runners.begin(selection=selection, number=number, **order): chance.choice(
                (None, chance.randrange(1, 12))
            )
            for selection in selections
        }
        heard = dict.fromkeys(running, 0)
        while running:
            pid, words = runners.listen()
            if pid not in running:
                continue
            heard[pid] += 1
            if words.startswith("outcome "):
                assert words == "outcome succeeded", runners.said[pid]
                del running[pid]
            elif heard[pid] == running[pid]:
                os.kill(pid, signal.SIGKILL)
                del running[pid]
    last = runners.begin(selection="*", number=number, **order)
    while True:
        pid, words = runners.listen()
        if pid == last and words.startswith("outcome "):
            break
    assert words == "outcome succeeded"
    assert twice(ledger) == []
    assert held(ledger) == []
    assert shown(ledger) == newest(ledger)
    total = 4 * (number + 1)
    assert values(ledger, home) == {"shop/total": total, "shop/joined": total - number + number % 2}


def twice(ledger: SqlLedger) -> list[tuple[object, ...]]:
    """The steps that were published more than once from the same."""
    rows = ledger.database.rows(
        "SELECT v.asset, v.slice, v.ordinal, v.fingerprint, count(*) AS times FROM publications p"
        " JOIN versions v ON v.id = p.version_id WHERE p.kind = 'publish'"
        " GROUP BY v.asset, v.slice, v.ordinal, v.fingerprint HAVING count(*) > 1"
    )
    return [(row["asset"], row["slice"], row["ordinal"], row["times"]) for row in rows]


def held(ledger: SqlLedger) -> list[object]:
    """The claims that nobody gave back."""
    return [row["asset"] for row in ledger.database.rows("SELECT asset FROM claims WHERE held = 1")]


def shown(ledger: SqlLedger) -> dict[tuple[str, int], str]:
    rows = ledger.database.rows("SELECT asset, ordinal, version_id FROM pointers")
    return {(row["asset"], row["ordinal"]): row["version_id"] for row in rows}


def newest(ledger: SqlLedger) -> dict[tuple[str, int], str]:
    rows = ledger.database.rows("SELECT asset, ordinal, version_id FROM publications ORDER BY sequence")
    return {(row["asset"], row["ordinal"]): row["version_id"] for row in rows}


def values(ledger: SqlLedger, home: Path) -> dict[str, object]:
    found = {}
    for key in ("shop/total", "shop/joined"):
        with ledger.state("main", [key]) as state:
            (version,) = state.published(key).values()
        address = ledger.content(version.id).address
        assert address is not None
        found[key] = json.loads((home / "data" / address).read_bytes())
    return found
