"""What has happened: `assets history`, and `assets runs list`, `show`, `cancel` and `logs`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from deployments.amounts import counted, first_line, moment_text, span_text
from deployments.answers import FAILED, Answer
from deployments.asset_list import selected
from deployments.command_error import CommandError
from deployments.text_table import aligned, bounded, painted
from graph.steps import step_name
from materializers.ledger import AttemptRecord, Ledger, LedgerError, RunRecord
from materializers.workspace import Workspace

LAST = "last"
"""Stands for the newest run wherever a run is asked for."""


def show_history(workspace: Workspace, name: str, *, limit: int, colours: bool = False) -> Answer:
    """The attempts to make an asset, newest first."""
    keys = selected(workspace.graph, workspace.today(name))
    if len(keys) != 1:
        raise CommandError(
            f"'{name}' names {counted(len(keys), 'asset')}; `assets history` tells of one: {keys[0]}"
        )
    producer = workspace.graph[keys[0]].producer
    attempts = workspace.ledger.history(producer, environment=workspace.environment, limit=limit or 1_000_000)
    rows = [
        [
            moment_text(attempt.started_at, seconds=True),
            _outcome(attempt),
            _took(attempt),
            _partition_or(attempt, "-"),
            attempt.run_id,
            first_line(attempt.reason),
        ]
        for attempt in attempts
    ]
    heads = ["started", "outcome", "took", "partition", "run", "why"]
    nothing = f"{producer} was never tried; run: materialize {keys[0]}"
    return Answer(
        text=lambda: aligned(rows, heads=heads, right=[2], colours=colours) if rows else nothing,
        document=lambda: [_attempt_document(attempt) for attempt in attempts],
    )


def list_runs(ledger: Ledger, *, limit: int, colours: bool = False) -> Answer:
    """Runs, newest first."""
    runs = ledger.runs(limit=limit or 1_000_000)
    rows = [
        [
            run.id,
            moment_text(run.started_at),
            _run_took(run),
            _run_outcome(run),
            run.engine,
            run.environment,
            first_line(run.selection, 60),
        ]
        for run in runs
    ]
    heads = ["run", "started", "took", "outcome", "engine", "environment", "selection"]
    return Answer(
        text=lambda: (
            aligned(rows, heads=heads, right=[2], colours=colours) if rows else "there were no runs yet"
        ),
        document=lambda: [_run_document(run) for run in runs],
    )


def show_run(ledger: Ledger, run_id: str, *, limit: int, colours: bool = False) -> Answer:
    """One run: what it ran with, and its attempts."""
    run = find_run(ledger, run_id)
    attempts = ledger.attempts_of(run.id)
    return Answer(
        text=lambda: _run_text(run, attempts, limit=limit, colours=colours),
        document=lambda: {
            **_run_document(run),
            "attempts": [_attempt_document(attempt) for attempt in attempts],
        },
    )


def running_run(ledger: Ledger, run_id: str) -> RunRecord:
    """A run that can be stopped; one that cannot is an error that says why."""
    run = find_run(ledger, run_id)
    if run.ended_at is not None or not run.alive:
        why = (
            f"it ended, {run.outcome}, {moment_text(run.ended_at)}" if run.ended_at else "its process is gone"
        )
        raise CommandError(f"run {run.id} is not running: {why}", exit_code=FAILED)
    return run


def cancel_run(ledger: Ledger, run: RunRecord) -> Answer:
    """Ask a run to stop: what it is computing is discarded, what it has not begun stays undone."""
    asked = ledger.cancel_run(run.id)
    said = f"run {run.id} was asked to stop" if asked else f"run {run.id} has just ended by itself"
    return Answer(
        text=lambda: f"{said}; see: assets runs show {run.id}",
        document=lambda: {"run": run.id, "asked_to_stop": asked},
    )


def show_logs(ledger: Ledger, run_id: str, name: str | None) -> Answer:
    """What the attempts of a run printed and logged, and the errors that they ended with.

    Args:
        name: only of the asset with this key, or this last part of it.
    """
    run = find_run(ledger, run_id)
    attempts = ledger.attempts_of(run.id)
    if name is not None:
        attempts = tuple(one for one in attempts if name in (one.key, one.key.rpartition("/")[2]))
        if not attempts:
            raise CommandError(f"run {run.id} tried nothing of '{name}'; see: assets runs show {run.id}")
    return Answer(
        text=lambda: _logs_text(run, attempts),
        document=lambda: [
            {**_attempt_document(attempt), "output": attempt.output, "error": attempt.error}
            for attempt in attempts
        ],
    )


def find_run(ledger: Ledger, run_id: str) -> RunRecord:
    """A run by its id, a unique beginning of it, or ``last``."""
    if run_id == LAST:
        newest = ledger.runs(limit=1)
        if not newest:
            raise CommandError("there were no runs yet")
        return newest[0]
    try:
        return ledger.run(run_id)
    except LedgerError as error:
        raise CommandError(str(error)) from error


def _run_text(run: RunRecord, attempts: tuple[AttemptRecord, ...], *, limit: int, colours: bool) -> str:
    head = f"run {run.id}"
    facts = [
        ["selection", run.selection],
        ["environment", run.environment],
        ["engine", run.engine],
        ["started", moment_text(run.started_at, seconds=True)],
        ["took", _run_took(run)],
        ["outcome", _run_outcome(run)],
        *([name, value] for name, value in run.context.items()),
    ]
    rows = [
        [_outcome(attempt), _id(attempt), str(attempt.number), _took(attempt), first_line(attempt.reason)]
        for attempt in attempts
    ]
    lines = [painted(head, "bold") if colours else head, aligned(facts, colours=colours), ""]
    if rows:
        titles, *body = aligned(
            rows, heads=["outcome", "asset", "attempt", "took", "why"], right=[2, 3], colours=colours
        ).splitlines()
        lines.extend([titles, *bounded(body, limit, "; see --limit")])
    else:
        lines.append("nothing had to be done")
    return "\n".join(lines)


def _logs_text(run: RunRecord, attempts: tuple[AttemptRecord, ...]) -> str:
    parts = []
    for attempt in attempts:
        body = "\n".join(filter(None, (attempt.output.rstrip(), attempt.error.rstrip())))
        if body or attempt.outcome == "failed":
            reason = f": {attempt.reason}" if attempt.reason else ""
            parts.append(
                f"== {_id(attempt)}, attempt {attempt.number}, {_outcome(attempt)}{reason}\n{body}".rstrip()
            )
    return "\n\n".join(parts) or f"the {counted(len(attempts), 'attempt')} of run {run.id} printed nothing"


def _partition_or(attempt: AttemptRecord, otherwise: str) -> str:
    return attempt.label or otherwise


def _id(attempt: AttemptRecord) -> str:
    return step_name(attempt.key, attempt.label)


def _outcome(attempt: AttemptRecord) -> str:
    return attempt.outcome or "running"


def _took(attempt: AttemptRecord) -> str:
    return span_text(attempt.ended_at - attempt.started_at) if attempt.ended_at else "-"


def _run_took(run: RunRecord) -> str:
    return span_text(run.ended_at - run.started_at) if run.ended_at else "-"


def _run_outcome(run: RunRecord) -> str:
    """How a run ended; one whose process is gone was killed, which the next run will put on record."""
    if run.outcome is not None:
        return run.outcome
    if not run.alive:
        return "killed"
    return "stopping" if run.cancelled else "running"


def _run_document(run: RunRecord) -> dict[str, Any]:
    return {
        "run": run.id,
        "selection": run.selection,
        "environment": run.environment,
        "engine": run.engine,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "duration_s": _seconds(run.ended_at - run.started_at) if run.ended_at else None,
        "outcome": _run_outcome(run),
        "context": dict(run.context),
    }


def _attempt_document(attempt: AttemptRecord) -> dict[str, Any]:
    return {
        "run": attempt.run_id,
        "key": attempt.key,
        "partition": attempt.label or None,
        "attempt": attempt.number,
        "outcome": _outcome(attempt),
        "reason": attempt.reason,
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "duration_s": _seconds(attempt.ended_at - attempt.started_at) if attempt.ended_at else None,
        "fingerprint": attempt.fingerprint,
        "version": attempt.version_id,
    }


def _seconds(span: timedelta) -> float:
    return round(span.total_seconds(), 6)
