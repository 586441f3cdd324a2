"""How the partitions of an asset are doing, each one: `assets status KEY --partitions`."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from deployments.amounts import counted
from deployments.answers import FAILED, Answer
from deployments.asset_list import selected
from deployments.command_error import CommandError
from deployments.partition_grid import STATES, Cell, Grid, State, grid_of, in_state, stretches
from deployments.text_table import painted
from graph import Asset
from graph.choosing import to_build
from graph.partition_set import EMPTY, Partition, PartitionSet
from graph.partition_text import described
from graph.reading import Reader
from graph.state import Attempt, Version
from materializers.workspace import Workspace

GLYPHS: Mapping[State, tuple[str, str]] = {
    "published": ("■", "green"),
    "outdated": ("o", "cyan"),
    "skipped": ("s", "dim"),
    "missing": ("·", "dim"),
    "failing": ("!", "yellow"),
    "rejected": ("x", "red"),
    "failed": ("F", "red"),
}
"""How a state is drawn; the sign alone tells it, where there are no colours."""

_FILLS: Mapping[State, str] = {
    "published": "#3a9d5d",
    "outdated": "#5b8def",
    "skipped": "#b9c0c8",
    "missing": "#f1f2f4",
    "failing": "#e8a33d",
    "rejected": "#d1495b",
    "failed": "#8f2d56",
}
_WIDE = 40
"""Up to so many columns stand apart from each other."""
_TOLD: tuple[State, ...] = ("failed", "rejected", "failing", "outdated", "skipped", "missing")


def partition_states(
    workspace: Workspace, asset: Asset, *, outdated: bool = False
) -> Mapping[Partition, State]:
    """The state of each partition that exists, in order.

    Args:
        outdated: also tell what a plan would build of what is published; it costs a plan.
    """
    to_be_built = to_build(workspace.plan(asset.key), asset.key) if outdated else EMPTY
    with workspace.ledger.state(workspace.environment, workspace.graph.ancestors([asset.key])) as state:
        reader = Reader(graph=workspace.graph, state=state, horizon=workspace.horizon())
        existing = reader.existing(asset.key)
        versions = state.published(asset.key, existing)
        attempts = state.attempts(asset.producer, existing)
        return {at: _state(at, versions.get(at), attempts.get(at), to_be_built) for at in existing}


def _state(at: Partition, version: Version | None, tried: Attempt | None, to_be_built: PartitionSet) -> State:
    """The state of one partition; a newer attempt with other inputs counts more than what is still visible."""
    newer = tried if version is None or (tried and tried.fingerprint != version.fingerprint) else None
    match newer.outcome if newer and (version is None or newer.ended_at >= version.made_at) else None:
        case "failed" | "interrupted":
            return "failed"
        case "rejected":
            return "rejected"
        case "skipped" if version is None:
            return "skipped"
    if version is None:
        return "missing"
    if version.failing:
        return "failing"
    return "outdated" if at in to_be_built else "published"


def matrix_text(asset: Asset, states: Mapping[Partition, State], *, limit: int, colours: bool = False) -> str:
    """The matrix for people: how many are in which state, the cells, the signs, and where the bad ones are."""
    if asset.partitions is None or not states:
        return f"{asset.key} has no partitions yet"
    grid = grid_of(asset.partitions, states)
    return "\n".join(
        [
            f"{asset.key}: {counts_text(states)}",
            "",
            *_rows(grid, limit, colours=colours),
            "",
            _legend(states, colours=colours),
            *_ranges(asset, states),
        ]
    )


def counts_text(states: Mapping[Partition, State]) -> str:
    """How many partitions are in which state."""
    counts = {state: sum(one == state for one in states.values()) for state in STATES}
    others = "".join(f", {counts[state]:,} {state}" for state in _TOLD if counts[state])
    return f"{counts['published']:,} of {counted(len(states), 'partition')} published{others}"


def _rows(grid: Grid, limit: int, *, colours: bool) -> list[str]:
    gap = " " * grid.width if grid.columns <= _WIDE else ""
    width = max((len(label) for label, _ in grid.rows), default=0)
    shown = grid.rows[-limit:] if limit else grid.rows
    head = ""
    for column, mark in grid.marks:
        place = column * (1 + len(gap))
        if len(head) <= place:
            head = f"{head:<{place}}{mark} "
    lines = [f"{'':<{width}}  {head}".rstrip()]
    if len(shown) < len(grid.rows):
        lines.append(f"... {counted(len(grid.rows) - len(shown), 'row')} before; see --limit")
    lines += [
        f"{label:<{width}}  {gap.join(_sign(cell, colours=colours) for cell in cells)}".rstrip()
        for label, cells in shown
    ]
    return lines


def _sign(cell: Cell | None, *, colours: bool) -> str:
    if cell is None:
        return " "
    sign, colour = GLYPHS[cell.state]
    return painted(sign, colour) if colours else sign


def _legend(states: Mapping[Partition, State], *, colours: bool) -> str:
    there = frozenset(states.values())
    return "   ".join(
        f"{_sign(Cell(state=state, name=''), colours=colours)} {state}" for state in STATES if state in there
    )


def _ranges(asset: Asset, states: Mapping[Partition, State]) -> list[str]:
    existing = PartitionSet.of(states)
    lines = []
    for state in _TOLD:
        found = in_state(states, state)
        if found:
            lines.append(f"{state}: {described(found, asset.partitions, existing)}")
    return lines


def matrix_document(asset: Asset, states: Mapping[Partition, State]) -> dict[str, Any]:
    """The same for programs: the stretches of partitions that are in one state."""
    found = [] if asset.partitions is None else stretches(asset.partitions, states)
    return {
        "key": asset.key,
        "partitions": len(states),
        "counts": {state: sum(one == state for one in states.values()) for state in STATES},
        "stretches": [
            {"state": state, "first": first, "last": last, "partitions": count}
            for state, first, last, count in found
        ],
    }


# The picture

_SIDE, _STEP, _LEFT, _TOP = 12, 14, 8, 44
_LETTER = 6.6
_MOST_ROWS = 400


def matrix_svg(asset: Asset, states: Mapping[Partition, State]) -> str:
    """The matrix as a picture: a square a cell, which says its partition and state when one points at it."""
    grid = grid_of(asset.partitions, states) if asset.partitions is not None else _EMPTY_GRID
    rows = grid.rows[-_MOST_ROWS:]
    step = max(_STEP, round(_LETTER * (grid.width + 1)))
    left = _LEFT + round(_LETTER * max((len(label) for label, _ in rows), default=0)) + 8
    legend = [state for state in STATES if state in frozenset(states.values())]
    title = f"{asset.key}: {counts_text(states)}"
    least = max(round(_LETTER * len(title)) + 2 * _LEFT, left + 90 * len(legend))
    width = max(left + grid.columns * step + 2 * _LEFT, least)
    height = _TOP + len(rows) * _STEP + 34
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" font-family="ui-monospace, Menlo, DejaVu Sans Mono, monospace"'
        ' font-size="11" fill="#333">'
    )
    parts = [
        head,
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="18" font-weight="bold">{escape(title)}</text>',
    ]
    taken = 0.0
    for column, mark in grid.marks:
        x = left + column * step
        if x >= taken:
            parts.append(f'<text x="{x}" y="{_TOP - 6}" fill="#777">{escape(mark)}</text>')
            taken = x + _LETTER * (len(mark) + 1)
    for number, (label, cells) in enumerate(rows):
        y = _TOP + number * _STEP
        parts.append(f'<text x="{left - 8}" y="{y + 10}" text-anchor="end">{escape(label)}</text>')
        parts += [_square(left + place * step, y, cell) for place, cell in enumerate(cells) if cell]
    y = _TOP + len(rows) * _STEP + 12
    for place, state in enumerate(legend):
        x = left + place * 90
        parts.append(_square(x, y, Cell(state=state, name="")))
        parts.append(f'<text x="{x + _STEP + 2}" y="{y + 10}">{state}</text>')
    return "\n".join([*parts, "</svg>", ""])


_EMPTY_GRID = Grid(columns=0, marks=(), rows=())


def _square(x: int, y: int, cell: Cell) -> str:
    edge = ' stroke="#c9ced4"' if cell.state == "missing" else ""
    told = f"<title>{escape(cell.name)}: {cell.state}</title>" if cell.name else ""
    place = f'x="{x}" y="{y}" width="{_SIDE}" height="{_SIDE}" rx="2"'
    return f'<rect {place} fill="{_FILLS[cell.state]}"{edge}>{told}</rect>'


def show_matrices(
    workspace: Workspace,
    selection: str,
    *,
    limit: int,
    colours: bool = False,
    outdated: bool = False,
    svg: Path | None = None,
) -> Answer:
    """The matrix of each selected asset that has partitions.

    Args:
        outdated: also tell what a plan would build of what is published.
        svg: a file for the picture of the one that is selected.
    """
    keys = selected(workspace.graph, selection)
    partitioned = [asset for key in keys if (asset := workspace.graph[key]).partitions is not None]
    if not partitioned:
        raise CommandError(f"nothing of '{selection}' has partitions")
    if svg is not None and len(partitioned) > 1:
        raise CommandError(
            f"--svg draws one asset, and '{selection}' names {len(partitioned)} with partitions"
        )
    found = [(asset, partition_states(workspace, asset, outdated=outdated)) for asset in partitioned]
    if svg is not None:
        _write(svg, matrix_svg(*found[0]))
    return Answer(
        text=lambda: (
            f"wrote {svg}"
            if svg is not None
            else "\n\n".join(matrix_text(*one, limit=limit, colours=colours) for one in found)
        ),
        document=lambda: [matrix_document(*one) for one in found],
    )


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise CommandError(
            f"{file} cannot be written: {error.strerror or error}", exit_code=FAILED
        ) from error
