"""In which order the steps of a plan are carried out, on either engine: each when what it needs has ended."""

from __future__ import annotations

from collections.abc import Callable
from graphlib import TopologicalSorter
from queue import Empty, SimpleQueue
from typing import NamedTuple, Protocol

from graph.steps import Plan, Step, is_work, name_of
from materializers.step import Result, RunScope

SIGNAL_POLL_S = 0.2


class Listener(Protocol):
    """Who is told of the end of each step."""

    def step_ended(self, result: Result) -> None:
        """Some partitions of a step have ended."""


class StepDone(NamedTuple):
    """All partitions of a step have ended."""

    name: str


Ended = SimpleQueue[Result | StepDone | BaseException]
"""Where an engine puts the results of the steps that it began, and that they are done; an exception ends the run."""


def in_order(
    plan: Plan,
    scope: RunScope,
    begin: Callable[[Step, list[str]], None],
    without_work: Callable[[Step], list[Result]],
    ended: Ended,
    *,
    listener: Listener,
    fail_fast: bool = False,
) -> list[Result]:
    """Every step's results.

    What does not depend on a failed or rejected step still begins; a stopped run begins nothing more.

    Args:
        begin: begins a step that may change something; its result will come through ``ended``. Told as well: the
            names of the steps of this plan that it came after.
        without_work: carries out a step that changes nothing.
        fail_fast: stop the run after the first failure or rejection.
    """
    steps = {name_of(step): step for step in plan.steps}
    needs = {name: [need for need in step.needs if need in steps] for name, step in steps.items()}
    order = TopologicalSorter(needs)
    order.prepare()
    results: list[Result] = []
    try:
        while order.is_active():
            for name in order.get_ready():
                step = steps[name]
                if is_work(step) and not scope.stop.is_set():
                    begin(step, needs[name])
                    continue
                for result in without_work(step) if not is_work(step) else [_not_begun(step)]:
                    ended.put(result)
                ended.put(StepDone(name))
            match _next(ended):
                case StepDone(name=name):
                    order.done(name)
                case Result() as result:
                    results.append(result)
                    listener.step_ended(result)
                    if fail_fast and result.outcome in ("failed", "rejected"):
                        scope.stop.set()
                case BaseException() as error:
                    raise error
    finally:
        scope.stop.set()
    return results


def _not_begun(step: Step) -> Result:
    reason = "the run was stopped before it began"
    return Result(step=step, partitions=step.partitions, label=step.label, outcome="cancelled", reason=reason)


def _next(ended: Ended) -> Result | StepDone | BaseException:
    """The next result. It wakes now and then: a signal that the system gave to another thread wakes no waiting one."""
    while True:
        try:
            return ended.get(timeout=SIGNAL_POLL_S)
        except Empty:
            continue


__all__ = ["Ended", "StepDone", "in_order"]
