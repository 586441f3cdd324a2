"""One measurement over many partitions in a process of its own; prints figures as JSON.

``fill FOLDER``: write the ledger of a project in which every partition of every asset was made and settled, by SQL.
``plan|sweep FOLDER``: decide, and say how long each part took and how much memory was needed.
``publish FOLDER KEY LAST``: another version of one partition of the assets whose key begins so.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from in_process import peak_mb, report

from graph.fingerprint import set_digest
from graph.partition_set import Partition, PartitionSet
from graph.plan import make_plan
from graph.settling import standing
from materializers import Workspace, find_project, open_workspace
from materializers.ledger import Content, Judgement, Made, Product, RunRecord, Wanted
from materializers.ledger_rows import canonical, micros
from materializers.patience import uncollected
from materializers.sweeping import sweep

NOW = datetime(2024, 1, 2, 12, tzinfo=UTC)
MADE = NOW - timedelta(hours=1)
DATA, MARK = "d" * 32, "f" * 32
_LAST = f"'main', key, '', ordinal, {{number}}, '{MARK}', 'published', {{at}}, '', NULL, ''"
_VERSION = (
    f"{{id}}, key, '', ordinal, '{MARK}', code, '', '{{{{}}}}', inputs, '{{{{}}}}', '{DATA}', 'json', NULL, 1, NULL,"
    " NULL, NULL, 0, {at}, 1, 'r', {number}, NULL"
)
_PUBLICATION = (
    "{number}, 'main', key, '', ordinal, {id}, 'publish', {at}, 'r', NULL, NULL, NULL, NULL, NULL, NULL, 1"
)


def opened(folder: Path) -> Workspace:
    """The workspace of a project at a fixed time, one day after the last of its thousand days."""
    workspace = open_workspace(find_project(folder))
    workspace.clock = lambda: NOW
    return workspace


def _file(workspace: Workspace) -> Path:
    assert workspace.project is not None
    return workspace.project.home / "ledger.sqlite"


def fill(folder: Path) -> None:
    """Every partition of every asset, as if it had been made one asset after the other."""
    started = time.perf_counter()
    workspace = opened(folder)
    ledger = workspace.ledger
    horizon = workspace.horizon()
    keys = list(workspace.graph.assets)
    existing = horizon.existing(workspace.graph[keys[0]].partitions)
    ((_, first, last),) = existing.ranges()
    days, at = last - first + 1, micros(MADE)
    digest = set_digest((partition, DATA) for partition in existing)
    ledger.close()
    with closing(sqlite3.connect(_file(workspace), isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = OFF")  # nobody reads it meanwhile, and what breaks is made again
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TEMP TABLE days (ordinal INTEGER PRIMARY KEY)")
        db.execute(
            f"INSERT INTO days WITH RECURSIVE d(o) AS (SELECT {first} UNION ALL SELECT o + 1 FROM d WHERE o < {last})"
            " SELECT o FROM d"
        )
        db.execute(
            "CREATE TEMP TABLE made (place INTEGER PRIMARY KEY, key TEXT, code TEXT, inputs TEXT, checks TEXT)"
        )
        db.executemany(
            "INSERT INTO made VALUES (?, ?, ?, ?, ?)",
            [
                (
                    place,
                    key,
                    workspace.basis(key).code,
                    canonical({given.parameter: DATA for given in workspace.graph[key].edges}),
                    standing(workspace.graph[key], workspace.graph, "", horizon),
                )
                for place, key in enumerate(keys)
            ],
        )
        number, id_ = f"place * {days} + ordinal - {first} + 1", f"printf('%016x', place * {days} + ordinal)"
        every = "FROM made CROSS JOIN days ORDER BY place, ordinal"
        sorted_ = "FROM made CROSS JOIN days ORDER BY key, ordinal"
        found = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        indexes = dict(found.fetchall())
        for index in indexes:
            db.execute(f"DROP INDEX {index}")
        for table, columns, order in (
            (
                "attempts",
                f"{number}, 'r', 'main', key, '', ordinal, '', 1, 1, '{MARK}', {at}, 0, {at}",
                every,
            ),
            ("attempt_ends", f"{number}, {at}, 'published', '', '', NULL, ''", every),
            ("last_attempts", _LAST.format(number=number, at=at), sorted_),
            ("versions", _VERSION.format(id=id_, number=number, at=at), every),
            ("publications", _PUBLICATION.format(id=id_, number=number, at=at), every),
            (
                "pointers",
                f"'main', key, '', ordinal, {id_}, '{DATA}', {number}, {', '.join(['NULL'] * 4)}",
                sorted_,
            ),
        ):
            db.execute(f"INSERT INTO {table} SELECT {columns} {order}")
        for statement in indexes.values():
            db.execute(statement)
        everything = existing.to_json()
        db.execute(
            f"INSERT INTO asset_state SELECT 'main', key, (place + 1) * {days}, ?, '{{}}', ?, 0 FROM made",
            (everything, digest),
        )
        db.execute(
            "INSERT INTO settlements"
            f" SELECT 'main', key, {len(keys) * days}, code, '', '{{}}', checks, ?, {at} FROM made",
            (everything,),
        )
        db.execute("PRAGMA journal_mode = WAL")
    ledger = opened(folder).ledger
    ledger.switch_automation("main", keys[1:], on=True)
    ledger.close()
    report(rows=len(keys) * days, wall_s=time.perf_counter() - started)


def decide(folder: Path, task: str) -> None:
    """Plan everything, or find out what is due: the parts of it apart, and the memory of all."""
    started = time.perf_counter()
    workspace = opened(folder)
    loaded, before = time.perf_counter(), time.process_time()
    if task == "sweep":
        plan, known_s = sweep(workspace).plan, 0.0
    else:
        known = workspace.known(workspace.graph.assets)
        known_s = time.perf_counter() - loaded
        before = time.process_time()
        with workspace.ledger.state(workspace.environment) as state, uncollected():
            plan = make_plan(
                workspace.graph,
                selection="*",
                targets=workspace.graph.assets,
                state=state,
                known=known,
                horizon=workspace.horizon(),
            )
    planned_s, cpu_s = time.perf_counter() - loaded - known_s, time.process_time() - before
    counts: dict[str, int] = {}
    for step in plan.steps:
        name = type(step).__name__
        counts[name] = counts.get(name, 0) + len(step.partitions)
    report(
        counts=counts,
        load_s=loaded - started,
        codes_s=known_s,
        plan_s=planned_s,
        cpu_s=cpu_s,
        peak_mb=peak_mb(),
    )


def publish(folder: Path, start: str) -> None:
    """Another version of the newest partition of some assets, through the ledger."""
    workspace = opened(folder)
    ledger = workspace.ledger
    keys = [key for key in workspace.graph.assets if key.rpartition("/")[2].startswith(start)]
    run = RunRecord(id=f"r-{start}", environment="main", selection="*", engine="local", started_at=NOW)
    ledger.begin_run(run)
    for key in keys:
        last = max(workspace.horizon().existing(workspace.graph[key].partitions))
        _publish(workspace, key, last, run.id)
    ledger.end_run(run.id, "succeeded")
    report(published=len(keys))


def _publish(workspace: Workspace, key: str, last: Partition, run_id: str) -> None:
    with workspace.ledger.state("main", [key]) as state:
        was = state.published(key, PartitionSet.of([last]))[last].id
    begun = workspace.ledger.begin(
        "main", key, {last: Wanted(fingerprint="g", was=was)}, run_id=run_id, number=1
    )
    assert isinstance(begun, tuple)
    made = Made(
        content=Content(data_version="e" * 32, format="json"),
        basis=workspace.basis(key),
        inputs={given.parameter: DATA for given in workspace.graph[key].edges},
    )
    product = Product(attempt=begun[0], made={key: made}, judged={key: Judgement(checks="")}, refused={})
    workspace.ledger.publish([product])


if __name__ == "__main__":
    asked, place = sys.argv[1], Path(sys.argv[2])
    if asked == "fill":
        fill(place)
    elif asked == "publish":
        publish(place, sys.argv[3])
    else:
        decide(place, asked)
