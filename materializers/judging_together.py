"""Checks about all partitions of an asset: what is published and what is about to be, judged together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graph import Asset
from graph.asset_graph import key_of
from graph.partition_set import Partition
from graph.state import Version
from materializers.formats import decode
from materializers.ledger import Content
from materializers.store import local_copy
from materializers.workspace import Workspace

if TYPE_CHECKING:
    from checks import Check, Verdict
    from checks.merging import Part


def judged_together(
    asset: Asset, checks: Sequence[Check], new: Mapping[Partition, Content], workspace: Workspace
) -> Mapping[Partition, tuple[Verdict, ...]]:
    """What checks say of all partitions, kept with each of the ``new`` ones: those to be published, or judged again."""
    if not new:
        return {}
    from checks.merging import adds_up

    others = {at: one for at, one in workspace.shown([asset.key])[asset.key].items() if at not in new}
    said: dict[Partition, list[Verdict]] = {partition: [] for partition in new}
    adding = [check for check in checks if adds_up(check)]
    if adding:
        for partition, counted in _added_up(asset, adding, new, others, workspace).items():
            said[partition].extend(counted)
    if rest := [check for check in checks if not adds_up(check)]:
        contents = {**{at: workspace.ledger.content(one.id) for at, one in others.items()}, **new}
        verdicts = _asked(asset, rest, contents, workspace)
        for partition in new:
            said[partition].extend(verdicts)
    return {partition: tuple(verdicts) for partition, verdicts in said.items()}


def _added_up(
    asset: Asset,
    checks: Sequence[Check],
    new: Mapping[Partition, Content],
    others: Mapping[Partition, Version],
    workspace: Workspace,
) -> Mapping[Partition, list[Verdict]]:
    """What is counted of each new partition, put together with what was counted of the others when they were new."""
    from checks.merging import Part, part_of, together

    known, unknown = _counted(checks, others, workspace)
    alone = {at: _asked(asset, checks, {at: content}, workspace) for at, content in new.items()}
    found: dict[Partition, list[Verdict]] = {at: [] for at in new}
    for place, check in enumerate(checks):
        parts = list(known[check.name])
        if missing := unknown[check.name]:
            contents = {at: workspace.ledger.content(others[at].id) for at in missing}
            (verdict,) = _asked(asset, [check], contents, workspace)
            parts.append(part_of(verdict) or Part())
        news = {at: part_of(verdicts[place]) for at, verdicts in alone.items()}
        for at, verdicts in alone.items():
            own = news[at]
            rest = [part for other, part in news.items() if other != at and part is not None]
            whole = together(check, verdicts[place], [*parts, *rest])
            counted = None if own is None else (own.failing, own.counted, own.rows)
            found[at].append(replace(whole, part=counted))
    return found


def _counted(
    checks: Sequence[Check], others: Mapping[Partition, Version], workspace: Workspace
) -> tuple[dict[str, list[Part]], dict[str, list[Partition]]]:
    """By the name of a check, what it counted of published partitions, and the partitions that it has not seen."""
    from checks import Verdict
    from checks.merging import Part

    judged = workspace.ledger.last_judgements(
        (one.id for one in others.values()), environment=workspace.environment
    )
    known: dict[str, list[Part]] = {check.name: [] for check in checks}
    unknown: dict[str, list[Partition]] = {check.name: [] for check in checks}
    digests = {check.name: check.digest for check in checks}
    for at, version in others.items():
        texts = judged[version.id].verdicts if version.id in judged else ()
        said = {
            one.check: one for one in map(Verdict.from_json, texts) if digests.get(one.check) == one.digest
        }
        for check in checks:
            part = said[check.name].part if check.name in said else None
            if part is None:
                unknown[check.name].append(at)
            else:
                failing, counted, rows = part
                known[check.name].append(Part(failing=failing, counted=counted, rows=rows))
    return known, unknown


def _asked(
    asset: Asset, checks: Sequence[Check], contents: Mapping[Partition, Content], workspace: Workspace
) -> tuple[Verdict, ...]:
    """What checks say of some partitions as one value."""
    from checks import evaluate

    private = workspace.graph.private.get(asset.key, frozenset())
    value = as_one_value(asset, contents, workspace)
    return evaluate(value, checks, now=workspace.clock(), private=private)


def as_one_value(asset: Asset, contents: Mapping[Partition, Content], workspace: Workspace) -> Any:
    """Tables as files, one after the other in the order of time; other values by the partition's key."""
    from checks import ParquetFiles

    ordered = {at: contents[at] for at in sorted(contents)}
    if all(one.format == "table" and one.address is not None for one in ordered.values()):
        paths = [str(local_copy(workspace.store, one.address or "")) for one in ordered.values()]
        return ParquetFiles(paths=tuple(paths))
    return {
        key_of(asset, at): decode(one, workspace.store, key=asset.key)
        for at, one in ordered.items()
        if one.address is not None
    }


__all__ = ["as_one_value", "judged_together"]
