"""Effects on record, in the ledger's database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from materializers.database import Database, Reading, Row, Writing
from materializers.effect_records import (
    BEGUN,
    Decision,
    Effect,
    EffectKey,
    EffectState,
    NotToBePerformed,
    Outcome,
)
from materializers.ledger_claims import Liveness, check_held
from materializers.ledger_environments import chain
from materializers.ledger_rows import maybe_micros, maybe_moment, micros, moment, plain
from materializers.records import LedgerError, StartedAttempt

_EFFECTS = """
SELECT e.*, f.planned_at, f.first_id, a.claim_held, l.expires_at
FROM effects f JOIN effect_events e ON e.id = f.last_id
LEFT JOIN (
    SELECT s.id, s.run_id, 1 AS claim_held FROM attempts s
    JOIN claims c ON c.environment = s.environment AND c.asset = s.asset AND c.slice = s.slice
        AND c.ordinal = s.ordinal AND c.token = s.token AND c.run_id = s.run_id AND c.held = 1
) a ON a.id = e.attempt_id AND e.state = 'intended'
LEFT JOIN leases l ON l.run_id = a.run_id
"""
"""Each item with its last event, and whether whoever intended it still holds the claim."""
_NOT_SETTLED: Sequence[EffectState] = ("in doubt", "intended", "planned")
_KILLED = "whoever performed it is gone, and left no word"


class SqlEffects:
    """See `materializers.effect_records.EffectRecords`."""

    def __init__(self, database: Database, liveness: Liveness) -> None:
        self._database = database
        self._liveness = liveness

    def plan(
        self,
        attempt: StartedAttempt,
        occasion: str,
        items: Mapping[str, str],
        *,
        waiting: Mapping[str, str] | None = None,
        made_from: str = "",
        until: datetime | None = None,
        rehearse: bool = False,
    ) -> tuple[Effect, ...]:
        """See `EffectRecords`."""
        claim, waiting = attempt.claim, waiting or {}
        with self._database.writing() as db:
            check_held(db, [claim])
            live = _is_live(db, claim.environment)
            there = {one.key.item: one for one in self._of(db, claim.environment, claim.key, occasion)}
            renewed = {"dropped", "rehearsed"}
            if not rehearse or not live:
                renewed |= {"planned", "waiting"}
            changed: list[Effect] = []
            for item in (*items, *waiting):
                old = there.get(item)
                if old is None or old.state in renewed:
                    decided: EffectState = "planned" if live and not rehearse else "rehearsed"
                    key = EffectKey(
                        environment=claim.environment, key=claim.key, occasion=occasion, item=item
                    )
                    changed.append(
                        Effect(
                            key=old.key if old is not None else key,
                            state="waiting" if item in waiting else decided,
                            payload=items.get(item, "null"),
                            reason=waiting.get(item, ""),
                            planned_at=old.planned_at if old else db.now,
                            changed_at=db.now,
                            run_id=claim.run_id,
                        )
                    )
            for item, old in there.items():
                if old.state == "in doubt" and old.reason == _KILLED:
                    changed.append(replace(old, changed_at=db.now, run_id=claim.run_id))
                elif item not in items.keys() | waiting.keys() and (
                    (old.state in ("planned", "waiting") and not rehearse) or old.state == "rehearsed"
                ):
                    reason = "" if old.state == "waiting" else old.reason
                    changed.append(
                        replace(old, state="dropped", reason=reason, changed_at=db.now, run_id=claim.run_id)
                    )
            _append(db, changed, attempt.id)
            if not rehearse:
                _decide(
                    db,
                    _Decided(
                        place=(claim.environment, claim.key, occasion),
                        fingerprint=attempt.fingerprint,
                        made_from=made_from,
                        until=maybe_micros(until),
                        run_id=claim.run_id,
                    ),
                )
            return self._of(db, claim.environment, claim.key, occasion)

    def intend(self, attempt: StartedAttempt, items: Sequence[EffectKey]) -> tuple[Effect, ...]:
        """See `EffectRecords`."""
        claim = attempt.claim
        with self._database.writing() as db:
            check_held(db, [claim])
            found = [self._one(db, item) for item in items]
            for one in found:
                if (one.key.environment, one.key.key) != (claim.environment, claim.key):
                    raise NotToBePerformed(one, f"the claim is one of asset '{claim.key}'")
                if one.state != "planned":
                    raise NotToBePerformed(one, f"it is {one.state}")
            intended = [
                replace(one, state="intended", reason="", name=None, changed_at=db.now, run_id=claim.run_id)
                for one in found
            ]
            _append(db, intended, attempt.id)
            return tuple(intended)

    def record(
        self,
        item: EffectKey,
        outcome: Outcome,
        *,
        receipt: str = "",
        reason: str = "",
        name: str | None = None,
        run_id: str | None = None,
    ) -> Effect:
        """See `EffectRecords`."""
        with self._database.writing() as db:
            old = self._one(db, item)
            if (
                old.state == "accepted"
                and outcome == "accepted"
                and (name is None or receipt in ("", old.receipt))
            ):
                return old
            if old.state == "planned" and outcome == "not performed" and self._was_intended(db, item):
                return old
            if old.state == "intended" and name is not None:
                raise NotToBePerformed(
                    old, f"the run '{old.run_id}' is performing it; wait, or cancel that run"
                )
            late = outcome == "accepted" and old.state != "rehearsed" and self._was_intended(db, item)
            if old.state not in ("intended", "in doubt") and not late:
                raise NotToBePerformed(old, f"it is {old.state}, and cannot become {outcome}")
            if old.state == "intended" and outcome != "accepted" and run_id not in (None, old.run_id):
                raise NotToBePerformed(old, f"the run '{old.run_id}' is performing it")
            new = replace(
                old,
                state="planned" if outcome == "not performed" else outcome,
                receipt=plain(receipt),
                reason=plain(reason),
                name=name,
                changed_at=db.now,
                run_id=run_id or old.run_id,
            )
            _append(db, [new], 0)
            if late and old.state not in ("intended", "in doubt"):
                _decide_again(db, (item.environment, item.key, item.occasion), run_id or old.run_id)
            return new

    def reissue(
        self, environment: str, key: str, occasion: str, items: Sequence[str], *, name: str, reason: str
    ) -> tuple[Effect, ...]:
        """See `EffectRecords`."""
        with self._database.writing() as db:
            there = {one.key.item: one for one in self._of(db, environment, key, occasion)}
            missing = [item for item in items if item not in there]
            if missing:
                raise LedgerError(
                    f"asset '{key}' has no item '{missing[0]}' for {occasion};"
                    " `assets effects list` shows what there is"
                )
            found = []
            for item in items:
                old = there[item]
                if old.state not in ("accepted", "refused", "given up"):
                    unknown = old.state in ("intended", "in doubt")
                    follows = "find out what became of it first" if unknown else "it was not performed yet"
                    raise NotToBePerformed(old, f"it is {old.state}; {follows}")
                found.append(
                    Effect(
                        key=replace(old.key, attempt=old.key.attempt + 1),
                        state="planned",
                        payload=old.payload,
                        reason=reason,
                        name=name,
                        planned_at=db.now,
                        changed_at=db.now,
                        run_id="",
                    )
                )
            _append(db, found, 0)
            _decide_again(db, (environment, key, occasion), "")
            return tuple(found)

    def unfinished(self, environment: str, key: str | None = None) -> tuple[Decision, ...]:
        """See `EffectRecords`."""
        one = "" if key is None else " AND d.asset = ?"
        rows = self._database.rows(
            "SELECT d.* FROM effect_decisions d LEFT JOIN effects_finished f ON f.decision_id = d.id"
            f" WHERE d.environment = ? AND f.decision_id IS NULL{one} ORDER BY d.id",
            [environment] if key is None else [environment, key],
        )
        return tuple(
            Decision(
                id=row["id"],
                environment=row["environment"],
                key=row["asset"],
                occasion=row["occasion"],
                fingerprint=row["fingerprint"],
                made_from=row["made_from"],
                until=maybe_moment(row["until"]),
                at=moment(row["at"]),
                run_id=row["run_id"],
            )
            for row in rows
        )

    def begun(self, environment: str, key: str) -> frozenset[str]:
        """See `EffectRecords`."""
        states = ", ".join(repr(state) for state in sorted(BEGUN))
        rows = self._database.rows(
            f"SELECT DISTINCT occasion FROM effects WHERE environment = ? AND asset = ? AND state IN ({states})",
            (environment, key),
        )
        return frozenset(row["occasion"] for row in rows)

    def drop(self, attempt: StartedAttempt, decision: Decision, reason: str) -> None:
        """See `EffectRecords`."""
        with self._database.writing() as db:
            check_held(db, [attempt.claim])
            items = self._of(db, decision.environment, decision.key, decision.occasion)
            dropped = [
                replace(
                    one,
                    state="dropped",
                    reason=f"{reason} ({one.reason})" if reason and one.state == "waiting" else reason,
                    changed_at=db.now,
                    run_id=attempt.claim.run_id,
                )
                for one in items
                if one.state in ("planned", "waiting")
            ]
            _append(db, dropped, attempt.id)

    def finish(self, decision: Decision, run_id: str) -> None:
        """See `EffectRecords`."""
        with self._database.writing() as db:
            _finish(db, [decision.id], run_id)

    def of(
        self,
        environment: str,
        key: str | None = None,
        *,
        occasion: str | None = None,
        open_only: bool = False,
    ) -> tuple[Effect, ...]:
        """See `EffectRecords`."""
        with self._database.reading() as db:
            chain(db, environment)
            found = self._of(db, environment, key, occasion, states=_NOT_SETTLED if open_only else None)
        if open_only:
            # What waits is looked for where something is not finished: the index knows only what is not settled.
            for one in self.unfinished(environment, key):
                if occasion in (None, one.occasion):
                    items = self.of(environment, one.key, occasion=one.occasion)
                    found += tuple(item for item in items if item.state == "waiting")
        return found

    def history(self, item: EffectKey) -> tuple[Effect, ...]:
        """See `EffectRecords`."""
        rows = self._database.rows(
            "SELECT e.*, f.planned_at FROM effect_events e JOIN effects f ON f.environment = e.environment"
            " AND f.asset = e.asset AND f.occasion = e.occasion AND f.item = e.item AND f.attempt = e.attempt"
            " WHERE e.environment = ? AND e.asset = ? AND e.occasion = ? AND e.item = ? AND e.attempt = ?"
            " ORDER BY e.id",
            _place(item),
        )
        return tuple(map(_effect_of, rows))

    def _of(
        self,
        db: Reading,
        environment: str,
        key: str | None,
        occasion: str | None,
        *,
        states: Sequence[EffectState] | None = None,
    ) -> tuple[Effect, ...]:
        where, values = "f.environment = ?", [environment]
        for column, value in (("asset", key), ("occasion", occasion)):
            if value is not None:
                where, values = f"{where} AND f.{column} = ?", [*values, value]
        if states is not None:
            where += f" AND f.state IN ({', '.join(map(repr, states))})"
        last = (
            " AND f.attempt = (SELECT max(o.attempt) FROM effects o WHERE o.environment = f.environment"
            " AND o.asset = f.asset AND o.occasion = f.occasion AND o.item = f.item)"
        )
        rows = db.rows(f"{_EFFECTS} WHERE {where}{last} ORDER BY f.first_id", values)
        return tuple(self._as_it_is(db, row) for row in rows)

    def _one(self, db: Reading, item: EffectKey) -> Effect:
        rows = db.rows(
            f"{_EFFECTS} WHERE f.environment = ? AND f.asset = ? AND f.occasion = ? AND f.item = ? AND f.attempt = ?",
            _place(item),
        )
        if not rows:
            raise LedgerError(f"asset '{item.key}': {item} is not on record; plan it first")
        return self._as_it_is(db, rows[0])

    def _as_it_is(self, db: Reading, row: Row) -> Effect:
        """An item; one that somebody dead intended is in doubt."""
        found = _effect_of(row)
        if found.state != "intended":
            return found
        ends = row["expires_at"]
        alive = (
            row["claim_held"]
            and ends is not None
            and moment(ends) > db.now
            and not self._liveness.dead(found.run_id, moment(ends), db.now)
        )
        return found if alive else replace(found, state="in doubt", reason=_KILLED)

    def _was_intended(self, db: Reading, item: EffectKey) -> bool:
        rows = db.rows(
            "SELECT 1 AS found FROM effect_events WHERE environment = ? AND asset = ? AND occasion = ? AND item = ?"
            " AND attempt = ? AND state = 'intended' LIMIT 1",
            _place(item),
        )
        return bool(rows)


def _is_live(db: Reading, environment: str) -> bool:
    rows = db.rows("SELECT live FROM environments WHERE name = ? AND dropped_at IS NULL", (environment,))
    return bool(rows and rows[0]["live"])


class _Decided(NamedTuple):
    """A row of ``effect_decisions`` that is to be; ``place`` is environment, asset and occasion."""

    place: tuple[str, str, str]
    fingerprint: str
    made_from: str
    until: int | None
    run_id: str


def _decide(db: Writing, new: _Decided) -> None:
    """Record a decision; it takes the place of those before it for the same occasion."""
    before = db.rows(
        "SELECT d.id FROM effect_decisions d LEFT JOIN effects_finished f ON f.decision_id = d.id"
        " WHERE d.environment = ? AND d.asset = ? AND d.occasion = ? AND f.decision_id IS NULL",
        new.place,
    )
    _finish(db, [row["id"] for row in before], new.run_id)
    (last,) = db.rows("SELECT coalesce(max(id), 0) AS id FROM effect_decisions")
    db.execute(
        "INSERT INTO effect_decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            last["id"] + 1,
            *new.place,
            new.fingerprint,
            plain(new.made_from),
            new.until,
            micros(db.now),
            new.run_id,
        ),
    )


def _decide_again(db: Writing, place: tuple[str, str, str], run_id: str) -> None:
    """The last decision of an occasion is open again, without a time at which it ends."""
    rows = db.rows(
        "SELECT fingerprint, made_from FROM effect_decisions WHERE environment = ? AND asset = ? AND occasion = ?"
        " ORDER BY id DESC LIMIT 1",
        place,
    )
    for row in rows:
        _decide(
            db,
            _Decided(
                place=place,
                fingerprint=row["fingerprint"],
                made_from=row["made_from"],
                until=None,
                run_id=run_id,
            ),
        )


def _finish(db: Writing, decisions: Iterable[int], run_id: str) -> None:
    now = micros(db.now)
    db.executemany(
        "INSERT INTO effects_finished VALUES (?, ?, ?) ON CONFLICT (decision_id) DO NOTHING",
        [(decision, now, run_id) for decision in decisions],
    )


def _append(db: Writing, effects: Iterable[Effect], attempt_id: int) -> None:
    """Record what happened to items, and what state each has by that."""
    (last,) = db.rows("SELECT coalesce(max(id), 0) AS id FROM effect_events")
    numbered = list(enumerate(effects, start=last["id"] + 1))
    now = micros(db.now)
    db.executemany(
        "INSERT INTO effect_events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                number,
                *_place(one.key),
                one.state,
                plain(one.payload),
                plain(one.receipt),
                plain(one.reason),
                one.name,
                now,
                one.run_id,
                attempt_id,
            )
            for number, one in numbered
        ],
    )
    db.executemany(
        "INSERT INTO effects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (environment, asset, occasion, item, attempt) DO UPDATE SET last_id = excluded.last_id,"
        " state = excluded.state",
        [(*_place(one.key), number, number, one.state, micros(one.planned_at)) for number, one in numbered],
    )


def _place(item: EffectKey) -> tuple[str, str, str, str, int]:
    return item.environment, item.key, item.occasion, item.item, item.attempt


def _effect_of(row: Row) -> Effect:
    state: EffectState = row["state"]
    return Effect(
        key=EffectKey(
            environment=row["environment"],
            key=row["asset"],
            occasion=row["occasion"],
            item=row["item"],
            attempt=row["attempt"],
        ),
        state=state,
        payload=row["payload"],
        receipt=row["receipt"],
        reason=row["reason"],
        name=row["name"],
        planned_at=moment(row["planned_at"]),
        changed_at=moment(row["at"]),
        run_id=row["run_id"],
    )
