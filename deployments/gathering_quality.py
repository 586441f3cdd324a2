"""What the ledger knows of the quality of some assets, gathered into one `QualityReport`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from checks.quality_report import (
    AssetQuality,
    CheckQuality,
    Point,
    Published,
    QualityReport,
    Rejected,
    Said,
    point_of,
)
from checks.verdict import Verdict
from deployments.asset_list import selected
from deployments.freshness_text import state_text
from graph import Asset
from graph.asset_graph import key_of
from graph.freshness_states import Freshness, freshness_states
from graph.partition_set import Partition, PartitionSet
from graph.reading import Reader
from graph.state import Attempt, Version
from materializers.ledger import Judged
from materializers.workspace import Workspace

if TYPE_CHECKING:
    from checks import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """A verdict of the ledger, read as far as a trend needs it; ``digest`` is that of the check."""

    text: str
    digest: str
    point: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judgement:
    """What was said last, by check, of a version that is visible or was held back."""

    version: str
    partition: str
    made_at: datetime
    heard: Mapping[str, _Heard]
    published: bool


def quality_report(workspace: Workspace, selection: str, *, now: datetime, history: int) -> QualityReport:
    """The quality of the selected assets, as the ledger knows it; nothing is judged or looked at.

    Args:
        history: of so many versions of each asset, published or rejected, it is told what was said.
    """
    graph = workspace.graph
    keys = selected(graph, workspace.today(selection))
    with workspace.ledger.state(workspace.environment, graph.ancestors(keys)) as state:
        reader = Reader(graph=graph, state=state, horizon=workspace.horizon(now))
        fresh = freshness_states(reader, now, keys)
        assets = tuple(_quality(workspace, graph[key], reader, fresh[key], now, history) for key in keys)
    return QualityReport(
        made_at=now,
        assets=assets,
        environment=workspace.environment,
        selection=selection,
        history=history,
        project=workspace.project.root.name if workspace.project is not None else "",
    )


def _quality(
    workspace: Workspace, asset: Asset, reader: Reader, freshness: Freshness, now: datetime, history: int
) -> AssetQuality:
    key, ledger = asset.key, workspace.ledger
    judged = (
        ledger.judgements(key, environment=workspace.environment, producer=asset.producer, limit=history)
        if asset.checks
        else ()
    )
    visible = reader.visible(key)
    newest = max(visible, key=lambda partition: partition.ordinal, default=None)
    made = _newest_made(judged, reader.existing(key))
    wanted = PartitionSet.of(made) | (
        PartitionSet.of([newest]) if newest is not None else PartitionSet.of([])
    )
    shown = reader.versions(key, wanted)
    attempts = reader.state.attempts(asset.producer, PartitionSet.of(made)) if made else {}
    held_back = {
        partition: one
        for partition, one in made.items()
        if _is_held_back(one, shown.get(partition), attempts.get(partition))
    }
    published = None if newest is None else _published(asset, shown.get(newest))
    heard = [
        _heard(
            one.judgement.verdicts,
            one.judged_at,
            one.version_id,
            one.label,
            rejected=one.rejected is not None,
        )
        for one in judged
    ]
    last = {one.version_id: said for one, said in zip(judged, heard, strict=True)}
    current = _current(workspace, asset, last, shown, held_back) if asset.checks else []
    return AssetQuality(
        key=key,
        description=asset.description,
        freshness=freshness.state,
        freshness_text=state_text(freshness, now),
        as_of=freshness.as_of,
        built=published is not None or bool(judged) or _was_tried(workspace, asset),
        published=published,
        partitions=len(visible) if asset.partitions is not None else None,
        unchecked=asset.unchecked,
        checks=tuple(
            _check(check, current, tuple(said[check.name].point for said in heard if check.name in said))
            for check in cast("Sequence[Check]", workspace.checks(key))
        ),
        rejected=tuple(
            Rejected(
                version=one.version_id,
                made_at=one.made_at,
                reason=one.rejected or "",
                partition=one.label,
                served=_published(asset, shown.get(partition)),
            )
            for partition, one in sorted(held_back.items(), reverse=True)
        ),
    )


def _newest_made(judged: Sequence[Judged], existing: PartitionSet) -> Mapping[Partition, Judged]:
    """The newest version of each partition that exists, with what was said of it last."""
    found: dict[Partition, Judged] = {}
    for one in judged:
        known = found.get(one.partition)
        if one.partition in existing and (known is None or one.made_at >= known.made_at):
            found[one.partition] = one
    return found


def _is_held_back(newest: Judged, shown: Version | None, last: Attempt | None) -> bool:
    """Whether a partition's newest version was rejected, nobody has shown it by hand, and nothing came after."""
    if newest.rejected is None or (shown is not None and shown.id == newest.version_id):
        return False
    return last is None or last.outcome == "rejected"


def _published(asset: Asset, version: Version | None) -> Published | None:
    if version is None:
        return None
    return Published(
        version=version.id, made_at=version.made_at, partition=key_of(asset, version.partition) or ""
    )


def _was_tried(workspace: Workspace, asset: Asset) -> bool:
    return bool(workspace.ledger.history(asset.producer, environment=workspace.environment, limit=1))


def _heard(
    verdicts: Sequence[str], at: datetime, version: str, partition: str, *, rejected: bool
) -> Mapping[str, _Heard]:
    """By the name of the check, what was said of a version at one time."""
    found = {}
    for text in verdicts:
        name, digest, point = point_of(text, at=at, version=version, partition=partition, rejected=rejected)
        found[name] = _Heard(text=text, digest=digest, point=point)
    return found


def _current(
    workspace: Workspace,
    asset: Asset,
    last: Mapping[str, Mapping[str, _Heard]],
    shown: Mapping[Partition, Version],
    held_back: Mapping[Partition, Judged],
) -> list[_Judgement]:
    """What was said last of what is visible and of what was held back; the newest partition comes first.

    Args:
        last: by version, what was said last of those of the history.
    """
    found = [
        (
            partition,
            _Judgement(
                version=one.version_id,
                partition=one.label,
                made_at=one.made_at,
                heard=last[one.version_id],
                published=False,
            ),
        )
        for partition, one in held_back.items()
    ]
    # judged long ago, or only in another environment
    older = [version.id for version in shown.values() if version.id not in last]
    here = workspace.ledger.last_judgements(older, environment=workspace.environment)
    for partition, version in shown.items():
        label = key_of(asset, partition) or ""
        if (heard := last.get(version.id)) is None:
            judgement = here.get(version.id) or workspace.ledger.materialization(version.id).judgement
            verdicts = judgement.verdicts if judgement is not None else ()
            heard = _heard(verdicts, version.made_at, version.id, label, rejected=False)
        found.append(
            (
                partition,
                _Judgement(
                    version=version.id,
                    partition=label,
                    made_at=version.made_at,
                    heard=heard,
                    published=True,
                ),
            )
        )
    found.sort(key=lambda pair: (pair[0].ordinal, pair[1].made_at), reverse=True)
    return [judgement for _, judgement in found]


def _check(check: Check, current: Sequence[_Judgement], trend: tuple[Point, ...]) -> CheckQuality:
    """A declared check with what it said of what is there; verdicts of an earlier promise do not count."""
    heard = [(one, one.heard[check.name]) for one in current if check.name in one.heard]
    today = [(one, said) for one, said in heard if said.digest == check.digest]
    return CheckQuality(
        name=check.name,
        promise=check.describe(),
        kind=check.kind,
        severity=check.severity,
        columns=check.columns,
        said=tuple(
            Said(
                version=one.version,
                judged_at=said.point.at,
                verdict=Verdict.from_json(said.text),
                published=one.published,
                partition=one.partition,
            )
            for place, (one, said) in enumerate(today)
            if place == 0 or said.point.status != "passed"
        ),
        judged=len(today),
        changed=bool(heard) and not today,
        trend=trend,
    )
