"""Where the report's numbers come from: a picture of the assets above it, drawn in layers.

The layout is Sugiyama's: each asset one layer above the first that reads it, long edges by way of invisible points,
the order within a layer by the mean place of the neighbours. An edge that a longer way implies is left out. Nothing
is measured from fonts, so the picture is the same everywhere.

Source: Sugiyama, Tagawa and Toda (1981), Methods for Visual Understanding of Hierarchical System Structures.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

WIDTH, HEIGHT = 172, 44
_GAP, _RISE, _THREAD, _MARGIN = 14, 34, 18, 6
_SWEEPS = 8

Node = str | tuple[str, str, int]
"""An asset's key, or a point on the edge from one key to another, in a layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One asset in the picture: where it links to, a short remark, and how its checks stand."""

    key: str
    link: str
    remark: str
    state: Literal["good", "warning", "alarm"] = "good"


def lineage_svg(boxes: Sequence[Box], upstream: Mapping[str, Sequence[str]], *, description: str) -> str:
    """The picture as an SVG element.

    Args:
        boxes: the assets, upstream first.
        upstream: what each of them reads directly; keys without a box are left out.
        description: said to those who cannot see it.
    """
    keys = [box.key for box in boxes]
    edges = _reduced([(above, key) for key in keys for above in upstream.get(key, ()) if above in keys], keys)
    layers, threads = _layers(keys, edges)
    place = _places(layers, threads)
    width = max((x for x, _ in place.values()), default=0) + WIDTH / 2 + _MARGIN
    height = max((y for _, y in place.values()), default=0) + HEIGHT / 2 + _MARGIN
    drawn = [_edge([place[node] for node in thread]) for thread in threads]
    drawn += [_box(box, *place[box.key]) for box in boxes]
    return (
        f'<svg role="img" aria-labelledby="lineage-title" class="lineage" viewBox="0 0 {width:.0f} {height:.0f}">'
        f'<title id="lineage-title">{html.escape(description)}</title>{"".join(drawn)}</svg>'
    )


def _reduced(edges: Sequence[tuple[str, str]], keys: Sequence[str]) -> list[tuple[str, str]]:
    """The edges that no longer way implies."""
    below: dict[str, set[str]] = {key: set() for key in keys}
    for above, key in edges:
        below[above].add(key)
    reached: dict[str, set[str]] = {}
    for key in reversed(keys):
        reached[key] = below[key].union(*(reached[other] for other in below[key]))
    return [
        (above, key)
        for above, key in edges
        if not any(key in reached[other] for other in below[above] if other != key)
    ]


def _layers(
    keys: Sequence[str], edges: Sequence[tuple[str, str]]
) -> tuple[list[list[Node]], list[list[Node]]]:
    """The nodes of each layer, and each edge as the nodes that it runs through."""
    below: dict[str, list[str]] = {key: [] for key in keys}
    for above, key in edges:
        below[above].append(key)
    from_end: dict[str, int] = {}
    for key in reversed(keys):
        from_end[key] = 1 + max((from_end[other] for other in below[key]), default=-1)
    depth = max(from_end.values(), default=0)
    layer = {key: depth - from_end[key] for key in keys}
    layers: list[list[Node]] = [[] for _ in range(depth + 1)]
    for key in keys:
        layers[layer[key]].append(key)
    threads: list[list[Node]] = []
    for above, key in edges:
        points: list[Node] = [(above, key, at) for at in range(layer[above] + 1, layer[key])]
        for at, point in enumerate(points, start=layer[above] + 1):
            layers[at].append(point)
        threads.append([above, *points, key])
    return layers, threads


def _places(layers: list[list[Node]], threads: Sequence[Sequence[Node]]) -> dict[Node, tuple[float, float]]:
    """The centre of every node."""
    neighbours: dict[Node, list[Node]] = {}
    for thread in threads:
        for one, other in pairwise(thread):
            neighbours.setdefault(one, []).append(other)
            neighbours.setdefault(other, []).append(one)
    widths = [sum(_width(node) for node in layer) + _GAP * (len(layer) - 1) for layer in layers]
    total = max(widths, default=0)
    x: dict[Node, float] = {}
    for layer in layers:
        x |= _spread(layer, total)
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 else reversed(layers):
            wish = {
                node: sum(x[other] for other in neighbours.get(node, [node]))
                / len(neighbours.get(node, [node]))
                for node in layer
            }
            layer.sort(key=lambda node: wish[node])  # stable: equal wishes keep their order
            x |= _spread(layer, total, wish)
    return {
        node: (x[node] + _MARGIN, at * (HEIGHT + _RISE) + HEIGHT / 2 + _MARGIN)
        for at, layer in enumerate(layers)
        for node in layer
    }


def _spread(
    layer: Sequence[Node], total: float, wish: Mapping[Node, float] | None = None
) -> dict[Node, float]:
    """Places in the order of the layer, without overlap, near the wishes (or else in the middle)."""
    used = sum(_width(node) for node in layer) + _GAP * (len(layer) - 1)
    packed: dict[Node, float] = {}
    at = (total - used) / 2
    for node in layer:
        packed[node] = at + _width(node) / 2
        at += _width(node) + _GAP
    if wish is None:
        return packed
    placed: dict[Node, float] = {}
    left, room = 0.0, used
    for node in layer:
        middle = min(max(wish[node], left + _width(node) / 2), total - room + _width(node) / 2)
        placed[node] = middle
        left = middle + _width(node) / 2 + _GAP
        room -= _width(node) + _GAP
    return placed


def _width(node: Node) -> float:
    return WIDTH if isinstance(node, str) else _THREAD


def _edge(points: Sequence[tuple[float, float]]) -> str:
    """A curve from the lower side of the first point to the upper side of the last."""
    (x, y), *rest = points
    y += HEIGHT / 2
    path = [f"M{x:.1f},{y:.1f}"]
    for number, (to_x, to_y) in enumerate(rest):
        top = to_y - HEIGHT / 2 - (1 if number == len(rest) - 1 else 0)
        middle = (y + top) / 2
        path.append(f"C{x:.1f},{middle:.1f} {to_x:.1f},{middle:.1f} {to_x:.1f},{top:.1f}")
        x, y = to_x, top
        if number < len(rest) - 1:
            y = to_y + HEIGHT / 2
            path.append(f"L{x:.1f},{y:.1f}")
    tip = f"M{x - 3.5:.1f},{y - 6:.1f}L{x:.1f},{y:.1f}L{x + 3.5:.1f},{y - 6:.1f}"
    return f'<path class="edge" d="{"".join(path)}{tip}"/>'


def _box(box: Box, x: float, y: float) -> str:
    group, _, name = box.key.rpartition("/")
    left, top = x - WIDTH / 2, y - HEIGHT / 2
    return (
        f'<a href="#{html.escape(box.link)}"><g class="box {box.state}">'
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        f'<text class="group" x="{left + 9:.1f}" y="{top + 15:.1f}">{html.escape(group)}</text>'
        f'<text class="remark" x="{left + WIDTH - 9:.1f}" y="{top + 15:.1f}">{html.escape(box.remark)}</text>'
        f'<text class="name" x="{left + 9:.1f}" y="{top + 33:.1f}">{html.escape(name)}</text>'
        "</g></a>"
    )
