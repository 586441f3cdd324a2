"""What people change of published data by hand, and what is said of it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from deployments.amounts import counted, size_text
from deployments.answers import FAILED, REJECTED, SUCCEEDED, Answer
from deployments.command_error import CommandError
from deployments.text_table import aligned, bounded
from graph import UnknownAsset
from graph.partition_text import described
from materializers.adoption import Adopted, adopt, files_by_partition
from materializers.erasing import Erased, erase
from materializers.wiping import wipe, wiped_by
from materializers.workspace import Workspace

_SHOWN = 20


def one(workspace: Workspace, name: str) -> str:
    """The one key that a name means."""
    keys = workspace.keys(name)
    if len(keys) != 1:
        raise UnknownAsset(name, workspace.graph.assets)
    return next(iter(keys))


def to_wipe(workspace: Workspace, name: str, partitions: str | None) -> tuple[str, str]:
    """The key that a name means, and what would be wiped of it, in words."""
    key = one(workspace, name)
    there = wiped_by(workspace, key, partitions)
    of = workspace.graph[key].partitions
    return key, f"{described(there, of)} of {key}" if of is not None else key


def wiped(workspace: Workspace, key: str, partitions: str | None, *, name: str, reason: str) -> Answer:
    """Take away what is published."""
    found = wipe(workspace, key, partitions, name=name, reason=reason)
    of = workspace.graph[key].partitions
    what = f"{described(found, of)} of {key}" if of is not None else key
    chosen = f" --partitions {shlex.quote(partitions)}" if of is not None and partitions else ""
    undo = f"assets env rollback {key}{chosen} --by NAME --reason TEXT"
    return Answer(
        text=lambda: (
            f"wiped {what} in '{workspace.environment}'; it is made anew when it is needed, or: {undo}"
        ),
        document=lambda: {
            "key": key,
            "environment": workspace.environment,
            "partitions": found.to_plain(),
            "count": len(found),
        },
    )


def adopted(
    workspace: Workspace,
    asset: str,
    files: Sequence[Path],
    folder: Path | None,
    *,
    partition: str | None,
    replacing: bool,
    name: str,
    reason: str,
) -> Answer:
    """Publish files that exist: those that are named, or all of a folder."""
    if bool(files) == (folder is not None):
        raise CommandError("give FILES, or --from DIR with them")
    taken = list(files) or sorted(
        file for file in (folder or Path()).iterdir() if file.is_file() and not file.name.startswith(".")
    )
    if not taken:
        raise CommandError(f"there is no file in {folder}")
    key = one(workspace, asset)
    found = files_by_partition(workspace.graph[key], taken, partition, workspace)
    done = adopt(workspace, key, found, name=name, reason=reason, replacing=replacing)
    bad = any(each.outcome in ("rejected", "held") for each in done)
    return Answer(
        text=lambda: _adopted_text(done),
        document=lambda: [
            {
                "key": key,
                "partition": each.partition,
                "file": str(each.file.absolute()),
                "outcome": each.outcome,
                "rows": each.rows,
                "bytes": each.size,
                "reason": each.reason or None,
            }
            for each in done
        ],
        exit_code=REJECTED if bad else SUCCEEDED,
    )


def _adopted_text(done: Sequence[Adopted]) -> str:
    rows = [
        [
            each.outcome,
            each.partition or "",
            counted(each.rows, "row") if each.rows is not None else "",
            size_text(each.size),
            str(each.file),
            each.reason,
        ]
        for each in sorted(done, key=lambda each: each.outcome in ("published", "kept"))
    ]
    outcomes = [each.outcome for each in done]
    counts = ", ".join(f"{outcomes.count(word):,} {word}" for word in dict.fromkeys(outcomes))
    lines = aligned(rows, right=[2, 3]).splitlines()
    return "\n".join([*bounded(lines, _SHOWN, "; see --json"), counts])


def erasure(workspace: Workspace, asset: str, where: str, *, name: str, reason: str, dry_run: bool) -> Answer:
    """Erase rows from every version of an asset; one that is declared no more is given by its whole key."""
    key = asset if asset in workspace.graph.assets or "/" in asset else one(workspace, asset)
    found = erase(workspace, key, where, name=name, reason=reason, dry_run=dry_run)
    return Answer(
        text=lambda: "\n".join(_erased_lines(key, found, dry_run=dry_run)),
        document=lambda: {
            "key": key,
            "dry_run": dry_run,
            "rows": found.rows,
            "versions": list(found.versions),
            "versions_looked_at": found.looked_at,
            "files_deleted": sorted(found.deleted),
            "shared_with": sorted({other for keys in found.shared.values() for other in keys}),
            "not_looked_at": dict(found.unread),
            "made_from_it": dict(found.below),
        },
        exit_code=FAILED if found.unread else SUCCEEDED,
    )


def _erased_lines(key: str, found: Erased, *, dry_run: bool) -> list[str]:
    verb, when = ("would erase", "then") if dry_run else ("erased", "now")
    what = f"{counted(found.rows, 'row')} from {counted(len(found.versions), 'version')} of {key}"
    lines = [f"{verb} {what} ({found.looked_at:,} looked at)"]
    if not dry_run and found.versions:
        lines.append(f"deleted {counted(len(found.deleted), 'file')} from the store")
    others = sorted({other for keys in found.shared.values() for other in keys})
    lines += [f"the same content is there as {other}: assets erase {other} --where ..." for other in others]
    if found.unread:
        why = next(iter(found.unread.values()))
        lines.append(f"{counted(len(found.unread), 'version')} could not be looked at: {why}")
    if found.below and found.versions:
        below = [f"  {other} ({counted(count, 'partition')})" for other, count in found.below.items()]
        lines += [
            f"made from it, and outdated {when}; earlier versions of them may hold the same rows:",
            *bounded(below, _SHOWN, "; see --json"),
            f"to make them anew: materialize '{key}+'",
        ]
    return lines
