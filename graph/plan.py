"""Deciding: what has to be done so that some assets are up to date, and why. The only place that decides it.

An asset of many partitions is decided in ranges. Partitions that were settled before (see `graph.state.Settlement`),
and that nothing they read has touched since, are kept without being looked at; the others are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from graph import declare
from graph.asset_graph import Asset, AssetGraph, Upstream
from graph.catch_up import newest
from graph.demand import asked_for, demanded
from graph.effect_steps import EffectFacts, effect_step
from graph.effects import Trouble
from graph.fingerprint import Basis, digest, fingerprint
from graph.freshness import due_at
from graph.key_partitions import moves_at
from graph.one_each import takes_what_is_there
from graph.partition_set import EMPTY, ONLY, WHOLE, Partition, PartitionSet
from graph.partitions import Horizon, Partitions
from graph.reading import Reader, Reading, inputs_of
from graph.reasons import Reason, held_after, moved
from graph.settling import Settled, failures_hold, settle, standing
from graph.state import Attempt, Observed, Settlement, State, Version
from graph.steps import (
    Adopt,
    Check,
    Hold,
    Keep,
    Materialize,
    Observe,
    Plan,
    Step,
    is_work,
    name_of,
)
from graph.troubles import Wrong, accepted, goes_without, holding, kind_of, troubles_above


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What outside settings and the world make of the assets of a plan.

    Args:
        bases: by key, for every asset in scope that is not a source.
        observed: by key, for every source in scope.
        checks: by key, the digest of the asset's checks; see `checks_digest`.
        unready: by key, why an asset has no basis: something that it reads outside could not be looked at.
        observed_resources: the resources whose state could be seen, so that only a change of it is a reason.
        effects: by key, what is on record of every effect in scope and above it.
    """

    bases: Mapping[str, Basis]
    observed: Mapping[str, Observed] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    unready: Mapping[str, str] = field(default_factory=dict)
    observed_resources: frozenset[str] = frozenset()
    effects: Mapping[str, EffectFacts] = field(default_factory=dict)


def make_plan(
    graph: AssetGraph,
    *,
    selection: str,
    targets: Iterable[str],
    state: State,
    known: Known,
    horizon: Horizon,
    partitions: Mapping[str, PartitionSet] | None = None,
    force: bool = False,
    only: bool = False,
    due: Mapping[str, str] | None = None,
) -> Plan:
    """What has to be done so that ``targets`` are up to date, with everything upstream that they read.

    Args:
        horizon: the time, and what decides which partitions exist.
        partitions: by key, the partitions of targets that are wanted; of the others, all that exist and that their
            catch-up policy does not leave out.
        force: materialize what is wanted of the targets whatever their fingerprints say; it does not reach effects.
        only: leave upstream as it is.
        due: of an automatic run, by key, why an asset is looked at. A volatile one is then made again, and what failed
            is not tried again.
    """
    named = frozenset(targets)
    wanted = tuple(key for key in graph.assets if key in named)
    reader = Reader(graph=graph, state=state, horizon=horizon)
    asked, left_out = asked_for(wanted, partitions or {}, reader)
    demand = demanded(asked, scope_of(graph, wanted, only=only), reader, only=only)
    planner = _Planner(
        graph=graph,
        state=state,
        known=known,
        now=horizon.now,
        reader=reader,
        forced=frozenset(key for key in wanted if not graph.assets[key].is_effect) if force else frozenset(),
        chosen=partitions or {},
        by_clock=not partitions or not named <= partitions.keys(),
        due=due,
    )
    done: set[str] = set()
    for key, asset in graph.assets.items():
        if key in demand and key not in done:
            siblings = graph.siblings(key)
            done.update(siblings)
            planner.add([graph.assets[sibling] for sibling in siblings], asset, demand[key])
    return Plan(
        selection=selection,
        targets=wanted,
        environment=state.environment,
        made_at=horizon.now,
        sequence=state.sequence,
        steps=tuple(planner.steps),
        settled=planner.settled,
        left_out=left_out,
        automatic=due is not None,
    )


def scope_of(graph: AssetGraph, targets: Iterable[str], *, only: bool = False) -> frozenset[str]:
    """The keys that a plan for ``targets`` looks at: with all upstream, and with what one function makes together."""
    keys = frozenset(targets) if only else graph.ancestors(targets)
    return keys | {sibling for key in keys if graph.assets[key].several for sibling in graph.siblings(key)}


class _Decision(NamedTuple):
    """What is to be done with some partitions of one asset; ``step`` has no partitions, label or needs yet."""

    step: Step
    partitions: PartitionSet


@dataclass(slots=True, kw_only=True)
class _Planner:
    """One walk from upstream to downstream.

    Args:
        moving: by key, the partitions whose version may move in this plan.
        by_clock: it was not said which partitions are wanted: all that exist are, so that time makes it more.
        named: by key, the steps that take care of which partitions.
        filled: by key, the partitions of which nothing is published although nothing is wrong, and why.
        due: of an automatic run, why an asset is looked at.
        chosen: by key, the partitions that were asked for by name.
        ended: by key, what is wrong with what the steps so far leave as it is.
        made: by key, whether anything was ever made with the basis of today.
    """

    graph: AssetGraph
    state: State
    known: Known
    now: datetime
    reader: Reader
    forced: frozenset[str]
    by_clock: bool
    chosen: Mapping[str, PartitionSet]
    due: Mapping[str, str] | None = None
    steps: list[Step] = field(default_factory=list)
    moving: dict[str, PartitionSet] = field(default_factory=dict)
    named: dict[str, list[tuple[PartitionSet, str]]] = field(default_factory=dict)
    filled: dict[str, dict[Partition, str]] = field(default_factory=dict)
    settled: dict[str, PartitionSet] = field(default_factory=dict)
    next: dict[Partitions, datetime | None] = field(default_factory=dict)
    labels: dict[tuple[Partitions, PartitionSet], str] = field(default_factory=dict)
    ended: dict[str, list[Wrong]] = field(default_factory=dict)
    made: dict[str, bool] = field(default_factory=dict)

    # Steps

    def add(self, outputs: list[Asset], asset: Asset, wanted: PartitionSet) -> None:
        """Add the steps of one function: of its outputs, for the partitions that are wanted."""
        decided = [decision for output in outputs for decision in self._decide(output, wanted)]
        if asset.depends_on_itself:
            decided = self._chained(asset, decided)
        if len(outputs) > 1:
            decided = self._together(outputs, decided)
        for decision in decided:
            if decision.partitions:
                self._append(decision)

    def _append(self, decision: _Decision) -> None:
        asset = self.graph.assets[decision.step.key]
        because = self.due.get(asset.key) if self.due else None
        step = replace(
            decision.step,
            reason=decision.step.reason.due_because(because) if because else decision.step.reason,
            partitions=decision.partitions,
            label=self._label(asset, decision.partitions),
            needs=self._needs(asset, decision.partitions),
        )
        if self.by_clock and isinstance(step, Materialize | Keep):
            moves = self._moves_at(asset, step.partitions)
            step = replace(step, valid_until=_earlier(step.valid_until, moves))
        self.steps.append(step)
        for key in step.outputs if isinstance(step, Materialize) else (step.key,):
            self.named.setdefault(key, []).append((step.partitions, name_of(step)))
            wrong = self.ended.setdefault(key, [])
            if is_work(step):
                self._move(key, step.partitions)
            elif isinstance(step, Hold) and (kind := kind_of("held", step.reason.kind)) is not None:
                wrong.append(Wrong(kind, step.partitions, step.reason.text))
        if isinstance(step, Hold) and step.reason.kind in ("skipped before", "upstream skipped"):
            self.filled.setdefault(step.key, {}).update(dict.fromkeys(step.partitions, step.reason.text))

    def _moves_at(self, asset: Asset, partitions: PartitionSet) -> datetime | None:
        """When there will be a partition after the newest, if that is one of these."""
        if asset.partitions is None or not partitions & newest(self.reader.existing(asset.key), 1):
            return None
        if asset.partitions not in self.next:
            self.next[asset.partitions] = moves_at(asset.partitions, self.reader.horizon)
        return self.next[asset.partitions]

    def _move(self, key: str, partitions: PartitionSet) -> None:
        self.moving[key] = self.moving.get(key, EMPTY) | partitions

    def _label(self, asset: Asset, partitions: PartitionSet) -> str:
        """What tells a step from the others of its asset: its first and its last partition. Many have the same."""
        if asset.partitions is None:
            return ""
        place = asset.partitions, partitions
        if place not in self.labels:
            self.labels[place] = _label(asset.partitions, partitions)
        return self.labels[place]

    def _needs(self, asset: Asset, partitions: PartitionSet) -> tuple[str, ...]:
        """The steps of this plan that come first."""
        needs: list[str] = []
        for given in (*asset.edges, *asset.order):
            if given.key in self.named and given.key != asset.key:
                read = self.reader.above(asset, given, partitions).read
                needs.extend(name for covered, name in self.named[given.key] if covered & read)
        return tuple(dict.fromkeys(needs))

    def _together(self, outputs: list[Asset], decided: list[_Decision]) -> list[_Decision]:
        """What one function makes together is built together: where one of its outputs is, all are."""
        builds = _builds(decided)
        left = built = PartitionSet.union(partitions for _, partitions in builds)
        found: list[_Decision] = []
        for step, partitions in sorted(builds, key=lambda build: build[0].when != "always"):
            mine, left = partitions & left, left - partitions
            first = outputs[0].key
            served = self.state.summary(first).partitions & mine
            together = replace(
                step, key=first, outputs=tuple(output.key for output in outputs), served=served
            )
            found.append(_Decision(together, mine))
        return [*found, *_without(decided, built)]

    def _chained(self, asset: Asset, decided: list[_Decision]) -> list[_Decision]:
        """What reads its own earlier partitions is one step, with all that comes after what is built.

        What could be adopted is in it too: it has to become visible before what reads it is built.
        """
        builds = _builds(decided)
        if not builds:
            return decided
        built = PartitionSet.union(
            one.partitions for one in decided if isinstance(one.step, Materialize | Adopt)
        )
        kept = PartitionSet.union(one.partitions for one in decided if isinstance(one.step, Keep))
        own = [given for given in asset.edges if given.key == asset.key]
        while (
            reached := PartitionSet.union(self.reader.below(asset, given, built) for given in own)
            & kept - built
        ):
            built |= reached
        first = next((step for step, _ in builds if step.when == "always"), builds[0][0])
        chain = replace(first, served=self.reader.visible(asset.key) & built)
        return [_Decision(chain, built), *_without(decided, built)]

    # Deciding

    def _decide(self, asset: Asset, wanted: PartitionSet) -> list[_Decision]:
        """What is to be done with the wanted partitions of one asset: of most in ranges, of the others one by one."""
        if asset.is_source:
            return [_Decision(self._observe(asset), ONLY)]
        if not wanted and asset.partitions is not None:
            return []
        if asset.cadence is not None:
            return self._continuous(asset, wanted)
        served = self.reader.visible(asset.key)
        if asset.key in self.known.unready:
            reason = Reason.unready(self.known.unready[asset.key])
            return [_Decision(Hold(key=asset.key, reason=reason, served=served & wanted), wanted)]
        if asset.depends_on_itself:  # what is missing will be made before what reads it
            self.moving[asset.key] = wanted - served
        wanted = self._of_effect(asset, wanted) if asset.is_effect else wanted
        decided, rest = self._in_ranges(asset, wanted) if asset.partitions is not None else ([], wanted)
        self.reader.fetch(asset, rest)
        attempts = self.state.attempts(asset.producer, rest)
        latest = newest(self.reader.existing(asset.key), 1)
        grouped: dict[tuple[type[Step], Reason, str | None], tuple[Step, list[Partition]]] = {}
        settled: list[Partition] = []
        if asset.depends_on_itself:
            self._move(asset.key, PartitionSet.union(built for _, built in _builds(decided)))
        for partition in rest:
            step = self._look(asset, partition, attempts.get(partition), newest=partition in latest)
            when = step.when if isinstance(step, Materialize) else None
            first, members = grouped.setdefault((type(step), step.reason, when), (step, []))
            members.append(partition)
            if isinstance(first, Keep) and isinstance(step, Keep):
                kept = replace(first, valid_until=_earlier(first.valid_until, step.valid_until))
                grouped[Keep, step.reason, when] = kept, members
            if _is_settled(step, visible=partition in served):
                settled.append(partition)
            if asset.depends_on_itself and isinstance(step, Materialize | Adopt):
                self._move(asset.key, PartitionSet.of([partition]))
        if settled and (asset.partitions is not None or asset.automation is not None):
            self.settled[asset.key] = self.settled.get(asset.key, EMPTY) | PartitionSet.of(settled)
        for step, members in grouped.values():
            partitions = PartitionSet.of(members)
            if isinstance(step, Materialize | Adopt | Hold):
                decided.append(_Decision(replace(step, served=served & partitions), partitions))
            else:
                decided.append(_Decision(step, partitions))
        return decided

    def _continuous(self, asset: Asset, wanted: PartitionSet) -> list[_Decision]:
        """What a loop of its own publishes is there, or waits for that."""
        served = self.reader.visible(asset.key) & wanted
        missing = wanted - served
        attempts = self.state.attempts(asset.key, missing)
        empty = PartitionSet.of(at for at, one in attempts.items() if one.outcome == "skipped")
        self.filled.setdefault(asset.key, {}).update({at: attempts[at].reason for at in empty})
        waits = Hold(key=asset.key, reason=Reason.runs_by_itself(asset.key), served=EMPTY)
        keep = Keep(key=asset.key, reason=Reason.up_to_date(failing=False))
        return [_Decision(keep, served), _Decision(waits, missing - empty)]

    def _in_ranges(self, asset: Asset, wanted: PartitionSet) -> tuple[list[_Decision], PartitionSet]:
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
            decided.append(_Decision(Keep(key=asset.key, reason=Reason.up_to_date(failing=False)), shown))
        if filled := kept - visible:
            decided.extend(self._skipped_for_good(asset, filled))
        if maybe:
            keys = [given.key for given in asset.edges if self._reach(asset, given) & maybe]
            decided.append(_Decision(_maybe(asset, Reason.if_changed(dict.fromkeys(keys)), maybe), maybe))
        return decided, wanted - kept - maybe

    def _skipped_for_good(self, asset: Asset, filled: PartitionSet) -> list[_Decision]:
        """What a final skip fills, each with its reason: what reads it is told, in the plan and in the run."""
        tried = self.state.attempts(asset.producer, filled)
        by_reason: dict[str, list[Partition]] = {}
        for partition in filled:
            why = tried[partition].reason if partition in tried else ""
            by_reason.setdefault(why or "no reason was given", []).append(partition)
        return [
            _Decision(
                Hold(
                    key=asset.key, reason=Reason(kind="skipped before", text=f"skipped: {why}"), served=EMPTY
                ),
                PartitionSet.of(members),
            )
            for why, members in by_reason.items()
        ]

    def _of_another_basis(
        self, asset: Asset, before: Settlement, calm: PartitionSet, wanted: PartitionSet
    ) -> tuple[list[_Decision], PartitionSet]:
        """Partitions that were up to date before the code, config or resources changed: outdated, all for one reason.

        Unless something was made with the new basis before, so that each has to be looked at.
        """
        if self.state.made_with(asset.key, self.known.bases[asset.key]):
            return [], wanted
        outdated = calm & self.reader.visible(asset.key)
        reason = moved(before.basis, self.known.bases[asset.key])
        if reason is None or not outdated:
            return [], wanted
        step = Materialize(key=asset.key, reason=reason, when="always", outputs=(asset.key,), served=outdated)
        return [_Decision(step, outdated)], wanted - outdated

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
        moving = self.moving.get(given.key)
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
        sure = self._sure_reason(asset, published, moving, found, newest=newest)
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
                if self.graph.ancestors([asset.key]) & self.moving.keys()
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
        """Of an effect the newest partition, what was asked for by name, and what is not finished."""
        if asset.partitions is None:
            return wanted
        existing = self.reader.existing(asset.key)
        facts = self.known.effects.get(asset.key, EffectFacts())
        begun = [asset.partitions.partition(key) for key in facts.unfinished]
        asked = newest(existing, 1) | self.chosen.get(asset.key, EMPTY)
        return (wanted & asked) | (PartitionSet.of(begun) & existing)

    def _troubles(self, asset: Asset, partition: Partition) -> tuple[Trouble, ...]:
        """What is wrong upstream, for an asset that it matters to."""
        if not asset.is_effect and not asset.accepts:
            return ()
        in_doubt = [key for key, facts in self.known.effects.items() if facts.in_doubt]
        return troubles_above(asset, partition, self.reader, self.now, self.ended, in_doubt)

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
            return [key for key in self.graph.assets if key in above and self.moving.get(key)]
        mine = PartitionSet.of([partition])
        return list(
            dict.fromkeys(
                given.key
                for given in asset.edges
                if given.key in self.moving
                and self.moving[given.key] & self.reader.above(asset, given, mine).read
            )
        )

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
        gaps = {key: gap - self.moving.get(key, EMPTY) for key, gap in found.gaps.items()}
        if not missing and not any(gaps.values()):
            return None
        skipped: dict[str, str] = {}
        waits: list[str] = []
        for given in asset.edges:
            if given.key in missing:
                read = self.reader.above(asset, given, PartitionSet.of([partition])).read
                why = [self.filled.get(given.key, {}).get(one) for one in read]
                if why and all(why):
                    skipped[given.key] = why[-1] or ""
                else:
                    waits.append(given.key)
            elif gaps.get(given.key) and not takes_what_is_there(given.mapping):
                filled = PartitionSet.of(self.filled.get(given.key, {}))
                if gaps[given.key] - filled:
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
        self, asset: Asset, published: Version | None, moving: list[str], found: Reading, *, newest: bool
    ) -> Reason | None:
        """A reason to materialize that holds whatever upstream does; None leaves the asset as it is.

        The clock makes the newest partition due only: those before it do not change with time.
        """
        if asset.key in self.forced:
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


def _builds(decided: list[_Decision]) -> list[tuple[Materialize, PartitionSet]]:
    return [(one.step, one.partitions) for one in decided if isinstance(one.step, Materialize)]


def _without(decided: list[_Decision], built: PartitionSet) -> list[_Decision]:
    """What is decided of the partitions that are not built."""
    return [
        one._replace(partitions=one.partitions - built)
        for one in decided
        if not isinstance(one.step, Materialize)
    ]


def key_of(asset: Asset, partition: Partition) -> str | None:
    """The key of a partition, for people and in fingerprints; None for an asset without partitions."""
    return None if asset.partitions is None else asset.partitions.key(partition)


def checks_digest(checks: Sequence[declare.Check]) -> str:
    """The digest of an asset's checks, whatever their order; empty when it has none."""
    return digest(*sorted(check.digest for check in checks)) if checks else ""


def _maybe(asset: Asset, reason: Reason, served: PartitionSet) -> Materialize:
    return Materialize(
        key=asset.key, reason=reason, when="if upstream changes", outputs=(asset.key,), served=served
    )


def _earlier(*moments: datetime | None) -> datetime | None:
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


def _label(declared: Partitions, partitions: PartitionSet) -> str:
    found = list(partitions.ranges())
    first = declared.key(Partition(found[0][0], found[0][1]))
    last = declared.key(Partition(found[-1][0], found[-1][2]))
    return first if len(partitions) == 1 else f"{first}..{last}"
