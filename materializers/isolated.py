"""Computing in a process of its own: a time-out or a stop kills it, and nothing of it is left.

The parent sends an order (the project's settings, which asset, exactly which versions to read), the child loads them
through the store, calls the function and stores what it returns; only addresses and texts go between the two.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import date, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

from graph import Asset, Program, Skip, Trouble
from graph.partition_set import PartitionSet
from graph.state import Version
from materializers.arguments import StepRun, Taken, Versions, arguments_for
from materializers.call import STOP_POLL_S, Call, NotDone, Stopped, TimedOut, by_key
from materializers.formats import choose, decode
from materializers.ledger import Content, Ledger
from materializers.loading import open_workspace
from materializers.output import Output
from materializers.process_group import kill_group
from materializers.project import LEDGER, Project, ledger_at
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
                env={**os.environ, LEDGER: _url_of(workspace.project)},  # not in the order, which is a file
                start_new_session=True,  # so that what it starts can be killed with it
            )
        try:
            _await(child, call, stop)
        finally:
            if child.poll() is None:
                kill_group(child)
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
        "unit": call.taken.partitions.to_plain(),
        "versions": {name: _ids(versions) for name, versions in call.taken.versions.items()},
        "previous": _previous(call.taken.previous),
        "ancestors": {key: _ids(versions) for key, versions in call.taken.ancestors.items()},
        "troubles": [(one.key, one.kind, one.why) for one in call.taken.troubles],
        "key": call.asset.key,
        "partitions": call.partitions,
        "run_id": call.run_id,
        "number": call.number,
        "now": workspace.clock().isoformat(),
        "live": call.live,
    }


def _url_of(project: Project) -> str:
    return "" if project.ledger is None else project.ledger.get_secret_value()


def _ids(versions: Versions) -> list[str]:
    return [versions[partition].id for partition in sorted(versions)]


def _previous(version: Version | None) -> tuple[str, str | None] | None:
    """The version that is published of what is made, with its age."""
    if version is None:
        return None
    return version.id, version.as_of.isoformat() if version.as_of else None


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
        output.key: _value(answer["values"][output.key], output, workspace)
        if output.key in answer["values"]
        else {
            partition: _value(stored, replace(output, returns=None), workspace)
            for partition, stored in answer["partitions"][output.key].items()
        }
        for output in call.outputs
    }


def _value(stored: dict[str, Any], output: Asset, workspace: Workspace) -> object:
    return decode(Content(**stored), workspace.store, output.returns, hint=None, key=output.key)


def main(order_file: str) -> None:
    """The child: carry out the order and write the answer beside it."""
    import traceback

    order = _parsed(Path(order_file).read_text("utf-8"))
    tempfile.tempdir = str(
        Path(order_file).parent
    )  # what is written aside goes with it, however this process ends
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
        ledger=ledger_at(os.environ.get(LEDGER, ""), "", Path(order["root"])),
        environment=order["environment"],
        config={order["key"]: order["config"]},
    )
    workspace = open_workspace(project)
    asset = workspace.graph[order["key"]]
    together = [workspace.graph[key] for key in workspace.graph.siblings(asset.key)]
    outputs = tuple(one for one in together if one.aside_of is None)
    keys = tuple(order["partitions"])
    run = StepRun(
        key=asset.key,
        run_id=order["run_id"],
        partition=keys[0] if len(keys) == 1 else None,
        partitions=keys,
        attempt=order["number"],
        now=datetime.fromisoformat(order["now"]),
        log=print,
        progress=lambda done, total: None,
        live=order["live"],
    )
    taken = _taken(order, workspace.ledger)
    arguments = arguments_for(asset, taken, workspace, run)
    call = Call(
        asset=asset,
        outputs=outputs,
        partitions=keys,
        arguments=lambda: arguments,
        run_id=order["run_id"],
        number=order["number"],
        taken=taken,
    )
    try:
        value = asset.function(**arguments)
    except Exception as error:  # named as it is in a thread
        raise NotDone(f"{type(error).__name__}: {error}") from error
    if isinstance(value, Program):
        from materializers.external import Surroundings, run_program

        around = Surroundings(
            files=(workspace.root / asset.where.file).parent,
            store=workspace.store,
            note=lambda text: print(text, end="", flush=True),
            now=run.now,
            leads=False,  # killed with this process, by whoever waits for it
        )
        value = run_program(value, call, around)
    values = by_key(call, value)
    if isinstance(values, Skip):
        return {"skip": values.reason, "until": values.until.isoformat() if values.until else None}
    stored: dict[str, Any] = {"values": {}, "partitions": {}}
    for output in outputs:
        value = values[output.key]
        if output.batch is not None and output.batch.by is None and isinstance(value, Mapping):
            stored["partitions"][output.key] = {
                str(partition): _stored(one, output, workspace) for partition, one in value.items()
            }
        else:
            stored["values"][output.key] = _stored(value, output, workspace)
    return stored


def _stored(value: object, output: Asset, workspace: Workspace) -> dict[str, Any]:
    made = choose(value, output.returns, output.stored_as, key=output.key).encode(value, workspace.store)
    return {field.name: getattr(made, field.name) for field in fields(made)}


def _taken(order: dict[str, Any], ledger: Ledger) -> Taken:
    """Exactly the versions that the order names, whatever was published meanwhile."""
    previous = None
    if order["previous"] is not None:
        version_id, as_of = order["previous"]
        version = ledger.materialization(version_id).version
        previous = replace(version, as_of=datetime.fromisoformat(as_of) if as_of else None)
    return Taken(
        partitions=PartitionSet.from_plain(order["unit"]),
        versions={name: _by_partition(ids, ledger) for name, ids in order["versions"].items()},
        previous=previous,
        ancestors={key: _by_partition(ids, ledger) for key, ids in order["ancestors"].items()},
        troubles=tuple(Trouble(key=key, kind=kind, why=why) for key, kind, why in order["troubles"]),
    )


def _by_partition(ids: Iterable[str], ledger: Ledger) -> Versions:
    found = [ledger.materialization(version_id).version for version_id in ids]
    return {version.partition: version for version in found}


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
