"""Published values as files with readable names: copies for `assets export`, links for what a run shows at its end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deployments.amounts import counted, size_text
from deployments.answers import FAILED, SUCCEEDED, Answer
from deployments.whole_files import put_whole
from graph.asset_graph import key_of
from graph.steps import step_name
from materializers.address import DIGEST_CHARACTERS
from materializers.adoption import file_stem
from materializers.ledger import Content
from materializers.store import Store
from materializers.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedValue:
    """One partition's visible value, with the version that it is."""

    key: str
    partition: str | None
    version: str
    content: Content

    def file_name(self) -> str:
        """``group/name.suffix``, or ``group/name/2024-01-02.suffix`` for a partition."""
        stem = self.key if self.partition is None else f"{self.key}/{file_stem(self.partition)}"
        return stem + (self.content.address or "")[DIGEST_CHARACTERS:]


def published_values(workspace: Workspace, keys: Iterable[str]) -> Iterator[PublishedValue]:
    """What is visible of some assets, in the graph's order."""
    chosen = frozenset(keys)
    found = workspace.shown(key for key in workspace.graph.assets if key in chosen)
    for key, versions in found.items():
        asset = workspace.graph[key]
        for partition, version in sorted(versions.items()):
            content = workspace.ledger.content(version.id)
            yield PublishedValue(
                key=key, partition=key_of(asset, partition), version=version.id, content=content
            )


def export(workspace: Workspace, selection: str, folder: Path) -> Answer:
    """Copy what is published of a selection into a folder; a file is there whole or not at all."""
    keys = workspace.keys(selection)
    written: list[tuple[PublishedValue, Path]] = []
    elsewhere: list[str] = []
    found = list(published_values(workspace, keys))
    for value in found:
        if value.content.address is None:
            elsewhere.append(value.key)
            continue
        path = folder / value.file_name()
        put_whole(path, _copying(workspace.store, value.content.address))
        written.append((value, path))
    missing = [key for key in workspace.graph.assets if key in keys - {value.key for value in found}]
    return Answer(
        text=lambda: _told(written, missing, elsewhere),
        document=lambda: {
            "files": [
                {
                    "key": value.key,
                    "partition": value.partition,
                    "version": value.version,
                    "path": str(path.absolute()),
                    "bytes": value.content.size,
                    "rows": value.content.rows,
                }
                for value, path in written
            ],
            "not_published": missing,
            "stored_elsewhere": elsewhere,
        },
        exit_code=FAILED if missing else SUCCEEDED,
    )


def latest_file(workspace: Workspace, version: str, key: str, partition: str | None = None) -> Path | None:
    """A readable name, below the home's ``latest`` folder, for a version that is a file; None for any other.

    It is a link to the stored file where the disk allows that, so it costs nothing and stays when the version is
    collected as garbage; otherwise a copy.
    """
    content = workspace.ledger.materialization(version).content
    if content.format != "file" or content.address is None or workspace.project is None:
        return None
    value = PublishedValue(key=key, partition=partition, version=version, content=content)
    folder = "latest" if workspace.environment == "main" else f"latest-{workspace.environment}"
    path = workspace.project.home / folder / value.file_name()
    stored = workspace.store.local_path(content.address)
    if stored is not None and path.exists() and path.samefile(stored):
        return path
    put_whole(path, _linking(stored, _copying(workspace.store, content.address)))
    return path


def _linking(stored: Path | None, copy: Callable[[Path], None]) -> Callable[[Path], None]:
    def write(aside: Path) -> None:
        if stored is not None:
            with suppress(OSError):  # another disk, or one without links
                os.link(stored, aside)
                return
        copy(aside)

    return write


def _copying(store: Store, address: str) -> Callable[[Path], None]:
    def write(aside: Path) -> None:
        with store.open(address) as stored, aside.open("wb") as copy:
            shutil.copyfileobj(stored, copy, 1 << 20)

    return write


def _told(written: list[tuple[PublishedValue, Path]], missing: list[str], elsewhere: list[str]) -> str:
    lines = [
        f"{step_name(value.key, value.partition or '')} -> {path} ({size_text(value.content.size)})"
        for value, path in written
    ]
    lines.extend(f"{key} is stored elsewhere; only its version is known here" for key in elsewhere)
    lines.extend(f"{key} has no published version; run: materialize {key}" for key in missing)
    lines.append(f"wrote {counted(len(written), 'file')}")
    return "\n".join(lines)
