"""What a continuous asset did within an interval: counted, small, and kept across a kill."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from graph.partitions import Window

_GROWTH = math.log(1.02)
"""Latencies within 2 % of each other are counted as one."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts of the calls of one interval.

    Args:
        latencies: by the logarithm of the seconds in steps of 2 %, how many calls took so long; a quantile is off by
            1 % at most. Source: Masson, Rim & Lee (2019), DDSketch, PVLDB 12(12).
        version: names the last value.
        changes: how often the value became another.
        last_at: when a call succeeded last.
        restarts: how often the process was killed or stopped meanwhile.
    """

    calls: int = 0
    failed: int = 0
    skipped: int = 0
    latencies: Counter[int] = field(default_factory=Counter)
    slowest_s: float = 0.0
    version: str | None = None
    changes: int = 0
    last_at: datetime | None = None
    last_error: str | None = None
    restarts: int = 0

    @property
    def succeeded(self) -> int:
        """The calls that gave a value."""
        return self.calls - self.failed - self.skipped

    def took(self, seconds: float) -> None:
        """A call has ended, however."""
        self.calls += 1
        self.slowest_s = max(self.slowest_s, seconds)
        self.latencies[round(math.log(max(seconds, 1e-6)) / _GROWTH)] += 1

    def gave(self, version: str, at: datetime) -> None:
        """It gave a value."""
        self.changes += self.version is not None and self.version != version
        self.version, self.last_at = version, at

    def quantile_s(self, part: float) -> float | None:
        """The latency that ``part`` of the calls did not exceed, in seconds; None without calls.

        >>> tally = Tally()
        >>> for seconds in (1, 2, 3, 4):
        ...     tally.took(seconds)
        >>> round(tally.quantile_s(0.5) or 0, 1), tally.quantile_s(1)
        (2.0, 4)
        """
        left = math.ceil(part * self.calls)
        if left >= self.calls:
            return self.slowest_s if self.calls else None
        for place in sorted(self.latencies):
            left -= self.latencies[place]
            if left <= 0:
                return min(math.exp(place * _GROWTH), self.slowest_s)
        return self.slowest_s

    def summary(self, window: Window) -> Mapping[str, object]:
        """What is published of the interval."""
        quantiles = {
            name: self.quantile_s(part) for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        }
        return {
            "start": window.start.isoformat(),
            "end": window.end.isoformat(),
            "calls": self.calls,
            "failed": self.failed,
            "skipped": self.skipped,
            "restarts": self.restarts,
            "version": self.version,
            "changes": self.changes,
            "last_at": self.last_at.isoformat() if self.last_at else None,
            "last_error": self.last_error,
            "latency_ms": {
                name: None if seconds is None else round(1000 * seconds, 3)
                for name, seconds in {**quantiles, "max": self.slowest_s if self.calls else None}.items()
            },
        }

    def to_json(self, **beside: str) -> str:
        """The tally as text, with a few more words; `from_json` is the inverse."""
        plain: dict[str, Any] = {**asdict(self), **beside}
        plain["latencies"] = sorted(self.latencies.items())
        plain["last_at"] = self.last_at.isoformat() if self.last_at else None
        return json.dumps(plain)

    @classmethod
    def from_json(cls, text: str) -> tuple[Tally, Mapping[str, str]]:
        """What `to_json` wrote: the tally, and what stood beside it."""
        plain: dict[str, Any] = json.loads(text)
        plain["latencies"] = Counter({int(place): int(count) for place, count in plain["latencies"]})
        plain["last_at"] = datetime.fromisoformat(plain["last_at"]) if plain["last_at"] else None
        beside = {name: str(plain.pop(name)) for name in plain.keys() - cls.__slots__}
        return cls(**plain), beside
