"""10,000 assets with 1,000 daily partitions each: the plan and the sweep, from a ledger file in which all were made.

Each measurement is a process of its own that opens the file; loading the project and digesting its code are told apart.
Dagster's tick is over 1,000 assets of which it knows one partition each: to record a million takes it hours.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from measuring import (
    BENCH,
    CPU,
    PEAK,
    ROOT,
    CannotMeasure,
    Comparison,
    Goal,
    Scale,
    Subject,
    run,
    say,
    taking_turns,
)
from peers import measured_by
from pipelines import write_daily_for_dagster, write_groups

NOTHING, ONE_GROUP = "sweep, nothing due", "sweep, one group due"
SAME, CODE, PARTITION = (
    "plan, nothing changed",
    "plan, root's code changed",
    "plan, a partition of the root changed",
)
TICK = "Dagster's tick, nothing due"
DECIDING, EACH, LOADING, CODES = (
    "deciding, wall, s",
    "ms an asset",
    "loading apart, s",
    "code digests apart, s",
)
LAYERS = WIDTH = 10
DAGSTER_ASSETS = 1_000


def measure(scale: Scale) -> Iterator[Comparison]:
    """One table: nothing due or changed, then one group, then one partition of what all read."""

    groups = scale.of(100, 2)
    assets = groups * LAYERS * WIDTH + 1
    same = write_groups(scale.fresh("same"), groups, LAYERS, WIDTH, constant=1)
    changed = write_groups(scale.fresh("changed"), groups, LAYERS, WIDTH, constant=2)
    home = scale.fresh("home")
    peer = scale.fresh("dagster")

    def ours(task: str, folder: Path, *words: str) -> dict[str, Any]:
        command = [sys.executable, BENCH / "partitioned_process.py", task, folder, *words]
        return run(command, folder, ASSETS_HOME=str(home), PYTHONPATH=str(ROOT)).document()

    def decided(task: str, folder: Path, **expected: int) -> Mapping[str, float]:
        found = ours(task, folder)
        if found["counts"] != expected:
            raise CannotMeasure(f"what is found is not what it should be: {found['counts']}")
        return {
            DECIDING: found["plan_s"],
            EACH: 1_000 * found["plan_s"] / assets,
            CPU: found["cpu_s"],
            PEAK: found["peak_mb"],
            LOADING: found["load_s"],
            CODES: found["codes_s"],
        }

    def tick() -> Mapping[str, float]:
        if not (peer / "cursor").exists():
            write_daily_for_dagster(peer, scale.of(DAGSTER_ASSETS, 50))
            measured_by(scale, "dagster_process.py", "publish", peer)
        found = measured_by(scale, "dagster_process.py", "tick", peer).document()
        return {DECIDING: found["wall_s"], EACH: 1_000 * found["wall_s"] / scale.of(DAGSTER_ASSETS, 50)}

    filled = ours("fill", same)
    rows = filled["rows"]
    say(f"a ledger of {rows:,} partitions in {filled['wall_s']:.0f} s")
    rounds = scale.of(5, 1)
    title = f"{assets:,} assets, {rows:,} partitions"
    everything = rows // assets
    found = taking_turns(
        f"{title}: nothing due or changed, or the code",
        [
            Subject(name=NOTHING, run=lambda: decided("sweep", same), rounds=rounds, ours=True),
            Subject(name=SAME, run=lambda: decided("plan", same, Keep=rows), rounds=rounds, ours=True),
            Subject(
                name=CODE, run=lambda: decided("plan", changed, Materialize=rows), rounds=rounds, ours=True
            ),
            Subject(name=TICK, run=tick, rounds=scale.of(2, 1)),
        ],
    )
    yield replace(found, goals=tuple(_goals(found, [NOTHING, SAME, CODE])) + tuple(_against_dagster(found)))
    ours("publish", same, "g1_0_")
    group = (LAYERS - 1) * WIDTH
    found = taking_turns(
        f"{title}: one group changed",
        [
            Subject(
                name=ONE_GROUP,
                run=lambda: decided("sweep", same, Materialize=group),
                rounds=rounds,
                ours=True,
            )
        ],
    )
    yield replace(found, goals=tuple(_goals(found, [ONE_GROUP])))
    ours("publish", same, "root")
    expected = {"Keep": rows - assets, "Materialize": assets}
    found = taking_turns(
        f"{title}: one of {everything:,} partitions of the root changed",
        [Subject(name=PARTITION, run=lambda: decided("plan", same, **expected), rounds=rounds, ours=True)],
    )
    yield replace(found, goals=tuple(_goals(found, [PARTITION])))


def _goals(found: Comparison, names: list[str]) -> Iterator[Goal]:
    for name in names:
        yield Goal(text=f"{name}: 1 s or less", limit=1, measured=found.median(name, DECIDING))
        yield Goal(text=f"{name}: 300 MB or less", limit=300, measured=found.median(name, PEAK))


def _against_dagster(found: Comparison) -> Iterator[Goal]:
    ours, theirs = found.median(NOTHING, EACH), found.median(TICK, EACH)
    if ours and theirs:
        yield Goal(text="a sweep: 1/100 of Dagster's tick an asset", limit=0.01, measured=ours / theirs)
