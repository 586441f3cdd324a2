"""Building: load -> compute -> write aside -> check -> publish or reject, under claims, with retries.

A batch is looked at partition by partition, and computed in one call for those that need it.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from graph import Asset, Skip
from graph.asset_graph import key_of
from graph.partition_set import Partition, PartitionSet
from graph.partition_text import batches
from graph.reading import Reader
from graph.reasons import Reason
from graph.settling import failures_hold
from graph.state import Outcome, Version
from graph.steps import Adopt, Materialize
from materializers.arguments import StepRun, Taken, arguments_for, as_asked, taken
from materializers.batching import split
from materializers.beside import Together, beside_of, read_by
from materializers.call import Call, NotDone, Stopped, TimedOut
from materializers.compute import compute
from materializers.judging import Stored, all_together, store_and_judge, why_rejected
from materializers.ledger import (
    Busy,
    ClaimLost,
    ContentGone,
    LedgerError,
    Made,
    Moved,
    Product,
    StartedAttempt,
    Wanted,
)
from materializers.looking import Looking, Ready
from materializers.output import Output
from materializers.result import Result, RunScope
from materializers.table_format import arrow_of, as_table
from materializers.workspace import Workspace

if TYPE_CHECKING:
    from checks import Beside, Verdict

CLAIM_POLL_S = 0.05
TOLD_AFTER_POLLS = 40
"""So often a claim is asked for before somebody is told whom it waits for."""
LONGEST_DELAY = timedelta(hours=1)
"""Retries double their delay up to this."""


def claim(
    workspace: Workspace,
    scope: RunScope,
    key: str,
    wanted: Mapping[Partition, Wanted],
    *,
    number: int,
    seen: int | None = None,
) -> tuple[StartedAttempt, ...] | Moved | None:
    """Claim partitions, waiting while another run holds one; None when this run is stopped.

    Args:
        seen: the last publication that was known when it was decided what goes in.
    """
    polls = 0
    while not scope.stop.is_set():
        begun = workspace.ledger.begin(
            workspace.environment, key, wanted, run_id=scope.run_id, number=number, seen=seen
        )
        if not isinstance(begun, Busy):
            return begun
        polls += 1
        if polls == TOLD_AFTER_POLLS:
            scope.waits(key, begun.run_id)
        scope.stop.wait(CLAIM_POLL_S)
    return None


class Building:
    """The building of some partitions by one function: of one asset, or of several together."""

    def __init__(
        self, step: Materialize | Adopt, unit: PartitionSet, workspace: Workspace, scope: RunScope
    ) -> None:
        self.step = step
        self.unit = unit
        self.workspace = workspace
        self.scope = scope
        self._looking = Looking(step, workspace, scope)
        self.asset, self.outputs = self._looking.asset, self._looking.outputs
        self.returned = tuple(output for output in self.outputs if output.aside_of is None)

    def run(self) -> list[Result]:
        """Build, or see that there is nothing to build: a result for each partition."""
        done: list[Result] = []
        left, number = self.unit, 1
        while True:
            results = self._attempt(left, number)
            failed = [result for result in results if result.outcome == "failed"]
            if not failed or number > self.asset.execution.retries or self.scope.stop.is_set():
                return [*done, *results]
            done.extend(result for result in results if result.outcome != "failed")
            left = PartitionSet.union(result.partitions for result in failed)
            doubled = self.asset.execution.retry_delay * 2 ** min(number - 1, 20)
            self.scope.stop.wait(min(doubled, LONGEST_DELAY).total_seconds())
            number += 1

    def _attempt(self, partitions: PartitionSet, number: int) -> list[Result]:
        """One try at some partitions; what another run has moved meanwhile is looked at again."""
        done: list[Result] = []
        while True:
            with self.workspace.ledger.state(self.workspace.environment, self._looking.keys()) as state:
                reader = Reader(graph=self.workspace.graph, state=state, horizon=self.scope.horizon)
                looked = self._looking.at(partitions, reader, state)
                ready = [one for one in looked if isinstance(one, Ready)]
                calls = self._calls([one for one in ready if one.known is None], reader)
                sequence = state.sequence
            done.extend(one for one in looked if isinstance(one, Result))
            again: list[Ready] = []
            for one in ready:
                if one.known is not None:
                    adopted = self._adopt(one, one.known, number, sequence)
                    done.extend([adopted] if adopted else [])
                    again.extend([] if adopted else [one])
            for given, members in calls:
                built = self._claimed(given, members, number, sequence)
                done.extend(built or [])
                again.extend(members if built is None else [])
            if not again:
                return done
            partitions = PartitionSet.of(one.partition for one in again)

    # Doing it

    def _calls(self, ready: Sequence[Ready], reader: Reader) -> list[tuple[Taken, list[Ready]]]:
        """The calls that are needed, each with what it reads: one a partition, or one a batch."""
        by_partition = {one.partition: one for one in ready}
        wanted = PartitionSet.of(by_partition)
        size = self.asset.batch.size if self.asset.batch else 1
        existing = reader.existing(self.asset.key)
        return [
            (
                taken(
                    self.asset,
                    group,
                    reader,
                    (trouble for partition in group for trouble in by_partition[partition].troubles),
                ),
                [by_partition[partition] for partition in group],
            )
            for group in batches(wanted, existing, size)
        ]

    def _adopt(self, one: Ready, known: Version, number: int, sequence: int) -> Result | None:
        """Make a version visible that exists; None when another run was first."""
        wanted = {one.partition: self._wanted(one)}
        begun = claim(self.workspace, self.scope, self.asset.key, wanted, number=number, seen=sequence)
        if begun is None:
            return self._stopped(one.partition)
        if isinstance(begun, Moved):
            return None
        as_of, ends = one.as_of or self.workspace.seen_by(self.asset) or (known.made_at, False)
        try:
            self.workspace.ledger.adopt(begun[0], known.id, as_of, ends=ends)
        except ContentGone as error:  # garbage was collected meanwhile: the next look sees it
            self.workspace.ledger.finish(begun[0], "interrupted", reason=str(error))
            return None
        reason = self.step.reason if self.step.reason.kind == "known" else Reason.known(self.step.reason)
        return self._result(
            "adopted",
            one.partition,
            reason=reason.text,
            versions={self.asset.key: known.id},
            read_at=sequence,
            notes=one.notes,
        )

    def _claimed(
        self, given: Taken, members: Sequence[Ready], number: int, sequence: int
    ) -> list[Result] | None:
        """Claim and build some partitions in one call; None when another run was first at one of them."""
        wanted = {one.partition: self._wanted(one) for one in members}
        begun = claim(self.workspace, self.scope, self.asset.key, wanted, number=number, seen=sequence)
        if begun is None:
            return [self._stopped(one.partition) for one in members]
        if isinstance(begun, Moved):
            return None
        attempts = {attempt.claim.partition: attempt for attempt in begun}
        return self._guarded(attempts, given, members, sequence)

    def _wanted(self, one: Ready) -> Wanted:
        return Wanted(fingerprint=one.mark, was=one.was, label=key_of(self.asset, one.partition) or "")

    def _stopped(self, partition: Partition) -> Result:
        return self._result("cancelled", partition, reason="the run was stopped")

    def _guarded(
        self,
        attempts: Mapping[Partition, StartedAttempt],
        given: Taken,
        members: Sequence[Ready],
        sequence: int,
    ) -> list[Result]:
        """Build, and record whatever goes wrong with the attempts."""
        output = Output()
        outcome: Outcome
        details = ""
        try:
            return self._build(attempts, given, members, output, sequence)
        except ClaimLost as error:
            return [self._result("interrupted", one.partition, reason=str(error)) for one in members]
        except LedgerError:
            raise
        except Stopped:
            outcome, reason = "interrupted", "the run was stopped"
        except Exception as error:  # noqa: BLE001  # whatever a user's function gave or its value did
            cause = error.__cause__ if isinstance(error, NotDone) else error
            told = isinstance(error, TimedOut) or cause is None
            details = "" if told else self.workspace.hidden("".join(traceback.format_exception(cause)))
            outcome, reason = "failed", self.workspace.hidden(str(error) or type(error).__name__)
        results = []
        for one in members:
            attempt = attempts[one.partition]
            again = self._tried_again() if outcome == "failed" else None
            self._finish(attempt, outcome, reason=reason, error=details, until=again, output=output)
            count = attempt.number if outcome == "failed" else 0
            results.append(self._result(outcome, one.partition, reason=reason, error=details, attempts=count))
        return results

    def _tried_again(self) -> datetime | None:
        """When an automatic run may try again what failed now; never, where only somebody's hand does."""
        after = failures_hold(self.asset, automatic=True)
        return None if after is None or after == timedelta.max else self.workspace.clock() + after

    def _finish(
        self,
        attempt: StartedAttempt,
        outcome: Outcome,
        *,
        reason: str,
        output: Output,
        error: str = "",
        until: datetime | None = None,
    ) -> None:
        self.workspace.ledger.finish(
            attempt,
            outcome,
            reason=self.workspace.hidden(reason),
            error=error,
            until=until,
            output=self.workspace.hidden(output.text()),
        )

    def _build(
        self,
        attempts: Mapping[Partition, StartedAttempt],
        given: Taken,
        members: Sequence[Ready],
        output: Output,
        sequence: int,
    ) -> list[Result]:
        first = attempts[members[0].partition]
        keys = tuple(key for one in members if (key := key_of(self.asset, one.partition)) is not None)
        call = Call(
            asset=self.asset,
            outputs=self.returned,
            partitions=keys,
            arguments=lambda: self._arguments(first, given, keys, output),
            run_id=self.scope.run_id,
            number=first.number,
            taken=given,
            live=self.workspace.is_live() and not self.scope.rehearse,
        )
        started = self.workspace.clock()
        values = compute(call, self.workspace, self.scope.stop, output)
        if isinstance(values, Skip):
            for one in members:
                self._finish(
                    attempts[one.partition],
                    "skipped",
                    reason=values.reason,
                    until=values.until,
                    output=output,
                )
            return [
                self._result("skipped", one.partition, reason=values.reason, notes=one.notes)
                for one in members
            ]
        made = self._split(values, given)
        alone = {
            asset.key: self._judged(asset, members, made[asset.key], given, call, output)
            for asset in self.returned
        }
        whole = any(check.whole for asset in self.returned for check in asset.checks)
        with self.scope.alone(self.asset.key) if whole else nullcontext():
            return self._published(members, attempts, alone, started, sequence, output)

    def _judged(
        self,
        asset: Asset,
        members: Sequence[Ready],
        values: Mapping[Partition, object],
        given: Taken,
        call: Call,
        output: Output,
    ) -> dict[Partition, Stored]:
        """The values of one asset, written aside and judged, in the order of time."""
        together = Together(asset=asset)
        found = {}
        for one in sorted(members, key=lambda one: one.partition):

            def beside(one: Ready = one) -> Beside:
                return together.after(self._beside(asset, one, given, call, output))

            stored = store_and_judge(asset, values[one.partition], self.workspace, beside)
            if not stored.judgement.failing:
                together.note(one.partition, stored.verdicts)
            found[one.partition] = stored
        return found

    def _published(
        self,
        members: Sequence[Ready],
        attempts: Mapping[Partition, StartedAttempt],
        alone: Mapping[str, Mapping[Partition, Stored]],
        started: datetime,
        sequence: int,
        output: Output,
    ) -> list[Result]:
        """Judge what is about all partitions, and publish what is good, all together."""
        stored = {asset.key: all_together(asset, alone[asset.key], self.workspace) for asset in self.returned}
        results, products = [], []
        for one in members:
            of_one = {key: found[one.partition] for key, found in stored.items()}
            product, verdicts = self._product(one, attempts[one.partition], of_one, started)
            products.append(product)
            results.append(self._ended(one, product, verdicts, sequence))
        published = self.workspace.ledger.publish(products, output=self.workspace.hidden(output.text()))
        return [replace(result, versions=ids) for result, ids in zip(results, published, strict=True)]

    def _split(self, values: Mapping[str, object], given: Taken) -> Mapping[str, Mapping[Partition, object]]:
        """By key, the value of each partition that a call made."""
        return {asset.key: split(values[asset.key], asset, given.partitions) for asset in self.returned}

    def _beside(self, asset: Asset, one: Ready, given: Taken, call: Call, output: Output) -> Beside:
        """What the value of one partition is judged beside."""

        def remake(changed: Mapping[str, object]) -> object:
            again = replace(call, arguments=lambda: {**call.arguments(), **as_asked(asset, changed)})
            values = compute(again, self.workspace, self.scope.stop, output)
            if isinstance(values, Skip):
                raise NotDone(f"it skipped: {values.reason}")
            value = self._split(values, given)[asset.key][one.partition]
            made = arrow_of(value)
            return value if made is None else as_table(made, asset.key)

        makes = not asset.volatile and asset.execution.isolation == "thread"
        return beside_of(
            asset,
            one.partition,
            read_by(given.versions, one.lineage),
            self.workspace,
            remake if makes else None,
        )

    def _product(
        self,
        one: Ready,
        attempt: StartedAttempt,
        made: Mapping[str, Stored],
        started: datetime,
    ) -> tuple[Product, Mapping[str, tuple[Verdict, ...]]]:
        """What was made of one partition, by key, as it is recorded."""
        as_of, ends = one.as_of or self.workspace.seen_by(self.asset) or (started, False)
        refused: dict[str, str] = {}
        stored: dict[str, Stored] = {}
        for key, found in made.items():
            stored |= {key: found, **found.asides}
            if found.judgement.failing:
                refused |= dict.fromkeys([key, *found.asides], why_rejected(found.verdicts))
        recorded = {
            key: Made(
                content=found.content,
                basis=self.workspace.basis(self.asset.key),
                inputs=one.found.inputs,
                lineage=one.lineage,
                as_of=as_of,
                ends=ends,
            )
            for key, found in stored.items()
        }
        judgements = {key: found.judgement for key, found in stored.items()}
        product = Product(attempt=attempt, made=recorded, judged=judgements, refused=refused)
        return product, {key: found.verdicts for key, found in stored.items()}

    def _ended(self, one: Ready, product: Product, verdicts: Mapping[str, Any], sequence: int) -> Result:
        return self._result(
            "rejected" if product.refused else "published",
            one.partition,
            reason="; ".join(dict.fromkeys(product.refused.values())) or one.why,
            rows=_total(made.content.rows for made in product.made.values()),
            size=sum(made.content.size for made in product.made.values()),
            verdicts=verdicts,
            attempts=product.attempt.number,
            read_at=sequence,
            notes=one.notes,
        )

    def _arguments(
        self, attempt: StartedAttempt, given: Taken, keys: tuple[str, ...], output: Output
    ) -> dict[str, Any]:
        run = StepRun(
            key=self.asset.key,
            run_id=self.scope.run_id,
            partition=keys[0] if len(keys) == 1 else None,
            partitions=keys,
            attempt=attempt.number,
            now=self.workspace.clock(),
            log=output.line,
            progress=lambda done, total: self.scope.progressed(self.step, done, total),
            live=self.workspace.is_live() and not self.scope.rehearse,
        )
        return arguments_for(self.asset, given, self.workspace, run)

    def _result(self, outcome: Outcome, partition: Partition, **details: Any) -> Result:
        return self._looking.result(outcome, partition, **details)


def _total(counts: Iterable[int | None]) -> int | None:
    """The sum of what is known; None when nothing is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
