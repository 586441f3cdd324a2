"""What happened to assets and when, as automation asks it: of one environment, or of one that reads from a parent.

Publications are numbered in the order of time, so that "later than a moment" is a range of numbers: what nothing has
touched since answers from the row from which it is decided.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce

from graph.facts import Event, Moment
from graph.partition_set import EMPTY, ONLY, WHOLE, Partition, PartitionSet
from materializers.database import Reading, Row, Writing, ranges
from materializers.journal import Journal
from materializers.ledger import LedgerState
from materializers.ledger_claims import Liveness
from materializers.ledger_environments import chain
from materializers.ledger_fallthrough import Fallthrough, OwnState
from materializers.ledger_rows import micros, moment, partition_of
from materializers.ledger_state import SqlState

Moments = dict[Moment, PartitionSet]


def journal_of(db: Reading, environment: str, keys: Iterable[str] | None, liveness: Liveness) -> Journal:
    """The journal of an environment.

    Raises:
        UnknownEnvironment: it is not there.
    """
    chosen = None if keys is None else list(keys)
    own = [SqlJournal(db, SqlState(db, name, chosen), liveness) for name in chain(db, environment)]
    lowest: Journal = own[-1]
    return reduce(lambda below, nearer: JoinedJournal(nearer, below), reversed(own[:-1]), lowest)


class SqlJournal:
    """See `Journal`: what happened in one environment itself."""

    def __init__(self, db: Reading, state: SqlState, liveness: Liveness) -> None:
        self.state = state
        self._db = db
        self._liveness = liveness
        self._cuts: dict[Moment, int] = {}
        self._verified_after: dict[Moment, int] = {}
        self._claimed: Mapping[str, PartitionSet] | None = None
        self._wholes: Mapping[str, Moment] | None = None

    def switched_on(self) -> Mapping[str, Moment | None]:
        """See `Journal`."""
        rows = self._db.rows(
            "SELECT s.asset, s.is_on, s.at, s.sequence FROM switches s WHERE s.id IN"
            " (SELECT max(id) FROM switches WHERE environment = ? GROUP BY asset)",
            (self.state.environment,),
        )
        return {
            row["asset"]: Moment(moment(row["at"]), row["sequence"]) if row["is_on"] else None for row in rows
        }

    def in_progress(self, key: str) -> PartitionSet:
        """See `Journal`."""
        if self._claimed is None:
            claimed: dict[str, list[Partition]] = {}
            rows = self._db.rows(
                "SELECT c.asset, c.slice, c.ordinal, c.run_id, l.expires_at FROM leases l JOIN claims c"
                " ON c.run_id = l.run_id AND c.held = 1 WHERE c.environment = ?",
                (self.state.environment,),
            )
            for row in rows:
                if not self._liveness.dead(row["run_id"], moment(row["expires_at"]), self._db.now):
                    claimed.setdefault(row["asset"], []).append(partition_of(row))
            self._claimed = {each: PartitionSet.of(found) for each, found in claimed.items()}
        return self._claimed.get(key, EMPTY)

    # Since when

    def _cut(self, after: Moment) -> int:
        """The number of the last publication that is not later than a moment."""
        if -1 < after.number < sys.maxsize:
            return after.number
        if after not in self._cuts:
            self._cuts[after] = self._search("publications", "sequence", after)
        return self._cuts[after]

    def _search(self, table: str, number: str, after: Moment) -> int:
        """The highest number of a table whose row is not later than a moment; the rows are in the order of time."""
        at = micros(after.at) - (1 if after.number < 0 else 0)
        (last,) = self._db.rows(f"SELECT coalesce(max({number}), 0) AS number FROM {table}")
        low, high = 0, last["number"]
        while low < high:
            middle = (low + high + 1) // 2
            rows = self._db.rows(
                f"SELECT {number} AS number, at FROM {table} WHERE {number} >= ? ORDER BY {number} LIMIT 1",
                (middle,),
            )
            if rows[0]["at"] <= at:
                low = max(middle, min(rows[0]["number"], high))
            else:
                high = middle - 1
        return int(low)

    def happened(self, event: Event, key: str, within: PartitionSet, after: Moment) -> PartitionSet:
        """See `Journal`."""
        if not within:
            return EMPTY
        match event:
            case "updated":
                found = self._published(key, after, "version_id IS NOT NULL") | self._verified(key, after)
            case "data changed":
                found = self._published(key, after, "version_id IS NOT NULL AND moved = 1")
            case "removed":
                found = self._published(key, after, "version_id IS NULL")
            case "handled":
                moments = self.moments(event, key, within, producer=key)
                found = PartitionSet.union(some for when, some in moments.items() if when > after)
            case "requested":
                at = micros(after.at)
                rows = self._db.rows(
                    "SELECT DISTINCT slice, ordinal FROM attempts WHERE environment = ? AND asset = ?"
                    " AND (started_at > ? OR (started_at = ? AND seen > ?))",
                    (self.state.environment, key, at, at, after.number),
                )
                found = PartitionSet.of(map(partition_of, rows))
        return found & within

    def _published(self, key: str, after: Moment, which: str) -> PartitionSet:
        cut = self._cut(after)
        if self.state.summary(key).sequence <= cut:
            return EMPTY
        rows = self._db.rows(
            "SELECT slice, ordinal FROM publications WHERE environment = ? AND asset = ? AND sequence > ?"
            f" AND {which}",
            (self.state.environment, key, cut),
        )
        return PartitionSet.of(map(partition_of, rows))

    def _verified(self, key: str, after: Moment) -> PartitionSet:
        if after not in self._verified_after:
            self._verified_after[after] = self._search("verifications", "id", after._replace(number=-1))
        rows = self._db.rows(
            "SELECT slice, ordinal, at, sequence FROM verifications WHERE environment = ? AND asset = ? AND id > ?",
            (self.state.environment, key, self._verified_after[after]),
        )
        return PartitionSet.of(
            partition_of(row) for row in rows if Moment(moment(row["at"]), row["sequence"]) > after
        )

    # When

    def moments(
        self, event: Event, key: str, within: PartitionSet, *, producer: str
    ) -> Mapping[Moment, PartitionSet]:
        """See `Journal`."""
        if event == "handled":
            return self._handled(key, within, producer)
        if event == "requested":
            rows = self._db.rows(
                "SELECT slice, ordinal, started_at AS at, seen AS sequence FROM attempts WHERE environment = ?"
                " AND asset = ? ORDER BY id",
                (self.state.environment, producer),
            )
            return _latest(rows, within)
        which = {
            "updated": "version_id IS NOT NULL",
            "data changed": "version_id IS NOT NULL AND moved = 1",
            "removed": "version_id IS NULL",
        }[event]
        place = self.state.environment, key
        rows = list(
            self._db.rows(
                "SELECT slice, ordinal, at, sequence FROM publications WHERE environment = ? AND asset = ?"
                f" AND {which} ORDER BY sequence",
                place,
            )
        )
        if event == "updated":
            rows += self._db.rows(
                "SELECT slice, ordinal, at, sequence FROM verifications WHERE environment = ? AND asset = ?"
                " ORDER BY id",
                place,
            )
        return _latest(rows, within)

    def _handled(self, key: str, within: PartitionSet, producer: str) -> Mapping[Moment, PartitionSet]:
        settled = self.state.settlement(key)
        calm, found = EMPTY, dict[Partition, Moment]()
        if settled is not None and settled.at is not None:
            calm = within & settled.partitions
            if calm and self.state.summary(key).sequence > settled.sequence:
                touched = calm & self.state.changed(key, settled.sequence)
                calm -= touched
                found = dict.fromkeys(touched, Moment(settled.at, settled.sequence))
        for partition, at in self._attempted(key, within - calm, producer):
            if partition not in found or found[partition] < at:
                found[partition] = at
        moments = _grouped(found)
        if calm and settled is not None and settled.at is not None:
            at = Moment(settled.at, settled.sequence)
            moments[at] = moments.get(at, EMPTY) | calm
        return moments

    def _attempted(self, key: str, within: PartitionSet, producer: str) -> Iterator[tuple[Partition, Moment]]:
        """When attempts that came to an end had begun, and when something was published by hand."""
        if within == ONLY:
            if self._wholes is None:
                self._wholes = self._read_wholes()
            for each in dict.fromkeys((key, producer)):
                if each in self._wholes:
                    yield WHOLE, self._wholes[each]
        elif within:
            given = (ranges(within), self.state.environment)
            where = "r.slice AND {0}.ordinal BETWEEN r.first AND r.last"
            for query, name in ((_TRIED, producer), (_SHOWN, key)):
                alias = "l" if query is _TRIED else "p"
                rows = self._db.rows(
                    f"{query.format('RANGES(?) r CROSS JOIN', '')} WHERE {alias}.environment = ? AND {alias}.asset = ?"
                    f" AND {alias}.slice = {where.format(alias)}",
                    (*given, name),
                )
                for row in rows:
                    if (at := self._when(row)) is not None:
                        yield partition_of(row), at

    def _read_wholes(self) -> Mapping[str, Moment]:
        """The same of every asset without partitions, by key."""
        found: dict[str, Moment] = {}
        for query, alias, index in (
            (_TRIED, "l", "last_attempts_at_wholes"),
            (_SHOWN, "p", "pointers_at_wholes"),
        ):
            rows = self._db.rows(
                f"{query.format('', f' THROUGH {index}')} WHERE {alias}.environment = ?"
                f" AND {alias}.slice = '' AND {alias}.ordinal = 0",
                (self.state.environment,),
            )
            for row in rows:
                at = self._when(row)
                if at is not None and (row["asset"] not in found or found[row["asset"]] < at):
                    found[row["asset"]] = at
        return found

    def _when(self, row: Row) -> Moment | None:
        """None where the attempt said when to try again, and that time has come."""
        if row["until"] is not None and row["until"] <= micros(self.state.now):
            return None
        if row["seen"] is not None:
            return Moment(moment(row["seen_at"]), row["seen"])
        return Moment(moment(row["at"]), row["sequence"])


_TRIED = """
SELECT l.asset, l.slice, l.ordinal, l.until, a.seen, a.seen_at, a.started_at AS at, 0 AS sequence
FROM {0} last_attempts l{1} JOIN attempts a ON a.id = l.attempt_id
"""
_SHOWN = """
SELECT p.asset, p.slice, p.ordinal, NULL AS until, u.at, u.sequence,
    CASE WHEN u.kind IN ('publish', 'observe') THEN a.seen END AS seen,
    CASE WHEN u.kind IN ('publish', 'observe') THEN a.seen_at END AS seen_at
FROM {0} pointers p{1} JOIN publications u ON u.sequence = p.sequence LEFT JOIN versions v ON v.id = p.version_id
LEFT JOIN attempts a ON a.id = v.attempt_id
"""


class JoinedJournal:
    """See `Journal`: what happened in an environment, and in its parent to what it reads from there."""

    def __init__(self, own: SqlJournal, below: Journal) -> None:
        self.state: LedgerState = Fallthrough(own.state, below.state)
        self._own = own
        self._below = below

    def switched_on(self) -> Mapping[str, Moment | None]:
        """See `Journal`; a parent's automation is its own affair."""
        return self._own.switched_on()

    def in_progress(self, key: str) -> PartitionSet:
        """See `Journal`; what is made in the parent is not made here."""
        return self._own.in_progress(key)

    def happened(self, event: Event, key: str, within: PartitionSet, after: Moment) -> PartitionSet:
        """See `Journal`."""
        below = self._below.happened(event, key, within - self._decided(key), after)
        return self._own.happened(event, key, within, after) | below

    def moments(
        self, event: Event, key: str, within: PartitionSet, *, producer: str
    ) -> Mapping[Moment, PartitionSet]:
        """See `Journal`."""
        found = dict(self._own.moments(event, key, within, producer=producer))
        left = within - PartitionSet.union(found.values()) - self._decided(key)
        for at, partitions in self._below.moments(event, key, left, producer=producer).items():
            found[at] = found.get(at, EMPTY) | partitions
        return found

    def _decided(self, key: str) -> PartitionSet:
        """The partitions of which this environment has something of its own."""
        own: OwnState = self._own.state
        return own.summary(key).partitions | own.withdrawn(key)


def _latest(rows: Iterable[Row], within: PartitionSet) -> Mapping[Moment, PartitionSet]:
    found: dict[Partition, Moment] = {}
    for row in rows:
        partition, at = partition_of(row), Moment(moment(row["at"]), row["sequence"])
        if partition not in found or found[partition] < at:
            found[partition] = at
    return _grouped({partition: at for partition, at in found.items() if partition in within})


def _grouped(found: Mapping[Partition, Moment]) -> Moments:
    by_moment: dict[Moment, list[Partition]] = {}
    for partition, at in found.items():
        by_moment.setdefault(at, []).append(partition)
    return {at: PartitionSet.of(partitions) for at, partitions in by_moment.items()}


def switch(db: Writing, environment: str, keys: Iterable[str], *, on: bool) -> tuple[str, ...]:
    """Switch automation of assets on or off; answers those for which that is a change."""
    chain(db, environment)
    rows = db.rows(
        "SELECT asset, is_on FROM switches WHERE id IN"
        " (SELECT max(id) FROM switches WHERE environment = ? GROUP BY asset)",
        (environment,),
    )
    are = {row["asset"]: bool(row["is_on"]) for row in rows}
    changed = tuple(key for key in dict.fromkeys(keys) if are.get(key) is not on)
    (last,) = db.rows(
        "SELECT (SELECT coalesce(max(id), 0) FROM switches) AS id,"
        " (SELECT coalesce(max(sequence), 0) FROM publications) AS sequence"
    )
    db.executemany(
        "INSERT INTO switches VALUES (?, ?, ?, ?, ?, ?)",
        [
            (last["id"] + place, environment, key, int(on), micros(db.now), last["sequence"])
            for place, key in enumerate(changed, start=1)
        ],
    )
    return changed


__all__ = ["JoinedJournal", "SqlJournal", "journal_of", "switch"]
