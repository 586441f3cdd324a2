"""The facts that automation asks about, as a ledger and today's definitions give them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from graph import Asset
from graph.facts import Event, FreshnessState, Moment, Status
from graph.freshness_states import Freshness, freshness_states
from graph.partition_set import PartitionSet
from graph.reading import Reader
from materializers.journal import Journal


@dataclass(slots=True, kw_only=True)
class LedgerFacts:
    """See `graph.facts.Facts`.

    Args:
        journal: of the same moment as the reader's state.
        now: what freshness is judged at.
        on: by key, when automation was switched on; None where it is off.
        code: the code digest that an asset has today.
        outdated: of which partitions what would go in differs from what went in; asked as seldom as may be.
    """

    journal: Journal
    reader: Reader
    now: datetime
    on: Mapping[str, Moment | None]
    code: Callable[[str], str]
    outdated: Callable[[str], PartitionSet]
    _fresh: Mapping[str, Freshness] | None = field(default=None)
    _outdated: dict[str, PartitionSet] = field(default_factory=dict)

    def switched_on(self, key: str) -> Moment | None:
        """See `graph.facts.Facts`."""
        return self.on.get(key)

    def visible(self, key: str) -> PartitionSet:
        """See `graph.facts.Facts`."""
        return self.reader.state.summary(key).partitions

    def happened(self, event: Event, key: str, within: PartitionSet, after: Moment) -> PartitionSet:
        """See `graph.facts.Facts`."""
        if event == "handled":
            moments = self.moments(event, key, within)
            return PartitionSet.union(some for moment, some in moments if moment > after)
        name = self._asset(key).producer if event == "requested" else key
        return self.journal.happened(event, name, within, after)

    def moments(self, event: Event, key: str, within: PartitionSet) -> Iterable[tuple[Moment, PartitionSet]]:
        """See `graph.facts.Facts`."""
        return self.journal.moments(event, key, within, producer=self._asset(key).producer).items()

    def status(self, status: Status, key: str, within: PartitionSet) -> PartitionSet:
        """See `graph.facts.Facts`."""
        if not within:
            return within
        match status:
            case "in progress":
                return self.journal.in_progress(self._asset(key).producer) & within
            case "failed" | "rejected":
                attempts = self.reader.state.attempts(self._asset(key).producer, within)
                return PartitionSet.of(at for at, one in attempts.items() if one.outcome == status)
            case "checks failed":
                versions = self.reader.versions(key, within)
                return PartitionSet.of(at for at, version in versions.items() if version.failing)
            case "code changed":
                return self._code_changed(key, within)
            case "outdated":
                if key not in self._outdated:
                    self._outdated[key] = self.outdated(key)
                return self._outdated[key] & within
            case _:
                assert_never(status)

    def _code_changed(self, key: str, within: PartitionSet) -> PartitionSet:
        code, settled = self.code(key), self.reader.state.settlement(key)
        if settled is not None and settled.basis.code == code:
            moved = self.reader.state.changed(key, settled.sequence)
            within -= settled.partitions - moved
        versions = self.reader.versions(key, within)
        return PartitionSet.of(at for at, version in versions.items() if version.basis.code != code)

    def freshness(self, key: str) -> tuple[FreshnessState, datetime | None]:
        """See `graph.facts.Facts`."""
        found = self.states()[key]
        since = {"overdue": found.overdue_at, "due soon": found.due_at}.get(found.state)
        return found.state, None if found.culprit else since

    def states(self) -> Mapping[str, Freshness]:
        """The freshness of every asset that promises any."""
        if self._fresh is None:
            self._fresh = freshness_states(self.reader, self.now, promises_only=True)
        return self._fresh

    def _asset(self, key: str) -> Asset:
        return self.reader.graph.assets[key]
