"""Taking data in that exist already: files become published versions, checked first like everything else.

What is taken in stands for what the asset's function would make today: it has that fingerprint, so that it is not made
again until code, config or upstream move.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from graph import Asset
from graph.ages import inherited_as_of
from graph.asset_graph import key_of
from graph.errors import AssetGraphError, near_miss
from graph.fingerprint import fingerprint
from graph.partition_set import WHOLE, Partition, PartitionSet
from graph.reading import Reader
from materializers.arguments import taken
from materializers.beside import beside_of
from materializers.conversion import wanted
from materializers.copying import copy_published
from materializers.formats import choose
from materializers.judging import Stored, all_together, judged, why_rejected
from materializers.records import Busy, LedgerError, Made, Moved, Product, RunRecord, Wanted
from materializers.runner import new_run_id
from materializers.workspace import Workspace

_NO_TABLE = frozenset({"plain", "text"})
"""The shapes of return annotations of which no value is a table."""


class CannotAdopt(AssetGraphError):
    """Files that cannot become versions of an asset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What became of one file.

    Args:
        outcome: ``published``; ``rejected``, for ``reason``; ``kept``: this very content is published already;
            ``held``: other content is, and nobody said that it is to be replaced.
    """

    file: Path
    partition: str | None
    outcome: str
    rows: int | None = None
    size: int = 0
    reason: str = ""


def files_by_partition(
    asset: Asset, files: Sequence[Path], partition: str | None, workspace: Workspace
) -> dict[Partition, Path]:
    """Which file is which partition: by ``partition``, or by the files' names as `assets export` writes them.

    Raises:
        CannotAdopt: a file names no partition, two name the same, or there is one too many.
    """
    if asset.partitions is None:
        if len(files) != 1 or partition is not None:
            raise CannotAdopt(f"asset '{asset.key}' has no partitions: give one file, and no --partition")
        return {WHOLE: files[0]}
    if partition is not None:
        if len(files) != 1:
            raise CannotAdopt(
                f"--partition names one partition of '{asset.key}', and there are {len(files)} files"
            )
        return {asset.partitions.partition(partition): files[0]}
    existing = workspace.horizon().existing(asset.partitions)
    names = {file_stem(asset.partitions.key(one)): one for one in existing}
    found: dict[Partition, Path] = {}
    for file in files:
        stem = file.name.partition(".")[0]
        at = names.get(stem) or names.get(file.stem)
        if at is None:
            near = near_miss(stem, names)
            raise CannotAdopt(f"{file} is named like no partition of '{asset.key}'.{near} Or say --partition")
        if at in found:
            raise CannotAdopt(f"{found[at]} and {file} are both partition {asset.partitions.key(at)}")
        found[at] = file
    return found


def file_stem(partition: str) -> str:
    """A partition's key as the name of a file, as `assets export` writes it.

    >>> file_stem("2024-01-02-09:00|BRK/B")
    '2024-01-02-09.00_BRK_B'
    """
    return partition.replace(":", ".").replace("|", "_").replace("/", "_").replace("\\", "_")


def adopt(
    workspace: Workspace,
    key: str,
    files: Mapping[Partition, Path],
    *,
    name: str,
    reason: str = "",
    replacing: bool = False,
) -> list[Adopted]:
    """Publish files as versions of an asset's partitions, one after the other, but those that its checks reject.

    Killed in between, it is gone on with by doing it again: what was published is kept then.

    Args:
        name: who does it, for the record, with ``reason`` or the file's name.
        replacing: publish also where other content is published.

    Raises:
        CannotAdopt: a file cannot be read as what the asset is.
        LedgerError: a run is making one of the partitions.
    """
    asset = workspace.graph[key]
    if asset.is_source:
        raise CannotAdopt(f"'{key}' is a source: it is observed where it lies")
    run_id = new_run_id(workspace.clock())
    workspace.ledger.begin_run(
        RunRecord(
            id=run_id,
            environment=workspace.environment,
            selection=f"assets adopt {key}",
            engine="local",
            started_at=workspace.clock(),
        )
    )
    outcome = "failed"
    try:
        done = [
            _adopted(workspace, asset, at, files[at], run_id, name=name, reason=reason, replacing=replacing)
            for at in sorted(files)
        ]
        outcome = "rejected" if any(one.outcome == "rejected" for one in done) else "succeeded"
    finally:
        workspace.ledger.end_run(run_id, outcome)
    copy_published(workspace, [key])
    return done


def _adopted(
    workspace: Workspace,
    asset: Asset,
    at: Partition,
    file: Path,
    run_id: str,
    *,
    name: str,
    reason: str,
    replacing: bool,
) -> Adopted:
    """One file, read, stored, judged and published."""
    label = key_of(asset, at)
    value = value_of(file, asset)
    content = choose(value, asset.returns, asset.stored_as, key=asset.key).encode(value, workspace.store)
    scope = workspace.graph.ancestors([asset.key])
    with workspace.ledger.state(workspace.environment, scope) as state:
        reader = Reader(graph=workspace.graph, state=state, horizon=workspace.horizon())
        visible = state.published(asset.key, PartitionSet.of([at])).get(at)
        found = reader.reading(asset, at)
        inherited = None if asset.volatile else inherited_as_of(asset, at, reader)
        read = taken(asset, PartitionSet.of([at]), reader).versions
    mark = fingerprint(workspace.basis(asset.producer), label, found.inputs)
    told = Adopted(file=file, partition=label, outcome="published", rows=content.rows, size=content.size)
    if visible is not None and (visible.data_version, visible.fingerprint) == (content.data_version, mark):
        return replace(told, outcome="kept", reason="this very content is published already")
    if visible is not None and not replacing:
        why = "other content is published; --replace publishes this instead"
        return replace(told, outcome="held", reason=why)
    as_of, ends = inherited or (datetime.fromtimestamp(file.stat().st_mtime, UTC), False)
    wanted = Wanted(fingerprint=mark, was=_shown(workspace, asset.producer, at), label=label or "")
    begun = workspace.ledger.begin(
        workspace.environment, asset.producer, {at: wanted}, run_id=run_id, number=1
    )
    if isinstance(begun, Busy):
        raise LedgerError(f"run {begun.run_id} is making '{asset.key}'; wait for it, and adopt again")
    if isinstance(begun, Moved):
        raise LedgerError(f"another run has just published '{asset.key}'; adopt again")
    judgement, verdicts = judged(asset, value, workspace, beside_of(asset, at, read, workspace))
    alone = Stored(content=content, judgement=judgement, verdicts=verdicts)
    stored = all_together(asset, {at: alone}, workspace)[at]
    refused = {asset.key: why_rejected(stored.verdicts)} if stored.judgement.failing else {}
    made = Made(
        content=content, basis=workspace.basis(asset.producer), inputs=found.inputs, as_of=as_of, ends=ends
    )
    product = Product(
        attempt=begun[0], made={asset.key: made}, judged={asset.key: stored.judgement}, refused=refused
    )
    origin = f"adopted from {file.absolute()}"
    workspace.ledger.publish(
        [product],
        output=f"{origin}, by {name}\n",
        name=name,
        reason=f"{origin}: {reason}" if reason else origin,
    )
    if refused:
        return replace(told, outcome="rejected", reason=refused[asset.key])
    return replace(told, reason=_waiting(found.missing))


def _shown(workspace: Workspace, key: str, at: Partition) -> str | None:
    with workspace.ledger.state(workspace.environment, [key]) as state:
        version = state.published(key, PartitionSet.of([at])).get(at)
    return version.id if version else None


def _waiting(missing: Sequence[str]) -> str:
    if not missing:
        return ""
    return f"it is made again when {' and '.join(missing)}, of which nothing is published, is there"


def value_of(file: Path, asset: Asset) -> object:
    """What a file holds: a table, a plain value, or the file itself where the asset is one."""
    is_file = asset.stored_as == "file" or (asset.returns or "").rpartition(".")[2] in ("Path", "bytes")
    try:
        match file.suffix.lower():
            case _ if is_file:
                return file
            case ".parquet" | ".csv" if asset.stored_as is None and wanted(asset.returns).shape in _NO_TABLE:
                raise CannotAdopt(
                    f"{file} is a table, and asset '{asset.key}' is {asset.returns}: give a .json file"
                )
            case ".parquet":
                from pyarrow import parquet

                return parquet.read_table(file)
            case ".csv":
                from pyarrow import csv

                return csv.read_csv(file)
            case ".json":
                return json.loads(file.read_text("utf-8"))
            case _:
                return file
    except (OSError, ValueError) as error:  # pyarrow's errors are of these kinds
        raise CannotAdopt(f"{file} cannot be read for asset '{asset.key}': {error}") from error


__all__ = ["Adopted", "CannotAdopt", "adopt", "file_stem", "files_by_partition", "value_of"]
