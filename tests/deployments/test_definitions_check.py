from __future__ import annotations

from pathlib import Path

import pytest

from deployments.definitions_check import check_definitions
from graph import Config, Observation, asset, source
from materializers import SettingsError, in_memory


class Options(Config):
    window: int = 20


@source(name="t/outside")
def outside() -> Observation:
    return Observation(version="1")


@asset(name="t/mean")
def mean(outside: int, config: Options) -> float:
    return 1.5


@asset(name="t/dynamic")
def dynamic(name: str = "x") -> object:
    return getattr(dynamic, name)


SOURCES = {__name__: Path(__file__).read_text()}  # what a project gives of its own accord


def test_sound_definitions_are_counted():
    answer = check_definitions(in_memory([outside, mean], sources=SOURCES))

    assert answer.text() == "2 assets (1 source), 0 resources: no errors"
    assert answer.document() == {"assets": 2, "resources": [], "unresolved_code": {}}


def test_code_that_cannot_be_followed_is_told_with_the_remedy():
    answer = check_definitions(in_memory([dynamic], sources=SOURCES))

    lines = answer.text().splitlines()
    assert lines[1] == "t/dynamic: a change of this code would not be seen; name it with code=Code(...)"
    assert "getattr(dynamic, name) is resolved only when it runs" in lines[2]


def test_a_config_that_is_wrong_is_an_error():
    with pytest.raises(SettingsError, match="has no config 'windw'"):
        check_definitions(in_memory([outside, mean], sources=SOURCES, config={"t/mean": {"windw": 1}}))
