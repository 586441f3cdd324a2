"""Watching a run: a live display on a terminal, plain lines elsewhere. Both go to stderr."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TextIO

from deployments.amounts import counted, first_line, span_text
from graph.state import Outcome
from graph.steps import Check, Observe, Plan, Step, is_work, name_of

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from materializers.ledger import AttemptRecord
    from materializers.step import Result

_TOLD_EVERY_S = 5.0  # how often a plain line says how far a step is
_BAD_TOLD = 5  # so many bad partitions of a step are told one by one
_BAR = 24
_LONGEST_NAME = 60  # a longer one is cut on a terminal


@contextmanager
def watching(plan: Plan, stream: TextIO | None = None) -> Iterator[PlainLines | LiveDisplay]:
    """A listener that suits the stream and what there is to do; what it shows live is gone when the run has ended."""
    out = stream or sys.stderr
    work = sum(len(step.partitions) for step in plan.work())
    if work and out.isatty() and os.environ.get("TERM") != "dumb":
        with _display(out) as progress:
            yield LiveDisplay(progress, work)
    else:
        yield PlainLines(out, work)


def outcome_word(step: Step, outcome: Outcome) -> str:
    """How an outcome is called: what was published was built, or observed when it is a source."""
    if outcome == "published":
        return "observed" if isinstance(step, Observe) else "built"
    if isinstance(step, Check):
        return {"kept": "judged", "rejected": "fails"}.get(outcome, outcome)
    return outcome


def waits_text(key: str, run_id: str) -> str:
    """Why nothing seems to happen: somebody else makes the same, or died without a word.

    >>> waits_text("market/prices", "20261122-054512-3f9a1c")
    'market/prices waits for run 20261122-054512-3f9a1c, which makes it or has died within its lease'
    """
    return f"{key} waits for run {run_id}, which makes it or has died within its lease"


def left_open(found: tuple[AttemptRecord, ...]) -> str:
    """What killed runs left unfinished, in one sentence; empty when they left nothing."""
    if not found:
        return ""
    keys = list(dict.fromkeys(attempt.key for attempt in found))
    named = ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
    return f"a run was killed while it made {named}; nothing of that is visible"


class PlainLines:
    """A line when a step begins and one when it has ended: for logs, pipes and CI.

    Of a step with many partitions, the first bad ones are told one by one, and all others are counted now and then.
    """

    def __init__(self, stream: TextIO, work: int) -> None:
        self._stream = stream
        self._work = work
        self._ended = 0
        self._of_step: dict[str, int] = {}
        self._bad: dict[str, dict[str, int]] = {}
        self._told: dict[str, float] = {}
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self.run_id = ""

    def run_started(self, run_id: str, plan: Plan, found: tuple[AttemptRecord, ...]) -> None:
        """See `materializers.runner.Listener`."""
        self.run_id = run_id
        if text := left_open(found):
            self._line(text)
        if self._work:
            steps = len(plan.work())
            partitions = f", {counted(self._work, 'partition')}" if self._work > steps else ""
            self._line(f"run {run_id}: {counted(steps, 'step')} of {len(plan.steps):,}{partitions}")

    def step_started(self, step: Step) -> None:
        """See `materializers.runner.Listener`."""
        self._line(f"start {name_of(step)}")

    def step_progressed(self, step: Step, done: float, total: float) -> None:
        """See `materializers.runner.Listener`."""
        if total > 0 and not self._quiet(name_of(step)):
            self._line(f"      {name_of(step)} {done / total:.0%}")

    def step_waits(self, key: str, run_id: str) -> None:
        """See `materializers.runner.Listener`."""
        self._line(waits_text(key, run_id))

    def step_ended(self, result: Result) -> None:
        """See `materializers.runner.Listener`."""
        if not is_work(result.step):
            return
        step, name = result.step, name_of(result.step)
        word = outcome_word(step, result.outcome)
        fine = word in ("built", "observed", "adopted", "kept")
        with self._lock:
            self._ended += len(result.partitions)
            self._of_step[name] = self._of_step.get(name, 0) + len(result.partitions)
            count, of_step = self._ended, self._of_step[name]
            bad = self._bad.setdefault(name, {})
            if not fine:
                bad[word] = bad.get(word, 0) + len(result.partitions)
            told = len(step.partitions) == 1 or (not fine and sum(bad.values()) <= _BAD_TOLD)
        if told:
            why = "" if fine else f": {result.reason}"
            self._line(f"{word} {result.name} ({span_text(result.duration)}, {count}/{self._work}){why}")
        elif of_step == len(step.partitions) or not self._quiet(name):
            left = time_left(time.monotonic() - self._started, count, self._work)
            words = "".join(f", {number:,} {word}" for word, number in bad.items())
            self._line(
                f"ended {of_step:,} of {len(step.partitions):,} of {name}{words} ({count:,}/{self._work:,}{left})"
            )

    def _quiet(self, name: str) -> bool:
        """Whether a step was told of a moment ago."""
        now = time.monotonic()
        with self._lock:
            quiet = now - self._told.setdefault(name, now) < _TOLD_EVERY_S
            self._told[name] = self._told[name] if quiet else now
        return quiet

    def _line(self, text: str) -> None:
        with self._lock:
            self._stream.write(f"{text}\n")
            self._stream.flush()


def time_left(elapsed_s: float, done: int, total: int) -> str:
    """How long what is left will take if it goes on like this; empty when nothing is left.

    >>> time_left(30, 10, 40), time_left(6, 30, 70)
    (', 1 min 30 s left', ', 8 s left')
    """
    if done >= total or not done:
        return ""
    left = timedelta(seconds=round(elapsed_s / done * (total - done)))
    return f", {span_text(left).replace('.0 s', ' s')} left"


class LiveDisplay:
    """A bar for the run, and a line for each step that is being carried out."""

    def __init__(self, progress: Progress, work: int) -> None:
        self._progress = progress
        self._run = progress.add_task("", total=work, note="")
        self._steps: dict[str, TaskID] = {}
        self._done: dict[str, int] = {}
        self._bad: dict[str, dict[str, int]] = {}
        self.run_id = ""

    def run_started(self, run_id: str, plan: Plan, found: tuple[AttemptRecord, ...]) -> None:
        """See `materializers.runner.Listener`."""
        self.run_id = run_id
        self._progress.update(self._run, description=f"run {run_id}")
        if text := left_open(found):
            self._say(text)

    def step_started(self, step: Step) -> None:
        """See `materializers.runner.Listener`."""
        name, many = name_of(step), len(step.partitions)
        self._steps[name] = self._progress.add_task(name, total=many if many > 1 else None, note="")

    def step_progressed(self, step: Step, done: float, total: float) -> None:
        """See `materializers.runner.Listener`."""
        task = self._steps.get(name_of(step))
        if task is not None and len(step.partitions) == 1:
            self._progress.update(task, completed=done, total=total)

    def step_waits(self, key: str, run_id: str) -> None:
        """See `materializers.runner.Listener`."""
        self._say(waits_text(key, run_id))

    def step_ended(self, result: Result) -> None:
        """See `materializers.runner.Listener`."""
        if is_work(result.step):
            self._progress.advance(self._run, len(result.partitions))
            self._advance(result)
        if result.outcome in ("failed", "rejected"):
            bad = self._bad.setdefault(name_of(result.step), {})
            bad[result.outcome] = bad.get(result.outcome, 0) + len(result.partitions)
            if sum(bad.values()) <= _BAD_TOLD:
                self._say(f"{result.outcome} {result.name}: {first_line(result.reason)}")
            elif sum(bad.values()) == _BAD_TOLD + 1:
                self._say(f"more of {name_of(result.step)} is counted below, and told at the end")

    def _advance(self, result: Result) -> None:
        """Move the step's own line on, and take it away when all its partitions have ended."""
        name = name_of(result.step)
        task = self._steps.get(name)
        if task is None:
            return
        self._done[name] = self._done.get(name, 0) + len(result.partitions)
        if self._done[name] >= len(result.step.partitions):
            self._progress.remove_task(self._steps.pop(name))
        elif len(result.step.partitions) > 1:
            note = "".join(f"  {number:,} {word}" for word, number in self._bad.get(name, {}).items())
            self._progress.update(task, completed=self._done[name], note=note)

    def _say(self, text: str) -> None:
        """Print a line that stays above what is live."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _display(stream: TextIO) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
    from rich.table import Column
    from rich.text import Text

    class Count(ProgressColumn):
        """How many have ended, and the time that what is left will take if it goes on like this."""

        def render(self, task: Task) -> Text:
            """See `ProgressColumn`."""
            done = f"{task.completed:,.0f} of {task.total:,.0f}" if task.total and task.total > 1 else ""
            left = time_left(task.elapsed or 0, round(task.completed), round(task.total or 0))
            words = done + left or span_text(timedelta(seconds=round(task.elapsed or 0)))
            return Text(words + str(task.fields.get("note", "")))

    return Progress(
        SpinnerColumn(),
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1, max_width=_LONGEST_NAME),
        ),
        BarColumn(bar_width=_BAR),
        Count(table_column=Column(no_wrap=True)),
        console=Console(file=stream),
        transient=True,
    )
