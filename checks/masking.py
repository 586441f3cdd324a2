"""Masking: a verdict shows no value of a private column, wherever it is kept or told.

What a column is private for is declared once, on the asset (`graph.Labels.private`). Counts stay: how many rows fail,
and their numbers in the table, say where to look for those who may.
"""

from __future__ import annotations

from dataclasses import replace

from checks.declaration import Check
from checks.schemas import SHAPES
from checks.verdict import MASK, ROW_NUMBER, Verdict

_COUNTS = SHAPES | frozenset(
    "row_count not_fewer_rows usual_row_count same_row_count unique schema same_schema needs".split()
)
"""The kinds that observe how many there are of something, or what the columns are, and no value."""


def masked(
    verdict: Verdict, check: Check, private: frozenset[str], names: frozenset[str], *, quotes: bool = False
) -> Verdict:
    """The verdict without values of private columns.

    A function's own words (``observed`` of a `Finding`) are its author's: they are kept. Of what an SQL check shows
    nothing is: a query can call a private value whatever it likes.

    Args:
        names: the columns of what was judged. A sample may have others, made by a query from whatever there is.
        quotes: the error is told in the words of the database or of a function, which may quote a value.
    """
    looks_at = private.intersection(check.columns) or (not check.columns and check.kind not in _COUNTS)
    hides = check.function is None and check.kind not in _COUNTS and looks_at
    shown = frozenset() if check.kind == "sql" else (names - private) | {ROW_NUMBER}
    return replace(
        verdict,
        observed=MASK if hides and verdict.observed is not None else verdict.observed,
        expected=MASK if hides and check.compares and verdict.expected is not None else verdict.expected,
        sample=tuple(
            {name: value if name in shown else MASK for name, value in row.items()} for row in verdict.sample
        ),
        error=_error(verdict.error) if quotes and verdict.error else verdict.error,
    )


def _error(text: str) -> str:
    """What kind of error it was."""
    kind = text.split(":", maxsplit=1)[0].split(maxsplit=1)[0]
    return f"{kind} (its words are hidden: the asset has private columns)"
