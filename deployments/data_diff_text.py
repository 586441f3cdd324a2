"""In what the data of two versions differ, told to people and programs."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.amounts import counted
from deployments.text_table import aligned
from materializers.data_diff import DataDiff

_WIDTH = 80
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def diff_text(diff: DataDiff, *, limit: int) -> str:
    """Several lines: how many rows, which columns, how far the numbers, and some of the rows.

    Args:
        limit: rows shown of each kind.
    """
    if diff.same:
        return f"the same {counted(diff.new_rows, 'row')}"
    by = f", rows told apart by {', '.join(diff.by)}" if diff.by else ", rows compared as a whole"
    counts = f"{diff.added:,} added, {diff.removed:,} removed, {diff.changed:,} changed"
    lines = [f"{diff.old_rows:,} -> {counted(diff.new_rows, 'row')}: {counts}{by}"]
    lines += [f"  + column {name} ({kind})" for name, kind in diff.columns_added.items()]
    lines += [f"  - column {name} ({kind})" for name, kind in diff.columns_removed.items()]
    lines += [f"  ~ column {name}: {old} -> {new}" for name, (old, new) in diff.columns_retyped.items()]
    if diff.drift:
        rows = [
            [one.column, f"{one.changed:,}", _figure(one.mean), _figure(one.largest)] for one in diff.drift
        ]
        heads = ["column", "changed", "mean difference", "largest"]
        lines += [f"  {line}" for line in aligned(rows, heads=heads, right=[1, 2, 3]).splitlines()]
    for kind, sign in _SIGNS.items():
        shown = [row for what, row in diff.sample if what == kind]
        lines += [f"  {sign} {_row(row)}" for row in shown[:limit]]
        total = getattr(diff, kind)
        if total > len(shown[:limit]):
            lines.append(f"  {sign} and {total - len(shown[:limit]):,} more {kind}")
    return "\n".join(lines)


def diff_document(diff: DataDiff) -> dict[str, object]:
    """The same for programs."""
    return {
        "same": diff.same,
        "old_rows": diff.old_rows,
        "new_rows": diff.new_rows,
        "by": list(diff.by),
        "added": diff.added,
        "removed": diff.removed,
        "changed": diff.changed,
        "columns_added": dict(diff.columns_added),
        "columns_removed": dict(diff.columns_removed),
        "columns_retyped": {name: list(kinds) for name, kinds in diff.columns_retyped.items()},
        "drift": [
            {"column": one.column, "changed": one.changed, "mean": one.mean, "largest": one.largest}
            for one in diff.drift
        ],
        "sample": [{"what": kind, "row": dict(row)} for kind, row in diff.sample],
    }


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _row(row: Mapping[str, object]) -> str:
    text = ", ".join(f"{name} {value}" for name, value in row.items()).replace("\n", "\\n")
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
