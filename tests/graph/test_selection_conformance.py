"""Every selection of the shared table selects what Dagster 1.13 selects: no deviation, none explained."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graph.selection import parse

TABLE = Path(
    os.environ.get("CONFORMANCE_TABLE")
    or Path(__file__).parents[3] / "shared" / "conformance" / "dagster-semantics.jsonl"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableGraph:
    """The graph of a row, where keys are bare and the group is an attribute."""

    assets: Mapping[str, SimpleNamespace]
    upstream_of: Mapping[str, tuple[str, ...]]
    downstream_of: Mapping[str, tuple[str, ...]]


def graph_of(row: dict[str, Any]) -> TableGraph:
    upstream = {key: tuple(ups) for key, ups in row["graph"].items()}
    assets = {}
    for key in TopologicalSorter(upstream).static_order():
        attributes = row["attrs"].get(key) or {}
        labels = SimpleNamespace(**{name: attributes.get(name) or () for name in ("kinds", "owners")})
        labels.tags = attributes.get("tags") or {}
        group = attributes.get("group") or "default"  # Dagster's name for no group
        assets[key] = SimpleNamespace(key=key, group=group, labels=labels, is_source=False)
    downstream = {key: tuple(below for below in upstream if key in upstream[below]) for key in assets}
    return TableGraph(assets=assets, upstream_of=upstream, downstream_of=downstream)


def selection_rows() -> list[Any]:
    if not TABLE.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no conformance table at {TABLE}"))]
    numbered = enumerate(map(json.loads, TABLE.read_text(encoding="utf-8").splitlines()), start=1)
    return [
        pytest.param(row, id=f"line {number}: {row['expr']}")
        for number, row in numbered
        if row["kind"] == "selection"
    ]


@pytest.mark.parametrize("row", selection_rows())
def test_selects_what_dagster_selects(
    row: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    record_property("conformance", {"kind": "selection"})
    selection = parse(row["expr"])
    assert sorted(selection.resolve(graph_of(row))) == row["expected"]
    assert parse(str(selection)) == selection
