"""The plan: what has to be done, in which order, and why. The only place that decides whether to build.

Six kinds of steps. `explain` and the runner read the same list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from graph import declare
from graph.asset_graph import Asset, AssetGraph, Upstream
from graph.fingerprint import Basis, digest, fingerprint
from graph.partitions import UNPARTITIONED, Sessions, partition_key
from graph.reading import Published, Reading, reading, source_ordinal, visible
from graph.reasons import Reason, held_after, moved
from graph.settling import Settled, settle
from graph.state import Observed, State, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Observe:
    """Note what a source showed; publish it when it moved."""

    key: str
    reason: Reason
    observed: Observed
    changed: bool
    partition: str | None = None
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Materialize:
    """Compute, check, store and publish ``outputs``; with ``when="if upstream changes"``, only then."""

    key: str
    reason: Reason
    when: Literal["always", "if upstream changes"]
    outputs: tuple[str, ...]
    was: str | None = None
    partition: str | None = None
    needs: tuple[str, ...] = ()
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """A version with this fingerprint exists: only the pointer moves."""

    key: str
    reason: Reason
    version: str
    fingerprint: str
    was: str | None = None
    partition: str | None = None
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The checks changed: judge again what is published."""

    key: str
    reason: Reason
    version: str
    partition: str | None = None
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Up to date: its freshness advances, nothing else happens."""

    key: str
    reason: Reason
    version: str
    partition: str | None = None
    needs: tuple[str, ...] = ()
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """It would be due, but something holds it; ``served`` is the version that downstream goes on reading."""

    key: str
    reason: Reason
    served: str | None = None
    partition: str | None = None
    needs: tuple[str, ...] = ()


Step = Observe | Materialize | Adopt | Check | Keep | Hold


def step_id(key: str, partition: str | None) -> str:
    """How steps name each other: ``market/prices``, ``market/bars@2024-01-02``."""
    return key if partition is None else f"{key}@{partition}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in an order in which upstream comes first.

    Args:
        selection: the text that it was made for.
        targets: the keys that the text named; the other steps are upstream of them.
        sequence: the ledger's last publication that it has seen.
    """

    selection: str
    targets: tuple[str, ...]
    environment: str
    made_at: datetime
    sequence: int
    steps: tuple[Step, ...]

    def work(self) -> tuple[Step, ...]:
        """The steps that may change something."""
        return tuple(step for step in self.steps if is_work(step))


def is_work(step: Step) -> bool:
    """Whether a step may change what is visible."""
    return isinstance(step, Materialize | Adopt | Check) or (isinstance(step, Observe) and step.changed)


def make_plan(
    graph: AssetGraph,
    *,
    selection: str,
    targets: Iterable[str],
    state: State,
    bases: Mapping[str, Basis],
    observed: Mapping[str, Observed],
    checks: Mapping[str, str],
    unready: Mapping[str, str] | None = None,
    now: datetime,
    sessions: Sessions,
    observed_resources: frozenset[str] = frozenset(),
    force: bool = False,
    only: bool = False,
) -> Plan:
    """What has to be done so that ``targets`` are up to date at ``now``, with everything upstream of them.

    Args:
        bases: by key, for every asset in scope that is not a source.
        observed: by key, for every source in scope.
        checks: by key, the digest of the asset's checks; see `checks_digest`.
        unready: by key, why an asset has no basis: something that it reads outside could not be looked at.
        sessions: answers the trading days of a calendar.
        observed_resources: the resources whose state could be seen, so that only a change of it is a reason.
        force: materialize the targets whatever their fingerprints say.
        only: leave upstream as it is.
    """
    named = frozenset(targets)
    wanted = tuple(key for key in graph.assets if key in named)
    scope = scope_of(graph, wanted, only=only)
    planner = _Planner(
        graph=graph,
        state=state,
        bases=bases,
        observed=observed,
        checks=checks,
        unready=unready or {},
        now=now,
        sessions=sessions,
        observed_resources=observed_resources,
        forced=frozenset(wanted) if force else frozenset(),
    )
    done: set[str] = set()
    for key, asset in graph.assets.items():
        if key in scope and key not in done:
            siblings = graph.siblings(key)
            done.update(siblings)
            planner.add([graph.assets[sibling] for sibling in siblings], asset)
    return Plan(
        selection=selection,
        targets=wanted,
        environment=state.environment,
        made_at=now,
        sequence=state.sequence,
        steps=tuple(planner.steps),
    )


def scope_of(graph: AssetGraph, targets: Iterable[str], *, only: bool = False) -> frozenset[str]:
    """The keys that a plan for ``targets`` looks at: with all upstream, and with what one function makes together."""
    keys = frozenset(targets) if only else graph.ancestors(targets)
    return keys | {sibling for key in keys if graph.assets[key].several for sibling in graph.siblings(key)}


@dataclass(slots=True, kw_only=True)
class _Planner:
    """One walk from upstream to downstream.

    Args:
        moving: by key, the partitions whose version may move in this plan.
        named: by key and partition, the name of the step that takes care of it.
        skipped: by key and partition, why there is nothing to read although nothing is wrong.
    """

    graph: AssetGraph
    state: State
    bases: Mapping[str, Basis]
    observed: Mapping[str, Observed]
    checks: Mapping[str, str]
    unready: Mapping[str, str]
    now: datetime
    sessions: Sessions
    observed_resources: frozenset[str]
    forced: frozenset[str]
    steps: list[Step] = field(default_factory=list)
    moving: dict[str, set[int]] = field(default_factory=dict)
    named: dict[str, dict[int, str]] = field(default_factory=dict)
    skipped: dict[tuple[str, int], str] = field(default_factory=dict)
    published: Published = field(init=False)

    def __post_init__(self) -> None:
        self.published = visible(self.graph, self.state.published)

    def add(self, outputs: list[Asset], asset: Asset) -> None:
        """Add the steps of one function: of its outputs, for each partition."""
        partitions = asset.partitions
        ordinals = partitions.existing(self.now, self.sessions) if partitions else [UNPARTITIONED]
        newest = ordinals[-1] if ordinals else UNPARTITIONED
        for ordinal in ordinals:
            steps = [self._decide(output, ordinal, newest=ordinal == newest) for output in outputs]
            builds = [step for step in steps if isinstance(step, Materialize)]
            if builds and len(outputs) > 1:
                steps = [self._together(builds, outputs, ordinal)]
            for step in steps:
                self._append(step, ordinal)

    def _append(self, step: Step, ordinal: int) -> None:
        self.steps.append(step)
        for key in step.outputs if isinstance(step, Materialize) else (step.key,):
            self.named.setdefault(key, {})[ordinal] = step_id(step.key, step.partition)
            if is_work(step):
                self.moving.setdefault(key, set()).add(ordinal)
        if isinstance(step, Hold) and step.reason.kind in ("skipped before", "upstream skipped"):
            self.skipped[step.key, ordinal] = step.reason.text

    def _together(self, builds: list[Materialize], outputs: list[Asset], ordinal: int) -> Materialize:
        """One step for what one function makes together; its key and its version are those of the first output."""
        first = next((step for step in builds if step.when == "always"), builds[0])
        version = self.published(outputs[0].key).get(ordinal)
        return replace(
            first,
            key=outputs[0].key,
            outputs=tuple(output.key for output in outputs),
            was=version.id if version else None,
        )

    def _decide(self, asset: Asset, ordinal: int, *, newest: bool) -> Step:
        """The step for one partition of one asset, read from top to bottom."""
        if asset.is_source:
            return self._observe(asset)
        partition = partition_key(ordinal)
        needs = self._needs(asset, ordinal)
        published = self.published(asset.key).get(ordinal)
        was = published.id if published else None

        def hold(reason: Reason) -> Hold:
            return Hold(key=asset.key, reason=reason, served=was, partition=partition, needs=needs)

        if asset.key in self.unready:
            return hold(Reason.unready(self.unready[asset.key]))
        found = reading(asset, ordinal, self.graph, self.published)
        moving = [key for key in self._sources_of(asset) if self._moves(asset, key, ordinal)]
        missing = [key for key in found.missing if key not in moving]
        if missing:
            return hold(self._why_missing(asset, ordinal, missing))
        sure = self._sure_reason(asset, published, moving, found, newest=newest)
        if not moving and (sure is None or sure.kind != "forced"):
            mark = fingerprint(self.bases[asset.key], partition, found.inputs)
            settled = self._settle(
                asset, ordinal, published, mark, must=sure is not None and sure.kind == "due"
            )
            match settled:
                case Settled(what="keep") if published is not None:
                    return self._keep(asset, published, partition, needs)
                case Settled(what="check") if published is not None:
                    reason = Reason.checks_changed()
                    return Check(
                        key=asset.key, reason=reason, version=published.id, partition=partition, needs=needs
                    )
                case Settled(what="hold", reason=Reason() as reason):
                    return hold(reason)
                case Settled(what="adopt", version=Version() as known):
                    return Adopt(
                        key=asset.key,
                        reason=Reason.known(sure),
                        version=known.id,
                        fingerprint=mark,
                        was=was,
                        partition=partition,
                        needs=needs,
                    )
        return Materialize(
            key=asset.key,
            reason=sure or Reason.if_changed(moving),
            when="always" if sure else "if upstream changes",
            outputs=(asset.key,),
            was=was,
            partition=partition,
            needs=needs,
        )

    def _settle(
        self, asset: Asset, ordinal: int, published: Version | None, mark: str, *, must: bool
    ) -> Settled | None:
        checks = self.checks.get(asset.key, "")
        return settle(
            [published],
            [checks],
            mark,
            tried=self.state.last_attempt(asset.producer, ordinal),
            known=lambda: self.state.version_with(asset.key, ordinal, mark, checks=checks),
            now=self.now,
            unseen=asset.volatile and not self._observable(asset),
            must=must,
        )

    def _keep(self, asset: Asset, published: Version, partition: str | None, needs: tuple[str, ...]) -> Keep:
        return Keep(
            key=asset.key,
            reason=Reason.up_to_date(published.failing),
            version=published.id,
            partition=partition,
            needs=needs,
            valid_until=self._due_at(asset, published) if asset.volatile else None,
        )

    def _why_missing(self, asset: Asset, ordinal: int, missing: list[str]) -> Reason:
        """Why upstream has nothing to read: it was skipped, or it is wrong."""
        skipped = {
            key: self.skipped[key, at]
            for key in missing
            for at in [source_ordinal(asset, self.graph.assets[key], ordinal)]
            if (key, at) in self.skipped
        }
        return Reason.upstream_skipped(skipped) if len(skipped) == len(missing) else Reason.waits(missing)

    def _observe(self, asset: Asset) -> Step:
        seen = self.observed[asset.key]
        published = self.published(asset.key).get(UNPARTITIONED)
        if seen.data_version is None:
            reason = Reason.unseen(seen.error or "it cannot be seen")
            return Hold(key=asset.key, reason=reason, served=published.id if published else None)
        if published is None:
            return Observe(key=asset.key, reason=Reason.first_seen(), observed=seen, changed=True)
        changed = published.data_version != seen.data_version
        tried = self.state.last_attempt(asset.key, UNPARTITIONED)
        if changed and asset.key not in self.forced and tried is not None:
            held = held_after(tried, seen.data_version, [self.checks.get(asset.key, "")], self.now)
            if held is not None:
                return Hold(key=asset.key, reason=held, served=published.id)
        if not changed and published.checks != self.checks.get(asset.key, ""):
            return Check(key=asset.key, reason=Reason.checks_changed(), version=published.id)
        reason = Reason.source_moved() if changed else Reason.source_unmoved()
        return Observe(key=asset.key, reason=reason, observed=seen, changed=changed)

    def _sure_reason(
        self, asset: Asset, published: Version | None, moving: list[str], found: Reading, *, newest: bool
    ) -> Reason | None:
        """A reason to materialize that holds whatever upstream does; None leaves the asset as it is.

        The clock makes the newest partition due only: the days before it do not change with time.
        """
        if asset.key in self.forced:
            return Reason.forced()
        if published is None:
            return Reason.never_built()
        basis = moved(asset, published, self.bases[asset.key])
        if basis is not None:
            return basis
        if newest and asset.volatile and not self._observable(asset):
            due = self._due_at(asset, published)
            if due is not None and due <= self.now:
                return Reason.due(published.as_of or published.made_at, self.now)
        if not moving:
            changed = [
                name for name, version in found.inputs.items() if published.inputs.get(name) != version
            ]
            gone = published.inputs.keys() - found.inputs.keys()
            if changed or gone:
                return Reason.upstream_changed(self._named(asset, [*changed, *gone]))
        return None

    def _observable(self, asset: Asset) -> bool:
        """Whether all that a volatile asset reads outside could be looked at, so that no clock is needed."""
        return bool(asset.resources) and self.observed_resources.issuperset(asset.resources)

    def _due_at(self, asset: Asset, published: Version) -> datetime | None:
        """When the clock makes a volatile asset due; never without a freshness, or when its data have ended."""
        if asset.freshness is None or published.ends:
            return None
        return asset.freshness.due_at(published.as_of or published.made_at)

    def _sources_of(self, asset: Asset) -> Iterable[str]:
        """The keys whose versions go into the fingerprint."""
        if asset.reads_provenance:
            return self.graph.ancestors([asset.key]) - {asset.key}
        return asset.upstream

    def _moves(self, asset: Asset, key: str, ordinal: int) -> bool:
        moving = self.moving.get(key)
        if not moving:
            return False
        above = self.graph.assets[key]
        if above.partitions is not None and asset.partitions is None:
            return True
        return source_ordinal(asset, above, ordinal) in moving

    def _needs(self, asset: Asset, ordinal: int) -> tuple[str, ...]:
        """The steps of this plan that come first."""
        needs: list[str] = []
        for key in self.graph.upstream_of[asset.key]:
            above, steps = self.graph.assets[key], self.named.get(key, {})
            if above.partitions is not None and asset.partitions is None:
                needs.extend(steps.values())
            elif (at := source_ordinal(asset, above, ordinal)) in steps:
                needs.append(steps[at])
        return tuple(dict.fromkeys(needs))

    def _named(self, asset: Asset, parameters: Iterable[str]) -> list[str]:
        keys = {given.parameter: given.key for given in asset.inputs if isinstance(given, Upstream)}
        return [keys.get(name, name) for name in parameters]


def checks_digest(checks: Sequence[declare.Check]) -> str:
    """The digest of an asset's checks, whatever their order; empty when it has none."""
    return digest(*sorted(check.digest for check in checks)) if checks else ""
