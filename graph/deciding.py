"""What is to be done with the partitions of one asset, and why: most are decided in ranges, the others one by one.

Partitions that were settled before (see `graph.state.Settlement`), and that nothing they read has touched since, are
kept without being looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from graph.asset_graph import Asset, AssetGraph, Upstream, key_of
from graph.catch_up import newest
from graph.effect_steps import EffectFacts, effect_step
from graph.effects import Trouble
from graph.fingerprint import fingerprint
from graph.freshness import due_at
from graph.known import Known
from graph.one_each import takes_what_is_there
from graph.partition_set import EMPTY, ONLY, WHOLE, Partition, PartitionSet
from graph.reading import Reader, Reading, inputs_of
from graph.reasons import Reason, held_after, moved
from graph.settling import Settled, failures_hold, is_final_skip, settle, standing
from graph.state import Attempt, Settlement, State, Version
from graph.steps import Adopt, Check, Hold, Keep, LeftOut, Materialize, Observe, Step, is_work, name_of
from graph.troubles import Wrong, accepted, goes_without, holding, kind_of, troubles_above


class Decision(NamedTuple):
    """What is to be done with some partitions of one asset; ``step`` has no partitions, label or needs yet."""

    step: Step
    partitions: PartitionSet


@dataclass(slots=True, kw_only=True)
class SoFar:
    """What the steps that were planned so far mean for those below.

    Args:
        moving: by key, the partitions whose version may move in this plan.
        named: by key, the steps that take care of which partitions.
        filled: by key, the partitions of which nothing is published although nothing is wrong, and why.
        ended: by key, what is wrong with what the steps so far leave as it is.
    """

    moving: dict[str, PartitionSet] = field(default_factory=dict)
    named: dict[str, list[tuple[PartitionSet, str]]] = field(default_factory=dict)
    filled: dict[str, dict[Partition, str]] = field(default_factory=dict)
    ended: dict[str, list[Wrong]] = field(default_factory=dict)

    def move(self, key: str, partitions: PartitionSet) -> None:
        """Note that partitions may move."""
        self.moving[key] = self.moving.get(key, EMPTY) | partitions

    def note_link(self, step: Step, partition: Partition) -> None:
        """Remember what later partitions of the same asset read: one that moves, or that was skipped."""
        if isinstance(step, Materialize | Adopt):
            self.move(step.key, PartitionSet.of([partition]))
        elif isinstance(step, Hold) and step.reason.kind in ("skipped before", "upstream skipped"):
            self.filled.setdefault(step.key, {})[partition] = step.reason.text

    def note(self, step: Step) -> None:
        """Note what a step that was planned means for those below."""
        for key in step.outputs if isinstance(step, Materialize) else (step.key,):
            self.named.setdefault(key, []).append((step.partitions, name_of(step)))
            wrong = self.ended.setdefault(key, [])
            if is_work(step):
                self.move(key, step.partitions)
            elif isinstance(step, Hold) and (kind := kind_of("held", step.reason.kind)) is not None:
                wrong.append(Wrong(kind, step.partitions, step.reason.text))
        if isinstance(step, Hold) and step.reason.kind in ("skipped before", "upstream skipped"):
            self.filled.setdefault(step.key, {}).update(dict.fromkeys(step.partitions, step.reason.text))


@dataclass(slots=True, kw_only=True)
class Deciding:
    """Answers what is to be done with partitions of one asset after another, upstream first.

    Args:
        forced: by key, the partitions that are made whatever their fingerprints say.
        chosen: by key, the partitions that were asked for by name.
        due: of an automatic run, why an asset is looked at.
        settled: by key, the partitions that were found up to date.
        made: by key, whether anything was ever made with the basis of today.
    """

    graph: AssetGraph
    state: State
    known: Known
    now: datetime
    reader: Reader
    forced: Mapping[str, PartitionSet]
    chosen: Mapping[str, PartitionSet]
    due: Mapping[str, str] | None
    so_far: SoFar
    settled: dict[str, PartitionSet] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    made: dict[str, bool] = field(default_factory=dict)

    def decide(self, asset: Asset, wanted: PartitionSet) -> list[Decision]:
        """What is to be done with the wanted partitions of one asset: of most in ranges, of the others one by one."""
        if asset.is_source:
            return [Decision(self._observe(asset), ONLY)]
        if not wanted and asset.partitions is not None:
            return []
        if asset.cadence is not None:
            return self._continuous(asset, wanted)
        served = self.reader.visible(asset.key)
        if asset.key in self.known.unready:
            reason = Reason.unready(self.known.unready[asset.key])
            return [Decision(Hold(key=asset.key, reason=reason, served=served & wanted), wanted)]
        if asset.depends_on_itself:  # what is missing will be made before what reads it
            self.so_far.moving[asset.key] = wanted - served
        wanted = self._of_effect(asset, wanted) if asset.is_effect else wanted
        decided, rest = self._in_ranges(asset, wanted) if asset.partitions is not None else ([], wanted)
        self.reader.fetch(asset, rest)
        attempts = self.state.attempts(asset.producer, rest)
        latest = newest(self.reader.existing(asset.key), 1)
        grouped: dict[tuple[type[Step], Reason, str | None], tuple[Step, list[Partition]]] = {}
        settled: list[Partition] = []
        if asset.depends_on_itself:
            self.so_far.move(asset.key, PartitionSet.union(built for _, built in builds_among(decided)))
        for partition in rest:
            step = self._look(asset, partition, attempts.get(partition), newest=partition in latest)
            when = step.when if isinstance(step, Materialize) else None
            first, members = grouped.setdefault((type(step), step.reason, when), (step, []))
            members.append(partition)
            if isinstance(first, Keep) and isinstance(step, Keep):
                kept = replace(first, valid_until=earlier(first.valid_until, step.valid_until))
                grouped[Keep, step.reason, when] = kept, members
            if _is_settled(step, visible=partition in served):
                settled.append(partition)
            if asset.depends_on_itself:
                self.so_far.note_link(step, partition)
        if settled and (asset.partitions is not None or asset.automation is not None):
            self.settled[asset.key] = self.settled.get(asset.key, EMPTY) | PartitionSet.of(settled)
        for step, members in grouped.values():
            partitions = PartitionSet.of(members)
            if isinstance(step, Materialize | Adopt | Hold):
                decided.append(Decision(replace(step, served=served & partitions), partitions))
            else:
                decided.append(Decision(step, partitions))
        return decided

    def _continuous(self, asset: Asset, wanted: PartitionSet) -> list[Decision]:
        """What a loop of its own publishes is there, or waits for that."""
        served = self.reader.visible(asset.key) & wanted
        missing = wanted - served
        attempts = self.state.attempts(asset.key, missing)
        empty = PartitionSet.of(at for at, one in attempts.items() if one.outcome == "skipped")
        self.so_far.filled.setdefault(asset.key, {}).update({at: attempts[at].reason for at in empty})
        waits = Hold(key=asset.key, reason=Reason.runs_by_itself(asset.key), served=EMPTY)
        keep = Keep(key=asset.key, reason=Reason.up_to_date(failing=False))
        return [Decision(keep, served), Decision(waits, missing - empty)]

    def _in_ranges(self, asset: Asset, wanted: PartitionSet) -> tuple[list[Decision], PartitionSet]:
        """What follows from the settlement without looking at partitions, and what has to be looked at."""
        if asset.is_effect or asset.accepts:
            return [], wanted
        before = self.state.settlement(asset.key)
        basis, checks = self.known.bases[asset.key], self.known.checks.get(asset.key, "")
        mark = standing(asset, self.graph, checks, self.reader.horizon)
        if before is None or asset.reads_provenance or asset.key in self.forced or before.checks != mark:
            return [], wanted
        calm = (before.partitions & self.reader.existing(asset.key)) - self._touched_since(asset, before)
        if before.basis != basis:
            return self._of_another_basis(asset, before, calm & wanted, wanted)
        self.settled[asset.key] = calm
        mine = calm & wanted
        if asset.volatile and not self._observable(asset):
            mine -= _newest(self.reader.existing(asset.key))
        moving, visible = self._moving_above(asset), self.reader.visible(asset.key)
        maybe = mine & moving & visible
        kept = mine - moving
        decided = []
        if shown := kept & visible:
            decided.append(Decision(Keep(key=asset.key, reason=Reason.up_to_date(failing=False)), shown))
        if filled := kept - visible:
            decided.extend(self._skipped_for_good(asset, filled))
        if maybe:
            keys = [given.key for given in asset.edges if self._reach(asset, given) & maybe]
            decided.append(Decision(_maybe(asset, Reason.if_changed(dict.fromkeys(keys)), maybe), maybe))
        return decided, wanted - kept - maybe

    def _skipped_for_good(self, asset: Asset, filled: PartitionSet) -> list[Decision]:
        """What a final skip fills, each with its reason: what reads it is told, in the plan and in the run."""
        tried = self.state.attempts(asset.producer, filled)
        by_reason: dict[str, list[Partition]] = {}
        for partition in filled:
            why = tried[partition].reason if partition in tried else ""
            by_reason.setdefault(why or "no reason was given", []).append(partition)
        return [
            Decision(
                Hold(
                    key=asset.key, reason=Reason(kind="skipped before", text=f"skipped: {why}"), served=EMPTY
                ),
                PartitionSet.of(members),
            )
            for why, members in by_reason.items()
        ]

    def _of_another_basis(
        self, asset: Asset, before: Settlement, calm: PartitionSet, wanted: PartitionSet
    ) -> tuple[list[Decision], PartitionSet]:
        """Partitions that were up to date before the code, config or resources changed: outdated, all for one reason.

        Unless something was made with the new basis before, so that each has to be looked at.
        """
        if self.state.made_with(asset.key, self.known.bases[asset.key]):
            return [], wanted
        outdated = calm & self.reader.visible(asset.key)
        reason = moved(before.basis, self.known.bases[asset.key])
        if reason is None or not outdated or not self._all_readable(asset, outdated):
            return [], wanted
        step = Materialize(key=asset.key, reason=reason, when="always", outputs=(asset.key,), served=outdated)
        return [Decision(step, outdated)], wanted - outdated

    def _all_readable(self, asset: Asset, partitions: PartitionSet) -> bool:
        """Whether all that some partitions read is there, or may be made in this plan."""
        for given in asset.edges:
            mapped = self.reader.above(asset, given, partitions)
            there = self.reader.visible(given.key) | self.so_far.moving.get(given.key, EMPTY)
            if mapped.absent or not mapped.read <= there:
                return False
        return True

    def _touched_since(self, asset: Asset, before: Settlement) -> PartitionSet:
        """The partitions that moved, or that read what moved, after a settlement."""
        touched = self._changed(asset.key, before.sequence)
        for given in asset.edges:
            touched |= self.reader.below(asset, given, self._changed(given.key, before.sequence))
        return touched

    def _changed(self, key: str, since: int) -> PartitionSet:
        if self.state.summary(key).sequence <= since:
            return EMPTY
        return self.state.changed(key, since)

    def _moving_above(self, asset: Asset) -> PartitionSet:
        """The partitions that read something which may move in this plan."""
        found = EMPTY
        for given in asset.edges:
            found |= self._reach(asset, given)
        return found

    def _reach(self, asset: Asset, given: Upstream) -> PartitionSet:
        moving = self.so_far.moving.get(given.key)
        return self.reader.below(asset, given, moving) if moving else EMPTY

    def _look(self, asset: Asset, partition: Partition, tried: Attempt | None, *, newest: bool) -> Step:
        """The step for one partition, read from top to bottom."""
        published = self.reader.version(asset.key, partition)

        def hold(reason: Reason) -> Hold:
            return Hold(key=asset.key, reason=reason, served=EMPTY)

        troubles = self._troubles(asset, partition)
        found = self.reader.reading(asset, partition, accepted(asset, troubles))
        moving = self._moving_for(asset, partition)
        held = self._why_not_readable(asset, partition, found, moving, troubles)
        if held is not None:
            return hold(held)
        forced = partition in self.forced.get(asset.key, EMPTY)
        sure = self._sure_reason(asset, published, moving, found, newest=newest, forced=forced)
        if asset.is_effect:
            return effect_step(
                asset,
                key_of(asset, partition),
                facts=self.known.effects.get(asset.key, EffectFacts()),
                published=published,
                mark=fingerprint(self.known.bases[asset.key], key_of(asset, partition), found.inputs),
                checks=self.known.checks.get(asset.key, ""),
                tried=tried,
                moving=moving,
                sure=sure,
                troubles=()
                if self.graph.ancestors([asset.key]) & self.so_far.moving.keys()
                else holding(asset, troubles),
                now=self.now,
            )
        if not moving and (sure is None or sure.kind != "forced"):
            mark = fingerprint(self.known.bases[asset.key], key_of(asset, partition), found.inputs)
            settled = self._settle(
                asset, partition, published, mark, tried, must=sure is not None and sure.kind == "due"
            )
            match settled:
                case Settled(what="keep") if published is not None:
                    return self._keep(asset, published, newest=newest)
                case Settled(what="check") if published is not None:
                    return Check(key=asset.key, reason=Reason.checks_changed())
                case Settled(what="hold", reason=Reason() as reason):
                    return hold(reason)
                case Settled(what="adopt", version=Version()):
                    return Adopt(key=asset.key, reason=Reason.known(sure), served=EMPTY)
        if sure is None:
            return _maybe(asset, Reason.if_changed(moving), EMPTY)
        return Materialize(key=asset.key, reason=sure, when="always", outputs=(asset.key,), served=EMPTY)

    def _of_effect(self, asset: Asset, wanted: PartitionSet) -> PartitionSet:
        """Of an effect the newest partition, whatever was asked for, and what is not finished."""
        if asset.partitions is None:
            return wanted
        existing = self.reader.existing(asset.key)
        facts = self.known.effects.get(asset.key, EffectFacts())
        begun = [asset.partitions.partition(key) for key in facts.unfinished]
        latest, chosen = newest(existing, 1), self.chosen.get(asset.key, EMPTY)
        if chosen - latest:
            text = "an effect is performed for the newest one only"
            self.left_out.append(LeftOut(key=asset.key, partitions=chosen - latest, text=text))
        return (wanted & latest) | (PartitionSet.of(begun) & existing)

    def _troubles(self, asset: Asset, partition: Partition) -> tuple[Trouble, ...]:
        """What is wrong upstream, for an asset that it matters to."""
        if not asset.is_effect and not asset.accepts:
            return ()
        in_doubt = [key for key, facts in self.known.effects.items() if facts.in_doubt]
        return troubles_above(asset, partition, self.reader, self.now, self.so_far.ended, in_doubt)

    def _settle(
        self,
        asset: Asset,
        partition: Partition,
        published: Version | None,
        mark: str,
        tried: Attempt | None,
        *,
        must: bool,
    ) -> Settled | None:
        checks = self.known.checks.get(asset.key, "")
        return settle(
            [published],
            [checks],
            mark,
            tried=tried,
            known=lambda: self._known_version(asset.key, partition, mark, checks),
            now=self.now,
            unseen=asset.volatile and not self._observable(asset),
            must=must,
            pinned=lambda: self.state.pin(asset.key, partition) == mark,
            failures_hold=failures_hold(asset, automatic=self.due is not None),
        )

    def _known_version(self, key: str, partition: Partition, mark: str, checks: str) -> Version | None:
        """A good version with this fingerprint; there is none where nothing was made with the asset's basis at all."""
        made = self.made.get(key)
        if made is None:
            made = self.made[key] = self.state.made_with(key, self.known.bases[key])
        return self.state.version_with(key, partition, mark, checks=checks) if made else None

    def _keep(self, asset: Asset, published: Version, *, newest: bool) -> Keep:
        by_clock = asset.volatile and newest and not self._observable(asset)
        as_of = published.as_of or published.made_at
        return Keep(
            key=asset.key,
            reason=Reason.up_to_date(published.failing),
            valid_until=due_at(asset.freshness, as_of, published.ends) if by_clock else None,
        )

    def _moving_for(self, asset: Asset, partition: Partition) -> list[str]:
        """The keys, of those that go into the fingerprint, of which something may move that the partition reads."""
        if asset.reads_provenance or asset.told_of_troubles:
            above = self.graph.ancestors([asset.key]) - {asset.key}
            return [key for key in self.graph.assets if key in above and self.so_far.moving.get(key)]
        mine = PartitionSet.of([partition])
        return list(
            dict.fromkeys(
                given.key
                for given in asset.edges
                if given.key in self.so_far.moving
                and self.so_far.moving[given.key] & self.reader.above(asset, given, mine).read
            )
        )

    def _filled(self, key: str) -> Mapping[Partition, str]:
        """The partitions that a skip fills, with its reason; of an asset that the plan leaves alone, a final one."""
        if key not in self.so_far.filled and key not in self.so_far.named:
            asset = self.graph.assets[key]
            missing = self.reader.existing(key) - self.reader.visible(key)
            tried = self.state.attempts(asset.producer, missing)
            self.so_far.filled[key] = {at: one.reason for at, one in tried.items() if is_final_skip(one)}
        return self.so_far.filled.get(key, {})

    def _why_not_readable(
        self,
        asset: Asset,
        partition: Partition,
        found: Reading,
        moving: list[str],
        troubles: Sequence[Trouble],
    ) -> Reason | None:
        """Why a partition cannot be built: upstream does not exist, has nothing to read, or was skipped."""
        if found.absent:
            return Reason.absent(found.absent)
        missing = [
            key for key in found.missing if key not in moving and not goes_without(asset, key, troubles)
        ]
        gaps = {key: gap - self.so_far.moving.get(key, EMPTY) for key, gap in found.gaps.items()}
        if not missing and not any(gaps.values()):
            return None
        skipped: dict[str, str] = {}
        waits: list[str] = []
        for given in asset.edges:
            if given.key in missing:
                read = self.reader.above(asset, given, PartitionSet.of([partition])).read
                why = [self._filled(given.key).get(one) for one in read]
                if why and all(why):
                    skipped[given.key] = why[-1] or ""
                else:
                    waits.append(given.key)
            elif takes_what_is_there(given.mapping) or not (gap := gaps.get(given.key)):
                continue
            elif gap - PartitionSet.of(self._filled(given.key)):
                waits.append(given.key)
        if waits:
            return Reason.waits(dict.fromkeys(waits))
        return Reason.upstream_skipped(skipped) if skipped else None

    def _observe(self, asset: Asset) -> Step:
        seen = self.known.observed[asset.key]
        published = self.reader.version(asset.key, WHOLE)
        checks = self.known.checks.get(asset.key, "")
        served = ONLY if published else EMPTY
        if seen.data_version is None:
            reason = Reason.unseen(seen.error or "it cannot be seen")
            return Hold(key=asset.key, reason=reason, served=served)
        if published is None:
            return Observe(key=asset.key, reason=Reason.first_seen(), observed=seen, changed=True)
        changed = published.data_version != seen.data_version
        if changed and asset.key not in self.forced and self.state.pin(asset.key, WHOLE) == seen.data_version:
            return Hold(key=asset.key, reason=Reason.rolled_back(), served=served)
        tried = self.state.attempts(asset.key, ONLY).get(WHOLE)
        if changed and asset.key not in self.forced and tried is not None:
            held = held_after(tried, seen.data_version, [checks], self.now)
            if held is not None:
                return Hold(key=asset.key, reason=held, served=served)
        if not changed and published.checks != checks:
            return Check(key=asset.key, reason=Reason.checks_changed())
        reason = Reason.source_moved() if changed else Reason.source_unmoved()
        return Observe(key=asset.key, reason=reason, observed=seen, changed=changed)

    def _sure_reason(
        self,
        asset: Asset,
        published: Version | None,
        moving: list[str],
        found: Reading,
        *,
        newest: bool,
        forced: bool,
    ) -> Reason | None:
        """A reason to materialize that holds whatever upstream does; None leaves the asset as it is.

        The clock makes the newest partition due only: those before it do not change with time.
        """
        if forced:
            return Reason.forced()
        if published is None:
            return Reason.never_built()
        basis = moved(published.basis, self.known.bases[asset.key])
        if basis is not None:
            return basis
        if newest and asset.volatile and not self._observable(asset):
            due = due_at(asset.freshness, published.as_of or published.made_at, published.ends)
            if asset.key in (self.due or ()) or (due is not None and due <= self.now):
                return Reason.due(published.as_of or published.made_at, self.now)
        if not moving:
            changed = [
                name for name, version in found.inputs.items() if published.inputs.get(name) != version
            ]
            gone = published.inputs.keys() - found.inputs.keys()
            if changed or gone:
                return Reason.upstream_changed(inputs_of(asset, [*changed, *gone]))
        return None

    def _observable(self, asset: Asset) -> bool:
        """Whether all that a volatile asset reads outside could be looked at, so that no clock is needed."""
        return bool(asset.resources) and self.known.observed_resources.issuperset(asset.resources)


def builds_among(decided: list[Decision]) -> list[tuple[Materialize, PartitionSet]]:
    """What is to be built of what was decided."""
    return [(one.step, one.partitions) for one in decided if isinstance(one.step, Materialize)]


def _maybe(asset: Asset, reason: Reason, served: PartitionSet) -> Materialize:
    return Materialize(
        key=asset.key, reason=reason, when="if upstream changes", outputs=(asset.key,), served=served
    )


def earlier(*moments: datetime | None) -> datetime | None:
    """The earliest of the moments that there are; None when there is none."""
    return min(filter(None, moments), default=None)


def _is_settled(step: Step, *, visible: bool) -> bool:
    """Whether a partition needs no more looking at until something moves: it is up to date, or skipped for good.

    Where an older version is visible of what was skipped, it is looked at every time.
    """
    if isinstance(step, Keep):
        return step.reason.kind == "up to date"
    skipped = isinstance(step, Hold) and step.reason.kind == "skipped before" and step.reason.until is None
    return skipped and not visible


def _newest(existing: PartitionSet) -> PartitionSet:
    """The newest partition of each slice."""
    return PartitionSet({name: ((spans[-1][1],) * 2,) for name, spans in existing.spans.items()})
