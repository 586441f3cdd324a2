"""Building: load -> compute -> write aside -> check -> publish or reject, under claims, with retries.

Whether there is something to compute was planned; here the same question is asked once more of what is published
now, so that early cutoff, another run's work and a moved upstream are seen. A batch is asked partition by partition,
and computed in one call for those that need it.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from graph import Asset, Skip
from graph.ages import inherited_as_of
from graph.fingerprint import fingerprint
from graph.one_each import takes_what_is_there
from graph.partition_set import Partition, PartitionSet
from graph.partition_text import batches
from graph.plan import checks_digest, key_of
from graph.reading import Reader, inputs_of
from graph.reading import Reading as Inputs
from graph.reasons import Reason
from graph.settling import Settled, settle
from graph.state import Attempt, Outcome, Version
from graph.steps import Adopt, Materialize
from materializers.arguments import StepRun, Taken, arguments_for, taken
from materializers.batching import split
from materializers.call import Call, NotDone, Stopped, TimedOut
from materializers.compute import compute
from materializers.formats import choose
from materializers.judging import judge_again, judged, why_rejected
from materializers.ledger import (
    Busy,
    ClaimLost,
    Content,
    LedgerError,
    LedgerState,
    Made,
    Moved,
    Product,
    Read,
    StartedAttempt,
    Wanted,
)
from materializers.output import Output
from materializers.result import Result, RunScope
from materializers.workspace import Workspace

CLAIM_POLL_S = 0.05
LONGEST_DELAY = timedelta(hours=1)
"""Retries double their delay up to this."""
NAMED_VERSIONS = 32
"""So many versions that were read are named one by one in the lineage; more are named by their set."""


def claim(
    workspace: Workspace, scope: RunScope, key: str, wanted: Mapping[Partition, Wanted], *, number: int
) -> tuple[StartedAttempt, ...] | Moved | None:
    """Claim partitions, waiting while another run holds one; None when this run is stopped."""
    while not scope.stop.is_set():
        begun = workspace.ledger.begin(
            workspace.environment, key, wanted, run_id=scope.run_id, number=number
        )
        if not isinstance(begun, Busy):
            return begun
        scope.stop.wait(CLAIM_POLL_S)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A partition that has to be built, or of which a version exists that only has to become visible."""

    partition: Partition
    found: Inputs
    mark: str
    was: str | None
    known: Version | None
    as_of: tuple[datetime | None, bool] | None
    lineage: Mapping[str, Read]
    why: str
    notes: tuple[str, ...]


class Building:
    """The building of some partitions by one function: of one asset, or of several together."""

    def __init__(
        self, step: Materialize | Adopt, unit: PartitionSet, workspace: Workspace, scope: RunScope
    ) -> None:
        self.step = step
        self.unit = unit
        self.workspace = workspace
        self.scope = scope
        self.asset = workspace.graph[step.key]
        outputs = step.outputs if isinstance(step, Materialize) else (step.key,)
        self.outputs = tuple(workspace.graph[key] for key in outputs)

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
            with self.workspace.ledger.state(self.workspace.environment, self._keys()) as state:
                reader = Reader(graph=self.workspace.graph, state=state, horizon=self.scope.horizon)
                looked = self._look(partitions, reader, state)
                ready = [one for one in looked if isinstance(one, _Ready)]
                calls = self._calls([one for one in ready if one.known is None], reader)
                sequence = state.sequence
            done.extend(one for one in looked if isinstance(one, Result))
            again: list[_Ready] = []
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

    def _keys(self) -> frozenset[str]:
        """The assets that are read or made."""
        keys = {output.key for output in self.outputs} | set(self.asset.upstream)
        if self.asset.reads_provenance:
            keys |= self.workspace.graph.ancestors([self.asset.key])
        return frozenset(keys)

    # Is there something to do?

    def _look(self, partitions: PartitionSet, reader: Reader, state: LedgerState) -> list[Result | _Ready]:
        """For each partition, what is to be done, or how it ended without being built."""
        reader.fetch(self.asset, partitions)
        asked = self.step.reason.kind in ("forced", "due")
        moved = state.changed(self.asset.key, self.scope.sequence) if asked else partitions
        forced = self.step.reason.kind == "forced"
        tried = {} if forced else state.attempts(self.asset.producer, partitions)
        mixed = self._mixed_provenance(reader) if self.asset.reads_provenance else ()
        return [
            self._look_at(
                one, reader, state, tried.get(one), must=asked and one not in moved, mixed=mixed
            )
            for one in partitions
        ]

    def _look_at(
        self,
        partition: Partition,
        reader: Reader,
        state: LedgerState,
        tried: Attempt | None,
        *,
        must: bool,
        mixed: tuple[str, ...],
    ) -> Result | _Ready:
        found = reader.reading(self.asset, partition)
        held = self._why_not_readable(partition, found, reader)
        if held is not None:
            return held
        notes = self._notes(partition, found, reader)
        if mixed:
            reason = f"its inputs do not belong together: {'; '.join(mixed)}"
            return self._result("held", partition, reason=reason, notes=notes)
        mark = fingerprint(self.workspace.basis(self.asset.key), key_of(self.asset, partition), found.inputs)
        published = [reader.version(output.key, partition) for output in self.outputs]
        checks = [checks_digest(self.workspace.checks(output.key)) for output in self.outputs]
        settled = settle(
            published,
            checks,
            mark,
            tried=tried,
            known=lambda: self._known(state, partition, mark, checks[0]),
            now=self.workspace.clock(),
            unseen=self.asset.volatile and self.workspace.seen_by(self.asset) is None,
            must=must,
        )
        match settled:
            case Settled(what="keep"):
                return self._keep(partition, published, reader, state.sequence, notes)
            case Settled(what="check"):
                return self._check(partition, published, state.sequence, notes)
            case Settled(what="hold", reason=Reason() as reason):
                return self._result("held", partition, reason=reason.text, because=reason.kind, notes=notes)
        return _Ready(
            partition=partition,
            found=found,
            mark=mark,
            was=published[0].id if published[0] else None,
            known=settled.version if settled else None,
            as_of=None if self.asset.volatile else inherited_as_of(self.asset, partition, reader),
            lineage=self._lineage(partition, found, reader),
            why=self._why(found, published[0]),
            notes=notes,
        )

    def _known(self, state: LedgerState, partition: Partition, mark: str, checks: str) -> Version | None:
        """A good version made from the same, if its value is still there."""
        version = state.version_with(self.asset.key, partition, mark, checks=checks)
        if version is None:
            return None
        address = self.workspace.ledger.content(version.id).address
        return version if address is None or self.workspace.store.exists(address) else None

    def _why_not_readable(self, partition: Partition, found: Inputs, reader: Reader) -> Result | None:
        """Upstream has nothing to read: because it was skipped, or because it failed or was rejected."""
        if found.absent:
            return self._held(partition, Reason.absent(found.absent))
        mine = PartitionSet.of([partition])
        skipped: dict[str, str] = {}
        waits: list[str] = []
        for given in self.asset.edges:
            lacks = (
                reader.above(self.asset, given, mine).read
                if given.key in found.missing
                else found.gaps.get(given.key)
            )
            if not lacks or (given.key in found.gaps and takes_what_is_there(given.mapping)):
                continue
            why = self.scope.why_skipped(given.key, lacks)
            if why is None:
                waits.append(given.key)
            elif given.key in found.missing:
                skipped[given.key] = why
        if waits:
            return self._held(partition, Reason.waits(dict.fromkeys(waits)))
        if skipped:
            return self._result("skipped", partition, reason=Reason.upstream_skipped(skipped).text)
        return self._held(partition, Reason.waits(found.missing)) if found.missing else None

    def _held(self, partition: Partition, reason: Reason) -> Result:
        return self._result("held", partition, reason=reason.text, because=reason.kind)

    def _notes(self, partition: Partition, found: Inputs, reader: Reader) -> tuple[str, ...]:
        """What is told of the inputs: older versions than there should be, and partitions that are not there."""
        mine = PartitionSet.of([partition])
        told = [
            f"reads the last good version of {given.key}; a newer one {why}"
            for given in sorted(self.asset.edges, key=lambda given: given.key)
            for why in self.scope.why_broken(given.key, reader.above(self.asset, given, mine).read)
        ]
        for key, gap in found.gaps.items():
            above = self.workspace.graph[key]
            named = next(iter(gap))
            told.append(
                f"reads {key} without {len(gap):,} of its partitions, the first {key_of(above, named)}"
            )
        return tuple(dict.fromkeys(told))

    def _mixed_provenance(self, reader: Reader) -> tuple[str, ...]:
        """Ancestors of which an older version is read than there should be."""
        return tuple(
            f"reads the last good version of {key}; a newer one {why}"
            for key in sorted(self.workspace.graph.ancestors([self.asset.key]))
            for why in self.scope.why_broken(key, reader.existing(key))
        )

    def _keep(
        self,
        partition: Partition,
        versions: Sequence[Version | None],
        reader: Reader,
        sequence: int,
        notes: tuple[str, ...],
    ) -> Result:
        """Early cutoff, or another run's work: what is published was made from the same."""
        if self.asset.volatile:
            seen_as_of = self.workspace.seen_by(self.asset)
        else:
            seen_as_of = inherited_as_of(self.asset, partition, reader)
        if seen_as_of is not None:
            as_of, ends = seen_as_of
            seen = [
                (version, as_of, ends)
                for version in versions
                if version and (version.as_of, version.ends) != (as_of, ends)
            ]
            self.workspace.ledger.verify(self.workspace.environment, seen, self.scope.run_id)
        reason = "made from the same as what is published"
        return self._result("kept", partition, reason=reason, read_at=sequence, notes=notes)

    def _check(
        self,
        partition: Partition,
        versions: Sequence[Version | None],
        sequence: int,
        notes: tuple[str, ...],
    ) -> Result:
        """What is published was made from the same, but its checks have changed."""
        verdicts = {}
        for asset, version in zip(self.outputs, versions, strict=True):
            if version is not None:
                verdicts[asset.key] = judge_again(asset, version, self.workspace, self.scope.run_id)[1]
        failing = why_rejected([verdict for said in verdicts.values() for verdict in said])
        if failing:
            reason = f"published, and its checks fail: {failing}"
            return self._result("rejected", partition, reason=reason, verdicts=verdicts, notes=notes)
        reason = Reason.checks_changed().text
        return self._result(
            "kept", partition, reason=reason, verdicts=verdicts, read_at=sequence, notes=notes
        )

    def _why(self, found: Inputs, published: Version | None) -> str:
        """Why it is built: what was planned as "if x changes" has changed, and this names it."""
        if self.step.reason.kind != "upstream may change" or published is None:
            return self.step.reason.text
        moved = [name for name, version in found.inputs.items() if published.inputs.get(name) != version]
        return Reason.upstream_changed(inputs_of(self.asset, moved)).text

    def _lineage(self, partition: Partition, found: Inputs, reader: Reader) -> Mapping[str, Read]:
        """By parameter, what is read."""
        mine = PartitionSet.of([partition])
        lineage = {}
        for given in self.asset.edges:
            read = reader.above(self.asset, given, mine).read & reader.visible(given.key)
            few = reader.versions(given.key, read) if len(read) <= NAMED_VERSIONS else {}
            lineage[given.parameter] = Read(
                key=given.key,
                partitions=read,
                digest=found.inputs[given.parameter],
                versions=tuple(few[one].id for one in sorted(few)),
            )
        return lineage

    # Doing it

    def _calls(self, ready: Sequence[_Ready], reader: Reader) -> list[tuple[Taken, list[_Ready]]]:
        """The calls that are needed, each with what it reads: one a partition, or one a batch."""
        by_partition = {one.partition: one for one in ready}
        wanted = PartitionSet.of(by_partition)
        size = self.asset.batch.size if self.asset.batch else 1
        existing = reader.existing(self.asset.key)
        return [
            (taken(self.asset, group, reader), [by_partition[partition] for partition in group])
            for group in batches(wanted, existing, size)
        ]

    def _adopt(self, one: _Ready, known: Version, number: int, sequence: int) -> Result | None:
        """Make a version visible that exists; None when another run was first."""
        wanted = {one.partition: self._wanted(one)}
        begun = claim(self.workspace, self.scope, self.asset.key, wanted, number=number)
        if begun is None:
            return self._stopped(one.partition)
        if isinstance(begun, Moved):
            return None
        as_of, ends = one.as_of or self.workspace.seen_by(self.asset) or (known.made_at, False)
        self.workspace.ledger.adopt(begun[0], known.id, as_of, ends=ends)
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
        self, given: Taken, members: Sequence[_Ready], number: int, sequence: int
    ) -> list[Result] | None:
        """Claim and build some partitions in one call; None when another run was first at one of them."""
        wanted = {one.partition: self._wanted(one) for one in members}
        begun = claim(self.workspace, self.scope, self.asset.key, wanted, number=number)
        if begun is None:
            return [self._stopped(one.partition) for one in members]
        if isinstance(begun, Moved):
            return None
        attempts = {attempt.claim.partition: attempt for attempt in begun}
        return self._guarded(attempts, given, members, sequence)

    def _wanted(self, one: _Ready) -> Wanted:
        return Wanted(fingerprint=one.mark, was=one.was, label=key_of(self.asset, one.partition) or "")

    def _stopped(self, partition: Partition) -> Result:
        return self._result("cancelled", partition, reason="the run was stopped")

    def _guarded(
        self,
        attempts: Mapping[Partition, StartedAttempt],
        given: Taken,
        members: Sequence[_Ready],
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
            self._finish(attempt, outcome, reason=reason, error=details, output=output)
            count = attempt.number if outcome == "failed" else 0
            results.append(
                self._result(outcome, one.partition, reason=reason, error=details, attempts=count)
            )
        return results

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
        members: Sequence[_Ready],
        output: Output,
        sequence: int,
    ) -> list[Result]:
        first = attempts[members[0].partition]
        keys = tuple(key for one in members if (key := key_of(self.asset, one.partition)) is not None)
        call = Call(
            asset=self.asset,
            outputs=self.outputs,
            partitions=keys,
            arguments=lambda: self._arguments(first, given, keys, output),
            run_id=self.scope.run_id,
            number=first.number,
            taken=given,
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
        split_up = {asset.key: split(values[asset.key], asset, given.partitions) for asset in self.outputs}
        results, products = [], []
        for one in members:
            product, verdicts = self._product(one, attempts[one.partition], split_up, started)
            products.append(product)
            results.append(self._ended(one, product, verdicts, sequence))
        published = self.workspace.ledger.publish(products, output=self.workspace.hidden(output.text()))
        return [replace(result, versions=ids) for result, ids in zip(results, published, strict=True)]

    def _product(
        self,
        one: _Ready,
        attempt: StartedAttempt,
        values: Mapping[str, Mapping[Partition, object]],
        started: datetime,
    ) -> tuple[Product, Mapping[str, Any]]:
        """What was made of one partition, stored and judged."""
        as_of, ends = one.as_of or self.workspace.seen_by(self.asset) or (started, False)
        made, judgements, verdicts = {}, {}, {}
        for asset in self.outputs:
            value = values[asset.key][one.partition]
            encoded = self._stored(asset, value)
            judgements[asset.key], verdicts[asset.key] = judged(asset, value, self.workspace)
            made[asset.key] = Made(
                content=encoded,
                basis=self.workspace.basis(self.asset.key),
                inputs=one.found.inputs,
                lineage=one.lineage,
                as_of=as_of,
                ends=ends,
            )
        refused = {
            key: why_rejected(verdicts[key]) for key, judgement in judgements.items() if judgement.failing
        }
        return Product(attempt=attempt, made=made, judged=judgements, refused=refused), verdicts

    def _ended(
        self, one: _Ready, product: Product, verdicts: Mapping[str, Any], sequence: int
    ) -> Result:
        return self._result(
            "rejected" if product.refused else "published",
            one.partition,
            reason="; ".join(product.refused.values()) or one.why,
            rows=_total(made.content.rows for made in product.made.values()),
            size=sum(made.content.size for made in product.made.values()),
            verdicts=verdicts,
            attempts=product.attempt.number,
            read_at=sequence,
            notes=one.notes,
        )

    def _stored(self, asset: Asset, value: object) -> Content:
        return choose(value, asset.returns, asset.stored_as, key=asset.key).encode(
            value, self.workspace.store
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
        )
        return arguments_for(self.asset, given, self.workspace, run)

    def _result(self, outcome: Outcome, partition: Partition, **details: Any) -> Result:
        return Result(
            step=self.step,
            partitions=PartitionSet.of([partition]),
            label=key_of(self.asset, partition) or "",
            outcome=outcome,
            **details,
        )


def _total(counts: Iterable[int | None]) -> int | None:
    """The sum of what is known; None when nothing is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
