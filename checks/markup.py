"""The little HTML that reports are made of: everything that comes from data is escaped, once, here."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def escaped(value: object) -> str:
    """HTML for a value: its text, unless it is `Markup` already.

    >>> escaped("<b>")
    '&lt;b&gt;'
    >>> escaped(Markup("<b>"))
    '<b>'
    """
    return str(value) if isinstance(value, Markup) else html.escape(str(value))


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading; numbers stand to the right."""

    heading: str
    number: bool = False


def table(
    caption: str, columns: Sequence[Column], rows: Iterable[Sequence[object]], ids: Sequence[str] = ()
) -> Markup:
    """A table whose first column heads each row; it scrolls sideways where it does not fit.

    ``ids`` gives rows an anchor.
    """
    head = "".join(f'<th scope="col"{_number(column)}>{escaped(column.heading)}</th>' for column in columns)
    body = []
    for number, row in enumerate(rows):
        anchor = f' id="{escaped(ids[number])}"' if ids else ""
        first, *others = zip(columns, row, strict=True)
        cells = [f'<th scope="row"{_number(first[0])}>{escaped(first[1])}</th>']
        cells += [f"<td{_number(column)}>{escaped(value)}</td>" for column, value in others]
        body.append(f"<tr{anchor}>{''.join(cells)}</tr>")
    return Markup(
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escaped(caption)}"><table>'
        f"<caption>{escaped(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _number(column: Column) -> str:
    return ' class="number"' if column.number else ""
