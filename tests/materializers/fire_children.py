"""Processes that run a plan and die on the way: one process has imported everything and forks a child for each run.

Each line on stdin is an order as JSON: the project's ``folder`` and how to die (``kill``): at the nth Python call
(``["step", n]``), before or after the nth call of something with a name (``["point", name, "before", n]``), or by the
local Alpaca (``["alpaca", url, "before"]``).

The answer is a line: the exit code of the child, negative for a signal, then how the run ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
POINTS = (
    "ledger.begin", "ledger.publish", "ledger.finish", "effects.plan", "effects.intend", "effects.record",
    "effects.drop", "effects.finish", "store.put", "world",
)  # fmt: skip


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_step(wanted: int) -> None:
    """Die at the nth call of a Python function from now on, in whichever thread it is."""
    calls = [0]

    def watch(frame: Any, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            calls[0] += 1
            if calls[0] == wanted:
                die()

    threading.setprofile(watch)
    sys.setprofile(watch)


def at_point(workspace: Any, name: str, when: str, wanted: int) -> None:
    """Die before or after the nth call of something with a name."""
    group, _, method = name.partition(".")
    if group == "world":
        asset = next(one for one in workspace.graph.assets.values() if one.deed is not None)
        resource = next(iter(asset.deed.resources["perform"].values()))
        made = workspace.resource(resource)
        method = "submit" if hasattr(made, "submit") else "append"
        holder: Any = type(made)
    else:
        held = {"ledger": workspace.ledger, "effects": workspace.ledger.effects, "store": workspace.store}
        holder = type(held[group])
    original, calls = getattr(holder, method), [0]

    def wrapped(*arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == wanted and when == "before":
            die()
        found = original(*arguments, **named)
        if calls[0] == wanted:
            die()
        return found

    setattr(holder, method, wrapped)


def kill_me(url: str, when: str) -> None:
    """Have the local Alpaca kill this process when it gets the next order."""
    fault = {"fault": f"kill {when}", "method": "POST", "path": "/v2/orders", "pid": os.getpid()}
    body = json.dumps({"faults": [fault]}).encode()
    urllib.request.urlopen(f"{url}/_control/set", data=body, timeout=30).close()


def run(order: dict[str, Any], answer: int) -> None:
    from materializers import find_project, open_workspace, run_plan

    folder = Path(order["folder"])
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    workspace = open_workspace(find_project(folder, environ={}))
    plan = workspace.plan("*")
    match order.get("kill"):
        case ["step", wanted]:
            at_step(wanted)
        case ["point", name, when, wanted]:
            at_point(workspace, name, when, wanted)
        case ["alpaca", url, when]:
            kill_me(url, when)
    result = run_plan(plan, workspace, jobs=1)
    sys.setprofile(None)
    ends = {one.step.key: (one.outcome, one.reason) for one in result.results}
    os.write(answer, json.dumps({"outcome": result.outcome, "ends": ends}).encode())
    workspace.ledger.close()


def main() -> None:
    sys.path[:0] = [str(ROOT)]
    import duckdb  # noqa: F401  # so that a child need not
    import pyarrow.parquet  # noqa: F401  # the same

    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            code = 1
            try:
                run(order, writing)
                code = 0
            except BaseException as error:  # noqa: BLE001  # the test is told
                os.write(writing, json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
            os._exit(code)
        os.close(writing)
        told = b""
        while chunk := os.read(reading, 65536):
            told += chunk
        _, status = os.waitpid(child, 0)
        os.close(reading)
        sys.stdout.write(json.dumps([os.waitstatus_to_exitcode(status), told.decode()]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
