"""Calling an asset's function: in this thread, under a time-out, or in a process that can be killed."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Mapping

from graph import Skip
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
    if call.asset.execution.timeout is None:
        return _call(call, output)
    return _call_with_timeout(call, call.asset.execution.timeout.total_seconds(), stop, output)


def _call(call: Call, output: Output) -> Mapping[str, object] | Skip:
    with into(output):
        try:
            value = call.asset.function(**call.arguments())
        except BaseException as error:  # the edge of user code: sys.exit() in it ends an asset, not the run
            raise NotDone(f"{type(error).__name__}: {error}") from error
    return by_key(call, value)


def _call_with_timeout(
    call: Call, timeout_s: float, stop: threading.Event, output: Output
) -> Mapping[str, object] | Skip:
    ended = threading.Event()
    result: list[Mapping[str, object] | Skip] = []
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
    deadline = time.monotonic() + timeout_s
    while not ended.wait(min(STOP_POLL_S, max(0.0, deadline - time.monotonic()))):
        if stop.is_set():
            raise Stopped
        if time.monotonic() >= deadline:
            raise TimedOut(f"timed out after {timeout_s:g} s")
    if failure:
        raise failure[0]
    return result[0]
