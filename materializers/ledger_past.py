"""What was visible at an earlier time, and the pointers made again: both from the publications alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from graph.fingerprint import Basis, set_digest
from graph.partition_set import Partition, PartitionSet
from graph.state import Attempt, Settlement, Summary, Version
from materializers.database import Reading, Row, Writing
from materializers.ledger_environments import environments
from materializers.ledger_rows import VERSION, Sighting, maybe_moment, micros, partition_of, version_of
from materializers.ledger_slices import Showing, write_showing
from materializers.ledger_state import made_with, version_with
from materializers.records import MAIN, UnknownEnvironment

_LAST = """
SELECT {columns}
FROM (
    SELECT max(e.sequence) AS sequence FROM publications e {among} GROUP BY e.environment, e.asset, e.slice, e.ordinal
) m
JOIN publications p ON p.sequence = m.sequence
LEFT JOIN versions v ON v.id = p.version_id
LEFT JOIN verifications x ON x.id = (
    SELECT max(y.id) FROM verifications y WHERE y.version_id = p.version_id AND y.environment = p.environment
    AND y.slice = p.slice AND y.ordinal = p.ordinal AND y.sequence >= p.sequence AND y.at <= ?
)
LEFT JOIN judgements j ON j.id = (
    SELECT max(k.id) FROM judgements k WHERE k.version_id = p.version_id AND k.judged_at <= ?
    AND (k.id <= coalesce(p.judgement, 0) OR k.environment = p.environment)
)
"""
"""The last publication of each partition, with what was seen and said of its version until a time."""

_AS_OF = "CASE WHEN x.id IS NULL THEN p.as_of ELSE x.as_of END"
_ENDS = """coalesce((
    SELECT y.ends FROM verifications y WHERE y.version_id = p.version_id AND y.environment = p.environment
    AND y.slice = p.slice AND y.ordinal = p.ordinal AND y.sequence >= p.sequence AND y.at <= ? AND y.ends IS NOT NULL
    ORDER BY y.id DESC LIMIT 1
), p.ends)"""
_SHOWN = _LAST.format(
    columns=f"{VERSION}, {_AS_OF} AS as_of, coalesce({_ENDS}, v.ends) AS ends, p.pin, p.version_id, p.sequence,"
    " p.slice AS of_slice, p.ordinal AS of_ordinal",
    among="WHERE e.environment = ? AND e.asset = ? AND e.sequence > ? AND e.sequence <= ?",
)
_POINTERS = _LAST.format(
    columns="p.environment, p.asset, p.slice, p.ordinal, p.version_id, v.data_version, p.sequence,"
    f" {_AS_OF}, {_ENDS}, j.id, p.pin",
    among="JOIN environments n ON n.name = e.environment AND n.dropped_at IS NULL WHERE e.sequence > n.born",
)


def past_of(db: Reading, environment: str, at: datetime) -> Iterator[PastState]:
    """An environment with those that it read from at a time, the nearest first.

    Raises:
        UnknownEnvironment: it was not there then.
    """
    rows = db.rows(
        "SELECT sequence FROM publications WHERE at <= ? ORDER BY sequence DESC LIMIT 1", (micros(at),)
    )
    sequence = rows[0]["sequence"] if rows else 0
    name: str | None = environment
    while name is not None:
        found = db.rows(
            "SELECT * FROM environments WHERE name = ? AND (created_at <= ? OR name = ?)"
            " AND (dropped_at IS NULL OR dropped_at > ?)",
            (name, micros(at), MAIN, micros(at)),
        )
        if not found:
            raise UnknownEnvironment(name, [one.name for one in environments(db)])
        yield PastState(db, found[0], at, sequence)
        name = found[0]["parent"]


class PastState:
    """See `materializers.ledger.LedgerState`: what one environment had of its own at an earlier time."""

    def __init__(self, db: Reading, environment: Row, at: datetime, sequence: int) -> None:
        self._db = db
        self._born: int = environment["born"]
        self.environment: str = environment["name"]
        self.first: int | None = environment["first"]
        self.now = at
        self.sequence = sequence
        self._shown: dict[str, list[Row]] = {}
        self._versions: dict[str, dict[Partition, Version]] = {}

    def _rows(self, key: str) -> list[Row]:
        found = self._shown.get(key)
        if found is None:
            at = micros(self.now)
            values = (at, self.environment, key, self._born, self.sequence, at, at)
            found = self._shown[key] = list(self._db.rows(_SHOWN, values))
        return found

    def summary(self, key: str) -> Summary:
        """See `graph.state.State`."""
        versions = self.published(key)
        return Summary(
            sequence=max((row["sequence"] for row in self._rows(key)), default=0),
            partitions=PartitionSet.of(versions),
            digest=set_digest((at, version.data_version) for at, version in versions.items()),
        )

    def shown(self, key: str, partitions: PartitionSet) -> PartitionSet:
        """See `graph.state.State`."""
        return PartitionSet.of(self.published(key, partitions))

    def withdrawn(self, key: str, partitions: PartitionSet | None = None) -> PartitionSet:
        """The partitions that had been made invisible here."""
        hidden = PartitionSet.of(_place(row) for row in self._rows(key) if row["version_id"] is None)
        return hidden if partitions is None else hidden & partitions

    def published(self, key: str, partitions: PartitionSet | None = None) -> Mapping[Partition, Version]:
        """See `graph.state.State`."""
        versions = self._versions.get(key)
        if versions is None:
            versions = self._versions[key] = {
                _place(row): version_of(row) for row in self._rows(key) if row["version_id"] is not None
            }
        return (
            versions if partitions is None else {at: one for at, one in versions.items() if at in partitions}
        )

    def sightings(self, key: str, partitions: PartitionSet) -> Mapping[Partition, Sighting]:
        """What had been seen here of versions that were read from a parent."""
        found: dict[Partition, Sighting] = {}
        at = micros(self.now)
        rows = self._db.rows(
            "SELECT slice, ordinal, version_id, as_of, ends FROM verifications WHERE environment = ? AND asset = ?"
            " AND sequence >= ? AND at <= ? ORDER BY id",
            (self.environment, key, self._born, at),
        )
        for row in rows:
            place = partition_of(row)
            before = found.get(place)
            ends = None if row["ends"] is None else bool(row["ends"])
            if ends is None and before is not None and before.version_id == row["version_id"]:
                ends = before.ends
            if place in partitions:
                found[place] = Sighting(
                    version_id=row["version_id"],
                    verified=True,
                    as_of=maybe_moment(row["as_of"]),
                    ends=ends,
                    judged=False,
                    checks="",
                    verdicts="",
                    failing=False,
                )
        return found

    def pin(self, key: str, partition: Partition) -> str | None:
        """See `graph.state.State`."""
        for row in self._rows(key):
            if _place(row) == partition:
                pin: str | None = row["pin"]
                return pin
        return None

    def digest(self, key: str, partitions: PartitionSet) -> str:
        """See `graph.state.State`."""
        found = self.published(key, partitions)
        return set_digest((at, version.data_version) for at, version in found.items())

    def changed(self, key: str, since: int, *, but: str | None = None) -> PartitionSet:
        """See `graph.state.State`."""
        rows = self._db.rows(
            "SELECT slice, ordinal FROM publications WHERE environment = ? AND asset = ? AND sequence > ?"
            " AND sequence <= ? AND coalesce(run_id, '') <> ?",
            (self.environment, key, max(since, self._born), self.sequence, but or "-"),
        )
        return PartitionSet.of(map(partition_of, rows))

    def settlement(self, key: str) -> Settlement | None:  # nothing is decided in the past
        """See `graph.state.State`."""
        return None

    def attempts(
        self,
        key: str,  # nothing is decided in the past
        partitions: PartitionSet | None = None,
    ) -> Mapping[Partition, Attempt]:
        """See `graph.state.State`."""
        return {}

    def version_with(
        self, key: str, partition: Partition, fingerprint: str, *, checks: str | None = None
    ) -> Version | None:
        """See `graph.state.State`; of all versions that there are by now."""
        return version_with(self._db, key, partition, fingerprint, checks)

    def made_with(self, key: str, basis: Basis) -> bool:
        """See `graph.state.State`; of all versions that there are by now."""
        return made_with(self._db, key, basis)


def _place(row: Row) -> Partition:
    return Partition(row["of_slice"], row["of_ordinal"])


def rebuild(db: Writing) -> None:
    """Make the pointers, and the row from which each asset is decided, again from the publications."""
    db.execute("DELETE FROM pointers")
    now = micros(db.now)
    db.execute(f"INSERT INTO pointers {_POINTERS}", (now, now, now))
    count_again(db)
    db.execute(
        "UPDATE environments SET first = (SELECT min(p.sequence) FROM publications p"
        " WHERE p.environment = environments.name AND p.sequence > environments.born)"
        " WHERE dropped_at IS NULL AND name <> ?",
        (MAIN,),
    )


def count_again(db: Writing) -> None:
    """Make the row from which each asset is decided again from its pointers."""
    db.execute("DELETE FROM asset_state")
    db.execute("DELETE FROM asset_slices")
    shown: dict[tuple[str, str], list[tuple[Partition, str]]] = {}
    hidden: dict[tuple[str, str], list[Partition]] = {}
    sequences: dict[tuple[str, str], int] = {}
    for row in db.rows("SELECT environment, asset, slice, ordinal, data_version, sequence FROM pointers"):
        asset = row["environment"], row["asset"]
        sequences[asset] = max(sequences.get(asset, 0), row["sequence"])
        if row["data_version"] is None:
            hidden.setdefault(asset, []).append(partition_of(row))
        else:
            shown.setdefault(asset, []).append((partition_of(row), row["data_version"]))
    for asset, sequence in sequences.items():
        seen = shown.get(asset, ())
        showing = Showing(
            partitions=PartitionSet.of(at for at, _ in seen), withdrawn=PartitionSet.of(hidden.get(asset, ()))
        )
        write_showing(db, *asset, showing, sequence=sequence, digest=set_digest(seen))
