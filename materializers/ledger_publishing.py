"""What makes versions visible, and how attempts end."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from graph.fingerprint import replaced
from graph.partition_set import Partition, PartitionSet
from graph.state import Outcome, Settlement, Summary, Version
from materializers.database import Writing, listed, ranges
from materializers.ledger import Seen
from materializers.ledger_claims import check_held, give_back, held
from materializers.ledger_environments import chain, note_first, visible
from materializers.ledger_rows import canonical, maybe_micros, micros, partition_of, plain, version_row
from materializers.ledger_slices import Slices, write_showing
from materializers.ledger_tombstones import check_there, revive
from materializers.records import Claim, Judgement, Kind, LedgerError, Product, StartedAttempt

_SPEAKING = frozenset({"published", "rejected", "failed", "skipped", "adopted", "held"})
"""Outcomes after which an attempt speaks for its partition; ``held`` is an effect that was performed before."""
_SHOWING = frozenset({"published", "adopted"})
"""Those after which it is visible, which whoever decides next sees by the number of the publication."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointing:
    """What becomes visible of one partition; without a version it becomes invisible.

    Args:
        ends: None where it is as when the version was made.
        judgement: the number of the judgement that counts.
        pin: the fingerprint that was rolled back.
    """

    key: str
    partition: Partition
    version_id: str | None
    data_version: str | None
    as_of: datetime | None = None
    ends: bool | None = None
    judgement: int | None = None
    pin: str | None = None

    def judged(self, judgement: int | None) -> Pointing:
        """The same, with the judgement that counts."""
        return replace(self, judgement=judgement)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why something becomes visible: ``name`` and ``reason`` are those of the person who did it by hand."""

    kind: Kind
    run_id: str | None = None
    name: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an attempt ended; ``checks`` is the digest of the checks that were asked."""

    attempt: StartedAttempt
    outcome: Outcome
    reason: str = ""
    error: str = ""
    until: datetime | None = None
    output: str = ""
    checks: str = ""


def publish(
    db: Writing,
    products: Sequence[Product],
    *,
    output: str,
    kind: Kind,
    name: str | None = None,
    reason: str | None = None,
) -> tuple[Mapping[str, str], ...]:
    """Record versions, make those visible that are not refused, and end their attempts; answers their ids."""
    claims = [product.attempt.claim for product in products]
    check_held(db, claims)
    environment, run_id = products[0].attempt.claim.environment, products[0].attempt.claim.run_id
    stamp = f"{micros(db.now):013x}"
    ids = tuple({key: stamp + secrets.token_hex(5) for key in product.made} for product in products)
    made = [
        (product, key, version_id)
        for product, found in zip(products, ids, strict=True)
        for key, version_id in found.items()
    ]
    db.executemany(
        f"INSERT INTO versions VALUES ({', '.join('?' * 23)})",
        [
            version_row(version_id, key, product.attempt, product.made[key], db.now, product.refused.get(key))
            for product, key, version_id in made
        ],
    )
    named = [product.made[key].content.address for product, key, _ in made]
    revive(db, [address for address in named if address is not None])
    judged = [(version_id, product.judged[key]) for product, key, version_id in made]
    asked = [one for one in judged if one[1].checks or one[1].verdicts]
    judgements = record_judgements(db, environment, asked, run_id)
    pointings = [
        Pointing(
            key=key,
            partition=product.attempt.claim.partition,
            version_id=version_id,
            data_version=product.made[key].content.data_version,
            as_of=product.made[key].as_of,
            judgement=judgements.get(version_id),
        )
        for product, key, version_id in made
        if key not in product.refused
    ]
    point(db, environment, pointings, Cause(kind=kind, run_id=run_id, name=name, reason=reason))
    endings = [
        _ending(product, output if place == 0 else "", reason or "") for place, product in enumerate(products)
    ]
    end(db, endings, ours=frozenset(claims))
    return ids


def _ending(product: Product, output: str, reason: str) -> Ending:
    judged = product.judged.get(product.attempt.claim.key)
    return Ending(
        attempt=product.attempt,
        outcome="rejected" if product.refused else "published",
        reason="; ".join(dict.fromkeys(product.refused.values())) or reason,
        output=output,
        checks=judged.checks if judged else "",
    )


def point(db: Writing, environment: str, pointings: Sequence[Pointing], cause: Cause) -> None:
    """Publish: the events, the pointers that index them, and the row from which each asset is decided."""
    if not pointings:
        return
    last = db.rows("SELECT sequence, at FROM publications ORDER BY sequence DESC LIMIT 1")
    numbered = list(enumerate(pointings, start=last[0]["sequence"] + 1 if last else 1))
    note_first(db, environment, numbered[0][0])
    now = max(micros(db.now), last[0]["at"]) if last else micros(db.now)
    by_key: dict[str, list[tuple[int, Pointing]]] = {}
    for number, one in numbered:
        by_key.setdefault(one.key, []).append((number, one))
    moved = {number for key, found in by_key.items() for number in _count(db, environment, key, found)}
    db.executemany(
        "INSERT INTO publications VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                number,
                environment,
                one.key,
                *one.partition,
                one.version_id,
                cause.kind,
                now,
                cause.run_id,
                maybe_micros(one.as_of),
                None if one.ends is None else int(one.ends),
                one.judgement,
                one.pin,
                cause.name,
                cause.reason,
                int(number in moved),
            )
            for number, one in numbered
        ],
    )
    db.executemany(
        "INSERT INTO pointers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (environment, asset, slice, ordinal) DO UPDATE SET version_id = excluded.version_id,"
        " data_version = excluded.data_version, sequence = excluded.sequence, as_of = excluded.as_of,"
        " ends = excluded.ends, judgement = excluded.judgement, pin = excluded.pin",
        [
            (
                environment,
                one.key,
                *one.partition,
                one.version_id,
                one.data_version,
                number,
                maybe_micros(one.as_of),
                None if one.ends is None else int(one.ends),
                one.judgement,
                one.pin,
            )
            for number, one in numbered
        ],
    )


def _count(db: Writing, environment: str, key: str, numbered: Sequence[tuple[int, Pointing]]) -> list[int]:
    """Renew the row from which an asset is decided without its partitions, before its pointers move.

    Answers the numbers of those publications that make other data visible than were before.
    """
    touched = [one.partition for _, one in numbered]
    before = {
        partition_of(row): row["data_version"]
        for row in db.rows(
            "SELECT p.slice, p.ordinal, p.data_version FROM RANGES(?) r CROSS JOIN pointers p"
            " WHERE p.environment = ? AND p.asset = ? AND p.slice = r.slice AND p.ordinal = r.first",
            (ranges(touched), environment, key),
        )
    }
    rows = db.rows("SELECT * FROM asset_state WHERE environment = ? AND asset = ?", (environment, key))
    slices = Slices(db, environment, key, rows[0] if rows else None)
    digest = rows[0]["digest"] if rows else Summary().digest
    for _, one in numbered:
        digest = replaced(digest, one.partition, before.get(one.partition), one.data_version)
    shown = PartitionSet.of(one.partition for _, one in numbered if one.version_id is not None)
    hidden = PartitionSet.of(one.partition for _, one in numbered if one.version_id is None)
    showing = slices.slices({"", *(place.slice for place in touched)}).moved(shown, hidden)
    write_showing(db, environment, key, showing, sequence=numbered[-1][0], digest=digest)
    new = [one.partition for one in (each for _, each in numbered) if one.partition not in before]
    before |= _inherited(db, environment, key, new)
    return [number for number, one in numbered if before.get(one.partition) != one.data_version]


def _inherited(db: Writing, environment: str, key: str, partitions: list[Partition]) -> dict[Partition, str]:
    """The data versions of what is read from a parent."""
    above = chain(db, environment)[1:] if partitions else ()
    ids = visible(db, above[0], key, partitions) if above else {}
    if not ids:
        return {}
    rows = db.rows("SELECT id, data_version FROM versions WHERE id IN LISTED(?)", (listed(ids.values()),))
    data = {row["id"]: row["data_version"] for row in rows}
    return {partition: data[one] for partition, one in ids.items()}


def record_judgements(
    db: Writing, environment: str, said: Sequence[tuple[str, Judgement]], run_id: str
) -> dict[str, int]:
    """Record what was said of versions; answers the numbers of the judgements by version."""
    if not said:
        return {}
    (last,) = db.rows("SELECT coalesce(max(id), 0) AS id FROM judgements")
    now = micros(db.now)
    numbers = {version_id: last["id"] + place for place, (version_id, _) in enumerate(said, start=1)}
    db.executemany(
        "INSERT INTO judgements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                numbers[version_id],
                version_id,
                environment,
                judged.checks,
                json.dumps(judged.verdicts),
                judged.digest(),
                int(judged.failing),
                now,
                run_id,
            )
            for version_id, judged in said
        ],
    )
    return numbers


def adopt(
    db: Writing, attempt: StartedAttempt, version_id: str, as_of: datetime | None, *, ends: bool | None
) -> None:
    """Make an existing version visible, and end the attempt."""
    claim = attempt.claim
    check_held(db, [claim])
    check_there(db, [version_id])
    rows = db.rows(
        "SELECT data_version, (SELECT max(id) FROM judgements WHERE version_id = v.id) AS judgement"
        " FROM versions v WHERE id = ?",
        (version_id,),
    )
    if not rows:
        raise LedgerError(f"the ledger has no version '{version_id}' of asset '{claim.key}' to adopt")
    pointing = Pointing(
        key=claim.key,
        partition=claim.partition,
        version_id=version_id,
        data_version=rows[0]["data_version"],
        as_of=as_of,
        ends=ends,
        judgement=rows[0]["judgement"],
    )
    point(db, claim.environment, [pointing], Cause(kind="adopt", run_id=claim.run_id))
    end(db, [Ending(attempt=attempt, outcome="adopted")], ours=frozenset([claim]))


def end(db: Writing, endings: Sequence[Ending], ours: frozenset[Claim] | None = None) -> None:
    """Record how attempts ended, and free their claims; who lost the claim does not speak for the partition.

    Args:
        ours: the claims that are held, where that is known.
    """
    now = micros(db.now)
    db.executemany(
        "INSERT INTO attempt_ends VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (attempt_id) DO NOTHING",
        [
            (
                one.attempt.id,
                now,
                one.outcome,
                plain(one.reason),
                plain(one.error),
                maybe_micros(one.until),
                plain(one.output),
            )
            for one in endings
        ],
    )
    if ours is None:
        ours = held(db, [one.attempt.claim for one in endings])
    give_back(db, ours)
    _unsettle(
        db, [one for one in endings if one.outcome in _SPEAKING - _SHOWING and one.attempt.claim in ours]
    )
    db.executemany(
        "INSERT INTO last_attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (environment, asset, slice, ordinal) DO UPDATE SET attempt_id = excluded.attempt_id,"
        " fingerprint = excluded.fingerprint, outcome = excluded.outcome, ended_at = excluded.ended_at,"
        " reason = excluded.reason, until = excluded.until, checks = excluded.checks",
        [
            (
                one.attempt.claim.environment,
                one.attempt.claim.key,
                *one.attempt.claim.partition,
                one.attempt.id,
                one.attempt.fingerprint,
                one.outcome,
                now,
                plain(one.reason),
                maybe_micros(one.until),
                one.checks,
            )
            for one in endings
            if one.outcome in _SPEAKING and one.attempt.claim in ours
        ],
    )


def _unsettle(db: Writing, endings: Sequence[Ending]) -> None:
    """What ended without being published has to be looked at by whoever decides next."""
    db.executemany(
        "INSERT INTO unsettled VALUES (?, ?, ?, ?) ON CONFLICT (environment, asset, slice, ordinal) DO NOTHING",
        [
            (claim.environment, claim.key, *claim.partition)
            for claim in (one.attempt.claim for one in endings)
        ],
    )


def verify(db: Writing, environment: str, seen: Sequence[Seen], run_id: str) -> None:
    """Record that published versions were found current, and whether anything newer will come."""
    (last,) = db.rows(
        "SELECT (SELECT coalesce(max(sequence), 0) FROM publications) AS sequence,"
        " (SELECT coalesce(max(id), 0) FROM verifications) AS id"
    )
    found = [(entry[0], maybe_micros(entry[1]), int(entry[2]) if len(entry) == 3 else None) for entry in seen]
    db.executemany(
        "INSERT INTO verifications VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                last["id"] + place,
                last["sequence"],
                environment,
                version.key,
                *version.partition,
                version.id,
                as_of,
                ends,
                micros(db.now),
                run_id,
            )
            for place, (version, as_of, ends) in enumerate(found, start=1)
        ],
    )
    if len(chain(db, environment)) > 1:
        db.executemany(
            "INSERT INTO sightings VALUES (?, ?, ?, ?, ?, 1, ?, ?, NULL)"
            " ON CONFLICT (environment, asset, slice, ordinal) DO UPDATE SET version_id = excluded.version_id,"
            " verified = 1, as_of = excluded.as_of, ends = CASE WHEN sightings.version_id = excluded.version_id"
            " THEN coalesce(excluded.ends, sightings.ends) ELSE excluded.ends END,"
            " judgement = CASE WHEN sightings.version_id = excluded.version_id THEN sightings.judgement END",
            [
                (environment, version.key, *version.partition, version.id, as_of, ends)
                for version, as_of, ends in found
            ],
        )
    db.executemany(
        "UPDATE pointers SET as_of = ?, ends = coalesce(?, ends)"
        " WHERE environment = ? AND asset = ? AND slice = ? AND ordinal = ? AND version_id = ?",
        [
            (as_of, ends, environment, version.key, *version.partition, version.id)
            for version, as_of, ends in found
        ],
    )


def judge(db: Writing, environment: str, version: Version, judgement: Judgement, run_id: str) -> None:
    """Record what changed checks say of a published version."""
    number = record_judgements(db, environment, [(version.id, judgement)], run_id)[version.id]
    place = environment, version.key, *version.partition, version.id
    if len(chain(db, environment)) > 1:
        db.execute(
            "INSERT INTO sightings VALUES (?, ?, ?, ?, ?, 0, NULL, NULL, ?)"
            " ON CONFLICT (environment, asset, slice, ordinal) DO UPDATE SET version_id = excluded.version_id,"
            " verified = CASE WHEN sightings.version_id = excluded.version_id THEN sightings.verified ELSE 0 END,"
            " judgement = excluded.judgement",
            (*place, number),
        )
    db.execute(
        "UPDATE pointers SET judgement = ?"
        " WHERE environment = ? AND asset = ? AND slice = ? AND ordinal = ? AND version_id = ?",
        (number, *place),
    )


def settle(db: Writing, environment: str, settlements: Mapping[str, Settlement]) -> None:
    """Note what was found up to date, unless something newer is noted."""
    chain(db, environment)
    db.executemany(
        "DELETE FROM unsettled WHERE environment = ? AND asset = ? AND NOT EXISTS (SELECT 1 FROM settlements s"
        " WHERE s.environment = unsettled.environment AND s.asset = unsettled.asset AND s.sequence > ?)",
        [(environment, key, one.sequence) for key, one in settlements.items()],
    )
    db.executemany(
        "INSERT INTO settlements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (environment, asset) DO UPDATE SET"
        " sequence = excluded.sequence, code = excluded.code, config = excluded.config,"
        " resources = excluded.resources, checks = excluded.checks, partitions = excluded.partitions, at = excluded.at"
        " WHERE settlements.sequence <= excluded.sequence",
        [
            (
                environment,
                key,
                one.sequence,
                one.basis.code,
                one.basis.config,
                canonical(one.basis.resources),
                one.checks,
                one.partitions.to_json(),
                micros(one.at or db.now),
            )
            for key, one in settlements.items()
        ],
    )
