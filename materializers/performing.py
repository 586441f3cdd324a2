"""Performing an effect: what is begun is carried on first; then it is decided, recorded, performed and published.

    look ──> claim ──> ask for what is in doubt ──> perform, item by item ──> publish the receipts
               └────── decide ──> record the intents ──┘

Whoever is killed at any instant leaves a `Decision` that is unfinished; the next run carries it on from what is on
record, and never from new inputs once something was tried. A decision of which only groups that wait are left is asked
for again, and decides for those alone.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from graph import Intents, Skip
from graph.asset_graph import key_of
from graph.effects import group_of
from graph.partition_set import Partition, PartitionSet
from graph.reading import Reader
from graph.reasons import Reason
from graph.state import Outcome, Version
from graph.steps import Materialize
from materializers.arguments import StepRun, Taken, arguments_for, taken
from materializers.beside import beside_of
from materializers.building import claim
from materializers.call import Call, NotDone, Stopped, TimedOut
from materializers.compute import compute
from materializers.effect_facts import told
from materializers.effect_items import SETTLED, Items
from materializers.effect_records import BEGUN, Decision, Effect, NotToBePerformed
from materializers.formats import choose
from materializers.judging import judged, why_rejected
from materializers.ledger import ClaimLost, Content, LedgerError, Moved, Product, StartedAttempt, Wanted
from materializers.looking import Looking, Ready
from materializers.output import Output
from materializers.receipts import made, made_from, receipts
from materializers.result import Result, RunScope
from materializers.workspace import Workspace


class Performing:
    """The performing of an effect, for some partitions one after the other."""

    def __init__(self, step: Materialize, unit: PartitionSet, workspace: Workspace, scope: RunScope) -> None:
        self.step = step
        self.unit = unit
        self.workspace = workspace
        self.scope = scope
        self._looking = Looking(step, workspace, scope)
        self.asset = self._looking.asset
        if self.asset.deed is None:
            raise TypeError(f"asset '{step.key}' is no effect; `Building` makes it")
        self.deed = self.asset.deed

    def run(self) -> list[Result]:
        """A result for each partition."""
        return [self._whole(partition) for partition in sorted(self.unit)]

    def _whole(self, partition: Partition) -> Result:
        """Carry on what is begun, occasion after occasion; then see whether there is something new."""
        done: Result | None = None
        while True:
            result, again = self._once(partition)
            if result is not None and (done is None or result.kind != "already performed"):
                done = result if done is None or result.outcome != "kept" else done
            if not again:
                return done or self._result("kept", partition, reason="another run was first")

    def _once(self, partition: Partition) -> tuple[Result | None, bool]:
        """One look, and what follows from it; True when it has to be looked at again."""
        label = key_of(self.asset, partition)
        begun = self._unfinished(label)
        decision = begun[0] if begun else None
        waits = decision is not None and self._waits(decision, partition)
        looked, given, visible = self._look(partition, again=waits)
        if isinstance(looked, Result) and (not begun or waits or looked.outcome == "interrupted"):
            return looked, False
        anew = decision is None or waits or not self._was_begun(decision)
        if (
            isinstance(looked, Result)
            and anew
            and (looked.outcome == "skipped" or looked.kind in _HELD_ABOVE)
        ):
            return looked, False
        if self.scope.rehearse and (waits or not anew) and decision is not None:
            reason = f"not finished: {self._told(decision)}; a rehearsal leaves that as it is"
            return self._result("held", partition, reason=reason, because="rehearsed"), False
        mark = looked.mark if isinstance(looked, Ready) and anew else decision.fingerprint if decision else ""
        wanted = Wanted(fingerprint=mark, was=visible.id if visible else None, label=label or "")
        started = claim(self.workspace, self.scope, self.asset.key, {partition: wanted}, number=1)
        if started is None:
            return self._result("cancelled", partition, reason="the run was stopped"), False
        if isinstance(started, Moved):
            return None, True
        attempt = started[0]
        if self._unfinished(label) != begun:
            self.workspace.ledger.finish(attempt, "cancelled", reason="another run was first")
            return None, True
        return _Attempt(self, attempt, partition, looked, given, visible).guarded(decision, anew=anew)

    def _look(self, partition: Partition, *, again: bool) -> tuple[Result | Ready, Taken, Version | None]:
        ledger, environment = self.workspace.ledger, self.workspace.environment
        with ledger.state(environment, self._looking.keys()) as state:
            reader = Reader(graph=self.workspace.graph, state=state, horizon=self.scope.horizon)
            unit = PartitionSet.of([partition])
            (looked,) = self._looking.at(unit, reader, state, again=again)
            given = Taken(partitions=unit, versions={})
            if isinstance(looked, Ready):
                given = taken(self.asset, unit, reader, looked.troubles)
            return looked, given, reader.version(self.asset.key, partition)

    def _unfinished(self, label: str | None) -> list[Decision]:
        found = self.workspace.ledger.effects.unfinished(self.workspace.environment, self.asset.key)
        return [one for one in found if label in (None, one.occasion)]

    def items(self, occasion: str) -> tuple[Effect, ...]:
        """The items of an occasion, as they are now."""
        effects = self.workspace.ledger.effects
        return effects.of(self.workspace.environment, self.asset.key, occasion=occasion)

    def _was_begun(self, decision: Decision) -> bool:
        """Whether something of it was tried, or issued again, so that it stands as it is."""
        effects = self.workspace.ledger.effects
        return any(
            one.state in BEGUN
            or one.key.attempt > 1
            or any(before.state == "intended" for before in effects.history(one.key))
            for one in self.items(decision.occasion)
        )

    def _waits(self, decision: Decision, partition: Partition) -> bool:
        """Whether only groups that wait are left of it, and there is still time for them."""
        states = {one.state for one in self.items(decision.occasion)}
        return (
            "waiting" in states
            and not states & {"planned", "intended", "in doubt"}
            and not self.too_late(decision)
            and self.is_newest(partition)
        )

    def too_late(self, decision: Decision) -> bool:
        """Whether what has not begun of it is not begun any more."""
        return decision.until is not None and self.workspace.clock() >= decision.until

    def is_newest(self, partition: Partition) -> bool:
        """Nothing that was missed is begun late."""
        if self.asset.partitions is None:
            return True
        existing = self.scope.horizon.existing(self.asset.partitions)
        return not any(one.ordinal > partition.ordinal for one in existing if one.slice == partition.slice)

    def _told(self, decision: Decision) -> str:
        return told(decision.occasion, self.items(decision.occasion))

    def _result(self, outcome: Outcome, partition: Partition, **details: Any) -> Result:
        return self._looking.result(outcome, partition, **details)


_HELD_ABOVE = frozenset({"waits", "in trouble", "not observed"})


class _Attempt:
    """One attempt at one partition of an effect, under its claim."""

    def __init__(
        self,
        performing: Performing,
        attempt: StartedAttempt,
        partition: Partition,
        looked: Result | Ready,
        given: Taken,
        visible: Version | None,
    ) -> None:
        self.of = performing
        self.asset, self.workspace, self.scope = performing.asset, performing.workspace, performing.scope
        self.effects = performing.workspace.ledger.effects
        self.attempt, self.partition = attempt, partition
        self.looked, self.given, self.visible = looked, given, visible
        self.output = Output()
        self.performer = Items(
            asset=self.asset,
            deed=performing.deed,
            workspace=self.workspace,
            run_id=self.scope.run_id,
            output=self.output,
        )

    def guarded(self, decision: Decision | None, *, anew: bool) -> tuple[Result | None, bool]:
        """Carry on or decide, and record whatever goes wrong with the attempt."""
        outcome: Outcome
        details = ""
        try:
            if anew or decision is None:
                return self._decide(decision), False
            return self._carry_on(decision)
        except ClaimLost as error:
            return self._result("interrupted", reason=str(error)), False
        except NotToBePerformed as error:
            outcome, reason = "interrupted", str(error)
        except LedgerError:
            raise
        except Stopped:
            outcome, reason = "interrupted", "the run was stopped"
        except Exception as error:  # noqa: BLE001  # whatever a user's function gave
            cause = error.__cause__ if isinstance(error, NotDone) else error
            plain = isinstance(error, TimedOut) or cause is None
            details = "" if plain else self.workspace.hidden("".join(traceback.format_exception(cause)))
            outcome, reason = "failed", self.workspace.hidden(str(error) or type(error).__name__)
        return self._ended(outcome, reason, error=details), False

    # Deciding

    def _decide(self, before: Decision | None) -> Result:
        """Ask the effect's function what is to be done, record it and do it."""
        looked = self.looked
        if isinstance(looked, Result):  # what was planned before, and never begun, is not wanted any more
            self._give_up(before, "decided otherwise")
            self.workspace.ledger.finish(self.attempt, "cancelled", reason=looked.reason)
            return looked
        value = self._called()
        if isinstance(value, Skip):
            return self._skipped(before, value, looked)
        occasion, payloads = self._checked(value)
        waiting = {group: self.workspace.hidden(why) for group, why in value.waiting.items()}
        there = self.of.items(occasion)
        if any(one.state in BEGUN for one in there):  # what was done stands; only what waits is open
            waited = {one.key.item: one.reason for one in there if one.state == "waiting"}
            payloads = {name: text for name, text in payloads.items() if group_of(name) in waited}
            waiting = {group: why for group, why in waiting.items() if group in waited}
            if not payloads and waiting == waited:
                self._give_up(before if before and before.occasion != occasion else None, "decided otherwise")
                return self._performed_before(occasion, waiting, looked)
        elif waiting and not payloads:
            skip = Skip("; ".join(waiting.values()), until=self.workspace.clock())
            return self._skipped(before, skip, looked)
        if self.scope.rehearse:
            self.effects.plan(self.attempt, occasion, payloads, rehearse=True)
            reason = f"rehearsed: would perform {len(payloads)} for {occasion}"
            now = self.workspace.clock()
            notes = (*looked.notes, *_waits(waiting))
            return self._ended("held", reason, until=now, because="rehearsed", notes=notes)
        basis = self.workspace.basis(self.asset.key)
        as_of = looked.as_of or (self.attempt.started_at, False)
        self.effects.plan(
            self.attempt,
            occasion,
            payloads,
            waiting=waiting,
            made_from=made_from(looked, basis, as_of),
            until=value.until,
        )
        if before is not None and before.occasion != occasion:
            self._give_up(before, "decided otherwise")
        unfinished = self.effects.unfinished(self.workspace.environment, self.asset.key)
        (decision,) = [one for one in unfinished if one.occasion == occasion]
        return self._finish(decision)

    def _skipped(self, before: Decision | None, skip: Skip, looked: Ready) -> Result:
        """There is nothing to do now. What waits of an occasion that is begun goes on waiting."""
        items = self.of.items(before.occasion) if before else ()
        if before and any(one.state in BEGUN for one in items):
            waiting = {one.key.item: skip.reason for one in items if one.state == "waiting"}
            return self._performed_before(before.occasion, waiting, looked)
        self._give_up(before, skip.reason)
        return self._ended("skipped", skip.reason, until=skip.until, notes=looked.notes)

    def _performed_before(self, occasion: str, waiting: Mapping[str, str], looked: Ready) -> Result:
        """All of an occasion was performed before, or all but some groups, which still wait."""
        reason = Reason.already_performed(occasion).text
        until = None
        if waiting:
            reason = f"performed for {occasion}, but {'; '.join(_waits(waiting))}"
            until = self.workspace.clock()
        return self._ended("held", reason, until=until, because="already performed", notes=looked.notes)

    def _called(self) -> Intents | Skip:
        label = key_of(self.asset, self.partition)
        keys = (label,) if label is not None else ()
        run = StepRun(
            key=self.asset.key,
            run_id=self.scope.run_id,
            partition=label,
            partitions=keys,
            attempt=self.attempt.number,
            now=self.workspace.clock(),
            log=self.output.line,
            progress=lambda done, total: self.scope.progressed(self.of.step, done, total),
            live=self.workspace.is_live() and not self.scope.rehearse,
        )
        given = self.given
        call = Call(
            asset=self.asset,
            outputs=(self.asset,),
            partitions=keys,
            arguments=lambda: arguments_for(self.asset, given, self.workspace, run),
            run_id=self.scope.run_id,
            number=self.attempt.number,
            taken=given,
        )
        found = compute(call, self.workspace, self.scope.stop, self.output)
        value = found if isinstance(found, Skip) else found[self.asset.key]
        if not isinstance(value, Intents | Skip):
            raise NotDone(f"an effect returns Intents(...) or Skip(...), and gave {type(value).__name__}")
        return value

    def _checked(self, value: Intents) -> tuple[str, Mapping[str, str]]:
        """The occasion, and the payloads as they are kept."""
        label = key_of(self.asset, self.partition)
        occasion = value.occasion if label is None else value.occasion or label
        if not occasion:
            raise NotDone("an effect without partitions says its occasion: Intents(occasion=..., items=...)")
        if label is not None and occasion != label:
            raise NotDone(f"a partitioned effect's occasion is its partition {label}, not '{occasion}'")
        if value.until is not None and value.until.tzinfo is None:
            raise NotDone("its until= has no time zone; give an aware datetime")
        wrong = [name for name in value.items if not isinstance(name, str) or not name]
        if wrong:
            raise NotDone(f"the name of an item is a text, not {wrong[0]!r}")
        for group, why in value.waiting.items():
            if not isinstance(group, str) or not group or ":" in group:
                raise NotDone(f"a group that waits is named by a text without ':', not {group!r}")
            if not isinstance(why, str) or not why:
                raise NotDone(f"group '{group}' waits for no reason: say it, waiting={{'{group}': 'why'}}")
            if any(group_of(name) == group for name in value.items):
                raise NotDone(f"group '{group}' waits and has items; leave one of them out")
        return occasion, {
            name: self.performer.text_of(payload, f"item '{name}'") for name, payload in value.items.items()
        }

    def _give_up(self, decision: Decision | None, reason: str) -> None:
        """What was planned and never begun is not done any more."""
        if decision is not None:
            self.effects.drop(self.attempt, decision, "")
            self.effects.finish(decision, self.scope.run_id)
            self.output.line(f"what was only planned for {decision.occasion} is given up: {reason}")

    # Doing

    def _carry_on(self, decision: Decision) -> tuple[Result | None, bool]:
        """Ask for what is in doubt, and do the rest as it was decided."""
        for item in self.of.items(decision.occasion):
            if item.state == "in doubt":
                noted = self.effects.record(
                    item.key, "in doubt", reason=item.reason, run_id=self.scope.run_id
                )
                self.performer.ask(noted)
        held = self.looked if isinstance(self.looked, Result) and self.looked.kind == "in trouble" else None
        states = {one.state for one in self.of.items(decision.occasion)}
        if states & {"planned", "waiting"} and not self.of.is_newest(self.partition):
            self.effects.drop(self.attempt, decision, "its time has passed: there is a newer partition")
        elif "planned" in states and held is not None:
            self._settle_none(held)
            return held, False
        result = self._finish(decision)
        return result, result.outcome in ("published", "kept")

    def _settle_none(self, held: Result) -> None:
        output = self.workspace.hidden(self.output.text())
        now = self.workspace.clock()
        self.workspace.ledger.finish(self.attempt, "held", reason=held.reason, until=now, output=output)

    def _finish(self, decision: Decision) -> Result:
        """Perform what is planned, in order, up to the first that is not settled; publish when all are."""
        for item in self.of.items(decision.occasion):
            if item.state not in ("planned", "waiting", "in doubt"):
                continue
            if self.scope.stop.is_set():
                raise Stopped
            if item.state != "in doubt" and self.of.too_late(decision):
                self.effects.drop(
                    self.attempt, decision, f"it was not begun before {decision.until:%Y-%m-%d %H:%M %Z}"
                )
                break
            if item.state == "waiting":
                continue
            found = self.performer.settle(self.attempt, item, self._wait)
            if found.state not in SETTLED:
                return self._unsettled(decision, found)
        items = self.of.items(decision.occasion)
        open_ones = [one for one in items if one.state in ("planned", "in doubt", "intended")]
        if open_ones:
            return self._unsettled(decision, open_ones[0])
        return self._published(decision, items)

    def _wait(self, span: timedelta) -> bool:
        return not self.scope.stop.wait(span.total_seconds())

    def _unsettled(self, decision: Decision, item: Effect) -> Result:
        said = (
            f"{item.key.item} is in doubt"
            if item.state == "in doubt"
            else f"{item.key.item} was not performed"
        )
        left = told(decision.occasion, self.of.items(decision.occasion))
        reason = f"{said}: {item.reason}; not finished: {left}"
        error = self.performer.errors[-1] if self.performer.errors else ""
        return self._ended("failed", reason, error=error)

    def _published(self, decision: Decision, items: tuple[Effect, ...]) -> Result:
        """The receipts, judged and published as made from what the decision was made from.

        The decision is finished by that unless groups still wait.
        """
        waiting = {one.key.item: one.reason for one in items if one.state == "waiting"}
        value = receipts(items)
        content = choose(value, None, "table", key=self.asset.key).encode(value, self.workspace.store)
        if self._is_shown(decision, content):
            if not waiting:
                self.effects.finish(decision, self.scope.run_id)
            self.workspace.ledger.finish(self.attempt, "kept", reason="the receipts are published already")
            return self._result("kept", reason="the receipts are published already")
        judgement, verdicts = judged(
            self.asset,
            value,
            self.workspace,
            beside_of(self.asset, self.attempt.claim.partition, self.given.versions, self.workspace),
        )
        key = self.asset.key
        product = Product(
            attempt=self.attempt,
            made={key: made(decision.made_from, content)},
            judged={key: judgement},
            refused={key: why_rejected(verdicts)} if judgement.failing else {},
        )
        (ids,) = self.workspace.ledger.publish([product], output=self.workspace.hidden(self.output.text()))
        if not waiting:
            self.effects.finish(decision, self.scope.run_id)
        return self._result(
            "rejected" if product.refused else "published",
            reason=product.refused.get(key) or self._why(),
            rows=content.rows,
            size=content.size,
            verdicts={key: verdicts},
            versions=ids,
            attempts=self.attempt.number,
            notes=(*self.looked.notes, *_waits(waiting)),
        )

    def _is_shown(self, decision: Decision, content: Content) -> bool:
        """Whether somebody was killed between publishing the receipts and noting that all is done."""
        seen, key = self.visible, self.asset.key
        same = seen is not None and (seen.fingerprint, seen.data_version) == (
            decision.fingerprint,
            content.data_version,
        )
        return same and self.workspace.effect_facts([key])[key].own(seen) is not None

    def _why(self) -> str:
        return self.looked.why if isinstance(self.looked, Ready) else self.of.step.reason.text

    def _ended(
        self,
        outcome: Outcome,
        reason: str,
        *,
        error: str = "",
        until: Any = None,
        **details: Any,
    ) -> Result:
        """End the attempt without a publication."""
        self.workspace.ledger.finish(
            self.attempt,
            outcome,
            reason=self.workspace.hidden(reason),
            error=error,
            until=until,
            output=self.workspace.hidden(self.output.text()),
        )
        count = self.attempt.number if outcome == "failed" else 0
        return self._result(outcome, reason=reason, error=error, attempts=count, **details)

    def _result(self, outcome: Outcome, **details: Any) -> Result:
        return self.of._looking.result(outcome, self.partition, **details)  # noqa: SLF001  # the same module


def _waits(waiting: Mapping[str, str]) -> list[str]:
    """What waits, in words."""
    return [f"{group} waits: {why}" for group, why in waiting.items()]
