"""Quarantine: moving the rows that fail out of a table, so that the rest can be published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from checks.beside import ALONE, Beside
from checks.declaration import Check
from checks.evaluation import evaluate, failing_row_numbers
from checks.verdict import Verdict

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

FAILED = "failed_checks"
"""The column of what was moved aside that names the checks which a row fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """A table without the rows that were moved aside, those rows, and what the checks that moved them said."""

    kept: pa.Table
    aside: pa.Table
    verdicts: tuple[Verdict, ...]


def part(
    table: pa.Table,
    checks: Sequence[Check],
    *,
    now: datetime,
    beside: Beside = ALONE,
    private: frozenset[str] = frozenset(),
) -> Parted:
    """Move aside the rows that fail a check of the severity ``quarantine``.

    Each check looks at the whole table, whatever the others move. One that cannot be judged moves nothing, and holds
    the version back as an error does.
    """
    moving = [check for check in checks if check.severity == "quarantine"]
    verdicts = evaluate(table, moving, now=now, beside=beside, private=private)
    failed = [check for check, said in zip(moving, verdicts, strict=True) if said.failing and not said.passed]
    rows = failing_row_numbers(table, failed, now=now, beside=beside)
    kept, aside = _parted(table, rows)
    return Parted(
        kept=kept,
        aside=aside,
        verdicts=tuple(
            replace(said, aside=len(rows[said.check])) if said.check in rows else said for said in verdicts
        ),
    )


def _parted(table: pa.Table, rows: dict[str, list[int]]) -> tuple[pa.Table, pa.Table]:
    import numpy as np
    import pyarrow as pa

    names: dict[int, list[str]] = {}
    for check, numbers in rows.items():
        for number in numbers:
            names.setdefault(number, []).append(check)
    moved = sorted(names)
    stays = np.ones(table.num_rows, dtype=bool)
    stays[moved] = False
    label = FAILED
    while label in table.column_names:
        label += "_"
    why = pa.array([names[number] for number in moved], pa.list_(pa.string()))
    aside = _rows(table, np.array(moved, dtype=np.int64)).append_column(label, why)
    return (_rows(table, np.flatnonzero(stays)) if moved else table), aside


def _rows(table: pa.Table, numbers: NDArray[np.int64]) -> pa.Table:
    """The rows of these numbers, which increase."""
    import numpy as np
    import pyarrow as pa

    try:
        return table.take(pa.array(numbers))
    # Arrow takes no rows of some types, as string_view, but slices them all
    except pa.ArrowNotImplementedError:
        gaps = np.flatnonzero(np.diff(numbers) != 1) + 1
        runs = [run for run in np.split(numbers, gaps) if len(run)]
        return pa.concat_tables([table.slice(int(run[0]), len(run)) for run in runs] or [table.slice(0, 0)])
