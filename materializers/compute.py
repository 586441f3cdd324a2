"""Calling an asset's function: in this thread, under a time-out, or in a process that can be killed."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Mapping

from graph import Program, Skip
from materializers.call import STOP_POLL_S, Call, NotDone, Stopped, TimedOut, by_key
from materializers.isolated import compute_apart
from materializers.output import Output, into
from materializers.workspace import Workspace


def compute(
    call: Call, workspace: Workspace, stop: threading.Event, output: Output
) -> Mapping[str, object] | Skip:
    """The values by key, or the function's decision to skip.

    Raises:
        NotDone: it raised, timed out, or gave something else than it declares.
        Stopped: the run was stopped meanwhile.
    """
    if call.asset.execution.isolation == "process":
        return compute_apart(call, workspace, stop, output)
    timeout = call.asset.execution.timeout
    watch = _watching(stop, timeout.total_seconds() if timeout is not None else None)
    value = _call(call, output) if timeout is None else _call_watched(call, watch, output)
    if isinstance(value, Program):
        from materializers.external import Surroundings, run_program

        around = Surroundings(
            files=(workspace.root / call.asset.where.file).parent,
            store=workspace.store,
            note=output.write,
            now=workspace.clock(),
            watch=watch,
        )
        value = run_program(value, call, around)
    return by_key(call, value)


def _watching(stop: threading.Event, timeout_s: float | None) -> Callable[[], None]:
    """What raises when the run was stopped, or when the time that begins now is over."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s

    def watch() -> None:
        if stop.is_set():
            raise Stopped
        if deadline is not None and time.monotonic() >= deadline:
            raise TimedOut(f"timed out after {timeout_s:g} s")

    return watch


def _call(call: Call, output: Output) -> object:
    with into(output):
        try:
            return call.asset.function(**call.arguments())
        except BaseException as error:  # the edge of user code: sys.exit() in it ends an asset, not the run
            raise NotDone(f"{type(error).__name__}: {error}") from error


def _call_watched(call: Call, watch: Callable[[], None], output: Output) -> object:
    """Call in a thread, whose late result is discarded."""
    ended = threading.Event()
    result: list[object] = []
    failure: list[NotDone] = []

    def work() -> None:
        try:
            result.append(_call(call, output))
        except NotDone as error:
            failure.append(error)
        finally:
            ended.set()

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(work,), name=call.asset.key, daemon=True).start()
    while not ended.wait(STOP_POLL_S):
        watch()
    if failure:
        raise failure[0]
    return result[0]
