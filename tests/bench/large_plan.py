"""The plan of 10,000 assets, a hundred layers deep, after the code of the one root was changed.

Each repetition is a process of its own that opens a ledger in which all of them are published.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import ours
from measuring import PEAK, CannotMeasure, Comparison, Goal, Scale, Subject, taking_turns
from pipelines import write_layers

CHANGED, SAME = "plan, root changed", "plan, nothing changed"
PLANNING, CODES, LOADING = "planning, wall, s", "of it code digests, wall, s", "loading apart, wall, s"


def measure(scale: Scale) -> Iterator[Comparison]:
    """One table: with everything to think about, and with nothing changed."""
    layers, width = scale.of(100, 5), scale.of(100, 10)
    assets = layers * width + 1
    same = write_layers(scale.fresh("same"), layers, width, constant=1)
    changed = write_layers(scale.fresh("changed"), layers, width, constant=2)
    home = scale.fresh("home")

    def plan(of_changed: bool) -> Mapping[str, float]:
        if not any(home.iterdir()):
            ours.built(same, home, assets)
        found = ours.in_process("decide", changed if of_changed else same, home)
        if found["counts"] != {"Materialize" if of_changed else "Keep": assets}:
            raise CannotMeasure(f"the plan is not what it should be: {found['counts']}")
        return {
            PLANNING: found["plan_s"],
            CODES: found["codes_s"],
            LOADING: found["load_s"],
            PEAK: found["peak_mb"],
        }

    found = taking_turns(
        f"plan of {assets:,} assets, {layers} layers deep",
        [
            Subject(name=CHANGED, run=lambda: plan(True), rounds=scale.of(5, 1), ours=True),
            Subject(name=SAME, run=lambda: plan(False), rounds=scale.of(5, 1), ours=True),
        ],
    )
    yield replace(
        found,
        goals=(
            Goal(text="planning: 1 s or less", limit=1, measured=found.median(CHANGED, PLANNING)),
            Goal(text="memory: 300 MB or less", limit=300, measured=found.median(CHANGED, PEAK)),
        ),
    )
