"""Plans that are kept and carried out later: what they stand on, and what of it has moved since.

A plan that was saved is refused when something that it read has moved, or when time alone has made it another one.
What moved elsewhere does not matter to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from graph.asset_graph import Asset
from graph.demand import asked_for, demanded
from graph.errors import PlanRefused
from graph.fingerprint import digest
from graph.known import Known
from graph.partition_set import EMPTY, PartitionSet
from graph.partition_text import described
from graph.plan import scope_of
from graph.reading import Reader
from graph.reasons import moved
from graph.steps import Ground, Plan, name_of, valid_until

_TOLD = 10
"""So many things that moved are told one by one."""


def grounds(
    targets: Iterable[str],
    reader: Reader,
    known: Known,
    *,
    chosen: Mapping[str, PartitionSet],
    only: bool = False,
) -> Mapping[str, Ground]:
    """By key, what a plan for ``targets`` was decided from; the arguments are those of `graph.plan.make_plan`."""
    graph = reader.graph
    named = frozenset(targets)
    wanted = tuple(key for key in graph.assets if key in named)
    asked, _ = asked_for(wanted, chosen, reader)
    demand = demanded(asked, scope_of(graph, wanted, only=only), reader, only=only)
    read: dict[str, PartitionSet] = dict(demand)
    for key, mine in demand.items():
        asset = graph.assets[key]
        for given in asset.edges:
            read[given.key] = read.get(given.key, EMPTY) | reader.above(asset, given, mine).read
        if asset.reads_provenance:
            for above in graph.ancestors([key]) - {key}:
                read[above] = reader.existing(above)
    return {
        key: _ground(graph.assets[key], read[key], known, decided=key in demand)
        for key in graph.assets
        if key in read
    }


def _ground(asset: Asset, partitions: PartitionSet, known: Known, *, decided: bool) -> Ground:
    """What was read of one asset; of one that nothing was decided of, only its versions."""
    if not decided:
        return Ground(partitions=partitions, declared="")
    seen = known.observed.get(asset.key)
    return Ground(
        partitions=partitions,
        declared=declared_digest(asset),
        basis=None if asset.is_source else known.bases.get(asset.key),
        checks=known.checks.get(asset.key, ""),
        observed=seen.data_version if seen else None,
        receipts=_receipts(asset, known),
    )


def _receipts(asset: Asset, known: Known) -> str:
    """The digest of what is on record of an effect; empty for what is none, and as long as nothing is."""
    facts = known.effects.get(asset.key)
    if facts is None or not (facts.performed or facts.unfinished):
        return ""
    return digest(
        *sorted(facts.performed), "unfinished", *sorted(facts.unfinished.values()), str(facts.in_doubt)
    )


def declared_digest(asset: Asset) -> str:
    """The digest of how an asset is partitioned and of what it reads: all that decides besides its basis."""
    return digest(
        repr(asset.partitions),
        asset.producer,
        f"{asset.volatile} {asset.freshness!r} {asset.batch!r}",
        *(f"{given.parameter}={given.key} {given.mapping!r}" for given in (*asset.edges, *asset.order)),
    )


def require_valid(plan: Plan, reader: Reader, known: Known, now: datetime) -> None:
    """Refuse a saved plan that is not what would be decided from the same now.

    Args:
        reader: reads the present state, at the horizon of the plan.
        known: what is known now of the assets that the plan decided about.

    Raises:
        PlanRefused: it names what has moved.
    """
    problems = list(_moves(plan, reader, known, now))
    if problems:
        more = f"; and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
        raise PlanRefused(
            f"the plan for '{plan.selection}' of {plan.made_at:%Y-%m-%d %H:%M %Z} no longer holds:"
            f" {'; '.join(problems[:_TOLD])}{more}. Make it anew with --plan --out"
        )


def _moves(plan: Plan, reader: Reader, known: Known, now: datetime) -> Iterator[str]:
    """What has moved, in words."""
    if reader.state.environment != plan.environment:
        yield f"it was made for the environment '{plan.environment}', not '{reader.state.environment}'"
    if reader.state.sequence < plan.sequence:
        yield "the ledger is not the one that it was made on"
    for key, ground in plan.read.items():
        if key not in reader.graph.assets:
            yield f"{key} is not declared any more"
            continue
        yield from _moves_of(reader.graph.assets[key], ground, plan, reader, known)
    for step in plan.steps:
        until = valid_until(step)
        if until is not None and until <= now:
            yield f"'{name_of(step)}' was decided until {until:%Y-%m-%d %H:%M %Z} only"
        if step.key not in plan.read:
            yield f"it does not say what '{name_of(step)}' was decided from"
        elif step.key in reader.graph.assets and not step.partitions <= reader.existing(step.key):
            yield f"{step.key} has lost some of its partitions"


def _moves_of(asset: Asset, ground: Ground, plan: Plan, reader: Reader, known: Known) -> Iterator[str]:
    if ground.declared and ground.declared != declared_digest(asset):
        yield f"{asset.key}: what it reads, or how it is partitioned or kept fresh, has changed"
        return
    touched = reader.state.changed(asset.key, plan.sequence) & ground.partitions
    if touched:
        where = f" of {described(touched, asset.partitions)}" if asset.partitions else ""
        yield f"{asset.key}: what is published{where} has changed"
    if not ground.declared:
        return
    basis = None if asset.is_source else known.bases.get(asset.key)
    if basis is not None and ground.basis is not None:
        why = moved(ground.basis, basis)
        if why is not None:
            hint = " (the plan needs the --config that it was made with)" if "config" in why.kind else ""
            yield f"{asset.key}: {why.text}{hint}"
    elif (basis is None) != (ground.basis is None):
        yield f"{asset.key}: what it reads outside could {'not ' if basis is None else ''}be looked at"
    if known.checks.get(asset.key, "") != ground.checks:
        yield f"{asset.key}: its checks have changed"
    if _receipts(asset, known) != ground.receipts:
        yield f"{asset.key}: it has been performed, or tried, since"
    seen = known.observed.get(asset.key)
    if (seen.data_version if seen else None) != ground.observed:
        yield f"{asset.key}: the data outside have changed"


__all__ = ["declared_digest", "grounds", "require_valid"]
