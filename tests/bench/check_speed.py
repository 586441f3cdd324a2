"""Twenty checks beside Great Expectations and pandera: the same promises, the same data, the same verdicts."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
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
    say,
    taking_turns,
)
from peers import measured_by

OURS, EXPECTATIONS, PANDERA, POLARS = "checks", "Great Expectations", "pandera", "pandera, polars"
WARM, FAULTS, COLD = "warm, ms", "warm, with faults, ms", "whole process, ms"


def measure(scale: Scale) -> Iterator[Comparison]:
    """Tables for a hundred rows, for a million, and for ten million that we judge in their file."""
    say("the twenty checks:\n    " + "\n    ".join(str(one) for one in promises(100)))
    few = _compared(scale, 100, times=20, rounds=7)
    yield _with_goals(few, {WARM: 50, FAULTS: 50, COLD: 15})
    many = _compared(scale, scale.of(1_000_000, 10_000), times=3, rounds=5)
    yield _with_goals(many, {WARM: 5, FAULTS: 5})
    most = _compared(scale, scale.of(10_000_000, 20_000), times=1, rounds=3, kind="file")
    memory = Goal(text="memory: 500 MB or less", limit=500, measured=most.median(OURS, PEAK))
    yield replace(most, goals=(memory,))


def _compared(scale: Scale, rows: int, *, times: int, rounds: int, kind: str = "table") -> Comparison:
    """All of them in turns.

    Args:
        times: of judging once more in a process that has judged already.
        kind: ``table``, which is in memory before the clock starts; or ``file`` for ours, with no faults in it.
    """
    good = _trades(scale, rows)
    files = {WARM: good} | ({FAULTS: _trades(scale, rows, "broken")} if kind == "table" else {})
    verdicts: dict[Path, Any] = {}

    def figures(process: Callable[..., Ended]) -> Mapping[str, float]:
        cold = process(good, "1")
        found = {COLD: 1000 * cold.wall_s, PEAK: cold.document()["peak_mb"]}
        for name, file in files.items():
            answer = process(file, str(times + 1)).document()
            _compare(rows, verdicts.setdefault(file, answer["verdicts"]), answer["verdicts"])
            found[name] = 1000 * statistics.median(answer["seconds"][1:])
        return found

    def ours(*words: str | Path) -> Ended:
        return _process(scale, "checks_process.py", kind, *words)

    def expectations(*words: str | Path) -> Ended:
        return _process(scale, "expectations_process.py", *words)

    def pandera(*words: str | Path) -> Ended:
        return measured_by(scale, "pandera_process.py", "pandas", *words)

    def polars(*words: str | Path) -> Ended:
        return measured_by(scale, "pandera_process.py", "polars", *words)

    return taking_turns(
        f"20 checks of {rows:,} rows" + (" in a Parquet file" if kind == "file" else ""),
        [
            Subject(name=OURS, run=lambda: figures(ours), rounds=scale.of(rounds, 1), ours=True),
            Subject(
                name=EXPECTATIONS, run=lambda: figures(expectations), rounds=scale.of(max(3, rounds - 2), 1)
            ),
            Subject(name=PANDERA, run=lambda: figures(pandera), rounds=scale.of(rounds, 1)),
            Subject(name=POLARS, run=lambda: figures(polars), rounds=scale.of(rounds, 1)),
        ],
    )


def _with_goals(found: Comparison, times: Mapping[str, float]) -> Comparison:
    """With how many times as fast as Great Expectations each figure has to be."""
    goals = [
        Goal(
            text=f"{limit} times as fast as Great Expectations or more, {figure}",
            limit=limit,
            measured=found.ratio(EXPECTATIONS, OURS, figure),
            sense="at least",
        )
        for figure, limit in times.items()
    ]
    return replace(found, goals=tuple(goals))


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
