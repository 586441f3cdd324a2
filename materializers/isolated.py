"""Computing in a process of its own: a time-out or a stop kills it, and nothing of it is left.

The parent sends an order (which asset, which versions to read), the child loads them through the store, calls the
function and stores what it returns; only addresses and texts go between the two.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from graph import Skip
from graph.partitions import partition_ordinal
from materializers.arguments import StepRun, arguments_for
from materializers.call import STOP_POLL_S, Call, NotDone, Stopped, TimedOut, by_key
from materializers.formats import choose, decode
from materializers.ledger import Content
from materializers.loading import open_workspace
from materializers.output import Output
from materializers.project import find_project
from materializers.workspace import Workspace

_CHILD = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from materializers.isolated import main
main(sys.argv[2])
"""


def compute_apart(
    call: Call, workspace: Workspace, stop: threading.Event, output: Output
) -> Mapping[str, object] | Skip:
    """See `materializers.compute.compute`."""
    if workspace.project is None:
        raise NotDone("isolation='process' needs a project on disk, whose modules another process can import")
    project = workspace.project
    with tempfile.TemporaryDirectory(prefix="assets-") as folder:
        order = Path(folder) / "order.json"
        order.write_text(
            json.dumps(
                {
                    "root": str(project.root),
                    "environment": workspace.environment,
                    "config": {call.asset.key: dict(workspace.config.get(call.asset.key, {}))},
                    "key": call.asset.key,
                    "partition": call.partition,
                    "run_id": call.run_id,
                    "number": call.number,
                    "now": workspace.clock().isoformat(),
                }
            ),
            "utf-8",
        )
        printed = Path(folder) / "output.txt"
        with printed.open("wb") as file:
            child = subprocess.Popen(
                [sys.executable, "-c", _CHILD, json.dumps(sys.path), str(order)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        try:
            _await(child, call, stop)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
            output.write(printed.read_text("utf-8", "replace"))
        answer = order.with_name("answer.json")
        if not answer.exists():
            raise NotDone(f"its process ended with exit code {child.returncode} without an answer")
        return _answer(json.loads(answer.read_text("utf-8")), call, workspace)


def _await(child: subprocess.Popen[bytes], call: Call, stop: threading.Event) -> None:
    timeout = call.asset.execution.timeout
    deadline = None if timeout is None else time.monotonic() + timeout.total_seconds()
    while child.poll() is None:
        if stop.is_set():
            raise Stopped
        if timeout is not None and deadline is not None and time.monotonic() >= deadline:
            raise TimedOut(f"timed out after {timeout.total_seconds():g} s; its process was killed")
        time.sleep(STOP_POLL_S)


def _answer(answer: dict[str, Any], call: Call, workspace: Workspace) -> Mapping[str, object] | Skip:
    if "error" in answer:
        raise NotDone(answer["error"]) from RuntimeError(answer["traceback"])
    if "skip" in answer:
        until = answer["until"]
        return Skip(answer["skip"], datetime.fromisoformat(until) if until else None)
    return {
        output.key: decode(
            Content(**answer["values"][output.key]), workspace.store, output.returns, hint=None
        )
        for output in call.outputs
    }


def main(order_file: str) -> None:
    """The child: carry out the order and write the answer beside it."""
    import traceback

    order = json.loads(Path(order_file).read_text("utf-8"))
    try:
        answer = _carry_out(order)
    except Exception as error:  # noqa: BLE001  # the edge of user code, told to the parent
        answer = {"error": str(error) or type(error).__name__, "traceback": traceback.format_exc()}
    part = Path(order_file).with_name("answer.part")
    part.write_text(json.dumps(answer), "utf-8")
    part.replace(part.with_name("answer.json"))


def _carry_out(order: dict[str, Any]) -> dict[str, Any]:
    workspace = open_workspace(
        find_project(Path(order["root"])), config=order["config"], environment=order["environment"]
    )
    asset = workspace.graph[order["key"]]
    outputs = tuple(workspace.graph[key] for key in workspace.graph.siblings(asset.key))
    ordinal = partition_ordinal(order["partition"])
    run = StepRun(
        key=asset.key,
        run_id=order["run_id"],
        partition=order["partition"],
        attempt=order["number"],
        now=datetime.fromisoformat(order["now"]),
        log=print,
        progress=lambda done, total: None,
    )
    state = workspace.ledger.state(workspace.environment)
    arguments = arguments_for(asset, ordinal, workspace, state, run)
    call = Call(
        asset=asset,
        outputs=outputs,
        partition=order["partition"],
        arguments=lambda: arguments,
        run_id=order["run_id"],
        number=order["number"],
        versions={},
    )
    try:
        value = asset.function(**arguments)
    except Exception as error:  # named as it is in a thread
        raise NotDone(f"{type(error).__name__}: {error}") from error
    values = by_key(call, value)
    if isinstance(values, Skip):
        return {"skip": values.reason, "until": values.until.isoformat() if values.until else None}
    stored = {}
    for output in outputs:
        made = choose(values[output.key], output.returns, output.stored_as, key=output.key).encode(
            values[output.key], workspace.store
        )
        stored[output.key] = {
            name: getattr(made, name)
            for name in ("data_version", "format", "address", "size", "rows", "schema")
        }
    return {"values": stored}
