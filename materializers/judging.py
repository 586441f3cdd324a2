"""Asking the checks: what they say of a value, and of a version that is published already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from graph import Asset
from graph.known import checks_digest
from graph.partition_set import Partition
from graph.state import Version
from materializers.arguments import hint_of
from materializers.beside import beside_published
from materializers.formats import choose
from materializers.judging_together import judged_together
from materializers.ledger import Content, Judgement
from materializers.store import DamagedFile, MissingFile, local_copy
from materializers.workspace import Workspace

if TYPE_CHECKING:
    from checks import Beside, Check, Verdict

_IN_MEMORY = 256 * 2**20
"""Bytes of a stored table; a larger one is judged where it lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A value that was written aside, with what its checks said of it.

    Args:
        asides: by key, what was moved out of it, which is a value of its own.
    """

    content: Content
    judgement: Judgement
    verdicts: tuple[Verdict, ...] = ()
    asides: Mapping[str, Stored] = field(default_factory=dict)


def store_and_judge(
    asset: Asset, value: object, workspace: Workspace, beside: Callable[[], Beside]
) -> Stored:
    """Write a value aside and ask its checks; where they move rows out of it, both parts are written.

    Args:
        beside: what it is judged beside; only asked of an asset that has checks.
    """
    if not asset.checks:
        return Stored(content=_written(asset, value, workspace), judgement=Judgement(checks=""))
    if asset.aside is None:
        content = _written(asset, value, workspace)
        judgement, verdicts = judged(asset, _table_in(value, content, workspace), workspace, beside())
        return Stored(content=content, judgement=judgement, verdicts=verdicts)
    from checks import evaluate
    from checks.set_aside import part
    from materializers.table_format import as_table

    checks = _of_one(asset, workspace)
    private = workspace.graph.private.get(asset.key, frozenset())
    now = workspace.clock()
    whole = as_table(value, asset.key)
    around = beside()
    parted = part(whole, checks, now=now, beside=around, private=private)
    content = _written(asset, parted.kept, workspace)
    rest = [check for check in checks if check.severity != "quarantine"]
    said = {
        verdict.check: verdict
        for verdict in (
            *parted.verdicts,
            *evaluate(parted.kept, rest, now=now, beside=around, private=private),
        )
    }
    verdicts = tuple(said[check.name] for check in checks)
    moved = _written(workspace.graph[asset.aside], parted.aside, workspace)
    return Stored(
        content=content,
        judgement=_judgement(checks_digest(workspace.checks(asset.key)), verdicts),
        verdicts=verdicts,
        asides={asset.aside: Stored(content=moved, judgement=Judgement(checks=""))},
    )


def judged(
    asset: Asset, value: object, workspace: Workspace, beside: Beside
) -> tuple[Judgement, tuple[Verdict, ...]]:
    """What an asset's checks say of a value: of one partition, those that are about one."""
    checks = _of_one(asset, workspace)
    if not checks:
        return Judgement(checks=checks_digest(workspace.checks(asset.key))), ()
    from checks import evaluate

    private = workspace.graph.private.get(asset.key, frozenset())
    verdicts = evaluate(value, checks, now=workspace.clock(), beside=beside, private=private)
    return _judgement(checks_digest(workspace.checks(asset.key)), verdicts), verdicts


def all_together(
    asset: Asset, stored: Mapping[Partition, Stored], workspace: Workspace
) -> dict[Partition, Stored]:
    """Values that were judged one by one, with what the checks of all partitions say of those that may be published."""
    whole = [check for check in _checks(asset, workspace) if check.whole]
    good = {at: one.content for at, one in stored.items() if not one.judgement.failing}
    said = judged_together(asset, whole, good, workspace) if whole else {}
    return {
        at: replace(
            one,
            judgement=_judgement(one.judgement.checks, _declared(asset, (*one.verdicts, *said[at]))),
            verdicts=_declared(asset, (*one.verdicts, *said[at])),
        )
        if at in said
        else one
        for at, one in stored.items()
    }


def judge_again(
    asset: Asset, versions: Mapping[Partition, Version], workspace: Workspace, run_id: str
) -> dict[Partition, tuple[Judgement, tuple[Verdict, ...]]]:
    """Ask today's checks about published versions, and record what they say; they stay visible."""
    digest = checks_digest(workspace.checks(asset.key))
    contents = {at: workspace.ledger.content(version.id) for at, version in versions.items()}
    there = {at: one for at, one in contents.items() if one.address is not None and asset.checks}
    whole = [check for check in _checks(asset, workspace) if check.whole]
    said = _together_again(asset, whole, there, workspace) if whole else {}
    found: dict[Partition, tuple[Judgement, tuple[Verdict, ...]]] = {}
    for at, version in versions.items():
        verdicts: tuple[Verdict, ...] = ()
        if at in there:
            verdicts = _declared(asset, (*_alone_again(asset, version, workspace), *said.get(at, ())))
        judgement = _judgement(digest, verdicts)
        workspace.ledger.judge(workspace.environment, version, judgement, run_id)
        found[at] = judgement, verdicts
    return found


def _alone_again(asset: Asset, version: Version, workspace: Workspace) -> tuple[Verdict, ...]:
    """What is said of one published version; bytes that are gone or damaged are told by every check."""
    try:
        value = published_value(asset, version, workspace)
    except (MissingFile, DamagedFile) as error:
        from checks.evaluation import unjudged

        return unjudged(_of_one(asset, workspace), str(error))
    return judged(asset, value, workspace, beside_published(asset, version, workspace))[1]


def _together_again(
    asset: Asset, checks: Sequence[Check], there: Mapping[Partition, Content], workspace: Workspace
) -> Mapping[Partition, tuple[Verdict, ...]]:
    try:
        return judged_together(asset, checks, there, workspace)
    except (MissingFile, DamagedFile) as error:
        from checks.evaluation import unjudged

        return dict.fromkeys(there, unjudged(checks, str(error)))


def published_value(asset: Asset, version: Version, workspace: Workspace) -> object:
    """A published value as its checks saw it when it was made: a table as Arrow's, or as what its function returned."""
    content = workspace.ledger.content(version.id)
    if content.format == "table":
        return _read(content, workspace)
    returns = None if asset.is_source else asset.returns  # a source returns an Observation of it
    hint = hint_of(asset.function, returns)
    return workspace.value(asset, {version.partition: version}, returns, hint)


def why_rejected(verdicts: Sequence[Verdict]) -> str:
    """The error checks that failed, with how many rows."""
    return ", ".join(
        verdict.check
        + (
            f": {verdict.failing} {verdict.thing}{'' if verdict.failing == 1 else 's'}"
            if verdict.failing
            else ""
        )
        for verdict in verdicts
        if verdict.blocks
    )


def _checks(asset: Asset, workspace: Workspace) -> Sequence[Check]:
    return cast("Sequence[Check]", workspace.checks(asset.key))  # the graph knows them by their Protocol only


def _declared(asset: Asset, verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Verdicts in the order in which the checks were declared."""
    place = {check.name: number for number, check in enumerate(asset.checks)}
    return tuple(sorted(verdicts, key=lambda verdict: place[verdict.check]))


def _of_one(asset: Asset, workspace: Workspace) -> Sequence[Check]:
    """The checks that look at one value alone."""
    return [check for check in _checks(asset, workspace) if not check.whole]


def _judgement(digest: str, verdicts: Sequence[Verdict]) -> Judgement:
    return Judgement(
        checks=digest,
        verdicts=tuple(verdict.to_json() for verdict in verdicts),
        failing=any(verdict.blocks for verdict in verdicts),
    )


def _written(asset: Asset, value: object, workspace: Workspace) -> Content:
    return choose(value, asset.returns, asset.stored_as, key=asset.key).encode(value, workspace.store)


def _table_in(value: object, content: Content, workspace: Workspace) -> object:
    """What is judged: of a table that is not Arrow's, what was stored; any other value as it is."""
    if content.format != "table" or content.address is None:
        return value
    import pyarrow as pa

    return value if isinstance(value, pa.Table) else _read(content, workspace)


def _read(content: Content, workspace: Workspace) -> object:
    """A stored table: in memory, or where it lies if it is large."""
    from checks import ParquetFiles
    from materializers.formats import decode

    if content.size <= _IN_MEMORY:
        return decode(content, workspace.store, "pa.Table")
    return ParquetFiles(paths=(str(local_copy(workspace.store, content.address or "")),))


__all__ = [
    "Stored",
    "all_together",
    "judge_again",
    "judged",
    "published_value",
    "store_and_judge",
    "why_rejected",
]
