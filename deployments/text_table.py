"""Text for people: aligned columns, headings, and colours where a terminal shows them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

_CODES = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "bold": "1", "dim": "2"}
_COLOUR_OF = {
    "built": "green",
    "observed": "green",
    "adopted": "green",
    "fresh": "green",
    "succeeded": "green",
    "published": "green",
    "holds": "green",
    "due soon": "yellow",
    "held": "yellow",
    "skipped": "yellow",
    "warns": "yellow",
    "running": "cyan",
    "overdue": "red",
    "failed": "red",
    "rejected": "red",
    "fails": "red",
    "interrupted": "red",
    "cancelled": "red",
    "unknown": "dim",
    "none": "dim",
    "kept": "dim",
}
"""The words that have a colour wherever they stand alone in a cell."""


def shows_colours(stream: TextIO, environ: Mapping[str, str] | None = None) -> bool:
    """Whether colours may be written: to a terminal that knows them, unless ``NO_COLOR`` is set."""
    env = os.environ if environ is None else environ
    return not env.get("NO_COLOR") and env.get("TERM") != "dumb" and stream.isatty()


def painted(text: str, colour: str) -> str:
    """A text in a colour, or in ``bold`` or ``dim``."""
    return f"\033[{_CODES[colour]}m{text}\033[0m"


def aligned(
    rows: Iterable[Sequence[str]],
    *,
    heads: Sequence[str] = (),
    right: Sequence[int] = (),
    colours: bool = False,
) -> str:
    """Rows as text whose columns stand under each other, two spaces apart.

    Args:
        heads: the columns' names, as a first line.
        right: the numbers of the columns that are flush right.
        colours: paint the words that have a colour, and dim the heads.

    >>> print(aligned([["prices", "5,860"], ["returns", "12"]], heads=["asset", "rows"], right=[1]))
    asset     rows
    prices   5,860
    returns     12
    """
    body = [list(row) for row in rows]
    lines = [list(heads), *body] if heads else body
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    shown = []
    for number, line in enumerate(lines):
        cells = []
        for column, (cell, width) in enumerate(zip(line, widths, strict=True)):
            last = column == len(line) - 1
            padded = cell.rjust(width) if column in right else cell if last else cell.ljust(width)
            colour = "dim" if heads and number == 0 else _COLOUR_OF.get(cell)
            cells.append(painted(padded, colour) if colours and colour else padded)
        shown.append("  ".join(cells).rstrip())
    return "\n".join(shown)


def bounded(lines: Sequence[str], limit: int, rest: str) -> list[str]:
    """At most ``limit`` of the lines, and then how many more there are; ``rest`` says where to see them."""
    if limit <= 0 or len(lines) <= limit:
        return list(lines)
    return [*lines[:limit], f"... and {len(lines) - limit:,} more{rest}"]
