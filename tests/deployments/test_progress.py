from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

from checks import row_count
from deployments.progress import LiveDisplay, PlainLines, watching
from graph import Run, Skip, asset
from materializers import in_memory, run_plan
from materializers.ledger import AttemptRecord
from materializers.workspace import Workspace


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@asset(name="t/numbers")
def numbers(run: Run) -> list[int]:
    run.progress(1, 2)
    return [1, 2]


@asset(name="t/total")
def total(numbers: list[int]) -> int:
    return sum(numbers)


@asset(name="t/few", checks=[row_count(5)])
def few() -> list[int]:
    return [1]


@asset(name="t/idle")
def idle() -> Skip:
    return Skip("closed")


def watched(workspace: Workspace, stream: io.StringIO) -> str:
    plan = workspace.plan("*")
    with watching(plan, stream) as listener:
        result = run_plan(plan, workspace, jobs=1, listener=listener)
    text = stream.getvalue().replace(result.run_id, "RUN")
    return re.sub(r"\d+\.\d\d s", "T", text)


def test_elsewhere_each_step_has_a_line_at_its_start_and_at_its_end():
    assert watched(in_memory([numbers, total]), io.StringIO()) == (
        "run RUN: 2 steps of 2\n"
        "start t/numbers\n"
        "built t/numbers (T, 1/2)\n"
        "start t/total\n"
        "built t/total (T, 2/2)\n"
    )


def test_what_did_not_work_out_says_why():
    text = watched(in_memory([few, idle]), io.StringIO())

    assert "rejected t/few (T, " in text
    assert ": row_count" in text
    assert "skipped t/idle (T, " in text
    assert ": closed\n" in text


def test_when_there_is_nothing_to_do_nothing_is_said():
    workspace = in_memory([numbers, total])
    watched(workspace, io.StringIO())

    assert watched(workspace, io.StringIO()) == ""


def test_what_a_killed_run_left_open_is_told():
    workspace = in_memory([numbers])
    plan = workspace.plan("numbers")
    stream = io.StringIO()
    lines = PlainLines(stream, work=0)

    lines.run_started("RUN", plan, tuple(_open_attempts(workspace)))

    assert stream.getvalue() == ("a run was killed while it made t/numbers; nothing of that is visible\n")


def _open_attempts(workspace: Workspace) -> list[AttemptRecord]:
    run_plan(workspace.plan("numbers"), workspace)
    (attempt,) = workspace.ledger.history("t/numbers", environment="main")
    return [replace(attempt, ended_at=None, outcome=None), replace(attempt, ended_at=None, outcome=None)]


@pytest.fixture
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.usefixtures("_terminal")
def test_a_terminal_gets_a_live_display_that_is_gone_at_the_end():
    stream = Terminal()
    plan = in_memory([numbers, total]).plan("*")
    with watching(plan, stream) as listener:
        assert isinstance(listener, LiveDisplay)

    text = watched(in_memory([numbers, total]), Terminal())
    assert "run RUN" in text
    assert "100%" in text
    assert text.endswith("\x1b[2K")  # the last thing that is written takes the display away


@pytest.mark.usefixtures("_terminal")
def test_on_a_terminal_a_rejection_is_told_at_once():
    assert "rejected t/few: row_count" in watched(in_memory([few]), Terminal())


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "dumb")

    assert watched(in_memory([numbers]), Terminal()).startswith("run RUN: 1 step of 1\nstart ")
