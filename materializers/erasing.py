"""Erasing rows from every version of an asset that is kept: those of a person who asks for it.

See `materializers.erasure_records` for what the ledger does, and in which order, so that it may be killed anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graph.errors import AssetGraphError
from materializers.copying import copy_published
from materializers.erasure_records import Remains
from materializers.formats import FORMATS, decode
from materializers.judging import judge_again
from materializers.records import Busy, Content, LedgerError, Materialization, Moved, RunRecord
from materializers.runner import new_run_id
from materializers.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa


class CannotErase(AssetGraphError):
    """A condition that cannot be asked of an asset's tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What an erasure did, or would do.

    Args:
        versions: the ids of the versions that lost rows.
        looked_at: how many versions were asked.
        rows: how many rows they lost, all together.
        deleted: addresses of the bytes that are gone from the store.
        shared: by address, other assets that have a version with the very same bytes, which therefore stay.
        unread: by the ids of versions that were not asked, why.
        below: by key, how many partitions are published of what is made from the asset, directly or not.
    """

    versions: tuple[str, ...] = ()
    looked_at: int = 0
    rows: int = 0
    deleted: frozenset[str] = frozenset()
    shared: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    below: Mapping[str, int] = field(default_factory=dict)


def erase(
    workspace: Workspace, key: str, where: str, *, name: str, reason: str, dry_run: bool = False
) -> Erased:
    """Erase the rows that a condition holds for from every version of an asset, and delete the bytes that held them.

    Args:
        where: a condition of DuckDB's SQL on the table's columns, of the person at the keyboard; it is on no record.
        reason: on record, so it should name no person.
        dry_run: only say what would be erased.

    Raises:
        CannotErase: the condition cannot be asked of any version.
        LedgerError: a run lives, which may be reading what goes.
    """
    versions = [one for one in workspace.ledger.erasures.versions(key) if one.content.address is not None]
    if not versions:
        raise LedgerError(f"the ledger has no version of asset '{key}' whose content is in the store")
    found, unread, gone = _hits(workspace, versions, where, key)
    affected = [one for one in versions if found.get(one.content.address or "", 0)]
    outcome = Erased(
        versions=tuple(one.version.id for one in affected),
        looked_at=len(versions) - len(unread),
        rows=sum(found[one.content.address or ""] for one in affected),
        unread=unread,
        below=_below(workspace, key),
    )
    if dry_run:
        return outcome
    with _run(workspace, key) as run_id:
        remains = _rewritten(workspace, affected, where, key)
        if remains:
            _recorded(workspace, key, remains, gone, run_id, name, reason)
        deleted = finish_erasures(workspace)
        _judge(workspace, key, {one.version.id for one in affected}, run_id)
    copy_published(workspace, [key] if key in workspace.graph.assets else [])
    was = {one.was for one in remains.values()}
    others = workspace.ledger.erasures.sharing(was)
    return Erased(
        versions=outcome.versions,
        looked_at=outcome.looked_at,
        rows=outcome.rows,
        deleted=deleted & was,
        shared={address: keys - {key} for address, keys in others.items()},
        unread=unread,
        below=outcome.below,
    )


def finish_erasures(workspace: Workspace) -> frozenset[str]:
    """Delete the bytes that are marked as going: those of this erasure, and of one that was killed."""
    going = workspace.ledger.erasures.unfinished()
    for address in sorted(going):
        workspace.store.delete(address)
        workspace.ledger.garbage.removed([address])
    return going


def _hits(
    workspace: Workspace, versions: Sequence[Materialization], where: str, key: str
) -> tuple[dict[str, int], dict[str, str], set[str]]:
    """By address how many rows the condition holds for; by version why it was not asked; and whose bytes are gone."""
    found: dict[str, int] = {}
    unread: dict[str, str] = {}
    gone: set[str] = set()
    wrong: CannotErase | None = None
    for one in versions:
        address = one.content.address or ""
        if one.content.format != "table":
            unread[one.version.id] = f"it is stored as {one.content.format}, and has no rows"
        elif not workspace.store.exists(address):
            gone.add(one.version.id)
        elif address not in found:
            try:
                found[address] = _mask(_table(workspace, one.content, key), where, key).true_count
            except CannotErase as error:
                unread[one.version.id] = str(error)
                wrong = error
    if wrong is not None and not found:
        raise wrong
    return found, unread, gone


def _table(workspace: Workspace, content: Content, key: str) -> pa.Table:
    table: pa.Table = decode(content, workspace.store, "pa.Table", key=key)
    return table


def _mask(table: pa.Table, where: str, key: str) -> pa.BooleanArray:
    """For each row, whether the condition holds; where that is not known, it does not."""
    import duckdb
    import pyarrow as pa

    with duckdb.connect() as db:
        db.register("rows_of_version", table)
        try:
            sql = f"SELECT coalesce(({where}), false) AS hit FROM rows_of_version"
            hits = db.sql(sql).to_arrow_table()["hit"]
        except duckdb.Error as error:
            text = str(error).strip().partition("\n")[0]
            raise CannotErase(f"the condition cannot be asked of '{key}': {text}") from error
    if hits.type != pa.bool_():
        raise CannotErase(f"the condition gives {hits.type} and no truth; write it like subject = 'x'")
    combined = hits.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined


def _rewritten(
    workspace: Workspace, affected: Sequence[Materialization], where: str, key: str
) -> dict[str, Remains]:
    """Write what remains of each version into the store."""
    import pyarrow.compute as pc

    made: dict[str, Remains] = {}
    for one in affected:
        was = one.content.address or ""
        if was not in made:
            table = _table(workspace, one.content, key)
            mask = _mask(table, where, key)
            content = FORMATS["table"](key=key).encode(table.filter(pc.invert(mask)), workspace.store)
            made[was] = Remains(was=was, content=content, rows=mask.true_count)
    return {one.version.id: made[one.content.address or ""] for one in affected}


def _recorded(
    workspace: Workspace,
    key: str,
    remains: Mapping[str, Remains],
    gone: set[str],
    run_id: str,
    name: str,
    reason: str,
) -> None:
    done = workspace.ledger.erasures.erase(
        key, remains, without_samples=gone, run_id=run_id, name=name, reason=reason
    )
    if isinstance(done, Busy):
        raise LedgerError(
            f"run {done.run_id} may be reading what is to be erased from '{key}'; wait for it, or stop it:"
            f" assets runs cancel {done.run_id}"
        )
    if isinstance(done, Moved):
        raise LedgerError(f"versions of '{key}' have changed meanwhile; erase again")


def _judge(workspace: Workspace, key: str, version_ids: set[str], run_id: str) -> None:
    """Ask the checks about what remains and is visible here."""
    asset = workspace.graph.assets.get(key)
    if asset is None or not asset.checks:
        return
    shown = workspace.published(key)
    judge_again(asset, {at: one for at, one in shown.items() if one.id in version_ids}, workspace, run_id)


def _below(workspace: Workspace, key: str) -> dict[str, int]:
    """What is made from an asset, with how many partitions of it are published."""
    graph = workspace.graph
    if key not in graph.assets:
        return {}
    below = graph.descendants([key]) - {key}
    with workspace.ledger.state(workspace.environment, below) as state:
        counts = {one: len(state.summary(one).partitions) for one in graph.assets if one in below}
    return {one: count for one, count in counts.items() if count}


@contextmanager
def _run(workspace: Workspace, key: str) -> Iterator[str]:
    """A run on record, so that nothing that it writes is collected meanwhile."""
    run_id = new_run_id(workspace.clock())
    record = RunRecord(
        id=run_id,
        environment=workspace.environment,
        selection=f"assets erase {key}",
        engine="local",
        started_at=workspace.clock(),
    )
    workspace.ledger.begin_run(record)
    outcome = "failed"
    try:
        yield run_id
        outcome = "succeeded"
    finally:
        workspace.ledger.end_run(run_id, outcome)


__all__ = ["CannotErase", "Erased", "erase", "finish_erasures"]
