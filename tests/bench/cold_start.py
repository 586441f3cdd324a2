"""`materialize` of ten trivial assets from a cold shell, beside Dagster's command line: whole processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import ours
from measuring import WALL, Comparison, Goal, Scale, Subject, run, taking_turns
from pipelines import MODULE, write_chains

ASSETS = 10
OURS, DAGSTER = "materialize", "dagster asset materialize"


def measure(scale: Scale) -> Iterator[Comparison]:
    """One table; every repetition has a new, empty home."""
    folder = write_chains(scale.fresh("ours"), "ours", ASSETS)
    theirs = write_chains(scale.fresh("dagster"), "dagster", ASSETS)

    def our_command() -> Mapping[str, float]:
        return ours.materialize("*", folder, scale.fresh("home"), saying=f"{ASSETS} built")

    def dagster_command() -> Mapping[str, float]:
        command = [
            scale.peer_python().with_name("dagster"),
            "asset",
            "materialize",
            "--select",
            "*",
            "-m",
            MODULE,
        ]
        return run(command, theirs, DAGSTER_HOME=str(scale.fresh("home"))).figures()

    found = taking_turns(
        f"{ASSETS} trivial assets from a cold shell, whole process",
        [
            Subject(name=OURS, run=our_command, rounds=scale.of(11, 2), ours=True),
            Subject(name=DAGSTER, run=dagster_command, rounds=scale.of(3, 1)),
        ],
    )
    yield replace(
        found,
        goals=(
            Goal(text="0.8 s or less", limit=0.8, measured=found.median(OURS, WALL)),
            Goal(
                text="30 times as fast as Dagster's command line, or more",
                limit=30,
                measured=found.ratio(DAGSTER, OURS, WALL),
                sense="at least",
            ),
        ),
    )
