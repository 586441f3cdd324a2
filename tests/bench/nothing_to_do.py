"""A cold `materialize` when everything is up to date, beside what Hamilton and Dagster do then.

Hamilton takes every value from its cache. Dagster's command line would build all again; what decides there whether
something has to be done is an automation tick.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import ours
from measuring import WALL, Comparison, Goal, Scale, Subject, taking_turns
from peers import measured_by
from pipelines import write_chains

OURS, HAMILTON, DAGSTER = "materialize", "Hamilton, all cached", "Dagster, automation tick"
DECIDING = "deciding, wall, ms each"


def measure(scale: Scale) -> Iterator[Comparison]:
    """One table; everything is built once before."""
    assets = scale.of(1000, 50)
    folder, home = write_chains(scale.fresh("ours"), "ours", assets), scale.fresh("home")
    cached = write_chains(scale.fresh("hamilton"), "hamilton", assets)
    published = write_chains(scale.fresh("dagster"), "dagster", assets)

    def our_command() -> Mapping[str, float]:
        if not any(home.iterdir()):
            ours.built(folder, home, assets)
        whole = ours.materialize("*", folder, home, saying="everything is up to date")
        inside = ours.in_process("decide", folder, home)
        return whole | {DECIDING: 1000 * inside["plan_s"] / assets}

    def hamilton() -> Mapping[str, float]:
        if not (cached / "cache").exists():
            measured_by(scale, "hamilton_process.py", cached)
        whole = measured_by(scale, "hamilton_process.py", cached)
        return whole.figures() | {DECIDING: 1000 * whole.document()["wall_s"] / assets}

    def dagster() -> Mapping[str, float]:
        if not (published / "cursor").exists():
            measured_by(scale, "dagster_process.py", "publish", published)
        whole = measured_by(scale, "dagster_process.py", "tick", published)
        return whole.figures() | {DECIDING: 1000 * whole.document()["wall_s"] / assets}

    found = taking_turns(
        f"nothing to do, {assets:,} assets",
        [
            Subject(name=OURS, run=our_command, rounds=scale.of(11, 2), ours=True),
            Subject(name=HAMILTON, run=hamilton, rounds=scale.of(5, 1)),
            Subject(name=DAGSTER, run=dagster, rounds=scale.of(3, 1)),
        ],
    )
    yield replace(
        found,
        goals=(
            Goal(text="whole process: 0.8 s or less", limit=0.8, measured=found.median(OURS, WALL)),
            Goal(text="deciding: 0.1 ms an asset or less", limit=0.1, measured=found.median(OURS, DECIDING)),
        ),
    )
