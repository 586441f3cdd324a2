from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from deployments.command_error import CommandError
from deployments.run_views import (
    cancel_run,
    find_run,
    list_runs,
    running_run,
    show_history,
    show_logs,
    show_run,
)
from graph import Run, asset
from materializers import in_memory, run_plan
from materializers.ledger import RunRecord
from materializers.workspace import Workspace

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


@asset(name="t/talks")
def talks(run: Run) -> int:
    print("hello")
    run.log("a line")
    return 1


@asset(name="t/boom", after=["t/talks"])
def boom() -> int:
    return 1 // 0


@pytest.fixture
def workspace() -> Workspace:
    opened = in_memory([talks, boom], clock=lambda: NOW)
    run_plan(opened.plan("*"), opened, jobs=1)
    return opened


def squeezed(text: str) -> list[str]:
    text = re.sub(r"\b\d{8}-\d{6}-[0-9a-f]{6}\b", "RUN", text)
    text = re.sub(r"2026-03-0\d \d\d:\d\d(:\d\d)? \S+", "WHEN", text)
    return [re.sub(r" {2,}", " | ", line) for line in text.splitlines()]


def a_living_run(workspace: Workspace) -> RunRecord:
    run = RunRecord(
        id="20260303-120000-abcdef", environment="main", selection="*", engine="local", started_at=NOW
    )
    workspace.ledger.begin_run(run)
    return run


def test_the_history_of_an_asset(workspace: Workspace):
    assert squeezed(show_history(workspace, "boom", limit=5).text()) == [
        "started | outcome | took | partition | run | why",
        "WHEN | failed | 0.00 s | - | RUN | ZeroDivisionError: integer division or modulo by zero",
    ]


def test_the_history_of_what_was_never_tried():
    text = show_history(in_memory([talks]), "talks", limit=5).text()

    assert text == "t/talks was never tried; run: materialize t/talks"


def test_the_list_of_runs(workspace: Workspace):
    assert squeezed(list_runs(workspace.ledger, limit=5).text()) == [
        "run | started | took | outcome | engine | environment | selection",
        "RUN | WHEN | 0.00 s | failed | local | main | *",
    ]
    assert list_runs(workspace.ledger, limit=5).document()[0]["outcome"] == "failed"


def test_no_runs_yet():
    assert list_runs(in_memory([talks]).ledger, limit=5).text() == "there were no runs yet"
    with pytest.raises(CommandError, match="no runs yet"):
        find_run(in_memory([talks]).ledger, "last")


def test_a_run_with_its_attempts(workspace: Workspace):
    lines = squeezed(show_run(workspace.ledger, "last", limit=0).text())

    assert lines[0] == "run RUN"
    assert "selection | *" in lines
    assert "outcome | failed" in lines
    assert lines[-3:] == [
        "outcome | asset | attempt | took | why",
        "published | t/talks | 1 | 0.00 s",
        "failed | t/boom | 1 | 0.00 s | ZeroDivisionError: integer division or modulo by zero",
    ]


def test_the_logs_are_what_was_printed_logged_and_raised(workspace: Workspace):
    text = show_logs(workspace.ledger, "last", None).text()

    assert text.startswith(
        "== t/talks, attempt 1, published\nhello\na line\n\n== t/boom, attempt 1, failed: Zero"
    )
    assert text.endswith("ZeroDivisionError: integer division or modulo by zero")


@pytest.mark.parametrize("name", ["t/talks", "talks"])
def test_the_logs_of_one_asset(workspace: Workspace, name: str):
    assert (
        show_logs(workspace.ledger, "last", name).text() == "== t/talks, attempt 1, published\nhello\na line"
    )


def test_logs_of_what_the_run_did_not_try(workspace: Workspace):
    with pytest.raises(CommandError, match="tried nothing of 'other'"):
        show_logs(workspace.ledger, "last", "other")


def test_a_run_is_found_by_the_beginning_of_its_id(workspace: Workspace):
    (run,) = workspace.ledger.runs()

    assert find_run(workspace.ledger, run.id[:12]).id == run.id
    with pytest.raises(CommandError, match="there is no run 'nope'"):
        find_run(workspace.ledger, "nope")


def test_a_living_run_can_be_asked_to_stop(workspace: Workspace):
    run = a_living_run(workspace)

    answer = cancel_run(workspace.ledger, running_run(workspace.ledger, run.id))

    assert answer.document() == {"run": run.id, "asked_to_stop": True}
    assert workspace.ledger.cancelled(run.id)
    assert "stopping" in show_run(workspace.ledger, run.id, limit=0).text()


def test_a_run_that_has_ended_cannot_be_stopped(workspace: Workspace):
    (run,) = workspace.ledger.runs()

    with pytest.raises(CommandError, match="is not running: it ended, failed") as told:
        running_run(workspace.ledger, run.id)
    assert told.value.exit_code == 1
