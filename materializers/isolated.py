"""Computing in a process of its own: a time-out or a stop kills it, and nothing of it is left.

The parent sends an order (the project's settings, which asset, exactly which versions to read), the child loads them
through the store, calls the function and stores what it returns; only addresses and texts go between the two.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from datetime import date, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

from graph import Asset, Skip
from graph.asset_graph import Context
from graph.partitions import partition_ordinal
from graph.state import MemoryState, Version
from materializers.arguments import StepRun, arguments_for
from materializers.call import STOP_POLL_S, Call, NotDone, Stopped, TimedOut, by_key
from materializers.formats import choose, decode
from materializers.ledger import Content, Ledger
from materializers.loading import open_workspace
from materializers.output import Output
from materializers.project import Project
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
    with tempfile.TemporaryDirectory(prefix="assets-") as folder:
        order = Path(folder) / "order.json"
        order.write_text(_text_of(_order(call, workspace, workspace.project)), "utf-8")
        printed = Path(folder) / "output.txt"
        with printed.open("wb") as file:
            child = subprocess.Popen(
                [sys.executable, "-c", _CHILD, json.dumps(sys.path), str(order)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that what it starts can be killed with it
            )
        try:
            _await(child, call, stop)
        finally:
            if child.poll() is None:
                _kill(child)
            output.write(printed.read_text("utf-8", "replace"))
        answer = order.with_name("answer.json")
        if not answer.exists():
            raise NotDone(f"its process ended with exit code {child.returncode} without an answer")
        return _answer(json.loads(answer.read_text("utf-8")), call, workspace)


def _order(call: Call, workspace: Workspace, project: Project) -> dict[str, Any]:
    """What the child has to know. The config is the one that this run was given, not what a file says now."""
    return {
        "root": str(project.root),
        "modules": project.modules,
        "home": str(project.home),
        "store": project.store,
        "fsync": project.fsync,
        "environment": workspace.environment,
        "config": dict(workspace.config.get(call.asset.key, {})),
        "versions": _versions_to_read(call, workspace),
        "previous": _previous(call, workspace),
        "key": call.asset.key,
        "partition": call.partition,
        "run_id": call.run_id,
        "number": call.number,
        "now": workspace.clock().isoformat(),
    }


def _versions_to_read(call: Call, workspace: Workspace) -> dict[str, list[str]]:
    """By key, the ids of the versions to read; further up they only matter to who asks for the provenance."""
    read = {key: list(ids) for key, ids in call.versions.values()}
    if call.asset.reads_provenance:
        above = workspace.graph.ancestors([call.asset.key]) - read.keys()
        state = workspace.ledger.state(workspace.environment, above)
        read |= {key: [version.id for version in state.published(key).values()] for key in sorted(above)}
    return read


def _previous(call: Call, workspace: Workspace) -> tuple[str, str | None] | None:
    """The asset's own version that is published, with its age, if the function asks for it; the claim holds it."""
    asset, ordinal = call.asset, partition_ordinal(call.partition)
    if not any(isinstance(given, Context) and given.what == "Previous" for given in asset.inputs):
        return None
    state = workspace.ledger.state(workspace.environment, [asset.key], ordinals={asset.key: [ordinal]})
    version = state.published(asset.key).get(ordinal)
    if version is None:
        return None
    return version.id, version.as_of.isoformat() if version.as_of else None


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):  # it has just ended
            os.killpg(child.pid, signal.SIGKILL)  # it is not yet waited for, so the number is still its own
    else:
        child.kill()
    child.wait()


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
            Content(**answer["values"][output.key]),
            workspace.store,
            output.returns,
            hint=None,
            key=output.key,
        )
        for output in call.outputs
    }


def main(order_file: str) -> None:
    """The child: carry out the order and write the answer beside it."""
    import traceback

    order = _parsed(Path(order_file).read_text("utf-8"))
    try:
        answer = _carry_out(order)
    except Exception as error:  # noqa: BLE001  # the edge of user code, told to the parent
        answer = {"error": str(error) or type(error).__name__, "traceback": traceback.format_exc()}
    part = Path(order_file).with_name("answer.part")
    part.write_text(json.dumps(answer), "utf-8")
    part.replace(part.with_name("answer.json"))


def _carry_out(order: dict[str, Any]) -> dict[str, Any]:
    project = Project(
        root=Path(order["root"]),
        modules=tuple(order["modules"]),
        home=Path(order["home"]),
        store=order["store"],
        fsync=order["fsync"],
        environment=order["environment"],
        config={order["key"]: order["config"]},
    )
    workspace = open_workspace(project)
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
    arguments = arguments_for(asset, ordinal, workspace, _state_of(order, asset, workspace.ledger), run)
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
        stored[output.key] = {field.name: getattr(made, field.name) for field in fields(made)}
    return {"values": stored}


def _state_of(order: dict[str, Any], asset: Asset, ledger: Ledger) -> MemoryState:
    """What the order names as published, and nothing else, whatever was published meanwhile."""
    versions = {key: _by_ordinal(ids, ledger) for key, ids in order["versions"].items()}
    if order["previous"] is not None:
        version_id, as_of = order["previous"]
        versions[asset.key] = {
            at: replace(version, as_of=datetime.fromisoformat(as_of) if as_of else None)
            for at, version in _by_ordinal([version_id], ledger).items()
        }
    return MemoryState(versions=versions, environment=order["environment"])


def _by_ordinal(ids: Iterable[str], ledger: Ledger) -> dict[int, Version]:
    found = [ledger.materialization(version_id).version for version_id in ids]
    return {version.ordinal: version for version in found}


_TIMES: dict[str, type[datetime | date | time_of_day]] = {
    "datetime": datetime,  # before date, which it is one of
    "date": date,
    "time": time_of_day,
}
"""What TOML knows and JSON does not, by name."""


def _text_of(order: dict[str, Any]) -> str:
    """An order as JSON; dates and times keep their type, what else JSON does not know goes as its text."""

    def tagged(value: object) -> object:
        for name, kind in _TIMES.items():
            if isinstance(value, kind):
                return {"a": name, "is": value.isoformat()}
        return str(value)

    return json.dumps(order, default=tagged)


def _parsed(text: str) -> dict[str, Any]:
    """What `_text_of` wrote."""

    def untagged(value: dict[str, Any]) -> object:
        kind = _TIMES.get(str(value["a"])) if value.keys() == {"a", "is"} else None
        return value if kind is None else kind.fromisoformat(value["is"])

    order: dict[str, Any] = json.loads(text, object_hook=untagged)
    return order
