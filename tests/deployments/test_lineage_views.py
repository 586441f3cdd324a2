from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from deployments.command_error import CommandError
from deployments.lineage_views import mermaid, show_lineage, svg_picture, tree
from graph import Observation, asset, build_graph, source


@source(name="market/universe")
def universe() -> Observation:
    return Observation(version="1")


@asset(name="market/prices")
def prices(universe: list[str]) -> int:
    return 1


@asset(name="market/returns")
def returns(prices: int) -> int:
    return 1


@asset(name="trading/weights")
def weights(prices: int, returns: int) -> int:
    return 1


@asset(name="trading/orders", after=["market/universe"])
def orders(weights: int) -> int:
    return 1


GRAPH = build_graph([universe, prices, returns, weights, orders])

AROUND_RETURNS = """\
market/returns
└── market/prices
    └── market/universe (source)

made from market/returns:
└── trading/weights
    └── trading/orders"""

EVERYTHING = """\
trading/orders
├── trading/weights
│   ├── market/prices
│   │   └── market/universe (source)
│   └── market/returns
│       └── market/prices ...
└── market/universe (source)"""

MERMAID = """\
flowchart LR
  subgraph g0["market"]
    a0["universe"]
    a1["prices"]
    a2["returns"]
  end
  subgraph g1["trading"]
    a3["weights"]
    a4["orders"]
  end
  a0 --> a1
  a1 --> a2
  a1 --> a3
  a2 --> a3
  a3 --> a4
  a0 -.-> a4
  classDef source fill:#fff4d6,stroke:#b7860b,color:#1a1a1a
  class a0 source
  classDef asset fill:#e8f0fe,stroke:#3b6fb6,color:#1a1a1a
  class a1,a2,a3,a4 asset
  style a2 stroke-width:3px"""


def test_the_tree_around_one_asset():
    assert show_lineage(GRAPH, "returns").text() == AROUND_RETURNS


def test_the_tree_of_everything_draws_each_branch_once():
    assert tree(GRAPH) == EVERYTHING


@pytest.mark.parametrize(
    ("depth", "keys"),
    [
        pytest.param(0, {"market/returns"}, id="0 is the asset alone"),
        pytest.param(1, {"market/prices", "market/returns", "trading/weights"}, id="one step up and down"),
        pytest.param(None, set(GRAPH.assets), id="all the way"),
    ],
)
def test_the_depth_bounds_the_neighbourhood(depth: int | None, keys: set[str]):
    document = json.loads(json.dumps(show_lineage(GRAPH, "returns", depth=depth).document()))

    assert {asset["key"] for asset in document["assets"]} == keys


def test_the_mermaid_chart_tells_sources_groups_and_order():
    assert mermaid(GRAPH, "market/returns") == MERMAID


def test_a_long_chain_is_drawn_without_recursion():
    previous = "a0"
    chain = [asset(name="long/a0")(lambda: 1)]
    for number in range(1, 3000):
        declare = asset(name=f"long/a{number}", upstream={"above": f"long/{previous}"})
        chain.append(declare(lambda above: above))
        previous = f"a{number}"

    assert tree(build_graph(chain)).count("\n") == 2999


def test_the_picture_is_self_contained_opaque_and_without_dates(tmp_path: Path):
    show_lineage(GRAPH, "returns", svg=tmp_path / "new" / "lineage.svg")

    svg = (tmp_path / "new" / "lineage.svg").read_text()
    assert ET.fromstring(svg).tag.endswith("svg")
    assert 'fill="white"' in svg
    assert not re.search(r"DOCTYPE|<!--|202\d|file:", svg)
    assert set(re.findall(r"https?://[^\"]+", svg)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert all(name in svg for name in ("universe", "prices", "market", "trading"))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["lineage.svg"]


def test_the_same_graph_is_the_same_picture():
    assert svg_picture(GRAPH) == svg_picture(GRAPH)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(CommandError, match="cannot be written") as told:
        show_lineage(GRAPH, "*", svg=tmp_path / "file" / "lineage.svg")
    assert told.value.exit_code == 1
