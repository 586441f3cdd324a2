"""What is due: conditions asked of the record, in topological order, each answer a tree that mirrors its condition.

Due is a pure function of the graph, the facts and the time. Nothing is kept from one evaluation to the next, so it does
not matter when or how often anybody asks, nor who.

Every question is asked of as few partitions as can still matter, and of an occurrence only whether it came later than a
moment; what has not changed since it was handled answers from its summary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import NamedTuple, Protocol, assert_never
from zoneinfo import ZoneInfo

from graph.catch_up import CatchUp, Caught, caught_up
from graph.conditions import (
    All,
    Any,
    Condition,
    CronTick,
    FreshnessIs,
    Happened,
    Is,
    Latest,
    Missing,
    NewlyTrue,
    Not,
    Since,
    SwitchedOn,
    Upstream,
    WillBeRequested,
    as_state,
)
from graph.facts import Facts, Moment, Partitioning, after_all_at, before_all_at
from graph.partition_set import EMPTY, PartitionSet
from graph.selection import Selectable, Selection


class Lineage(Selectable, Protocol):
    """As much of a graph as automation looks at: ``assets`` in topological order, and what is made together."""

    def siblings(self, key: str) -> Sequence[str]:
        """The keys that one function makes, ``key`` among them."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The answer to a condition: its own, and those that it follows from, in the same order.

    Args:
        condition: what was asked.
        key: of which asset.
        within: of which of its partitions.
        true: those for which it holds.
        parts: the answers of its parts; of an upstream condition, one for each upstream asset. Parts that could not
            change the answer any more were not asked, and are left out. A reset has its moment, and no parts.
        moment: of an occurrence, when it happened last, where it did and this was asked.
    """

    condition: Condition
    key: str
    within: PartitionSet
    true: PartitionSet
    parts: tuple[Tree, ...] = ()
    moment: Moment | None = None

    def __bool__(self) -> bool:
        return bool(self.true)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What one evaluation found.

    Args:
        partitions: by key, what is to be made; only keys of which something is.
        left_out: by key, what is due as well, and a catch-up policy leaves out.
        trees: the answer for each asset of which something is due, in topological order; of a thorough evaluation, for
            each asset that has a condition.
        with_others: by key, what is to be made only because what is made together with it is due.
        switched_off: keys that have a condition, and whose automation was never switched on: nothing of them is due.
    """

    partitions: Mapping[str, PartitionSet]
    left_out: Mapping[str, PartitionSet]
    trees: Mapping[str, Tree]
    with_others: Mapping[str, PartitionSet]
    switched_off: tuple[str, ...]


NO_POLICIES: Mapping[str, CatchUp] = {}
NOTHING: Mapping[str, PartitionSet] = {}


def due(
    graph: Lineage,
    conditions: Mapping[str, Condition],
    facts: Facts,
    partitioning: Partitioning,
    now: datetime,
    *,
    catch_up: Mapping[str, CatchUp] = NO_POLICIES,
    also: Mapping[str, PartitionSet] = NOTHING,
    thorough: bool = False,
) -> Due:
    """What is due at ``now``.

    Args:
        conditions: by key; an asset without one is never due by itself.
        catch_up: by key; an asset without a policy catches up all that it missed.
        also: what will be made anyway, for other reasons; conditions downstream are told.
        thorough: ask every part of every condition, also where the answer is known, so that the trees show them.
    """
    sweep = _Sweep(graph, facts, partitioning, now, thorough, requested=dict(also))
    taken: dict[str, PartitionSet] = {}
    left_out: dict[str, PartitionSet] = {}
    trees: dict[str, Tree] = {}
    with_others: dict[str, PartitionSet] = {}
    switched_off: list[str] = []
    seen: set[str] = set()
    for key in graph.assets:
        if key in seen:
            continue
        together = graph.siblings(key)
        seen.update(together)
        for one in together:
            condition = conditions.get(one)
            if condition is None:
                continue
            on = facts.switched_on(one)
            if on is None:
                switched_off.append(one)
                continue
            tree = _answer(sweep, condition, one, on)
            if tree.true or thorough:
                trees[one] = tree
            if tree.true:
                caught = _caught(sweep, one, tree.true, catch_up.get(one))
                taken[one], left_out[one] = caught.taken, caught.left_out
        wanted = PartitionSet.union(taken[one] for one in together if one in taken)
        if wanted:
            for one in together:
                with_others[one] = wanted - taken.get(one, EMPTY)
                taken[one] = wanted
                sweep.requested[one] = sweep.requested.get(one, EMPTY) | wanted
    return Due(
        partitions=_some(taken),
        left_out=_some(left_out),
        trees=trees,
        with_others=_some(with_others),
        switched_off=tuple(switched_off),
    )


def evaluate(
    graph: Lineage,
    condition: Condition,
    key: str,
    facts: Facts,
    partitioning: Partitioning,
    now: datetime,
    *,
    on: Moment,
    requested: Mapping[str, PartitionSet] = NOTHING,
    thorough: bool = True,
) -> Tree:
    """The answer to one condition on one asset, as `due` would find it.

    Args:
        on: when automation of the asset was switched on.
        requested: by key, what upstream was found due.
    """
    return _answer(
        _Sweep(graph, facts, partitioning, now, thorough, requested=dict(requested)), condition, key, on
    )


def _some(sets: Mapping[str, PartitionSet]) -> Mapping[str, PartitionSet]:
    return {key: partitions for key, partitions in sets.items() if partitions}


# --- asking -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Sweep:
    """All that one evaluation knows; ``requested`` grows as it goes downstream, the rest are answers kept."""

    graph: Lineage
    facts: Facts
    partitioning: Partitioning
    now: datetime
    thorough: bool
    requested: dict[str, PartitionSet]
    ticks: dict[tuple[str, str], datetime] = field(default_factory=dict)
    chosen: dict[Selection, frozenset[str]] = field(default_factory=dict)
    states: dict[int, tuple[Condition, Condition]] = field(default_factory=dict)

    def tick(self, node: CronTick) -> datetime:
        """The last tick up to now, in UTC like the moments that it is compared with: other zones compare slowly."""
        which = (node.cron, node.timezone)
        if which not in self.ticks:
            self.ticks[which] = last_tick(node.cron, node.timezone, self.now).astimezone(UTC)
        return self.ticks[which]

    def upstream(self, key: str, node: Upstream) -> Iterable[str]:
        """The upstream that a condition looks at, in the order of the graph."""
        above = self.graph.upstream_of[key]
        if node.allow is not None:
            above = [up for up in above if up in self._selected(node.allow)]
        if node.ignore is not None:
            above = [up for up in above if up not in self._selected(node.ignore)]
        return above

    def _selected(self, selection: Selection) -> frozenset[str]:
        if selection not in self.chosen:
            self.chosen[selection] = selection.resolve(self.graph, sources=True)
        return self.chosen[selection]

    def as_state(self, condition: Condition) -> Condition:
        """`as_state`, told apart by identity: most assets share a few conditions."""
        kept = self.states.get(id(condition))
        if kept is None:
            self.states[id(condition)] = kept = (condition, as_state(condition))
        return kept[1]


class _Since(NamedTuple):
    """What an occurrence has to be later than, and when automation of the asset at the root was switched on."""

    after: Moment
    on: Moment


def _answer(sweep: _Sweep, condition: Condition, key: str, on: Moment) -> Tree:
    everything = sweep.partitioning.existing(key, sweep.now)
    return _ask(sweep, sweep.as_state(condition), key, everything, _Since(on, on))


def _ask(sweep: _Sweep, condition: Condition, key: str, within: PartitionSet, since: _Since) -> Tree:
    """Of which of some partitions a condition holds, counting what occurred later than ``since``."""
    node = condition.node
    match node:
        case All() | Any():
            return _ask_several(sweep, condition, node, key, within, since)
        case Latest(lookback=lookback):
            true = within & sweep.partitioning.latest(key, sweep.now, lookback)
        case Since():
            return _ask_since(sweep, condition, node, key, within, since.on)
        case Missing():
            true = within - sweep.facts.visible(key)
        case NewlyTrue(of=of):
            part = _ask(sweep, of, key, within, since)
            true = _begun(sweep, of, key, part.true, since) if part.true else EMPTY
            return Tree(condition, key, within, true, (part,))
        case Upstream():
            return _ask_upstream(sweep, condition, node, key, within, since)
        case Happened(event=event):
            true = sweep.facts.happened(event, key, within, since.after)
            return Tree(condition, key, within, true, (), _last(sweep, node, key, within))
        case WillBeRequested():
            true = within & sweep.requested[key] if key in sweep.requested else EMPTY
        case Not(of=of):
            part = _ask(sweep, of, key, within, since)
            return Tree(condition, key, within, within - part.true, (part,))
        case Is(status=status):
            true = sweep.facts.status(status, key, within)
        case CronTick():
            tick = before_all_at(sweep.tick(node))
            true = sweep.partitioning.existing(key, tick.at) & within if tick > since.after else EMPTY
            return Tree(condition, key, within, true, (), tick)
        case FreshnessIs(state=state):
            true = within if sweep.facts.freshness(key)[0] == state else EMPTY
        case SwitchedOn():
            true = within if since.on >= since.after else EMPTY
            return Tree(condition, key, within, true, (), since.on)
        case _:
            assert_never(node)
    return Tree(condition, key, within, true)


def _ask_several(
    sweep: _Sweep, condition: Condition, node: All | Any, key: str, within: PartitionSet, since: _Since
) -> Tree:
    """Each part is asked of what the parts before it have left open."""
    every, parts = isinstance(node, All), list[Tree]()
    true = within if every else EMPTY
    for one in node.of:
        part = _ask(sweep, one, key, true if every and not sweep.thorough else within, since)
        parts.append(part)
        if not every:
            true |= part.true
        else:
            true = true & part.true if sweep.thorough else part.true  # which is among what was asked
        if not sweep.thorough and (not true if every else true.spans == within.spans):
            break
    return Tree(condition, key, within, true, tuple(parts))


def _ask_since(
    sweep: _Sweep, condition: Condition, node: Since, key: str, within: PartitionSet, on: Moment
) -> Tree:
    """Asked once for each moment that the reset has: of the partitions to which it happened then, what came later."""
    moments = _moments(sweep, node.reset, key, within, on)
    asked = [_ask(sweep, node.of, key, some, _Since(moment, on)) for moment, some in moments.items()]
    part = asked[0] if len(asked) == 1 else _joined(asked, node.of, key)
    never = moments.get(on)
    last = None if never is not None and len(moments) == 1 else max(moments, default=None)
    reset = Tree(node.reset, key, within, within - never if never is not None else within, (), last)
    return Tree(condition, key, within, part.true, (part, reset))


def _ask_upstream(
    sweep: _Sweep, condition: Condition, node: Upstream, key: str, within: PartitionSet, since: _Since
) -> Tree:
    """Asked of what is read, and told of what reads it; what reads nothing of an asset does not wait for it."""
    partitioning = sweep.partitioning
    parts: list[Tree] = []
    true = within if node.every else EMPTY
    for up in sweep.upstream(key, node):
        part = _ask(sweep, node.of, up, partitioning.upstream(within, key, up), since)
        parts.append(part)
        reading = partitioning.downstream(part.true, key, up) & within if part.true else EMPTY
        if not node.every:
            true |= reading
        elif unmet := true - reading:
            true -= partitioning.downstream(partitioning.upstream(unmet, key, up), key, up) & unmet
        if not sweep.thorough and (not true if node.every else true.spans == within.spans):
            break
    return Tree(condition, key, within, true, tuple(parts))


def _moments(
    sweep: _Sweep, reset: Condition, key: str, within: PartitionSet, on: Moment
) -> Mapping[Moment, PartitionSet]:
    """When ``reset`` happened last to each of some partitions; where it never did, when automation was switched on."""
    found: dict[Moment, PartitionSet] = {}
    left = within
    for moment, some in sorted(_happened(sweep, reset, key, within), key=lambda one: one[0], reverse=True):
        if moment <= on or not left:
            break
        if new := some & left:
            found[moment] = found[moment] | new if moment in found else new
            left -= new
    if left:
        found[on] = left
    return found


def _happened(
    sweep: _Sweep, reset: Condition, key: str, within: PartitionSet
) -> Iterator[tuple[Moment, PartitionSet]]:
    match reset.node:
        case Happened(event=event):
            yield from sweep.facts.moments(event, key, within)
        case CronTick():
            yield after_all_at(sweep.tick(reset.node)), within
        case Any(of=several):
            for one in several:
                yield from _happened(sweep, one, key, within)
        case (
            _
        ):  # initial_evaluation() is the moment of what has no other; the rest are problems of the condition
            return


def _begun(sweep: _Sweep, state: Condition, key: str, true: PartitionSet, since: _Since) -> PartitionSet:
    """Where a state, which holds for ``true``, has held only since later than ``since``."""
    facts, after = sweep.facts, since.after
    match state.node:
        case Missing():
            old = true & sweep.partitioning.existing(key, after.at)
            return true - old | facts.happened("removed", key, old, after) if old else true
        case Latest():
            return true - sweep.partitioning.existing(key, after.at)
        case Is():  # claimed, failed or rejected: by the last attempt
            return facts.happened("requested", key, true, after)
        case FreshnessIs():
            began = facts.freshness(key)[1]
            return true if began is not None and began > after.at else EMPTY
        case All(of=several):
            return PartitionSet.union(_begun(sweep, one, key, true, since) for one in several)
        case Any(of=several):
            for one in several:
                holds = _ask(sweep, one, key, true, since).true
                true -= holds - _begun(sweep, one, key, holds, since)
            return true
        case _:  # a problem of the condition
            return EMPTY


def _joined(trees: Sequence[Tree], condition: Condition, key: str) -> Tree:
    """Answers to one question, asked of some partitions each, as one answer."""
    parts = zip_longest(*(tree.parts for tree in trees))
    return Tree(
        condition,
        key,
        PartitionSet.union(tree.within for tree in trees),
        PartitionSet.union(tree.true for tree in trees),
        tuple(
            _joined(found, found[0].condition, found[0].key)
            for several in parts
            if (found := [one for one in several if one is not None])
        ),
        max((tree.moment for tree in trees if tree.moment is not None), default=None),
    )


def _last(sweep: _Sweep, node: Happened, key: str, within: PartitionSet) -> Moment | None:
    """When something happened last, for those who will read it."""
    if not sweep.thorough:
        return None
    return max((moment for moment, _ in sweep.facts.moments(node.event, key, within)), default=None)


def _caught(sweep: _Sweep, key: str, true: PartitionSet, policy: CatchUp | None) -> Caught:
    if policy is None or policy.last is None:
        return Caught(taken=true)
    return caught_up(
        true,
        policy,
        visible=sweep.facts.visible(key),
        latest=sweep.partitioning.latest(key, sweep.now, None),
        existing=sweep.partitioning.existing(key, sweep.now),
    )


def last_tick(cron: str, timezone: str, now: datetime) -> datetime:
    """The last instant up to ``now``, itself included, at which ``cron`` ticks in ``timezone``.

    >>> last_tick("0 18 * * *", "Europe/Berlin", datetime(2024, 7, 1, 16, 0, tzinfo=UTC)).isoformat()
    '2024-07-01T18:00:00+02:00'
    """
    from cronsim import CronSim

    local = now.astimezone(ZoneInfo(timezone)) + timedelta(microseconds=1)
    return next(CronSim(cron, local, reverse=True))
