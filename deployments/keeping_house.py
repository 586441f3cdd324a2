"""Keeping house in ledger and store: `assets gc` and `assets rename`."""

from __future__ import annotations

from datetime import datetime, timedelta

from deployments.amounts import counted, moment_text, span_text
from deployments.answers import Answer
from deployments.command_error import CommandError
from graph.build import is_key
from materializers.collecting import Collected, collect, unneeded
from materializers.ledger import Ledger
from materializers.runner import new_run_id
from materializers.store import Store


def collect_garbage(
    ledger: Ledger,
    store: Store,
    *,
    now: datetime,
    dry_run: bool,
    retention: timedelta,
    last: int,
    grace: timedelta,
) -> Answer:
    """Remove from the store what no environment, retention rule or running write needs."""
    if dry_run:
        found = unneeded(ledger, store, retention=retention, last=last)
    else:
        found = collect(
            ledger, store, run_id=new_run_id(now), now=now, retention=retention, last=last, grace=grace
        )
    return Answer(
        text=lambda: _told(found, now, grace, dry_run=dry_run),
        document=lambda: {
            "dry_run": dry_run,
            "condemned": sorted(found.condemned),
            "removed": sorted(found.removed),
            "leftovers": found.leftovers,
            "forgotten_runs": found.forgotten,
            "kept": found.kept,
        },
    )


def _told(found: Collected, now: datetime, grace: timedelta, *, dry_run: bool) -> str:
    condemned = counted(len(found.condemned), "file")
    if dry_run:
        return f"{condemned} of {found.kept:,} would be condemned, and removed {span_text(grace)} later"
    lines = [f"removed {counted(len(found.removed), 'file')}; {found.kept:,} are left"]
    if found.condemned:
        lines.append(
            f"condemned {condemned}: the first `assets gc` after {moment_text(now + grace)} removes them"
        )
    if found.leftovers:
        lines.append(f"swept {counted(found.leftovers, 'file')} of stopped writers")
    if found.forgotten:
        lines.append(f"forgot {counted(found.forgotten, 'run')}")
    return "\n".join(lines)


def rename_asset(ledger: Ledger, old: str, new: str) -> Answer:
    """Give an asset another key in the ledger; its history follows."""
    if not is_key(new):
        raise CommandError(f"'{new}' is no key: write group/name in letters, digits and '_.-'")
    if old == new:
        raise CommandError(f"'{old}' has that key already; give another one")
    ledger.rename(old, new)
    return Answer(
        text=lambda: f"'{old}' is '{new}' now, with its history; rename the function as well",
        document=lambda: {"old": old, "new": new},
    )
