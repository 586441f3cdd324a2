"""Calling an asset's function: in this thread, under a time-out, or in a process that can be killed."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graph import Asset, AssetGraphError, Skip
from materializers.output import Output, into

if TYPE_CHECKING:
    from materializers.workspace import Workspace

STOP_POLL_S = 0.05


class NotDone(AssetGraphError):
    """The function did not give a value; the cause is chained."""


class TimedOut(NotDone):
    """The function took longer than its time-out allows; a result that comes later is discarded."""


class Stopped(Exception):
    """The run was stopped while the function ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of one function, whose arguments are loaded when they are needed.

    ``versions`` names, by parameter, the upstream key and the version ids that are read.
    """

    asset: Asset
    outputs: tuple[Asset, ...]
    partition: str | None
    arguments: Callable[[], Mapping[str, Any]]
    run_id: str
    number: int
    versions: dict[str, tuple[str, tuple[str, ...]]]


def compute(
    call: Call, workspace: Workspace, stop: threading.Event, output: Output
) -> Mapping[str, object] | Skip:
    """The values by key, or the function's decision to skip.

    Raises:
        NotDone: it raised, timed out, or gave something else than it declares.
        Stopped: the run was stopped meanwhile.
    """
    if call.asset.execution.isolation == "process":
        from materializers.isolated import compute_apart

        return compute_apart(call, workspace, stop, output)
    if call.asset.execution.timeout is None:
        return _call(call, output)
    return _call_with_timeout(call, call.asset.execution.timeout.total_seconds(), stop, output)


def _call(call: Call, output: Output) -> Mapping[str, object] | Skip:
    with into(output):
        try:
            value = call.asset.function(**call.arguments())
        except Exception as error:  # the edge of user code
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


def by_key(call: Call, value: object) -> Mapping[str, object] | Skip:
    """What a function returned, by asset; several assets come as a mapping from their names."""
    if isinstance(value, Skip):
        return value
    if not call.asset.several:
        return {call.asset.key: value}
    names = [output.output for output in call.outputs]
    if not isinstance(value, Mapping) or set(value) != set(names):
        got = sorted(value) if isinstance(value, Mapping) else type(value).__name__
        raise NotDone(f"it must return a mapping with the names {names}, and gave {got}")
    return {output.key: value[output.output] for output in call.outputs}
