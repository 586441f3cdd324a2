"""`assets sweep` and `assets automation`: what is due by itself, made or told."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from deployments.amounts import counted, moment_text
from deployments.answers import FAILED, REJECTED, SUCCEEDED, Answer, note
from deployments.command_error import CommandError
from deployments.materializing import Engine, engine_of
from deployments.progress import watching
from deployments.run_summary import readable_files, summary_document, summary_text
from deployments.text_table import aligned, shows_colours
from graph.partition_text import described
from graph.plan_text import explain, to_json
from graph.steps import Hold
from materializers.sweeping import Sweep, carry_out, sweep
from materializers.workspace import Workspace


def sweep_assets(
    workspace: Workspace,
    selection: str = "*",
    *,
    dry_run: bool = False,
    engine: Engine = "local",
    jobs: int | None = None,
) -> Answer:
    """Make what is due now, or with ``dry_run`` only say it, with the reasons."""
    run = engine_of(engine)
    found = sweep(workspace, selection)
    if dry_run:
        return _told(found, workspace, when="the next sweep")
    if not found.is_idle:
        note(_beside(found, workspace))
    started = time.monotonic()
    with watching(found.plan) as listener:
        result = carry_out(found, workspace, jobs=jobs, listener=listener, run=run)
    if result is None:
        return _told(found, workspace)
    elapsed = timedelta(seconds=time.monotonic() - started)
    files = readable_files(result, workspace)
    return Answer(
        text=lambda: summary_text(
            result,
            list(files.values()),
            elapsed,
            colours=shows_colours(sys.stdout),
            width=max(40, shutil.get_terminal_size().columns - 40) if sys.stdout.isatty() else 200,
        ),
        document=lambda: {**summary_document(result, files, elapsed, engine), **_document(found, workspace)},
        exit_code=result.exit_code,
    )


def _told(found: Sweep, workspace: Workspace, *, when: str = "this sweep") -> Answer:
    """What is due; nothing was done, or there was nothing to do but what is held."""
    held = {step.reason.kind for step in found.plan.steps if isinstance(step, Hold)}
    exit_code = SUCCEEDED
    if found.is_idle and held & {"failed before", "not observed", "waits"}:
        exit_code = FAILED
    elif found.is_idle and "rejected before" in held:
        exit_code = REJECTED

    def text() -> str:
        planned = explain(found.plan, every=True) if found.plan.steps else "nothing is due"
        return "\n".join(filter(None, [planned, _beside(found, workspace, when)]))

    return Answer(
        text=text,
        document=lambda: {**json.loads(to_json(found.plan)), **_document(found, workspace)},
        exit_code=exit_code,
    )


def _beside(found: Sweep, workspace: Workspace, when: str = "this sweep") -> str:
    """What a sweep does not make, and why."""
    lines = []
    for key, partitions in found.busy.items():
        of = workspace.graph[key].partitions
        names = f" {described(partitions, of)}" if of is not None else ""
        lines.append(f"{key}{names} is due, and is being made by another run")
    if found.new:
        names = ", ".join(found.new[:3]) + (f" and {len(found.new) - 3} more" if len(found.new) > 3 else "")
        lines.append(f"automation of {counted(len(found.new), 'asset')} is switched on by {when}: {names}")
    if found.due.switched_off:
        names = ", ".join(found.due.switched_off)
        lines.append(f"automation is switched off: {names}; assets automation on KEY switches it on")
    return "\n".join(lines)


def _document(found: Sweep, workspace: Workspace) -> Mapping[str, object]:
    return {
        "due": {key: partitions.to_plain() for key, partitions in found.due.partitions.items()},
        "refresh": {key: dict(one.needed_by) for key, one in found.refresh.items()},
        "unfinished": {key: partitions.to_plain() for key, partitions in found.unfinished.items()},
        "busy": {key: partitions.to_plain() for key, partitions in found.busy.items()},
        "switched_on": list(found.new),
        "switched_off": list(found.due.switched_off),
    }


def list_automation(workspace: Workspace, selection: str, *, colours: bool = False) -> Answer:
    """Which assets have automation, and since when it is on."""
    graph = workspace.graph
    chosen = workspace.keys(selection)
    keys = [key for key, one in graph.assets.items() if key in chosen and one.automation is not None]
    with workspace.ledger.journal(workspace.environment, keys) as journal:
        on = journal.switched_on()
    found = [(key, str(graph[key].automation), _state(key, on), on.get(key)) for key in keys]

    def text() -> str:
        if not found:
            return "no asset here has automation; give one automation=eager()"
        rows = ([key, state, moment_text(at.at) if at else "-", words] for key, words, state, at in found)
        return aligned(rows, heads=["asset", "is", "since", "automation"], colours=colours)

    return Answer(
        text=text,
        document=lambda: [
            {"key": key, "automation": words, "state": state, "since": at.at if at else None}
            for key, words, state, at in found
        ],
    )


def _state(key: str, on: Mapping[str, object | None]) -> Literal["on", "off", "new"]:
    if key not in on:
        return "new"
    return "off" if on[key] is None else "on"


def switch_automation(workspace: Workspace, selection: str, *, on: bool) -> Answer:
    """Switch the automation of assets on, as of now, or off."""
    graph = workspace.graph
    selected = workspace.keys(selection)
    keys = [key for key in graph.assets if key in selected]
    chosen = [key for key in keys if graph[key].automation is not None]
    if not chosen:
        raise CommandError(
            f"none of {', '.join(keys)} has automation; `assets automation list` shows which have"
        )
    changed = workspace.ledger.switch_automation(workspace.environment, chosen, on=on)
    word = "on" if on else "off"
    told = f"automation of {', '.join(changed)} is {word}" if changed else f"automation was {word} already"
    return Answer(text=lambda: told, document=lambda: {"switched": word, "keys": list(changed)})
