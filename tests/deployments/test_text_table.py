from __future__ import annotations

import io

import pytest

from deployments.text_table import aligned, bounded, shows_colours


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "shown"),
    [
        pytest.param(Terminal(), {"TERM": "xterm"}, True, id="a terminal has colours"),
        pytest.param(io.StringIO(), {"TERM": "xterm"}, False, id="a pipe has none"),
        pytest.param(Terminal(), {"NO_COLOR": "1"}, False, id="NO_COLOR is honoured"),
        pytest.param(Terminal(), {"NO_COLOR": ""}, True, id="an empty NO_COLOR says nothing"),
        pytest.param(Terminal(), {"TERM": "dumb"}, False, id="a dumb terminal has none"),
    ],
)
def test_where_colours_are_shown(stream: io.StringIO, environ: dict[str, str], shown: bool):
    assert shows_colours(stream, environ) is shown


def test_columns_stand_under_each_other_without_trailing_blanks():
    text = aligned([["prices", "1"], ["a", "22"]], heads=["asset", "n"], right=[1])

    assert text == "asset    n\nprices   1\na       22"


def test_a_known_word_is_painted_and_the_columns_still_stand_under_each_other():
    text = aligned([["fresh", "x"], ["due soon", "y"]], colours=True)

    assert text == "\033[32mfresh   \033[0m  x\n\033[33mdue soon\033[0m  y"


def test_no_rows_are_no_text():
    assert not aligned([])


@pytest.mark.parametrize(
    ("limit", "shown"),
    [
        pytest.param(0, ["a", "b", "c"], id="0 is all"),
        pytest.param(3, ["a", "b", "c"], id="exactly all"),
        pytest.param(2, ["a", "b", "... and 1 more; see --limit"], id="the rest is told"),
    ],
)
def test_long_lists_are_bounded(limit: int, shown: list[str]):
    assert bounded(["a", "b", "c"], limit, "; see --limit") == shown
