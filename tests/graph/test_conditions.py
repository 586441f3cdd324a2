"""What conditions are composed of, how they are written, and which are told to be impossible."""

from __future__ import annotations

from datetime import timedelta

import pytest

from graph.automation import (
    all_upstream,
    any_upstream,
    any_upstream_missing,
    any_upstream_updated,
    checks_passed,
    code_changed,
    cron_tick_passed,
    data_version_changed,
    due_soon,
    eager,
    execution_failed,
    handled,
    in_latest_window,
    in_progress,
    initial_evaluation,
    missing,
    newly_missing,
    newly_requested,
    newly_updated,
    on_cron,
    on_missing,
    outdated,
    overdue,
    rejected,
    will_be_requested,
)
from graph.conditions import Condition, as_state
from graph.selection import group


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        pytest.param(
            missing() & ~in_progress() & outdated(), "missing() & ~in_progress() & outdated()", id="and"
        ),
        pytest.param(
            missing() | rejected() & overdue(), "missing() | rejected() & overdue()", id="and before or"
        ),
        pytest.param(
            (missing() | rejected()) & overdue(), "(missing() | rejected()) & overdue()", id="or first"
        ),
        pytest.param(~(missing() | rejected()), "~(missing() | rejected())", id="not of several"),
        pytest.param(~~missing(), "~(~missing())", id="not twice"),
        pytest.param((~missing()).newly_true(), "(~missing()).newly_true()", id="not, then newly"),
        pytest.param(
            (newly_updated() | missing().newly_true()).since(cron_tick_passed("0 7 * * 1", "Asia/Tokyo")),
            '(newly_updated() | missing().newly_true()).since(cron_tick_passed("0 7 * * 1", "Asia/Tokyo"))',
            id="since",
        ),
        pytest.param(
            newly_updated().since_last_handled(), "newly_updated().since_last_handled()", id="handled"
        ),
        pytest.param(
            any_upstream(missing()).allow("group:market").ignore(group("eta")),
            "any_upstream(missing()).allow('group:market').ignore('group:eta')",
            id="upstream",
        ),
        pytest.param(
            all_upstream(due_soon() & ~code_changed()), "all_upstream(due_soon() & ~code_changed())", id="all"
        ),
        pytest.param(
            in_latest_window(timedelta(days=2)), "in_latest_window(timedelta(days=2))", id="with an argument"
        ),
        pytest.param(
            eager() & on_cron("@daily"), 'eager() & on_cron("@daily")', id="a label is the word for it"
        ),
        pytest.param(eager().with_label("mine"), "mine", id="a label of one's own"),
        pytest.param(initial_evaluation() | handled(), "initial_evaluation() | handled()", id="the rest"),
    ],
)
def test_a_condition_is_written_as_the_python_that_makes_it(condition: Condition, text: str) -> None:
    assert str(condition) == repr(condition) == text


def test_what_is_joined_alike_is_one_level() -> None:
    assert missing() & rejected() & overdue() == missing() & (rejected() & overdue())
    assert (missing() | rejected()) | overdue() == missing() | (rejected() | overdue())


def test_what_has_a_label_stays_together() -> None:
    both = (missing() & rejected()).with_label("both")
    assert (both & overdue()).parts == (both, overdue())


def test_a_part_is_replaced_wherever_it_is() -> None:
    patient = eager().replace(any_upstream_missing(), any_upstream(missing()))
    assert patient == eager().replace("any_upstream_missing()", any_upstream(missing()))
    assert "~any_upstream(missing())" in str(patient)
    assert eager().replace("eager()", missing()) == missing()
    assert eager().replace(overdue(), missing()) == eager()


def test_a_part_is_left_out() -> None:
    assert (missing() & ~in_progress()).without(in_progress()) == missing()
    assert (missing() & rejected() & overdue()).without(rejected()) == missing() & overdue()
    with pytest.raises(
        ValueError, match=r"has no part 'overdue\(\)' that could be left out; its parts are missing\(\)"
    ):
        (missing() & rejected()).without(overdue())
    with pytest.raises(ValueError, match=r"its parts are none, for & and \| alone"):
        missing().without(overdue())


def test_what_is_allowed_or_ignored_reaches_everything_upstream_and_adds_up() -> None:
    assert eager().ignore("key:a") == eager().replace(
        any_upstream_updated(), any_upstream(data_version_changed() | will_be_requested()).ignore("key:a")
    ).replace(any_upstream_missing(), any_upstream(missing() & ~will_be_requested()).ignore("key:a")).replace(
        "any_upstream_in_progress()", any_upstream(in_progress()).ignore("key:a")
    ).with_label(None)
    twice = any_upstream(missing()).ignore("key:a").ignore("key:b")
    assert twice == any_upstream(missing()).ignore("key:a or key:b")
    assert missing().allow("key:a") == missing()


def test_a_condition_has_no_truth_by_itself() -> None:
    with pytest.raises(TypeError, match=r"combine with & \| ~"):
        bool(missing())


def test_an_occurrence_alone_counts_since_last_handled() -> None:
    assert as_state(eager()) == eager()
    assert as_state(newly_updated()) == newly_updated().since_last_handled()
    assert as_state(~newly_updated() & missing()) == ~newly_updated().since_last_handled() & missing()
    upstream = any_upstream(newly_updated() & ~missing())
    assert as_state(upstream) == upstream.since_last_handled()


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        pytest.param(on_cron("0 25 * * *"), "has '0 25 * * *', which is not a cron expression: ", id="cron"),
        pytest.param(
            on_cron("0 7 * * *", "Mars/Olympus"),
            "names a time zone that does not exist: 'Mars/Olympus'",
            id="zone",
        ),
        pytest.param(
            in_latest_window(timedelta(0)),
            "looks back 0:00:00 for the latest partitions: the span must",
            id="span",
        ),
        pytest.param(
            outdated().newly_true(), "asks when 'outdated()' began, which is not on record; ", id="newly"
        ),
        pytest.param(
            (~missing()).newly_true(),
            "asks when '~missing()' began, which is not on record; ",
            id="newly not",
        ),
        pytest.param(
            newly_updated().since(newly_missing()),
            "counts since 'newly_missing()', of which no moments are on record; ",
            id="since what began",
        ),
        pytest.param(
            newly_updated().since(in_progress()),
            "counts since 'in_progress()', of which no moments",
            id="since a state",
        ),
    ],
)
def test_what_cannot_be_is_told_once(condition: Condition, problem: str) -> None:
    (found,) = (eager() & condition | condition).problems()
    assert found.startswith(problem)


@pytest.mark.parametrize(
    "condition",
    [
        eager(),
        on_cron("0 18 * * 1-5", "America/New_York"),
        on_missing(),
        checks_passed(),
        (missing() & in_latest_window() | overdue()).newly_true().since_last_handled(),
        execution_failed().newly_true().since(newly_requested() | initial_evaluation()),
    ],
    ids=str,
)
def test_what_can_be_has_no_problems(condition: Condition) -> None:
    assert condition.problems() == []
