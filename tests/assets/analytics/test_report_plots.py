"""The plots: SVG for this page, the same bytes each time, with the page's colours and a text for who cannot see."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from assets.analytics.report_plots import (
    PAPER,
    Curve,
    drawdown_plot,
    equity_plot,
    indicator_plot,
    weights_plot,
)

NAN = float("nan")


def curve(name: str, values: list[float]) -> Curve:
    days = [date(2020, 1, 1) + timedelta(days=7 * n) for n in range(len(values))]
    return Curve(name=name, sessions=days, values=np.array(values))


def panel(values: list[float]) -> dict[str, Curve]:
    names = ("close", "bb_upper", "bb_middle", "bb_lower", "rsi_14", "macd", "macd_signal", "macd_histogram")
    return {name: curve(name, values) for name in names}


RISING = [100.0 + n for n in range(40)]
PLOTS: dict[str, Callable[[], str]] = {
    "equity": lambda: equity_plot(
        [curve("one", RISING), curve("other", RISING)], prefix="e", description="a < b"
    ),
    "drawdown": lambda: drawdown_plot(
        [curve("one", [0, -0.1, 0]), curve("o", [0, 0, 0])], prefix="d", description="a < b"
    ),
    "weights": lambda: weights_plot(
        [curve("A", [0.4, 0.5]), curve("cash", [0.6, 0.5])], prefix="w", description="a < b"
    ),
    "indicators": lambda: indicator_plot(panel([NAN] * 20 + RISING), prefix="i", description="a < b"),
}


@pytest.fixture(scope="module", params=list(PLOTS))
def plot(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A plot's name and its SVG."""
    return request.param, PLOTS[request.param]()


def test_is_an_svg_element_with_a_description(plot: tuple[str, str]) -> None:
    name, svg = plot
    root = ET.fromstring(svg)
    assert root.tag == "svg"
    assert root.attrib["role"] == "img"
    assert root[0].text == "a < b"
    assert root.attrib["aria-labelledby"] == root[0].attrib["id"] == f"{name[0]}-title"


def test_is_the_same_each_time(plot: tuple[str, str]) -> None:
    name, svg = plot
    assert PLOTS[name]() == svg


def test_takes_its_colours_from_the_page(plot: tuple[str, str]) -> None:
    _, svg = plot
    assert not [colour for colour in PAPER if colour in svg]
    assert "var(--ink)" in svg
    assert set(re.findall(r"#[0-9a-f]{6}", svg)) <= {"#000000", "#ffffff"}


def test_its_ids_are_its_own_and_refer_to_something(plot: tuple[str, str]) -> None:
    name, svg = plot
    ids = re.findall(r' id="([^"]*)"', svg)
    assert len(ids) == len(set(ids))
    assert all(one.startswith(f"{name[0]}-") for one in ids)
    assert set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg)) <= {(one, "") for one in ids} | {
        ("", one) for one in ids
    }


def test_says_nothing_of_when_and_with_what_it_was_drawn(plot: tuple[str, str]) -> None:
    _, svg = plot
    assert "matplotlib" not in svg.lower()
    assert "<metadata" not in svg
    assert "<style" not in svg
    assert re.search(r"\d\.\d{3}", svg) is None


def test_text_stays_text(plot: tuple[str, str]) -> None:
    _, svg = plot
    assert "<text" in svg


def test_the_curves_are_named_beside_their_ends() -> None:
    svg = PLOTS["equity"]()
    assert ">one<" in svg
    assert ">other<" in svg


@pytest.mark.parametrize(
    "values", [[1.0], [1.0, 1.0], [1.0, NAN]], ids=["one point", "no movement", "a gap at the end"]
)
def test_little_data_still_make_a_plot(values: list[float]) -> None:
    assert equity_plot([curve("one", values)], prefix="e", description="").startswith("<svg")
    assert drawdown_plot([curve("one", [0.0 * v for v in values])], prefix="d", description="").startswith(
        "<svg"
    )
    assert weights_plot([curve("one", values)], prefix="w", description="").startswith("<svg")
    assert indicator_plot(panel(values), prefix="i", description="").startswith("<svg")
