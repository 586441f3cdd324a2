"""The main job, `materialize analytics/portfolio_report` on the sample prices: cold, and with nothing to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import ours
from measuring import ROOT, WALL, Comparison, Goal, Scale, Subject, taking_turns

REPORT = "analytics/portfolio_report"
COLD, AGAIN = "materialize, empty home", "materialize, nothing to do"


def measure(scale: Scale) -> Iterator[Comparison]:
    """One table of whole processes."""
    home = scale.fresh("home")

    def cold() -> Mapping[str, float]:
        return ours.materialize(REPORT, ROOT, scale.fresh("home"), saying="built")

    def again() -> Mapping[str, float]:
        if not any(home.iterdir()):
            ours.materialize(REPORT, ROOT, home, saying="built")
        return ours.materialize(REPORT, ROOT, home, saying="everything is up to date")

    found = taking_turns(
        f"main job, {REPORT}",
        [
            Subject(name=COLD, run=cold, rounds=scale.of(3, 1), ours=True),
            Subject(name=AGAIN, run=again, rounds=scale.of(7, 1), ours=True),
        ],
    )
    goal = Goal(text="nothing to do: 1 s or less", limit=1, measured=found.median(AGAIN, WALL))
    yield replace(found, goals=(goal,))
