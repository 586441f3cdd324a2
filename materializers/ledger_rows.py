"""Rows of the ledger as nouns and nouns as rows, with the queries that fetch them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from graph.fingerprint import Basis
from graph.partition_set import Partition, PartitionSet
from graph.state import Attempt, Settlement, Version
from materializers.database import Row
from materializers.records import (
    AttemptRecord,
    Content,
    Judgement,
    Made,
    Materialization,
    Publication,
    Read,
    RunRecord,
    StartedAttempt,
)

VERSION = (
    "v.id, v.asset, v.slice, v.ordinal, v.fingerprint, v.code, v.config, v.resources, v.inputs, v.data_version,"
    " v.made_at, j.checks, j.digest, j.failing"
)
POINTERS_AT_WHOLES = f"""
SELECT {VERSION}, p.as_of, coalesce(p.ends, v.ends) AS ends, p.pin
FROM pointers p THROUGH pointers_at_wholes JOIN versions v ON v.id = p.version_id
LEFT JOIN judgements j ON j.id = p.judgement
"""
POINTERS_IN_RANGES = f"""
SELECT {VERSION}, p.as_of, coalesce(p.ends, v.ends) AS ends, p.pin
FROM RANGES(?) r CROSS JOIN pointers p JOIN versions v ON v.id = p.version_id
LEFT JOIN judgements j ON j.id = p.judgement
WHERE p.environment = ? AND p.asset = ? AND p.slice = r.slice AND p.ordinal BETWEEN r.first AND r.last
"""
_SIGHTING = (
    "s.asset, s.slice, s.ordinal, s.version_id, s.verified, s.as_of, s.ends, s.judgement, j.checks, j.digest,"
    " j.failing"
)
SIGHTINGS_AT_WHOLES = f"""
SELECT {_SIGHTING} FROM sightings s THROUGH sightings_at_wholes LEFT JOIN judgements j ON j.id = s.judgement
"""
SIGHTINGS_IN_RANGES = f"""
SELECT {_SIGHTING} FROM RANGES(?) r CROSS JOIN sightings s LEFT JOIN judgements j ON j.id = s.judgement
WHERE s.environment = ? AND s.asset = ? AND s.slice = r.slice AND s.ordinal BETWEEN r.first AND r.last
"""
VERSIONS = f"""
SELECT {VERSION}, v.as_of, v.ends, v.lineage, v.duration, v.run_id, v.rejected, v.format, v.address, v.size,
    v.row_count, v.schema, j.verdicts
FROM versions v
LEFT JOIN judgements j ON j.id = (SELECT max(id) FROM judgements WHERE version_id = v.id)
"""
ATTEMPTS = """
SELECT a.*, e.ended_at, e.outcome, e.reason, e.error, e.output,
    (SELECT min(id) FROM versions v WHERE v.attempt_id = a.id) AS version_id
FROM attempts a LEFT JOIN attempt_ends e ON e.attempt_id = a.id
"""
RUNS = """
SELECT r.*, e.ended_at, e.outcome, l.expires_at,
    (SELECT count(*) FROM cancellations c WHERE c.run_id = r.id) AS cancelled
FROM runs r LEFT JOIN run_ends e ON e.run_id = r.id LEFT JOIN leases l ON l.run_id = r.id
"""


def partition_of(row: Row) -> Partition:
    """The partition that a row is about."""
    return Partition(row["slice"], row["ordinal"])


def version_of(row: Row) -> Version:
    """What deciding needs of a row of `POINTERS_AT_WHOLES` or `VERSIONS`."""
    return Version(
        id=row["id"],
        key=row["asset"],
        partition=Partition(row["slice"], row["ordinal"]),
        fingerprint=row["fingerprint"],
        basis=Basis(code=row["code"], config=row["config"], resources=_loads(row["resources"])),
        inputs=_loads(row["inputs"]),
        data_version=row["data_version"],
        made_at=moment(row["made_at"]),
        as_of=maybe_moment(row["as_of"]),
        ends=bool(row["ends"]),
        checks=row["checks"] or "",
        verdicts=row["digest"] or "",
        failing=bool(row["failing"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What an environment saw and said of a version that it reads from its parent.

    Args:
        verified: it looked at the version, whose ``as_of`` this gives; ``ends`` is None where that says nothing new.
        judged: it asked checks of its own.
    """

    version_id: str
    verified: bool
    as_of: datetime | None
    ends: bool | None
    judged: bool
    checks: str
    verdicts: str
    failing: bool

    def of(self, version: Version) -> Version:
        """The version as it is seen from here; the newer look at the data counts."""
        if version.id != self.version_id:
            return version
        if self.verified:
            newer = self.as_of is None or version.as_of is None or self.as_of >= version.as_of
            version = replace(
                version,
                as_of=self.as_of if newer else version.as_of,
                ends=version.ends if self.ends is None else self.ends,
            )
        if self.judged:
            version = replace(version, checks=self.checks, verdicts=self.verdicts, failing=self.failing)
        return version


def sighting_of(row: Row) -> Sighting:
    """A row of `SIGHTINGS`."""
    return Sighting(
        version_id=row["version_id"],
        verified=bool(row["verified"]),
        as_of=maybe_moment(row["as_of"]),
        ends=None if row["ends"] is None else bool(row["ends"]),
        judged=row["judgement"] is not None,
        checks=row["checks"] or "",
        verdicts=row["digest"] or "",
        failing=bool(row["failing"]),
    )


def content_of(row: Row) -> Content:
    """Where the value of a row of ``versions`` is."""
    return Content(
        data_version=row["data_version"],
        format=row["format"],
        address=row["address"],
        size=row["size"],
        rows=row["row_count"],
        schema=row["schema"],
    )


def materialization_of(row: Row) -> Materialization:
    """A row of `VERSIONS`."""
    judgement = None
    if row["verdicts"] is not None:
        verdicts = tuple(json.loads(row["verdicts"]))
        judgement = Judgement(checks=row["checks"], verdicts=verdicts, failing=bool(row["failing"]))
    return Materialization(
        version=version_of(row),
        content=content_of(row),
        lineage=lineage_of(row["lineage"]),
        judgement=judgement,
        duration=timedelta(microseconds=row["duration"]),
        run_id=row["run_id"],
        published=row["rejected"] is None,
    )


def version_row(
    version_id: str, key: str, attempt: StartedAttempt, made: Made, now: datetime, rejected: str | None
) -> tuple[str | int | None, ...]:
    """A materialization as a row of ``versions``, in the order of its columns."""
    content, claim = made.content, attempt.claim
    ended = micros(now)
    return (
        version_id,
        key,
        *claim.partition,
        attempt.fingerprint,
        made.basis.code,
        made.basis.config,
        canonical(made.basis.resources),
        json.dumps(dict(made.inputs)),
        lineage_text(made.lineage),
        content.data_version,
        content.format,
        content.address,
        content.size,
        content.rows,
        content.schema,
        maybe_micros(made.as_of),
        int(made.ends),
        ended,
        ended - micros(attempt.started_at),
        claim.run_id,
        attempt.id,
        None if rejected is None else plain(rejected),
    )


def lineage_text(lineage: Mapping[str, Read]) -> str:
    """What was read, as JSON text: by parameter ``[key, ranges, digest, version ids]``."""
    return json.dumps(
        {
            name: (read.key, tuple(read.partitions.ranges()), read.digest, read.versions)
            for name, read in lineage.items()
        }
    )


def lineage_of(text: str) -> dict[str, Read]:
    """What `lineage_text` wrote."""
    return {
        name: Read(key=key, partitions=PartitionSet.ranged(ranges), digest=digest, versions=tuple(versions))
        for name, (key, ranges, digest, versions) in json.loads(text).items()
    }


partitions_of = lru_cache(maxsize=1024)(PartitionSet.from_json)
"""A set of partitions from its text. Most assets have one of a few: those are read once, and held once."""


def settlement_of(row: Row, unsettled: PartitionSet) -> Settlement:
    """A row of ``settlements``, without what it does not hold for any more."""
    return Settlement(
        sequence=row["sequence"],
        basis=Basis(code=row["code"], config=row["config"], resources=_loads(row["resources"])),
        checks=row["checks"],
        partitions=partitions_of(row["partitions"]) - unsettled,
        at=moment(row["at"]),
    )


def attempt_of(row: Row) -> Attempt:
    """A row of ``last_attempts``."""
    return Attempt(
        fingerprint=row["fingerprint"],
        outcome=row["outcome"],
        ended_at=moment(row["ended_at"]),
        reason=row["reason"],
        until=maybe_moment(row["until"]),
        checks=row["checks"],
    )


def attempt_record_of(row: Row) -> AttemptRecord:
    """A row of `ATTEMPTS`."""
    return AttemptRecord(
        id=row["id"],
        run_id=row["run_id"],
        key=row["asset"],
        partition=partition_of(row),
        label=row["label"],
        number=row["number"],
        fingerprint=row["fingerprint"],
        started_at=moment(row["started_at"]),
        ended_at=maybe_moment(row["ended_at"]),
        outcome=row["outcome"],
        reason=row["reason"] or "",
        error=row["error"] or "",
        output=row["output"] or "",
        version_id=row["version_id"],
    )


def publication_of(row: Row) -> Publication:
    """A row of ``publications``."""
    return Publication(
        sequence=row["sequence"],
        environment=row["environment"],
        key=row["asset"],
        partition=partition_of(row),
        version_id=row["version_id"],
        kind=row["kind"],
        at=moment(row["at"]),
        run_id=row["run_id"],
        name=row["name"],
        reason=row["reason"],
        pin=row["pin"],
    )


def run_record_of(row: Row, *, alive: bool) -> RunRecord:
    """A row of `RUNS`."""
    return RunRecord(
        id=row["id"],
        environment=row["environment"],
        selection=row["selection"],
        engine=row["engine"],
        started_at=moment(row["started_at"]),
        context=json.loads(row["context"]),
        plan=row["plan"],
        ended_at=maybe_moment(row["ended_at"]),
        outcome=row["outcome"],
        cancelled=bool(row["cancelled"]),
        alive=alive,
    )


def canonical(texts: Mapping[str, str]) -> str:
    """Texts by name as JSON text, the same for equal ones."""
    return json.dumps(dict(texts), sort_keys=True)


def _loads(text: str) -> Any:
    return {} if text == "{}" else json.loads(text)


def plain(text: str) -> str:
    r"""A text that every database can keep: without NUL, and without halves of characters.

    >>> print(plain("half \ud800 and \0 nothing"))
    half \ud800 and \x00 nothing
    """
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def micros(at: datetime) -> int:
    """A moment as the ledger writes it."""
    return round(at.timestamp() * 1_000_000)


def maybe_micros(at: datetime | None) -> int | None:
    """A moment as the ledger writes it, if there is one."""
    return None if at is None else micros(at)


def moment(written: int) -> datetime:
    """What `micros` wrote."""
    return datetime.fromtimestamp(written / 1_000_000, UTC)


def maybe_moment(written: int | None) -> datetime | None:
    """What `micros` wrote, if anything."""
    return None if written is None else moment(written)
