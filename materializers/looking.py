"""Looking: whether there is something to do for a partition, asked once more of what is published now.

It was planned; here early cutoff, another run's work and a moved upstream are seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from graph.ages import inherited_as_of
from graph.asset_graph import key_of
from graph.effect_steps import EffectFacts
from graph.effects import Trouble
from graph.fingerprint import fingerprint
from graph.known import checks_digest
from graph.one_each import takes_what_is_there
from graph.partition_set import Partition, PartitionSet
from graph.reading import Reader, inputs_of
from graph.reading import Reading as Inputs
from graph.reasons import Reason
from graph.settling import Settled, failures_hold, is_final_skip, settle
from graph.state import Attempt, Outcome, Version
from graph.steps import Adopt, Materialize
from graph.troubles import accepted, goes_without, holding, troubles_above
from materializers.judging import judge_again, why_rejected
from materializers.ledger import LedgerState, Read
from materializers.result import Result, RunScope
from materializers.workspace import Workspace

NAMED_VERSIONS = 32
"""So many versions that were read are named one by one in the lineage; more are named by their set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
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
    troubles: tuple[Trouble, ...] = ()


class Looking:
    """Answers what is to be done for partitions of one step."""

    def __init__(self, step: Materialize | Adopt, workspace: Workspace, scope: RunScope) -> None:
        self.step = step
        self.workspace = workspace
        self.scope = scope
        self.asset = workspace.graph[step.key]
        outputs = step.outputs if isinstance(step, Materialize) else (step.key,)
        self.outputs = tuple(workspace.graph[key] for key in outputs)

    def keys(self) -> frozenset[str]:
        """The assets that are read or made."""
        keys = {output.key for output in self.outputs} | set(self.asset.upstream)
        if self.asset.reads_provenance or self._minds_troubles:
            keys |= self.workspace.graph.ancestors([self.asset.key])
        return frozenset(keys)

    def at(
        self, partitions: PartitionSet, reader: Reader, state: LedgerState, *, again: bool = False
    ) -> list[Result | Ready]:
        """For each partition, what is to be done, or how it ended without being built.

        Args:
            again: its function is asked whatever is published, and however it ended before.
        """
        reader.fetch(self.asset, partitions)
        asked = self.step.reason.kind in ("forced", "due")
        moved = state.changed(self.asset.key, self.scope.sequence) if asked else partitions
        forced = self.step.reason.kind == "forced"
        tried = {} if forced or again else state.attempts(self.asset.producer, partitions)
        mixed = self._mixed_provenance(reader) if self.asset.reads_provenance else ()
        return [
            self._look_at(
                one, reader, state, tried.get(one), must=again or (asked and one not in moved), mixed=mixed
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
    ) -> Result | Ready:
        troubles = self._troubles(partition, reader)
        told = accepted(self.asset, troubles)
        found = reader.reading(self.asset, partition, told)
        held = self._why_not_readable(partition, found, reader, troubles)
        if held is not None:
            return held
        notes = self._notes(partition, found, reader)
        if mixed:
            reason = f"its inputs do not belong together: {'; '.join(mixed)}"
            return self.result("held", partition, reason=reason, notes=notes)
        mark = fingerprint(self.workspace.basis(self.asset.key), key_of(self.asset, partition), found.inputs)
        published = [reader.version(output.key, partition) for output in self.outputs]
        checks = [checks_digest(self.workspace.checks(output.key)) for output in self.outputs]
        facts = self._facts()
        settled = settle(
            published if facts is None else [facts.own(one) for one in published],
            checks,
            mark,
            tried=tried if facts is None else facts.told(tried),
            known=lambda: None if facts else self._known(state, partition, mark, checks[0]),
            now=self.workspace.clock(),
            unseen=self.asset.volatile and self.workspace.seen_by(self.asset) is None,
            must=must,
            pinned=lambda: (
                self.step.reason.kind != "forced"
                and mark in [state.pin(output.key, partition) for output in self.outputs]
            ),
            failures_hold=failures_hold(self.asset, automatic=self.scope.automatic),
        )
        match settled:
            case Settled(what="keep"):
                return self._keep(partition, published, reader, state.sequence, notes)
            case Settled(what="check"):
                return self._check(partition, published, state.sequence, notes)
            case Settled(what="hold", reason=Reason() as why):
                return self.result("held", partition, reason=why.text, because=why.kind, notes=notes)
        if facts is not None and (wrong := holding(self.asset, troubles)):
            return self._held(partition, Reason.in_trouble(map(str, wrong)))
        return Ready(
            partition=partition,
            found=found,
            mark=mark,
            was=published[0].id if published[0] else None,
            known=settled.version if settled else None,
            as_of=None if self.asset.volatile else inherited_as_of(self.asset, partition, reader),
            lineage=self._lineage(partition, found, reader),
            why=self._why(found, published[0]),
            notes=notes,
            troubles=told,
        )

    @property
    def _minds_troubles(self) -> bool:
        return self.asset.is_effect or bool(self.asset.accepts)

    def _troubles(self, partition: Partition, reader: Reader) -> tuple[Trouble, ...]:
        """What is wrong upstream, for an asset that it matters to."""
        if not self._minds_troubles:
            return ()
        in_doubt = self.workspace.effects_in_doubt(self.workspace.graph.ancestors([self.asset.key]))
        now = self.workspace.clock()
        return troubles_above(self.asset, partition, reader, now, self.scope.ended(), in_doubt)

    def _facts(self) -> EffectFacts | None:
        """What is on record of it, if it is an effect."""
        if not self.asset.is_effect:
            return None
        return self.workspace.effect_facts([self.asset.key])[self.asset.key]

    def _known(self, state: LedgerState, partition: Partition, mark: str, checks: str) -> Version | None:
        """A good version made from the same, if its value is still there."""
        version = state.version_with(self.asset.key, partition, mark, checks=checks)
        if version is None:
            return None
        address = self.workspace.ledger.content(version.id).address
        return version if address is None or self.workspace.store.exists(address) else None

    def _skipped_before(self, key: str, partitions: PartitionSet, reader: Reader) -> dict[Partition, str]:
        """The partitions of an asset that an earlier run skipped for good, with the reason."""
        tried = reader.state.attempts(self.workspace.graph[key].producer, partitions)
        return {at: one.reason for at, one in tried.items() if is_final_skip(one)}

    def _why_not_readable(
        self, partition: Partition, found: Inputs, reader: Reader, troubles: Sequence[Trouble]
    ) -> Result | None:
        """Upstream has nothing to read: because it was skipped, or because it failed or was rejected."""
        if found.absent:
            return self._held(partition, Reason.absent(found.absent))
        mine = PartitionSet.of([partition])
        skipped: dict[str, str] = {}
        waits: list[str] = []
        for given in self.asset.edges:
            if goes_without(self.asset, given.key, troubles):
                continue
            lacks = (
                reader.above(self.asset, given, mine).read
                if given.key in found.missing
                else found.gaps.get(given.key)
            )
            if not lacks or (given.key in found.gaps and takes_what_is_there(given.mapping)):
                continue
            why = self.scope.why_skipped(given.key, lacks, self._skipped_before(given.key, lacks, reader))
            if why is None:
                waits.append(given.key)
            elif given.key in found.missing:
                skipped[given.key] = why
        if waits:
            return self._held(partition, Reason.waits(dict.fromkeys(waits)))
        if skipped:
            return self.result("skipped", partition, reason=Reason.upstream_skipped(skipped).text)
        unexplained = [key for key in found.missing if not goes_without(self.asset, key, troubles)]
        return self._held(partition, Reason.waits(unexplained)) if unexplained else None

    def _held(self, partition: Partition, reason: Reason) -> Result:
        return self.result("held", partition, reason=reason.text, because=reason.kind)

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
        found: tuple[datetime | None, bool] | None = self.workspace.seen_by(self.asset)
        if not self.asset.volatile:
            found = inherited_as_of(self.asset, partition, reader)
        if found is not None:
            as_of, ends = found
            seen = [
                (version, as_of, ends)
                for version in versions
                if version and (version.as_of, version.ends) != (as_of, ends)
            ]
            self.workspace.ledger.verify(self.workspace.environment, seen, self.scope.run_id)
        reason = "made from the same as what is published"
        failing = any(version is not None and version.failing for version in versions)
        # What fails is looked at every time; what could not get its newest inputs has not dealt with them.
        read_at = None if failing or self._lacks_news() else sequence
        return self.result("kept", partition, reason=reason, read_at=read_at, notes=notes)

    def _lacks_news(self) -> bool:
        """Whether this run could not make something above it, so that what is kept may follow when that is mended."""
        ended = self.scope.ended()
        above = self.workspace.graph.ancestors([self.asset.key])
        return any(
            wrong.kind in ("failed", "rejected") for key in ended.keys() & above for wrong in ended[key]
        )

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
                said = judge_again(asset, {partition: version}, self.workspace, self.scope.run_id)
                verdicts[asset.key] = said[partition][1]
        failing = why_rejected([verdict for said in verdicts.values() for verdict in said])
        if failing:
            reason = f"published, and its checks fail: {failing}"
            return self.result("rejected", partition, reason=reason, verdicts=verdicts, notes=notes)
        reason = Reason.checks_changed().text
        return self.result("kept", partition, reason=reason, verdicts=verdicts, read_at=sequence, notes=notes)

    def _why(self, found: Inputs, published: Version | None) -> str:
        """Why it is built: what was planned as "if x changes" has changed, and this names it."""
        if self.step.reason.kind != "upstream may change" or published is None:
            return self.step.reason.text
        moved = [name for name, version in found.inputs.items() if published.inputs.get(name) != version]
        moved = moved or list(found.inputs)  # the partition's own name has changed
        why = Reason.upstream_changed(inputs_of(self.asset, moved))
        because = self.step.reason.because
        return (why.due_because(because) if because else why).text

    def _lineage(self, partition: Partition, found: Inputs, reader: Reader) -> Mapping[str, Read]:
        """By parameter, what is read."""
        mine = PartitionSet.of([partition])
        lineage = {}
        for given in self.asset.edges:
            read = reader.above(self.asset, given, mine).read
            read = reader.among(given.key, read)
            few = reader.versions(given.key, read) if len(read) <= NAMED_VERSIONS else {}
            if given.parameter not in found.inputs:
                continue  # there was nothing to read, and that is accepted
            lineage[given.parameter] = Read(
                key=given.key,
                partitions=read,
                digest=found.inputs[given.parameter],
                versions=tuple(few[one].id for one in sorted(few)),
            )
        return lineage

    def result(self, outcome: Outcome, partition: Partition, **details: Any) -> Result:
        """How a partition ended."""
        return Result(
            step=self.step,
            partitions=PartitionSet.of([partition]),
            label=key_of(self.asset, partition) or "",
            outcome=outcome,
            **details,
        )
