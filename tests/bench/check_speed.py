"""Twenty checks beside Great Expectations: the same promises, the same data, the same verdicts."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from check_list import promises
from measuring import (
    BENCH,
    PEAK,
    ROOT,
    CannotMeasure,
    Comparison,
    Ended,
    Goal,
    Scale,
    Subject,
    run,
    taking_turns,
)

OURS, THEIRS = "checks", "Great Expectations"
WARM, FAULTS, COLD = "warm, ms", "warm, with faults, ms", "whole process, ms"


def measure(scale: Scale) -> Iterator[Comparison]:
    """Tables for a hundred rows and for a million; and what ten million in a file need."""
    yield _compared(scale, 100, times=20, warm_goal=50, cold_goal=15)
    yield _compared(scale, scale.of(1_000_000, 10_000), times=3, warm_goal=5, cold_goal=None)
    yield _from_a_file(scale, scale.of(10_000_000, 20_000))


def _compared(
    scale: Scale, rows: int, *, times: int, warm_goal: float, cold_goal: float | None
) -> Comparison:
    good, bad = _trades(scale, rows), _trades(scale, rows, "broken")
    verdicts: dict[Path, Any] = {}

    def ours() -> Mapping[str, float]:
        return figures("checks_process.py", "table")

    def theirs() -> Mapping[str, float]:
        return figures("expectations_process.py")

    def figures(script: str, *words: str) -> Mapping[str, float]:
        cold = _process(scale, script, *words, good, "1").wall_s
        found = {}
        for name, file in ((WARM, good), (FAULTS, bad)):
            answer = _process(scale, script, *words, file, str(times + 1)).document()
            _compare(rows, verdicts.setdefault(file, answer["verdicts"]), answer["verdicts"])
            found[name] = 1000 * statistics.median(answer["seconds"][1:])
        return found | {COLD: 1000 * cold}

    found = taking_turns(
        f"20 checks of {rows:,} rows",
        [
            Subject(name=OURS, run=ours, rounds=scale.of(5, 1), ours=True),
            Subject(name=THEIRS, run=theirs, rounds=scale.of(3, 1)),
        ],
    )
    goals = [
        Goal(
            text=f"{times} times as fast as Great Expectations or more, {figure}",
            limit=times,
            measured=found.ratio(THEIRS, OURS, figure),
            sense="at least",
        )
        for times, figure in ((warm_goal, WARM), (warm_goal, FAULTS), (cold_goal, COLD))
        if times is not None
    ]
    return replace(found, goals=tuple(goals))


def _from_a_file(scale: Scale, rows: int) -> Comparison:
    file = _trades(scale, rows)

    def judge() -> Mapping[str, float]:
        whole = _process(scale, "checks_process.py", "file", file, "1")
        return {COLD: 1000 * whole.wall_s, PEAK: whole.document()["peak_mb"]}

    found = taking_turns(
        f"20 checks of {rows:,} rows in a Parquet file",
        [Subject(name=OURS, run=judge, rounds=scale.of(3, 1), ours=True)],
    )
    goal = Goal(text="memory: 500 MB or less", limit=500, measured=found.median(OURS, PEAK))
    return replace(found, goals=(goal,))


def _compare(rows: int, one: list[Any], other: list[Any]) -> None:
    """Refuse two lists of (passed, failing rows) that differ where both sides say so."""
    for promise, (passed, failing), (passes, fails) in zip(promises(rows), one, other, strict=True):
        counts = promise.counted and failing is not None and fails is not None
        if passed != passes or (counts and failing != fails):
            where = f"{promise.check}({', '.join(promise.columns)})"
            raise CannotMeasure(f"the verdicts differ in {where}: {passed}, {failing} and {passes}, {fails}")


def _trades(scale: Scale, rows: int, *words: str) -> Path:
    file = scale.fresh("trades") / "trades.parquet"
    run([sys.executable, BENCH / "trades.py", str(rows), file, *words], scale.folder)
    return file


def _process(scale: Scale, script: str, *words: str | Path) -> Ended:
    return run([sys.executable, BENCH / script, *words], scale.folder, PYTHONPATH=str(ROOT))
