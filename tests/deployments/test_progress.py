from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from checks import row_count
from deployments.progress import LiveDisplay, PlainLines, watching
from graph import Daily, Run, Skip, asset
from graph.partition_set import PartitionSet
from graph.state import Outcome
from materializers import in_memory, run_plan
from materializers.ledger import AttemptRecord
from materializers.step import Result
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


@asset(name="t/days", partitions=Daily(start="2000-01-01", end="2027-05-18"))
def days() -> int:
    return 1


def ended(listener: PlainLines | LiveDisplay, outcomes: Iterable[Outcome]) -> None:
    """Tell a listener how 10,000 partitions of one step end."""
    workspace = in_memory([days], clock=lambda: datetime(2030, 1, 1, tzinfo=UTC))
    plan = workspace.plan("days")
    (step,) = plan.work()
    assert len(step.partitions) == 10_000
    listener.run_started("RUN", plan, ())
    listener.step_started(step)
    for at, outcome in zip(step.partitions, outcomes, strict=True):
        listener.step_ended(
            Result(
                step=step,
                partitions=PartitionSet.of([at]),
                label=f"{at.ordinal}",
                outcome=outcome,
                reason="no hens",
                duration=timedelta(seconds=1),
            )
        )


@pytest.mark.parametrize(
    ("outcomes", "most", "last"),
    [
        pytest.param(["published"] * 10_000, 5, "ended 10,000 of 10,000 of t/days@...", id="all are fine"),
        pytest.param(
            ["failed"] * 10_000, 10, "ended 10,000 of 10,000 of t/days@..., 10,000 failed", id="all are bad"
        ),
    ],
)
def test_ten_thousand_partitions_are_a_few_lines(
    monkeypatch: pytest.MonkeyPatch, outcomes: list[Outcome], most: int, last: str
) -> None:
    monkeypatch.setattr("deployments.progress.time.monotonic", lambda: 7.0)
    stream = io.StringIO()
    ended(PlainLines(stream, 10_000), outcomes)
    lines = stream.getvalue().splitlines()
    assert len(lines) <= most
    assert lines[-1].replace("2000-01-01..2027-05-18", "...") == f"{last} (10,000/10,000)"


def test_now_and_then_it_is_said_how_long_it_will_take(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1_000_000))
    monkeypatch.setattr("deployments.progress.time.monotonic", lambda: next(clock) / 1000)
    stream = io.StringIO()
    ended(PlainLines(stream, 10_000), ["published"] * 10_000)
    told = [line for line in stream.getvalue().splitlines() if " left)" in line]
    assert 1 <= len(told) <= 5, "every five seconds of this clock"
    assert re.search(r"ended [\d,]+ of 10,000 of t/days@\S+ \([\d,]+/10,000, \d+(\.\d)? s left\)", told[0])


@pytest.mark.usefixtures("_terminal")
def test_a_terminal_counts_what_is_bad_after_the_first() -> None:
    stream = Terminal()
    workspace = in_memory([days], clock=lambda: datetime(2030, 1, 1, tzinfo=UTC))
    with watching(workspace.plan("days"), stream) as listener:
        ended(listener, ["failed"] * 10_000)
    text = stream.getvalue()
    assert text.count("no hens") == 5
    assert "is counted below, and told at the end" in text


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
    assert "2 of 2" in text
    assert text.endswith("\x1b[2K")  # the last thing that is written takes the display away


@pytest.mark.usefixtures("_terminal")
def test_on_a_terminal_a_rejection_is_told_at_once():
    assert "rejected t/few: row_count" in watched(in_memory([few]), Terminal())


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "dumb")

    assert watched(in_memory([numbers]), Terminal()).startswith("run RUN: 1 step of 1\nstart ")
