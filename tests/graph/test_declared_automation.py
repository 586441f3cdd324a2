"""Automation as it is declared: by an asset, by a function of several, by a package; and what is wrong with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from graph import Observation, Out, asset, multi_asset, source
from graph.automation import any_upstream, code_changed, cron_tick_passed, eager, in_latest_window, on_missing
from graph.build import build_graph
from graph.cadence import Cadence
from graph.conditions import Condition
from graph.declare import Defaults, Execution
from graph.errors import DefinitionErrors


@asset(name="g/own", automation=on_missing())
def own() -> int:
    return 1


@asset(name="g/silent")
def silent() -> int:
    return 1


@multi_asset(Out("g/left"), Out("g/right"), automation=eager())
def both() -> dict[str, int]:
    return {}


@source(name="g/seen")
def seen() -> Observation:
    return Observation(version="v")


@asset(name="g/always", cadence=Cadence(every=timedelta(seconds=1)))
def always() -> int:
    return 1


def test_each_output_of_a_function_has_its_automation() -> None:
    graph = build_graph([own, silent, both])
    assert {key: str(one.automation) for key, one in graph.assets.items()} == {
        "g/own": "on_missing()",
        "g/silent": "None",
        "g/left": "eager()",
        "g/right": "eager()",
    }


def test_a_package_s_default_is_for_what_says_nothing_and_is_built() -> None:
    module = own.__module__
    graph = build_graph([own, silent, seen, always], defaults={module: Defaults(automation=eager())})
    assert {key: str(one.automation) for key, one in graph.assets.items()} == {
        "g/own": "on_missing()",
        "g/silent": "eager()",
        "g/seen": "None",
        "g/always": "None",
    }


@pytest.mark.parametrize(
    ("automation", "message"),
    [
        pytest.param(in_latest_window(timedelta(0)), "looks back 0:00:00", id="no span"),
        pytest.param(cron_tick_passed("61 * * * *"), "61", id="no cron"),
        pytest.param(
            any_upstream(code_changed().newly_true()), "asks when 'code_changed()'", id="no beginning"
        ),
    ],
)
def test_what_is_wrong_with_a_condition_is_told_at_load(automation: Condition, message: str) -> None:
    @asset(name="g/a", automation=automation)
    def a() -> Any:
        return 1

    with pytest.raises(DefinitionErrors) as caught:
        build_graph([a])
    (problem,) = caught.value.problems
    assert "has an automation that" in problem.message
    assert message in problem.message


def test_to_be_tried_again_at_once_is_no_span() -> None:
    @asset(name="g/a", run=Execution(retry_after=timedelta(0)))
    def a() -> int:
        return 1

    with pytest.raises(DefinitionErrors, match="must be positive"):
        build_graph([a])
