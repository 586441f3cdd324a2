"""A compiled Prefect flow beside a hand-written one, against a server of the benchmark's own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measuring import (
    BENCH,
    ROOT,
    CannotMeasure,
    Comparison,
    Goal,
    Line,
    Scale,
    clean_environment,
    run,
    say,
)

SUBJECTS = {
    "compiled": "compiled from the plan, with ledger",
    "hand_written": "hand-written, plain tasks",
    "hand_written_assets": "hand-written, @materialize tasks",
}
MEASURE = "import json, sys, prefect_flow; print(json.dumps(prefect_flow.measure(*map(int, sys.argv[1:]))))"
START_TIMEOUT_S = 240
STOP_TIMEOUT_S = 20


def measure(scale: Scale) -> Iterator[Comparison]:
    """One table; the flows take turns inside one process, after a warm-up of each."""
    tasks, pairs = scale.of(200, 10), scale.of(5, 1)
    title = f"Prefect flow of {tasks} tasks, {pairs} rounds"
    say(f"{title}: starting a server of its own")
    try:
        with server(scale.fresh("prefect")) as url:
            say(f"{title}: measuring")
            command = [sys.executable, "-c", MEASURE, str(tasks), str(pairs)]
            found = run(
                command,
                scale.fresh("flows"),
                PREFECT_API_URL=url,
                PREFECT_HOME=str(scale.fresh("prefect-client")),
                PYTHONPATH=os.pathsep.join([str(ROOT), str(BENCH)]),
            ).document()
    except CannotMeasure as why:
        ours = SUBJECTS["compiled"]
        yield Comparison(title=title, missing={ours: str(why)}, failed=(ours,))
        return
    lines = [
        Line(subject=SUBJECTS.get(name, name), figure="wall, ms a task", values=tuple(each))
        for name, each in found["every_wall_ms_per_task"].items()
    ]
    yield Comparison(
        title=title,
        lines=tuple(lines),
        reference=SUBJECTS["compiled"],
        goals=(goal(found["ratio"], found["ms_more_per_task"]),),
    )


def goal(ratio: float, more_ms: float) -> Goal:
    """Either of two is enough; the one that is nearer to being met is shown."""
    text = "1.1 times the hand-written flow or less, or 2 ms a task more or less"
    if ratio <= 1.1 or more_ms > 2:
        return Goal(text=f"{text} (times)", limit=1.1, measured=ratio)
    return Goal(text=f"{text} (ms more)", limit=2, measured=more_ms)


@contextmanager
def server(home: Path) -> Iterator[str]:
    """A Prefect server with a database of its own, stopped surely; answers its API address.

    Raises:
        CannotMeasure: it does not come up.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    environment = clean_environment(PREFECT_HOME=str(home), PREFECT_SERVER_UI_ENABLED="false")
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=home, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait_until_healthy(url, process)
        yield url
    finally:
        _stop(process)


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    state = "ended" if process.poll() is not None else f"was not up after {START_TIMEOUT_S} s"
    raise CannotMeasure(f"the Prefect server {state}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the server with the processes that it started."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    word = signal.SIGTERM
    try:
        while True:
            os.killpg(process.pid, word)
            process.poll()
            word = signal.SIGKILL if time.monotonic() > deadline else signal.Signals(signal.SIGTERM)
            time.sleep(0.2)
    except ProcessLookupError:
        process.wait()
