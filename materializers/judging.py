"""Asking the checks: what they say of a value, and of a version that is published already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from graph import Asset
from graph.known import checks_digest
from graph.state import Version
from materializers.beside import beside_published
from materializers.formats import choose
from materializers.ledger import Content, Judgement
from materializers.store import local_copy
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


def store_and_judge(asset: Asset, value: object, workspace: Workspace, beside: Beside) -> Stored:
    """Write a value aside and ask its checks; where they move rows out of it, both parts are written."""
    checks = _checks(asset, workspace)
    if asset.aside is None:
        content = _written(asset, value, workspace)
        judgement, verdicts = judged(asset, _table_in(value, content, workspace), workspace, beside)
        return Stored(content=content, judgement=judgement, verdicts=verdicts)
    from checks import evaluate
    from checks.set_aside import part
    from materializers.table_format import as_table

    private = workspace.graph.private.get(asset.key, frozenset())
    now = workspace.clock()
    whole = as_table(value, asset.key)
    parted = part(whole, checks, now=now, beside=beside, private=private)
    content = _written(asset, parted.kept, workspace)
    rest = [check for check in checks if check.severity != "quarantine"]
    said = {
        verdict.check: verdict
        for verdict in (
            *parted.verdicts,
            *evaluate(parted.kept, rest, now=now, beside=beside, private=private),
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
    """What an asset's checks say of a value."""
    checks = _checks(asset, workspace)
    if not checks:
        return Judgement(checks=""), ()
    from checks import evaluate

    private = workspace.graph.private.get(asset.key, frozenset())
    verdicts = evaluate(value, checks, now=workspace.clock(), beside=beside, private=private)
    return _judgement(checks_digest(workspace.checks(asset.key)), verdicts), verdicts


def judge_again(
    asset: Asset, version: Version, workspace: Workspace, run_id: str
) -> tuple[Judgement, tuple[Verdict, ...]]:
    """Ask today's checks about a published version, and record what they say; it stays visible."""
    judgement = Judgement(checks=checks_digest(workspace.checks(asset.key)))
    verdicts: tuple[Verdict, ...] = ()
    content = workspace.ledger.content(version.id)
    if content.address is not None and asset.checks:
        value = _stored_value(asset, version, content, workspace)
        judgement, verdicts = judged(asset, value, workspace, beside_published(asset, version, workspace))
    workspace.ledger.judge(workspace.environment, version, judgement, run_id)
    return judgement, verdicts


def why_rejected(verdicts: Sequence[Verdict]) -> str:
    """The error checks that failed, with how many rows."""
    return ", ".join(
        verdict.check
        + (f": {verdict.failing} {'row' if verdict.failing == 1 else 'rows'}" if verdict.failing else "")
        for verdict in verdicts
        if verdict.blocks
    )


def _checks(asset: Asset, workspace: Workspace) -> Sequence[Check]:
    return cast("Sequence[Check]", workspace.checks(asset.key))  # the graph knows them by their Protocol only


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
    import pyarrow as pa

    if content.format != "table" or content.address is None or isinstance(value, pa.Table):
        return value
    return _read(content, workspace)


def _stored_value(asset: Asset, version: Version, content: Content, workspace: Workspace) -> object:
    if content.format != "table":
        return workspace.value(asset, {version.partition: version}, None)
    return _read(content, workspace)


def _read(content: Content, workspace: Workspace) -> object:
    """A stored table: in memory, or where it lies if it is large."""
    from checks import ParquetFiles
    from materializers.formats import decode

    if content.size <= _IN_MEMORY:
        return decode(content, workspace.store, "pa.Table")
    return ParquetFiles(paths=(str(local_copy(workspace.store, content.address or "")),))


__all__ = ["Stored", "judge_again", "judged", "store_and_judge", "why_rejected"]
