"""The view of one environment at one moment: few rows at first, those of partitions when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Generic, TypeVar

from graph.fingerprint import Basis, replaced, set_digest
from graph.partition_set import EMPTY, ONLY, WHOLE, Partition, PartitionSet
from graph.state import Attempt, Settlement, Summary, Version
from materializers.database import Reading, Row, listed, ranges
from materializers.ledger_environments import chain
from materializers.ledger_rows import (
    POINTERS_AT_WHOLES,
    POINTERS_IN_RANGES,
    SIGHTINGS_AT_WHOLES,
    SIGHTINGS_IN_RANGES,
    VERSIONS,
    Sighting,
    attempt_of,
    canonical,
    maybe_moment,
    partition_of,
    partitions_of,
    settlement_of,
    sighting_of,
    version_of,
)
from materializers.ledger_slices import Slices
from materializers.records import MAIN

T = TypeVar("T")
_NOTHING = Summary()


class _Known(Generic[T]):
    """What was read of some partitions of an asset; ``seen`` are those of which nothing more is to be found."""

    __slots__ = ("found", "seen")

    def __init__(self) -> None:
        self.found: dict[Partition, T] = {}
        self.seen = EMPTY

    def among(
        self, wanted: PartitionSet, read: Callable[[PartitionSet], Iterable[tuple[Partition, T]]]
    ) -> Mapping[Partition, T]:
        """What there is of the ``wanted`` partitions; what was not seen yet is read."""
        missing = wanted - self.seen
        if missing:
            self.found.update(read(missing))
            self.seen |= missing
        if wanted == self.seen:
            return self.found
        if len(wanted) <= len(self.found):
            return {one: self.found[one] for one in wanted if one in self.found}
        return {one: each for one, each in self.found.items() if one in wanted}


class SqlState:
    """See `materializers.ledger.LedgerState`.

    Args:
        keys: the assets of which the first rows are read together; None for all. Others are read when asked for.
    """

    def __init__(self, db: Reading, environment: str, keys: Iterable[str] | None) -> None:
        self._db = db
        self.environment = environment
        self.now = db.now
        (row,) = db.rows("SELECT coalesce(max(sequence), 0) AS sequence FROM publications")
        self.sequence: int = row["sequence"]
        self._preloaded: set[str] | None = None if keys is None else set()
        self.first: int | None = None
        if environment != MAIN:
            rows = db.rows(
                "SELECT first FROM environments WHERE name = ? AND dropped_at IS NULL", (environment,)
            )
            self.first = rows[0]["first"] if rows else None
        self._rows: dict[str, dict[str, Row]] = {
            "asset_state": {},
            "pointers": {},
            "tries": {},
            "sightings": {},
        }
        self._preload(keys)
        self._summaries: dict[str, Summary] = {}
        self._slices: dict[str, Slices] = {}
        self._settlements: dict[str, Row] = {}
        self._unsettled: dict[str, PartitionSet] = {}
        self._settled: set[str] | None = set()
        self._versions: dict[str, _Known[Version]] = {}
        self._pins: dict[tuple[str, Partition], str] = {}
        self._sightings: dict[str, _Known[Sighting]] = {}
        self._data_versions: dict[str, _Known[str]] = {}
        self._attempts: dict[str, _Known[Attempt]] = {}

    def _preload(self, keys: Iterable[str] | None) -> None:
        among = ""
        values: tuple[str, ...] = (self.environment,)
        if keys is not None and self._preloaded is not None:
            self._preloaded.update(keys)
            among, values = " AND {0}.asset IN LISTED(?)", (self.environment, listed(self._preloaded))
        whole = " AND {0}.slice = '' AND {0}.ordinal = 0"
        for name, select, alias, also in (
            ("asset_state", "SELECT * FROM asset_state s", "s", ""),
            ("pointers", POINTERS_AT_WHOLES, "p", whole),
            ("tries", "SELECT * FROM last_attempts l THROUGH last_attempts_at_wholes", "l", whole),
            ("sightings", SIGHTINGS_AT_WHOLES, "s", whole),
        ):
            if name == "sightings" and self.environment == MAIN:
                continue
            where = f" WHERE {alias}.environment = ?{(also + among).format(alias)}"
            self._rows[name].update((row["asset"], row) for row in self._db.rows(select + where, values))

    def _row(self, name: str, key: str) -> Row | None:
        if self._preloaded is not None and key not in self._preloaded:
            self._preload([key])
        return self._rows[name].get(key)

    def summary(self, key: str) -> Summary:
        """See `graph.state.State`."""
        found = self._summaries.get(key)
        if found is None:
            row = self._row("asset_state", key)
            found = self._summaries[key] = (
                _NOTHING
                if row is None
                else Summary(
                    sequence=row["sequence"],
                    partitions=self._slices_of(key).all().partitions
                    if row["sliced"]
                    else partitions_of(row["partitions"]),
                    digest=row["digest"],
                )
            )
        return found

    def _slices_of(self, key: str) -> Slices:
        found = self._slices.get(key)
        if found is None:
            found = Slices(self._db, self.environment, key, self._row("asset_state", key))
            self._slices[key] = found
        return found

    def shown(self, key: str, partitions: PartitionSet) -> PartitionSet:
        """See `graph.state.State`."""
        part = self._in_part(key)
        return partitions & self.summary(key).partitions if part is None else part.of(partitions).partitions

    def _in_part(self, key: str) -> Slices | None:
        """The slices of an asset as far as they were read; None where all that it shows is at hand."""
        row = self._row("asset_state", key)
        if key in self._summaries or row is None or not row["sliced"]:
            return None
        slices = self._slices_of(key)
        return None if slices.complete else slices

    def published(self, key: str, partitions: PartitionSet | None = None) -> Mapping[Partition, Version]:
        """See `graph.state.State`."""
        wanted = self.summary(key).partitions if partitions is None else self.shown(key, partitions)
        if not wanted:
            return {}
        return _at(self._versions, key).among(wanted, lambda missing: self._read_versions(key, missing))

    def _read_versions(self, key: str, partitions: PartitionSet) -> Iterable[tuple[Partition, Version]]:
        if partitions == ONLY and (whole := self._row("pointers", key)) is not None:
            rows = [whole]
        else:
            rows = list(self._db.rows(POINTERS_IN_RANGES, (ranges(partitions), self.environment, key)))
        for row in rows:
            if row["pin"] is not None:
                self._pins[key, partition_of(row)] = row["pin"]
            version = version_of(row)
            yield version.partition, version

    def withdrawn(self, key: str, partitions: PartitionSet | None = None) -> PartitionSet:
        """The partitions that were made invisible here; of some, where only those are asked for."""
        slices = self._slices_of(key)
        return (slices.all() if partitions is None else slices.of(partitions)).withdrawn

    def sightings(self, key: str, partitions: PartitionSet) -> Mapping[Partition, Sighting]:
        """What was seen here of versions that are read from a parent."""
        return _at(self._sightings, key).among(partitions, lambda missing: self._read_sightings(key, missing))

    def _read_sightings(self, key: str, partitions: PartitionSet) -> Iterable[tuple[Partition, Sighting]]:
        if partitions == ONLY:
            row = self._row("sightings", key)
            rows: Iterable[Row] = [] if row is None else [row]
        else:
            rows = self._db.rows(SIGHTINGS_IN_RANGES, (ranges(partitions), self.environment, key))
        return ((partition_of(row), sighting_of(row)) for row in rows)

    def pin(self, key: str, partition: Partition) -> str | None:
        """See `graph.state.State`."""
        if self._in_part(key) is None and partition not in self.summary(key).partitions:
            return None
        known = self._versions.get(key)
        if known is None or partition not in known.seen:
            self.published(key, PartitionSet.of([partition]))
        return self._pins.get((key, partition))

    def digest(self, key: str, partitions: PartitionSet) -> str:
        """See `graph.state.State`."""
        wanted = self.shown(key, partitions)
        if self._in_part(key) is not None:
            return set_digest(self.data_versions(key, wanted).items())
        summary = self.summary(key)
        if wanted == summary.partitions:
            return summary.digest
        others = summary.partitions - wanted
        if len(wanted) <= len(others):
            return set_digest(self.data_versions(key, wanted).items())
        total = summary.digest
        for partition, data_version in self.data_versions(key, others).items():
            total = replaced(total, partition, data_version, None)
        return total

    def data_versions(self, key: str, partitions: PartitionSet) -> Mapping[Partition, str]:
        """The data version of each of some partitions that have one: less to read than `published`."""
        wanted = self.shown(key, partitions)
        return _at(self._data_versions, key).among(
            wanted, lambda missing: self._read_data_versions(key, missing)
        )

    def _read_data_versions(self, key: str, partitions: PartitionSet) -> Iterable[tuple[Partition, str]]:
        rows = self._db.rows(
            "SELECT p.slice, p.ordinal, p.data_version FROM RANGES(?) r CROSS JOIN pointers p"
            " WHERE p.environment = ? AND p.asset = ? AND p.slice = r.slice AND p.ordinal BETWEEN r.first AND r.last"
            " AND p.version_id IS NOT NULL",
            (ranges(partitions), self.environment, key),
        )
        return ((partition_of(row), row["data_version"]) for row in rows)

    def changed(self, key: str, since: int, *, but: str | None = None) -> PartitionSet:
        """See `graph.state.State`."""
        row = self._row("asset_state", key)
        if row is None or row["sequence"] <= since:
            return EMPTY
        rows = self._db.rows(
            "SELECT slice, ordinal FROM publications WHERE environment = ? AND asset = ? AND sequence > ?"
            " AND coalesce(run_id, '') <> ?",
            (self.environment, key, since, but or "-"),
        )
        return PartitionSet.of(partition_of(row) for row in rows)

    def settlement(self, key: str) -> Settlement | None:
        """See `graph.state.State`."""
        if self._settled is not None and key not in self._settled:
            self._read_settlements(key)
        row = self._settlements.get(key)
        return None if row is None else settlement_of(row, self._unsettled.get(key, EMPTY))

    def _read_settlements(self, key: str) -> None:
        """Read those of all assets that this state was made for: who decides needs them, and who builds none."""
        among = ""
        values: tuple[str, ...] = (self.environment,)
        if self._preloaded is None:
            self._settled = None
        elif self._settled is not None:
            keys = {key, *self._preloaded} - self._settled
            self._settled |= keys
            among, values = " AND asset IN LISTED(?)", (self.environment, listed(keys))
        rows = self._db.rows(f"SELECT * FROM settlements WHERE environment = ?{among}", values)
        self._settlements.update((row["asset"], row) for row in rows)
        left: dict[str, list[Partition]] = {}
        rows = self._db.rows(
            f"SELECT asset, slice, ordinal FROM unsettled WHERE environment = ?{among}", values
        )
        for row in rows:
            left.setdefault(row["asset"], []).append(partition_of(row))
        self._unsettled.update((name, PartitionSet.of(found)) for name, found in left.items())

    def attempts(self, key: str, partitions: PartitionSet | None = None) -> Mapping[Partition, Attempt]:
        """See `graph.state.State`."""
        if partitions is None:
            rows = self._db.rows(
                "SELECT * FROM last_attempts WHERE environment = ? AND asset = ?", (self.environment, key)
            )
            return {partition_of(row): attempt_of(row) for row in rows}
        if partitions == ONLY:
            row = self._row("tries", key)
            return {} if row is None else {WHOLE: attempt_of(row)}
        return _at(self._attempts, key).among(partitions, lambda missing: self._read_attempts(key, missing))

    def _read_attempts(self, key: str, partitions: PartitionSet) -> Iterable[tuple[Partition, Attempt]]:
        rows = self._db.rows(
            "SELECT l.* FROM RANGES(?) r CROSS JOIN last_attempts l WHERE l.environment = ? AND l.asset = ?"
            " AND l.slice = r.slice AND l.ordinal BETWEEN r.first AND r.last",
            (ranges(partitions), self.environment, key),
        )
        return ((partition_of(row), attempt_of(row)) for row in rows)

    def version_with(
        self, key: str, partition: Partition, fingerprint: str, *, checks: str | None = None
    ) -> Version | None:
        """The newest such version; see `graph.state.State`. One that was made invisible here since is none."""
        found = version_with(self._db, key, partition, fingerprint, checks)
        hidden = None if found is None else self._hidden_at(key, partition)
        return found if found is None or hidden is None or found.made_at > hidden else None

    def _hidden_at(self, key: str, partition: Partition) -> datetime | None:
        """When a partition was made invisible here or above for the last time."""
        (row,) = self._db.rows(
            "SELECT max(at) AS at FROM publications WHERE asset = ? AND slice = ? AND ordinal = ?"
            " AND version_id IS NULL AND environment IN LISTED(?)",
            (key, *partition, listed(chain(self._db, self.environment))),
        )
        return maybe_moment(row["at"])

    def made_with(self, key: str, basis: Basis) -> bool:
        """See `graph.state.State`."""
        return made_with(self._db, key, basis)


def version_with(
    db: Reading, key: str, partition: Partition, fingerprint: str, checks: str | None
) -> Version | None:
    """The newest version that was not rejected and has this fingerprint; see `graph.state.State`."""
    passed = "" if checks is None else " AND coalesce(j.checks, '') = ? AND coalesce(j.failing, 0) = 0"
    rows = db.rows(
        f"{VERSIONS} WHERE v.asset = ? AND v.slice = ? AND v.ordinal = ? AND v.fingerprint = ?"
        f" AND v.rejected IS NULL{passed}"
        " AND NOT EXISTS (SELECT 1 FROM tombstones t WHERE t.address = v.address AND t.state <> 'condemned')"
        " ORDER BY v.made_at DESC, v.id DESC LIMIT 1",
        (key, *partition, fingerprint, *(() if checks is None else (checks,))),
    )
    return version_of(rows[0]) if rows else None


def made_with(db: Reading, key: str, basis: Basis) -> bool:
    """Whether any version of an asset, one that was rejected too, was ever made with a basis."""
    rows = db.rows(
        "SELECT 1 AS found FROM versions WHERE asset = ? AND code = ? AND config = ? AND resources = ? LIMIT 1",
        (key, basis.code, basis.config, canonical(basis.resources)),
    )
    return bool(rows)


def _at(known: dict[str, _Known[T]], key: str) -> _Known[T]:
    found = known.get(key)
    if found is None:
        found = known[key] = _Known()
    return found
