"""Continuous assets: called at a cadence, published in summary, and what was counted survives a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from graph import Code, Daily, DefinitionErrors, Run, Skip, asset, fresh_within
from graph.automation import eager
from graph.build import build_graph
from graph.cadence import Cadence
from graph.partition_set import WHOLE
from graph.partitions import Hourly, Static
from materializers import Workspace, in_memory, materialize
from materializers.continuous import NotContinuous, run_continuous
from materializers.formats import decode
from materializers.ledger import LedgerError
from materializers.sweeping import sweep

START = datetime(2024, 3, 5, 12, 0, 30, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
EVERY_10_S = Cadence(every=10 * SECOND)
SAME = Code(version="1")


@dataclass
class Loop:
    """A workspace whose clock moves only when the loop waits, or when the function takes long."""

    folder: Path
    now: datetime = START
    answers: Callable[[int], Any] = lambda number: number
    takes: timedelta = timedelta(milliseconds=20)
    stop: threading.Event = field(default_factory=threading.Event)
    calls: int = 0
    stop_after: int | None = None
    die_after: int | None = None
    workspace: Workspace | None = None

    def open(self, **options: Any) -> Workspace:
        """The asset ``g/eta``, and one that reads it."""

        @asset(name="g/eta", code=SAME, cadence=options.pop("cadence", EVERY_10_S), **options)
        def eta(run: Run) -> Any:
            self.calls += 1
            self.now += self.takes
            found = self.answers(self.calls)
            if isinstance(found, Exception):
                raise found
            return found

        @asset(name="g/report", code=SAME)
        def report(eta: dict[str, Any]) -> int:
            return int(eta["calls"]) if "calls" in eta else len(eta)

        opened = in_memory([eta, report], clock=lambda: self.now)
        if self.workspace is not None:
            opened.ledger, opened.store = self.workspace.ledger, self.workspace.store
        self.workspace = opened
        return opened

    def run(self, intervals: int | None = 1) -> int:
        assert self.workspace is not None
        self.stop.clear()
        return run_continuous(
            self.workspace,
            "g/eta",
            stop=self.stop,
            intervals=intervals,
            folder=self.folder,
            wait=self._wait,
            timer=self._timer,
        )

    def _timer(self) -> float:
        return self.now.timestamp()

    def _wait(self, span: timedelta) -> None:
        if self.die_after == self.calls:
            raise KeyboardInterrupt  # nothing of the loop runs any more
        self.now += max(span, timedelta(0))
        if self.stop_after == self.calls:
            self.stop.set()

    def summary(self, partition: str | None = None) -> dict[str, Any]:
        assert self.workspace is not None
        found: dict[str, Any] = self.workspace.load("g/eta", partition=partition)
        return found


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    return Loop(tmp_path)


def test_one_summary_for_each_interval(loop: Loop) -> None:
    loop.open()
    assert loop.run(intervals=2) == 2
    found = loop.summary()
    assert (found["start"], found["end"]) == ("2024-03-05T12:01:00+00:00", "2024-03-05T12:02:00+00:00")
    assert (found["calls"], found["failed"], found["skipped"], found["restarts"]) == (6, 0, 0, 0)
    assert found["latency_ms"] == pytest.approx({"p50": 20, "p95": 20, "p99": 20, "max": 20}, rel=0.01)
    assert loop.calls == 9


def test_calls_that_fail_or_skip_are_counted_and_the_loop_goes_on(loop: Loop) -> None:
    script = {1: RuntimeError("no network"), 2: Skip("nobody drives")}
    loop.answers = lambda number: script.get(number, "the same")
    loop.open()
    loop.run()
    found = loop.summary()
    assert (found["calls"], found["failed"], found["skipped"], found["changes"]) == (3, 1, 1, 0)
    assert found["last_error"] == "RuntimeError: no network"


def test_an_interval_in_which_nothing_succeeded_has_failed_and_publishes_nothing(loop: Loop) -> None:
    loop.answers = lambda number: RuntimeError("no network") if number <= 3 else number
    opened = loop.open()
    assert loop.run(intervals=1) == 1
    history = opened.ledger.history("g/eta", environment="main")
    assert [one.outcome for one in reversed(history)] == ["failed", "published"]
    assert history[-1].reason == "none of 3 calls gave a value: RuntimeError: no network"


def test_a_slow_function_is_called_as_soon_as_it_has_ended(loop: Loop) -> None:
    loop.takes = 25 * SECOND
    loop.open()
    loop.run()
    assert loop.summary()["calls"] == 2
    assert loop.summary()["latency_ms"]["max"] == 25_000.0


def test_a_plan_reads_the_summary_and_never_builds_it(loop: Loop) -> None:
    opened = loop.open()
    assert [step.reason.text for step in opened.plan("eta").steps] == [
        "is continuous, and nothing is published; run: assets run-continuous g/eta"
    ]
    loop.run()
    result = materialize("*", workspace=opened, jobs=1)
    assert {one.name: one.outcome for one in result.results} == {"g/eta": "kept", "g/report": "published"}
    assert materialize("*", workspace=opened, jobs=1, force=True).results[0].outcome == "kept"


def test_it_is_as_new_as_its_last_call(loop: Loop) -> None:
    opened = loop.open(freshness=fresh_within(5 * MINUTE))
    loop.run()
    last = datetime.fromisoformat(loop.summary()["last_at"])
    for _ in range(2):
        materialize("*", workspace=opened, jobs=1)
        assert opened.published("g/eta")[WHOLE].as_of == last
    assert sweep(opened).plan.steps == ()
    loop.now += 10 * MINUTE
    assert sweep(opened).plan.steps == ()  # no sweep can make it newer


def test_what_was_counted_survives_a_stop_within_the_interval(loop: Loop) -> None:
    loop.open()
    loop.stop_after = 2
    assert loop.run(intervals=None) == 0
    loop.stop_after = None
    loop.open()
    assert loop.run() == 1
    found = loop.summary()
    assert (found["calls"], found["restarts"]) == (3, 1)


def test_what_a_killed_process_had_counted_is_published_by_the_next_one(loop: Loop) -> None:
    loop.open()
    loop.die_after = 2
    with pytest.raises(KeyboardInterrupt):
        loop.run(intervals=None)
    loop.die_after = None
    loop.now += timedelta(minutes=10)
    opened = loop.open()
    assert loop.run(intervals=2) == 2
    first, _ = reversed(opened.ledger.publications("g/eta", environment="main"))
    value = decode(opened.ledger.content(str(first.version_id)), opened.store)
    assert (value["start"], value["calls"], value["restarts"]) == ("2024-03-05T12:00:00+00:00", 2, 1)
    assert loop.summary()["start"] == "2024-03-05T12:10:00+00:00"


def test_one_process_at_a_time(loop: Loop) -> None:
    opened = loop.open()
    refused: list[str] = []

    def second(number: int) -> int:
        if number == 1:
            try:
                run_continuous(opened, "g/eta", stop=threading.Event(), wait=loop._wait)  # ours
            except LedgerError as error:
                refused.append(str(error))
        return number

    loop.answers = second
    loop.run()
    assert len(refused) == 1
    assert "one at a time" in refused[0]


def test_windows_are_published_one_by_one_and_those_without_a_run_are_marked(loop: Loop) -> None:
    hours = Hourly(start="2024-03-05-10:00")
    opened = loop.open(partitions=hours, cadence=Cadence(every=15 * MINUTE, interval=60 * MINUTE))
    loop.run(intervals=1)
    found = loop.summary("2024-03-05-12:00")
    assert (found["start"], found["calls"]) == ("2024-03-05T12:00:00+00:00", 4)
    attempts = opened.ledger.history("g/eta", environment="main")
    assert sorted((one.label, one.outcome) for one in attempts) == [
        ("2024-03-05-10:00", "skipped"),
        ("2024-03-05-11:00", "skipped"),
        ("2024-03-05-12:00", "published"),
    ]
    assert materialize("eta", workspace=opened, jobs=1).exit_code == 0


def test_an_asset_without_a_cadence_is_refused() -> None:
    @asset(name="g/a")
    def a() -> int:
        return 1

    with pytest.raises(NotContinuous, match="has no cadence"):
        run_continuous(in_memory([a]), "g/a", stop=threading.Event())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"cadence": Cadence(every=timedelta(0))}, "must be positive", id="never"),
        pytest.param(
            {"cadence": Cadence(every=2 * MINUTE)}, "must not be less", id="longer than an interval"
        ),
        pytest.param({"cadence": EVERY_10_S, "partitions": Static("a")}, "no windows of time", id="keys"),
        pytest.param(
            {"cadence": EVERY_10_S, "automation": eager()}, "leave automation= out", id="automation"
        ),
        pytest.param({"cadence": EVERY_10_S, "volatile": True}, "mean nothing for it", id="volatile"),
    ],
)
def test_what_cannot_work_is_told_at_load(options: dict[str, Any], message: str) -> None:
    @asset(name="g/a", **options)
    def a() -> int:
        return 1

    with pytest.raises(DefinitionErrors, match=message):
        build_graph([a])


def test_a_window_cannot_read_partitions_that_end_with_it() -> None:
    @asset(name="g/up", partitions=Daily(start="2024-01-01"))
    def up() -> int:
        return 1

    @asset(name="g/a", partitions=Daily(start="2024-01-01"), cadence=EVERY_10_S)
    def a(up: int) -> int:
        return up

    with pytest.raises(DefinitionErrors, match="its own window is not over"):
        build_graph([up, a])


PROJECT = """
import os
from datetime import timedelta

from graph import asset
from graph.cadence import Cadence

PIPE = os.environ["ASSETS_TEST_PIPE"]


@asset(cadence=Cadence(every=timedelta(milliseconds=10), interval=timedelta(days=1)))
def ticks() -> int:
    with open(PIPE, "w") as told:
        told.write("x")
    return 1
"""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a pipe with a name")
def test_a_process_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    """Each call writes into a pipe that is read here; after three of them the process is killed."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "clock.py").write_text(PROJECT)
    (tmp_path / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["clock"]\n')
    command = [
        sys.executable,
        "-c",
        "from deployments.cli import assets; assets()",
        "run-continuous",
        "ticks",
    ]
    environment = os.environ | {"ASSETS_TEST_PIPE": str(pipe), "PYTHONPATH": str(tmp_path)}
    counts = []
    for end in (signal.SIGKILL, signal.SIGTERM):
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
        for _ in range(3):
            assert pipe.read_text() != ""
        process.send_signal(end)
        if end == signal.SIGTERM:  # a call may be waiting for a reader
            with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)) as reader:
                process.wait(timeout=30)
                del reader
        process.communicate(timeout=30)
        (kept,) = (tmp_path / ".assets" / "continuous").iterdir()
        counts.append(kept.read_text())
    from materializers.tally import Tally

    first, second = (Tally.from_json(text)[0] for text in counts)
    assert first.calls >= 2
    assert second.calls >= first.calls + 2
    assert (first.restarts, second.restarts) == (0, 1)
