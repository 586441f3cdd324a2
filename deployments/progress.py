"""Watching a run: a live display on a terminal, plain lines elsewhere. Both go to stderr."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from deployments.amounts import counted, first_line, span_text
from graph.plan import Observe, Plan, Step, is_work, step_id
from graph.state import Outcome

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from materializers.ledger import AttemptRecord
    from materializers.step import Result

_TOLD_EVERY_S = 5.0  # how often a plain line says how far a step is


@contextmanager
def watching(plan: Plan, stream: TextIO | None = None) -> Iterator[PlainLines | LiveDisplay]:
    """A listener that suits the stream and what there is to do; what it shows live is gone when the run has ended."""
    out = stream or sys.stderr
    work = len(plan.work())
    if work and out.isatty() and os.environ.get("TERM") != "dumb":
        with _display(out) as progress:
            yield LiveDisplay(progress, work)
    else:
        yield PlainLines(out, work)


def outcome_word(step: Step, outcome: Outcome) -> str:
    """How an outcome is called: what was published was built, or observed when it is a source."""
    if outcome == "published":
        return "observed" if isinstance(step, Observe) else "built"
    return outcome


def left_open(found: tuple[AttemptRecord, ...]) -> str:
    """What killed runs left unfinished, in one sentence; empty when they left nothing."""
    if not found:
        return ""
    keys = list(dict.fromkeys(attempt.key for attempt in found))
    named = ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
    return f"a run was killed while it made {named}; nothing of that is visible"


class PlainLines:
    """A line when a step begins and one when it has ended: for logs, pipes and CI."""

    def __init__(self, stream: TextIO, work: int) -> None:
        self._stream = stream
        self._work = work
        self._ended = 0
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()
        self.run_id = ""

    def run_started(self, run_id: str, plan: Plan, found: tuple[AttemptRecord, ...]) -> None:
        """See `materializers.runner.Listener`."""
        self.run_id = run_id
        if text := left_open(found):
            self._line(text)
        if self._work:
            self._line(f"run {run_id}: {counted(self._work, 'step')} of {len(plan.steps):,}")

    def step_started(self, step: Step) -> None:
        """See `materializers.runner.Listener`."""
        self._line(f"start {step_id(step.key, step.partition)}")

    def step_progressed(self, step: Step, done: float, total: float) -> None:
        """See `materializers.runner.Listener`."""
        name, now = step_id(step.key, step.partition), time.monotonic()
        with self._lock:
            quiet = total <= 0 or now - self._told.setdefault(name, now) < _TOLD_EVERY_S
            self._told[name] = self._told[name] if quiet else now
        if not quiet:
            self._line(f"      {name} {done / total:.0%}")

    def step_ended(self, result: Result) -> None:
        """See `materializers.runner.Listener`."""
        if not is_work(result.step):
            return
        with self._lock:
            self._ended += 1
            count = self._ended
        word = outcome_word(result.step, result.outcome)
        why = f": {result.reason}" if word not in ("built", "observed", "adopted", "kept") else ""
        self._line(f"{word} {result.id} ({span_text(result.duration)}, {count}/{self._work}){why}")

    def _line(self, text: str) -> None:
        with self._lock:
            self._stream.write(f"{text}\n")
            self._stream.flush()


class LiveDisplay:
    """A bar for the run, and a line for each step that is being carried out."""

    def __init__(self, progress: Progress, work: int) -> None:
        self._progress = progress
        self._run = progress.add_task("", total=work)
        self._steps: dict[str, TaskID] = {}
        self.run_id = ""

    def run_started(self, run_id: str, plan: Plan, found: tuple[AttemptRecord, ...]) -> None:
        """See `materializers.runner.Listener`."""
        self.run_id = run_id
        self._progress.update(self._run, description=f"run {run_id}")
        if text := left_open(found):
            self._say(text)

    def step_started(self, step: Step) -> None:
        """See `materializers.runner.Listener`."""
        name = step_id(step.key, step.partition)
        self._steps[name] = self._progress.add_task(name, total=None)

    def step_progressed(self, step: Step, done: float, total: float) -> None:
        """See `materializers.runner.Listener`."""
        task = self._steps.get(step_id(step.key, step.partition))
        if task is not None:
            self._progress.update(task, completed=done, total=total)

    def step_ended(self, result: Result) -> None:
        """See `materializers.runner.Listener`."""
        task = self._steps.pop(result.id, None)
        if task is not None:
            self._progress.remove_task(task)
        if is_work(result.step):
            self._progress.advance(self._run)
        if result.outcome in ("failed", "rejected"):
            self._say(f"{result.outcome} {result.id}: {first_line(result.reason)}")

    def _say(self, text: str) -> None:
        """Print a line that stays above what is live."""
        self._progress.console.print(text, markup=False, highlight=False)


def _display(stream: TextIO) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.table import Column

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        BarColumn(bar_width=24),
        TaskProgressColumn(show_speed=False),
        TimeElapsedColumn(),
        console=Console(file=stream),
        transient=True,
    )
