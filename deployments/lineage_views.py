"""What is made from what, as a text tree, a mermaid diagram or an SVG picture: `assets lineage`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deployments.answers import FAILED, Answer
from deployments.asset_list import selected
from deployments.command_error import CommandError
from graph import AssetGraph

if TYPE_CHECKING:
    import pygraphviz

_PALETTE = {"source": ("#fff4d6", "#b7860b"), "asset": ("#e8f0fe", "#3b6fb6")}
_FONT = "Helvetica,Arial,sans-serif"


def show_lineage(
    graph: AssetGraph,
    selection: str,
    *,
    depth: int | None = None,
    form: Literal["tree", "mermaid"] = "tree",
    svg: Path | None = None,
) -> Answer:
    """The neighbourhood of one asset, or the selected assets with what lies between them."""
    keys = selected(graph, selection)
    focus = keys[0] if len(keys) == 1 else None
    part = graph.subgraph(_around(graph, focus, depth) if focus else keys)
    if svg is not None:
        _write(svg, svg_picture(part, focus))

    def text() -> str:
        if svg is not None:
            return f"wrote {svg}"
        return mermaid(part, focus) if form == "mermaid" else tree(part, focus)

    return Answer(text=text, document=lambda: _document(part, focus, svg))


def _around(graph: AssetGraph, focus: str, depth: int | None) -> frozenset[str]:
    """An asset with its upstream and its downstream, ``depth`` steps far."""
    found = {focus}
    for edges in (graph.upstream_of, graph.downstream_of):
        layer = {focus}
        steps = 0
        while layer and (depth is None or steps < depth):
            layer = {key for last in layer for key in edges[last]} - found
            found |= layer
            steps += 1
    return frozenset(found)


# --- text ---------------------------------------------------------------------------------------------------


def tree(graph: AssetGraph, focus: str | None = None) -> str:
    """What an asset is made from, and what is made from it; without one, every sink with what it is made from.

    What was drawn before is not drawn again: its name is followed by ``...``.
    """
    if focus is None:
        drawn: set[str] = set()
        return "\n".join(
            line for sink in graph.sinks() for line in _branch(graph, sink, graph.upstream_of, drawn)
        )
    above = list(_branch(graph, focus, graph.upstream_of, set()))
    below = list(_branch(graph, focus, graph.downstream_of, set()))
    if len(below) == 1:
        return "\n".join(above)
    return "\n".join([*above, "", f"made from {focus}:", *below[1:]])


def _branch(
    graph: AssetGraph, start: str, edges: Mapping[str, tuple[str, ...]], drawn: set[str]
) -> Iterator[str]:
    """The lines of one tree; a stack and not recursion, because a chain may be thousands long."""
    lines = [(start, "", "", "")]
    while lines:
        key, indent, mark, below = lines.pop()
        again = key in drawn and edges[key]
        source = " (source)" if graph[key].is_source else ""
        yield f"{indent}{mark}{key}{source}{' ...' if again else ''}"
        drawn.add(key)
        if again:
            continue
        inner = indent + below
        following = edges[key]
        for place, name in reversed(list(enumerate(following))):
            last = place == len(following) - 1
            lines.append((name, inner, "└── " if last else "├── ", "    " if last else "│   "))


def mermaid(graph: AssetGraph, focus: str | None = None) -> str:
    """A mermaid flowchart: groups are boxes, sources look different, dotted edges only order."""
    ids = {key: f"a{number}" for number, key in enumerate(graph.assets)}
    lines = ["flowchart LR"]
    for number, (group, keys) in enumerate(_by_group(graph).items()):
        lines.append(f'  subgraph g{number}["{group}"]')
        lines.extend(f'    {ids[key]}["{graph[key].name}"]' for key in keys)
        lines.append("  end")
    for up, key, is_data in _edges(graph):
        lines.append(f"  {ids[up]} {'-->' if is_data else '-.->'} {ids[key]}")
    for kind, (fill, line) in _PALETTE.items():
        members = [ids[key] for key in graph.assets if _kind(graph, key) == kind]
        if members:
            lines.append(f"  classDef {kind} fill:{fill},stroke:{line},color:#1a1a1a")
            lines.append(f"  class {','.join(members)} {kind}")
    if focus is not None:
        lines.append(f"  style {ids[focus]} stroke-width:3px")
    return "\n".join(lines)


# --- picture ------------------------------------------------------------------------------------------------


def svg_picture(graph: AssetGraph, focus: str | None = None) -> str:
    """The graph as one self-contained SVG on an opaque ground, the same bytes for the same graph."""
    try:
        drawing = _drawing(graph, focus)
    except ImportError as error:
        raise CommandError(
            "a picture needs pygraphviz and Graphviz, which are not installed; --mermaid needs neither"
        ) from error
    return _self_contained(drawing.draw(format="svg", prog="dot").decode("utf-8"))


def _drawing(graph: AssetGraph, focus: str | None) -> pygraphviz.AGraph:
    """The nodes and edges with how they look, for Graphviz to lay out."""
    import pygraphviz

    drawing = pygraphviz.AGraph(
        directed=True, rankdir="LR", bgcolor="white", fontname=_FONT, pad="0.3", ranksep="0.6"
    )
    drawing.node_attr.update(shape="box", style="filled,rounded", fontname=_FONT, fontsize="11", height="0.4")
    drawing.edge_attr.update(color="#6b7280", arrowsize="0.7")
    for number, (group, keys) in enumerate(_by_group(graph).items()):
        for key in keys:
            fill, line = _PALETTE[_kind(graph, key)]
            width = "2.5" if key == focus else "1"
            label = graph[key].name
            drawing.add_node(key, label=label, fillcolor=fill, color=line, penwidth=width, tooltip=key)
        look = {"style": "rounded", "color": "#c4c9d1", "fontcolor": "#4b5563"}
        drawing.add_subgraph(keys, name=f"cluster_{number}", label=group, **look)
    for up, key, is_data in _edges(graph):
        drawing.add_edge(up, key, style="solid" if is_data else "dashed")
    return drawing


def _self_contained(svg: str) -> str:
    """An SVG of Graphviz without its prologue (a reference to a DTD) and comments (its version and build date)."""
    body = svg[svg.index("<svg") :]
    return re.sub(r"<!--.*?-->\n?", "", body, flags=re.DOTALL)


def _write(path: Path, svg: str) -> None:
    aside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(svg, "utf-8")
        aside.replace(path)
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written: {error.strerror or error}", exit_code=FAILED
        ) from error


# --- the parts of a picture ----------------------------------------------------------------------------------


def _by_group(graph: AssetGraph) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for key, asset in graph.assets.items():
        groups.setdefault(asset.group, []).append(key)
    return groups


def _edges(graph: AssetGraph) -> Iterable[tuple[str, str, bool]]:
    """Each edge in the direction of the data, and whether data flow along it or it only orders."""
    for key, asset in graph.assets.items():
        for up in graph.upstream_of[key]:
            yield up, key, up in asset.upstream


def _kind(graph: AssetGraph, key: str) -> str:
    return "source" if graph[key].is_source else "asset"


def _document(graph: AssetGraph, focus: str | None, svg: Path | None) -> dict[str, Any]:
    return {
        "focus": focus,
        "assets": [
            {"key": key, "group": graph[key].group, "kind": _kind(graph, key)} for key in graph.assets
        ],
        "edges": [{"from": up, "to": key, "data": is_data} for up, key, is_data in _edges(graph)],
        "svg": str(svg.absolute()) if svg else None,
    }
