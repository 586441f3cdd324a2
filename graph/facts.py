"""What automation asks of the record and of the definitions, and nothing more.

Answers are sets of partitions and moments, never events: nothing is consumed by asking, so that two sweeps of the same
moment find the same, and a sweep that comes late loses nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from graph.partition_set import EMPTY, ONLY, PartitionSet

Event = Literal["updated", "data changed", "removed", "requested", "handled"]
"""What happens to partitions, each time at a moment.

- ``updated``: a version was published or adopted, or the published one was found current again;
- ``data changed``: what is visible is another data version than before;
- ``removed``: nothing is visible any more;
- ``requested``: an attempt began;
- ``handled``: any of these, told by what it could have seen: an attempt or publication counts from when the attempt
  began, what was settled from the publication that it was settled as of. An attempt that was interrupted does not
  count, nor does one that says when to try again (`graph.state.Attempt.until`) once that time has come.
"""

Status = Literal["in progress", "failed", "rejected", "checks failed", "code changed", "outdated"]
"""What holds of partitions now.

- ``in progress``: claimed by a living run;
- ``failed`` or ``rejected``: so the last attempt ended, and no later one was better;
- ``checks failed``: the visible version fails an error check, as it can when the checks have changed;
- ``code changed``: the visible version was made by other code than today's;
- ``outdated``: what would go in differs from what went into the visible version. This is the plan's answer, and costs
  as much.
"""

FreshnessState = Literal["fresh", "due soon", "overdue", "unknown", "none"]


class Moment(NamedTuple):
    """A place in the record: an instant of the ledger's clock, and the last publication number that it contains.

    What was published at the very instant at which an attempt began is later than the attempt if the attempt could not
    have seen it: that is what the number is for.
    """

    at: datetime
    number: int = 0


def before_all_at(at: datetime) -> Moment:
    """The moment before anything that happened at an instant."""
    return Moment(at, -1)


def after_all_at(at: datetime) -> Moment:
    """The moment after everything that happened at an instant."""
    return Moment(at, sys.maxsize)


class Facts(Protocol):
    """The record of one environment as it stands: every answer is of one moment, and all are consistent.

    Asked once an asset or so, most of it of assets to which nothing has happened: summaries and ranges should answer.
    """

    def switched_on(self, key: str) -> Moment | None:
        """When automation of the asset was switched on; None where it is not. Nothing before that makes it due."""

    def visible(self, key: str) -> PartitionSet:
        """The partitions that have a visible version."""

    def happened(self, event: Event, key: str, within: PartitionSet, after: Moment) -> PartitionSet:
        """Those of some partitions to which ``event`` happened later than ``after``."""

    def moments(self, event: Event, key: str, within: PartitionSet) -> Iterable[tuple[Moment, PartitionSet]]:
        """When ``event`` happened last, to each of some partitions; no two of the sets have one in common.

        Partitions that were settled together share their moment, whatever happened to each before.
        """

    def status(self, status: Status, key: str, within: PartitionSet) -> PartitionSet:
        """Those of some partitions of which ``status`` holds."""

    def freshness(self, key: str) -> tuple[FreshnessState, datetime | None]:
        """The freshness of an asset, and since when it has been that, where this is known."""


class Partitioning(Protocol):
    """Which partitions there are and who reads which: pure functions of the definitions and the clock."""

    def existing(self, key: str, at: datetime) -> PartitionSet:
        """The partitions of an asset that exist at an instant; of dynamic ones, those that had been added by then."""

    def latest(self, key: str, at: datetime, lookback: timedelta | None) -> PartitionSet:
        """Those in the newest window of time that has ended by ``at``; all of them where time is no dimension.

        With ``lookback``, those in windows that began at most so long before that window's end.
        """

    def upstream(self, of: PartitionSet, down: str, up: str) -> PartitionSet:
        """What some partitions of ``down`` read of ``up``, whether or not it exists."""

    def downstream(self, of: PartitionSet, down: str, up: str) -> PartitionSet:
        """The partitions of ``down`` that read any of some partitions of ``up``."""

    def names(self, key: str, partitions: PartitionSet) -> str:
        """Partitions as people write them, in one line; empty for the one of an asset without partitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPartitioning:
    """A `Partitioning` written down by hand: some assets have a partition for each day in UTC, the others have none.

    A day reads the same day; an asset without partitions reads all days, and is read by all.

    Args:
        now: what exists by now is what can be read whole.
        daily: by key, the first day.
    """

    now: datetime
    daily: Mapping[str, date] = field(default_factory=dict)

    def existing(self, key: str, at: datetime) -> PartitionSet:
        """See `Partitioning`."""
        if key not in self.daily:
            return ONLY
        return PartitionSet.span(self.daily[key].toordinal(), _yesterday(at))

    def latest(self, key: str, at: datetime, lookback: timedelta | None) -> PartitionSet:
        """See `Partitioning`."""
        if key not in self.daily:
            return ONLY
        last = _yesterday(at)
        days = max(1, -(-lookback // timedelta(days=1))) if lookback else 1
        return PartitionSet.span(last - days + 1, last) & self.existing(key, at)

    def upstream(self, of: PartitionSet, down: str, up: str) -> PartitionSet:
        """See `Partitioning`."""
        return self._mapped(of, down, up)

    def downstream(self, of: PartitionSet, down: str, up: str) -> PartitionSet:
        """See `Partitioning`."""
        return self._mapped(of, up, down)

    def names(self, key: str, partitions: PartitionSet) -> str:
        """See `Partitioning`."""
        if key not in self.daily:
            return ""
        ranges = ((date.fromordinal(first), date.fromordinal(last)) for _, first, last in partitions.ranges())
        return ", ".join(str(first) if first == last else f"{first}..{last}" for first, last in ranges)

    def _mapped(self, of: PartitionSet, came: str, into: str) -> PartitionSet:
        if (came in self.daily) == (into in self.daily):
            return of
        return self.existing(into, self.now) if of else EMPTY


def _yesterday(at: datetime) -> int:
    return at.astimezone(UTC).date().toordinal() - 1


Entries = tuple[tuple[Moment, PartitionSet], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFacts:
    """A record written down by hand: for tests, and to ask "what if". Its methods write one line more each.

    Args:
        journal: by event and key, each moment with the partitions to which it happened, ascending.
        number: of the last publication.
    """

    on: Mapping[str, Moment] = field(default_factory=dict)
    published: Mapping[str, PartitionSet] = field(default_factory=dict)
    journal: Mapping[tuple[Event, str], Entries] = field(default_factory=dict)
    statuses: Mapping[tuple[Status, str], PartitionSet] = field(default_factory=dict)
    ages: Mapping[str, tuple[FreshnessState, datetime | None]] = field(default_factory=dict)
    number: int = 0

    def switched_on(self, key: str) -> Moment | None:
        """See `Facts`."""
        return self.on.get(key)

    def visible(self, key: str) -> PartitionSet:
        """See `Facts`."""
        return self.published.get(key, EMPTY)

    def happened(self, event: Event, key: str, within: PartitionSet, after: Moment) -> PartitionSet:
        """See `Facts`."""
        entries = self.journal.get((event, key))
        if not entries or entries[-1][0] <= after:
            return EMPTY
        return PartitionSet.union(found for moment, found in entries if moment > after) & within

    def moments(self, event: Event, key: str, within: PartitionSet) -> Iterable[tuple[Moment, PartitionSet]]:
        """See `Facts`."""
        left = within
        for moment, partitions in reversed(self.journal.get((event, key), ())):
            if found := partitions & left:
                yield moment, found
                left -= found
            if not left:
                return

    def status(self, status: Status, key: str, within: PartitionSet) -> PartitionSet:
        """See `Facts`."""
        found = self.statuses.get((status, key))
        return found & within if found else EMPTY

    def freshness(self, key: str) -> tuple[FreshnessState, datetime | None]:
        """See `Facts`."""
        return self.ages.get(key, ("none", None))

    def switch_on(self, keys: Iterable[str], at: datetime) -> MemoryFacts:
        """Automation of some assets is switched on."""
        return replace(self, on={**self.on, **dict.fromkeys(keys, Moment(at, self.number))})

    def publish(
        self,
        key: str,
        partitions: PartitionSet = ONLY,
        *,
        at: datetime,
        begun: Moment | None = None,
        same_data: bool = False,
    ) -> MemoryFacts:
        """Versions become visible: at once, or made by an attempt that had ``begun`` before."""
        number = self.number + 1
        now = Moment(at, number)
        events: list[Event] = ["updated"] if same_data else ["updated", "data changed"]
        return replace(
            self,
            number=number,
            published={**self.published, key: self.visible(key) | partitions},
            journal=self._written(key, partitions, dict.fromkeys(events, now) | {"handled": begun or now}),
        )

    def remove(self, key: str, partitions: PartitionSet = ONLY, *, at: datetime) -> MemoryFacts:
        """Partitions are wiped."""
        now = Moment(at, self.number + 1)
        return replace(
            self,
            number=self.number + 1,
            published={**self.published, key: self.visible(key) - partitions},
            journal=self._written(key, partitions, {"removed": now}),
        )

    def request(self, key: str, partitions: PartitionSet = ONLY, *, at: datetime) -> MemoryFacts:
        """An attempt begins."""
        now = Moment(at, self.number)
        return replace(self, journal=self._written(key, partitions, {"requested": now, "handled": now}))

    def settle(self, key: str, partitions: PartitionSet = ONLY, *, at: datetime) -> MemoryFacts:
        """Partitions are found to need nothing."""
        return replace(self, journal=self._written(key, partitions, {"handled": Moment(at, self.number)}))

    def mark(self, status: Status, key: str, partitions: PartitionSet = ONLY) -> MemoryFacts:
        """From now on ``status`` holds of exactly these partitions."""
        return replace(self, statuses={**self.statuses, (status, key): partitions})

    def _written(
        self, key: str, partitions: PartitionSet, events: Mapping[Event, Moment]
    ) -> Mapping[tuple[Event, str], Entries]:
        journal = dict(self.journal)
        for event, moment in events.items():
            entries = (*journal.get((event, key), ()), (moment, partitions))
            journal[event, key] = tuple(sorted(entries, key=lambda entry: entry[0]))
        return journal
