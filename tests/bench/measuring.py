"""What is measured of whom, and how it is told: subjects take turns, and medians are set beside goals."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[2]
BENCH = Path(__file__).resolve().parent
WALL, CPU = "wall, s", "processor, s"
WALL_EACH, CPU_EACH = "wall, ms each", "processor, ms each"
PEAK = "peak memory, MB"


class CannotMeasure(Exception):
    """Why a subject gives no figure; the others go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How large and how often.

    Args:
        quick: small sizes and few repetitions, to see that everything works.
        folder: for what is written meanwhile; deleted afterwards.
        peer_python: answers the interpreter of the peers' environment, or raises `CannotMeasure`.
    """

    quick: bool
    folder: Path
    peer_python: Callable[[], Path]

    def of(self, full: int, quick: int) -> int:
        """One of two numbers."""
        return quick if self.quick else full

    def fresh(self, name: str) -> Path:
        """A new folder."""
        number = sum(1 for _ in self.folder.iterdir())
        made = self.folder / f"{number}-{name}"
        made.mkdir()
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something to measure: ``run`` answers its figures by what they are (a name that ends in the unit).

    Args:
        rounds: how often it is measured; a slow peer less often than the others.
    """

    name: str
    run: Callable[[], Mapping[str, float]]
    rounds: int
    ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one subject gave of one figure."""

    subject: str
    figure: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure to hold; ``measured`` is None where it could not be measured."""

    text: str
    limit: float
    measured: float | None
    sense: Literal["at most", "at least"] = "at most"

    @property
    def met(self) -> bool | None:
        if self.measured is None:
            return None
        return self.measured <= self.limit if self.sense == "at most" else self.measured >= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One table: what the subjects gave, and what was hoped for.

    Args:
        missing: by subject, why it gave nothing.
        failed: the subjects of our own among those.
        reference: the subject that the others' medians are divided by.
    """

    title: str
    lines: tuple[Line, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    goals: tuple[Goal, ...] = ()
    reference: str = ""

    def median(self, subject: str, figure: str) -> float | None:
        """None where it was not measured."""
        for line in self.lines:
            if (line.subject, line.figure) == (subject, figure):
                return line.median
        return None

    def ratio(self, subject: str, to: str, figure: str) -> float | None:
        """How many times as much a subject's median is as another's."""
        above, below = self.median(subject, figure), self.median(to, figure)
        return above / below if above is not None and below else None


def taking_turns(title: str, subjects: Sequence[Subject]) -> Comparison:
    """Measure every subject once in each round, so that what else the machine does hits all alike."""
    values: dict[tuple[str, str], list[float]] = {}
    missing: dict[str, str] = {}
    for number in range(max(subject.rounds for subject in subjects)):
        for subject in subjects:
            if number >= subject.rounds or subject.name in missing:
                continue
            say(f"{title}: {subject.name}, {number + 1} of {subject.rounds}")
            try:
                found = subject.run()
            except CannotMeasure as why:
                missing[subject.name] = str(why)
                continue
            for figure, value in found.items():
                values.setdefault((subject.name, figure), []).append(value)
    order = [subject.name for subject in subjects]
    lines = [Line(subject=name, figure=figure, values=tuple(v)) for (name, figure), v in values.items()]
    return Comparison(
        title=title,
        lines=tuple(sorted(lines, key=lambda line: order.index(line.subject))),
        missing=missing,
        failed=tuple(subject.name for subject in subjects if subject.ours and subject.name in missing),
        reference=reference_of(subjects),
    )


def reference_of(subjects: Sequence[Subject]) -> str:
    """The first subject of our own, where there are others to compare it with."""
    ours = [subject.name for subject in subjects if subject.ours]
    return ours[0] if ours and len(ours) < len(subjects) else ""


def clean_environment(**more: str) -> dict[str, str]:
    """The environment of a measured process: nobody's settings, bytecode kept, no telemetry."""
    ours = ("ASSETS_", "PREFECT_", "DAGSTER_", "MARKET_", "TRADING_", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    quiet = {"DO_NOT_TRACK": "1", "DAGSTER_DISABLE_TELEMETRY": "1", "HAMILTON_TELEMETRY_ENABLED": "false"}
    return kept | quiet | more


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A whole process that has ended: what it took by the clock, what of processors, and what it printed.

    Others may use the machine meanwhile, and then the clock says more than the processor time, which is of the
    process and those that it waited for.
    """

    wall_s: float
    cpu_s: float
    printed: str

    def figures(self) -> dict[str, float]:
        """Both times, by name."""
        return {WALL: self.wall_s, CPU: self.cpu_s}

    def document(self) -> dict[str, Any]:
        """The JSON in the last line that it printed."""
        found: dict[str, Any] = json.loads(self.printed.splitlines()[-1])
        return found


def run(command: Sequence[str | Path], folder: Path, *, expect: int = 0, **environment: str) -> Ended:
    """Run a whole process.

    Raises:
        CannotMeasure: it ended otherwise than expected.
    """
    before, started = _children_cpu_s(), time.perf_counter()
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=clean_environment(**environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    wall_s = time.perf_counter() - started
    if done.returncode != expect:
        last = (done.stderr.strip() or done.stdout.strip() or "it printed nothing").splitlines()[-1]
        raise CannotMeasure(f"{Path(command[0]).name} ended with {done.returncode}: {last[:300]}")
    return Ended(wall_s=wall_s, cpu_s=_children_cpu_s() - before, printed=done.stdout)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def say(text: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()


# Telling


def as_text(comparison: Comparison) -> str:
    """A table in Markdown, with the goals below it."""
    rows = [("", "figure", "median", "times ours", "least to most", "n")]
    for line in comparison.lines:
        ratio = comparison.ratio(line.subject, comparison.reference, line.figure)
        times = "" if ratio is None or line.subject == comparison.reference else shown(ratio)
        spread = f"{shown(min(line.values))} to {shown(max(line.values))}"
        rows.append((line.subject, line.figure, shown(line.median), times, spread, str(len(line.values))))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    parts = ["\n".join(text)] if comparison.lines else []
    notes = [f"- {subject}: not measured: {why}" for subject, why in comparison.missing.items()]
    notes += [f"- goal, {goal_text(goal)}" for goal in comparison.goals]
    return "\n\n".join([f"### {comparison.title}", *parts, *filter(None, ["\n".join(notes)])])


def goal_text(goal: Goal) -> str:
    """``0.8 s or less: met (0.61)``."""
    if goal.measured is None:
        return f"{goal.text}: not measured"
    return f"{goal.text}: {'met' if goal.met else 'NOT MET'} ({shown(goal.measured)})"


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The same for programs, with every value."""
    return {
        "title": comparison.title,
        "lines": [
            {"subject": one.subject, "figure": one.figure, "median": one.median, "values": one.values}
            for one in comparison.lines
        ],
        "missing": dict(comparison.missing),
        "goals": [
            {"text": one.text, "limit": one.limit, "measured": one.measured, "met": one.met}
            for one in comparison.goals
        ],
    }


def shown(value: float) -> str:
    """Three digits that count."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.001 else f"{value:.1g}"
