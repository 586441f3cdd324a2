from __future__ import annotations

import pytest

from deployments.command_error import CommandError
from deployments.opening import config_values


@pytest.mark.parametrize(
    ("setting", "values"),
    [
        pytest.param(
            "a/b.n=20", {"a/b": {"n": "20"}}, id="a number stays text, which its field's type reads"
        ),
        pytest.param("a/b.word=x=y", {"a/b": {"word": "x=y"}}, id="a value may have an equals sign"),
        pytest.param("a/b.c.n=1", {"a/b.c": {"n": "1"}}, id="a key may have a dot"),
        pytest.param("a/b.n=", {"a/b": {"n": ""}}, id="an empty value"),
        pytest.param('a/b.n=["x", 1]', {"a/b": {"n": ["x", 1]}}, id="a list is JSON"),
        pytest.param('a/b.n={"x": 1}', {"a/b": {"n": {"x": 1}}}, id="an object is JSON"),
        pytest.param('a/b.n="20"', {"a/b": {"n": "20"}}, id="a quoted text is JSON"),
        pytest.param("a/b.n=null", {"a/b": {"n": None}}, id="null"),
    ],
)
def test_config_values(setting: str, values: dict[str, dict[str, object]]):
    assert config_values([setting]) == values


def test_fields_of_one_asset_come_together_and_the_last_one_counts():
    assert config_values(["a/b.x=1", "a/b.y=2", "a/b.x=3"]) == {"a/b": {"x": "3", "y": "2"}}


@pytest.mark.parametrize("setting", ["a/b.n", "n=1", ".n=1", "a/b.=1", "=1", ""])
def test_what_sets_nothing_says_how_to_write_it(setting: str):
    with pytest.raises(CommandError, match=r"write group/name\.field=value"):
        config_values([setting])


def test_broken_json_is_told():
    with pytest.raises(CommandError, match="begins like JSON"):
        config_values(["a/b.n=[1,"])
