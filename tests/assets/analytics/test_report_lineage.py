"""The lineage picture: every arrow points down, nothing covers anything, the same picture each time."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from assets.analytics.report_lineage import HEIGHT, WIDTH, Box, lineage_svg


def boxes(*keys: str) -> list[Box]:
    return [Box(key=key, link=f"asset-{key}", remark="1 row") for key in keys]


def drawn(svg: str) -> dict[str, tuple[float, float]]:
    """The upper left corner of each box by the name that is written in it."""
    pattern = r'<rect x="(-?[\d.]+)" y="(-?[\d.]+)".*?class="name"[^>]*>([^<]*)<'
    return {name: (float(x), float(y)) for x, y, name in re.findall(pattern, svg)}


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Keys in topological order with what each reads."""
    size = draw(st.integers(1, 12))
    return {
        f"g/n{number}": [
            f"g/n{above}" for above in sorted(draw(st.sets(st.integers(0, number - 1), max_size=3)))
        ]
        if number
        else []
        for number in range(size)
    }


@given(graphs())
def test_what_is_read_stands_above_what_reads_it(graph: dict[str, list[str]]) -> None:
    place = drawn(lineage_svg(boxes(*graph), graph, description=""))
    assert len(place) == len(graph)
    for key, above in graph.items():
        for other in above:
            assert place[other[2:]][1] < place[key[2:]][1]


@given(graphs())
def test_no_box_covers_another_or_leaves_the_picture(graph: dict[str, list[str]]) -> None:
    svg = lineage_svg(boxes(*graph), graph, description="")
    width, height = map(float, re.findall(r'viewBox="0 0 (\d+) (\d+)"', svg)[0])
    place = drawn(svg)
    for x, y in place.values():
        assert 0 <= x <= width - WIDTH
        assert 0 <= y <= height - HEIGHT
    for (x, y), (other_x, other_y) in combinations(place.values(), 2):
        assert abs(x - other_x) >= WIDTH or abs(y - other_y) >= HEIGHT


@given(graphs())
def test_is_the_same_each_time_and_well_formed(graph: dict[str, list[str]]) -> None:
    svg = lineage_svg(boxes(*graph), graph, description="a < b")
    assert svg == lineage_svg(boxes(*graph), graph, description="a < b")
    assert ET.fromstring(svg)[0].text == "a < b"


def test_an_arrow_that_a_longer_way_implies_is_left_out() -> None:
    graph = {"g/a": [], "g/b": ["g/a"], "g/c": ["g/a", "g/b"]}
    assert lineage_svg(boxes(*graph), graph, description="").count('class="edge"') == 2


def test_what_has_no_box_is_left_out() -> None:
    svg = lineage_svg(boxes("g/b"), {"g/b": ["g/hidden"]}, description="")
    assert "hidden" not in svg
    assert 'class="edge"' not in svg


def test_a_box_links_and_says_how_its_checks_stand() -> None:
    box = Box(key="market/<prices>", link="x", remark="2 of 3 failed", state="alarm")
    svg = lineage_svg([box], {}, description="")
    assert 'href="#x"' in svg
    assert 'class="box alarm"' in svg
    assert "&lt;prices&gt;" in svg
    assert "2 of 3 failed" in svg


def test_no_assets_are_an_empty_picture() -> None:
    assert ET.fromstring(lineage_svg([], {}, description="")).tag == "svg"
