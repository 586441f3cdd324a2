"""How a step ended, and what the steps of one run share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from graph.plan import Check, Materialize, Step, step_id
from graph.reasons import Kind
from graph.state import Outcome

if TYPE_CHECKING:
    from checks import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one step ended.

    Args:
        outcome: see `graph.state.Outcome`.
        verdicts: by key, what the checks said.
        notes: what somebody who reads the result should know, such as a last good version that was read.
        because: the kind of reason that held it; otherwise that of the step counts.
    """

    step: Step
    outcome: Outcome
    reason: str = ""
    error: str = ""
    rows: int | None = None
    size: int = 0
    attempts: int = 0
    duration: timedelta = timedelta(0)
    versions: Mapping[str, str] = field(default_factory=dict)
    verdicts: Mapping[str, tuple[Verdict, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    because: Kind | None = None

    @property
    def id(self) -> str:
        """The step's name."""
        return step_id(self.step.key, self.step.partition)


@dataclass(slots=True, kw_only=True)
class RunScope:
    """What the steps of one run share.

    Args:
        stop: set when nothing more shall begin.
        skipped: by the name of a step, why its asset was skipped, now or before with the same inputs.
        rejected: the names of the steps whose newest version was rejected, now or before with the same inputs.
        failed: the names of the steps that failed, so that what is published of them is older than it should be.
    """

    run_id: str
    stop: threading.Event = field(default_factory=threading.Event)
    skipped: dict[str, str] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    progressed: Callable[[Step, float, float], None] = lambda step, done, total: None

    def learn(self, result: Result) -> None:
        """Remember what later steps want to know of this one."""
        kind, step = result.because or result.step.reason.kind, result.step
        keys = step.outputs if isinstance(step, Materialize) else (step.key,)
        names = [step_id(key, step.partition) for key in keys]
        if result.outcome == "skipped" or (result.outcome == "held" and kind in _SKIPPED):
            self.skipped.update(dict.fromkeys(names, result.reason))
        if result.outcome == "failed":
            self.failed.update(names)
        if result.outcome == "held" and kind == "rejected before":
            self.rejected.add(result.id)
        if not isinstance(result.step, Check):  # what a check fails stays visible: nothing older is read
            self.rejected.update(
                step_id(key, result.step.partition)
                for key, verdicts in result.verdicts.items()
                if any(verdict.blocks for verdict in verdicts)
            )


_SKIPPED = frozenset({"skipped before", "upstream skipped"})
