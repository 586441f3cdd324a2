"""The plan: what has to be done so that some assets are up to date, and why. The only place that decides it.

What is wanted comes from `graph.demand`, what is to be done with it from `graph.deciding`; here that becomes steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from graph.asset_graph import Asset, AssetGraph
from graph.catch_up import newest
from graph.deciding import Deciding, Decision, SoFar, builds_among, earlier
from graph.demand import asked_for, demanded
from graph.key_partitions import moves_at
from graph.known import Known
from graph.partition_set import PartitionSet
from graph.partition_text import span_label
from graph.partitions import Horizon, Partitions
from graph.reading import Reader
from graph.state import State
from graph.steps import Adopt, Keep, Materialize, Plan, Step


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
    deciding = Deciding(
        graph=graph,
        state=state,
        known=known,
        now=horizon.now,
        reader=reader,
        forced={key: asked[key] for key in wanted if force and not graph.assets[key].is_effect},
        chosen=partitions or {},
        due=due,
        so_far=SoFar(),
    )
    by_clock = not partitions or not named <= partitions.keys()
    planner = _Planner(graph=graph, reader=reader, deciding=deciding, by_clock=by_clock)
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
        settled=deciding.settled,
        left_out=(*left_out, *deciding.left_out),
        automatic=due is not None,
    )


def scope_of(graph: AssetGraph, targets: Iterable[str], *, only: bool = False) -> frozenset[str]:
    """The keys that a plan for ``targets`` looks at: with all upstream, and with what one function makes together."""
    keys = frozenset(targets) if only else graph.ancestors(targets)
    return keys | {sibling for key in keys if graph.assets[key].together for sibling in graph.siblings(key)}


@dataclass(slots=True, kw_only=True)
class _Planner:
    """One walk from upstream to downstream: what was decided of each function becomes steps.

    Args:
        by_clock: it was not said which partitions are wanted: all that exist are, so that time makes it more.
    """

    graph: AssetGraph
    reader: Reader
    deciding: Deciding
    by_clock: bool
    steps: list[Step] = field(default_factory=list)
    next: dict[Partitions, datetime | None] = field(default_factory=dict)
    labels: dict[tuple[Partitions, PartitionSet], str] = field(default_factory=dict)

    def add(self, outputs: list[Asset], asset: Asset, wanted: PartitionSet) -> None:
        """Add the steps of one function: of its outputs, for the partitions that are wanted."""
        decided = [decision for output in outputs for decision in self.deciding.decide(output, wanted)]
        if asset.depends_on_itself:
            decided = self._chained(asset, decided)
        if len(outputs) > 1:
            decided = self._together(outputs, decided)
        for decision in decided:
            if decision.partitions:
                self._append(decision)

    def _append(self, decision: Decision) -> None:
        asset = self.graph.assets[decision.step.key]
        because = self.deciding.due.get(asset.key) if self.deciding.due else None
        step = replace(
            decision.step,
            reason=decision.step.reason.due_because(because) if because else decision.step.reason,
            partitions=decision.partitions,
            label=self._label(asset, decision.partitions),
            needs=self._needs(asset, decision.partitions),
        )
        if self.by_clock and isinstance(step, Materialize | Keep):
            moves = self._moves_at(asset, step.partitions)
            step = replace(step, valid_until=earlier(step.valid_until, moves))
        self.steps.append(step)
        self.deciding.so_far.note(step)

    def _moves_at(self, asset: Asset, partitions: PartitionSet) -> datetime | None:
        """When there will be a partition after the newest, if that is one of these."""
        if asset.partitions is None or not partitions & newest(self.reader.existing(asset.key), 1):
            return None
        if asset.partitions not in self.next:
            self.next[asset.partitions] = moves_at(asset.partitions, self.reader.horizon)
        return self.next[asset.partitions]

    def _label(self, asset: Asset, partitions: PartitionSet) -> str:
        """What tells a step from the others of its asset: its first and its last partition. Many have the same."""
        if asset.partitions is None:
            return ""
        place = asset.partitions, partitions
        if place not in self.labels:
            self.labels[place] = span_label(asset.partitions, partitions)
        return self.labels[place]

    def _needs(self, asset: Asset, partitions: PartitionSet) -> tuple[str, ...]:
        """The steps of this plan that come first."""
        needs: list[str] = []
        for given in (*asset.edges, *asset.order):
            if given.key in self.deciding.so_far.named and given.key != asset.key:
                read = self.reader.above(asset, given, partitions).read
                needs.extend(
                    name for covered, name in self.deciding.so_far.named[given.key] if covered & read
                )
        return tuple(dict.fromkeys(needs))

    def _together(self, outputs: list[Asset], decided: list[Decision]) -> list[Decision]:
        """What one function makes together is built together: where one of its outputs is, all are."""
        builds = builds_among(decided)
        left = built = PartitionSet.union(partitions for _, partitions in builds)
        found: list[Decision] = []
        for step, partitions in sorted(builds, key=lambda build: build[0].when != "always"):
            mine, left = partitions & left, left - partitions
            first = outputs[0].key
            served = self.deciding.state.summary(first).partitions & mine
            together = replace(
                step, key=first, outputs=tuple(output.key for output in outputs), served=served
            )
            found.append(Decision(together, mine))
        return [*found, *_without(decided, built)]

    def _chained(self, asset: Asset, decided: list[Decision]) -> list[Decision]:
        """What reads its own earlier partitions is one step, with all that comes after what is built.

        What could be adopted is in it too: it has to become visible before what reads it is built.
        """
        builds = builds_among(decided)
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
        return [Decision(chain, built), *_without(decided, built)]


def _without(decided: list[Decision], built: PartitionSet) -> list[Decision]:
    """What is decided of the partitions that are not built."""
    return [
        one._replace(partitions=one.partitions - built)
        for one in decided
        if not isinstance(one.step, Materialize)
    ]
