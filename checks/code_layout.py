"""Calls as Python that a formatter leaves as it is: one a line, broken where they are too long."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

_WIDTH = 88
"""What ruff and black take if nobody says otherwise."""
_STEP = 4


def imported(module: str, names: Sequence[str]) -> str:
    """The line that imports some names, or several lines."""
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])


def laid_out(code: str, *, indent: int = 0, before: str = "") -> Iterator[str]:
    """The lines of an expression in a list, with the comma after it.

    Args:
        code: the expression, in one line.
        before: what stands before it in its line, such as the name of an argument.

    >>> print(*laid_out('unique("symbol", "session")', indent=4), sep="")
        unique("symbol", "session"),
    """
    margin = " " * indent
    line = f"{margin}{before}{code},"
    parts = list(_parts(code)) if len(line) > _WIDTH else []
    if not parts:
        yield line
        return
    opening, closing = code[: code.index(parts[0][0] + parts[0][1])], code[-1]
    yield f"{margin}{before}{opening}"
    body = margin + " " * _STEP + ", ".join(name + value for name, value in parts)
    if closing == ")" and opening != "(" and len(body) <= _WIDTH:  # of a call, and not of a collection
        yield body
    else:
        for name, value in parts:
            yield from laid_out(value, indent=indent + _STEP, before=name)
    yield f"{margin}{closing},"


def _parts(code: str) -> Iterator[tuple[str, str]]:
    """What stands between the brackets of a call, a list, a tuple or a mapping, each with its name."""

    def text(node: ast.expr) -> str:
        return ast.get_source_segment(code, node) or ""

    match ast.parse(code, mode="eval").body:
        case ast.Call(args=values, keywords=keywords):
            yield from (("", text(value)) for value in values)
            yield from ((f"{one.arg}=", text(one.value)) for one in keywords)
        case ast.List(elts=values) | ast.Tuple(elts=values):
            yield from (("", text(value)) for value in values)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                yield f"{text(key) if key is not None else ''}: ", text(value)
