"""How often a continuous asset is called, and how often what it did is summed up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """The function is called each ``every``; one version is published for each ``interval``, and it is a summary.

    An asset whose partitions are windows of time has one summary for each of them instead.
    """

    every: timedelta
    interval: timedelta = timedelta(minutes=1)

    def problems(self) -> list[str]:
        """What is wrong with this cadence, in words; empty when nothing is."""
        if self.every <= timedelta(0):
            return [f"is called every {self.every}: the span must be positive"]
        if self.interval < self.every:
            return [
                f"is called every {self.every} and summed up every {self.interval}, which must not be less"
            ]
        return []
