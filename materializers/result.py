"""How some partitions of a step ended, and what the steps of one run share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from graph.partition_set import EMPTY, Partition, PartitionSet
from graph.partitions import Horizon
from graph.reasons import Kind
from graph.state import Outcome
from graph.steps import Check, Materialize, Step, step_name
from graph.troubles import Ended, Wrong, kind_of

if TYPE_CHECKING:
    from checks import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How some partitions of one step ended.

    Args:
        partitions: which; what is built ends one by one, what is kept or held all at once.
        label: their names for people; empty for an asset without partitions.
        outcome: see `graph.state.Outcome`.
        read_at: the last publication that was seen when it was decided what goes in.
        verdicts: by key, what the checks said.
        notes: what somebody who reads the result should know, such as a last good version that was read.
        because: the kind of reason that held it; otherwise that of the step counts.
    """

    step: Step
    partitions: PartitionSet
    label: str = ""
    outcome: Outcome
    reason: str = ""
    error: str = ""
    rows: int | None = None
    size: int = 0
    attempts: int = 0
    duration: timedelta = timedelta(0)
    read_at: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    verdicts: Mapping[str, tuple[Verdict, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    because: Kind | None = None

    @property
    def name(self) -> str:
        """What ended: ``market/prices``, ``market/bars@2024-01-02``."""
        return step_name(self.step.key, self.label)

    @property
    def kind(self) -> Kind:
        """The kind of reason behind the outcome."""
        return self.because or self.step.reason.kind


@dataclass(slots=True, kw_only=True)
class RunScope:
    """What the steps of one run share.

    Args:
        horizon: what decides which partitions exist; it stands still while the run goes on.
        sequence: the last publication that the plan has seen.
        automatic: nobody asked for the run by hand.
        stop: set when nothing more shall begin.
        skipped: by key, why partitions were skipped, now or before with the same inputs.
        rehearse: effects are recorded as they would be, and not performed.
        broken: by key, the partitions that are older than they should be: their newest version was rejected, now or
            before with the same inputs, or could not be made.
    """

    run_id: str
    horizon: Horizon
    sequence: int
    automatic: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    skipped: dict[str, dict[Partition, str]] = field(default_factory=dict)
    broken: dict[str, dict[str, PartitionSet]] = field(default_factory=dict)
    rehearse: bool = False
    progressed: Callable[[Step, float, float], None] = lambda step, done, total: None
    waits: Callable[[str, str], None] = lambda key, run_id: None
    _alone: dict[str, threading.Lock] = field(default_factory=dict)
    _ended: dict[str, list[Wrong]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def learn(self, result: Result) -> None:
        """Remember what later steps want to know of this one."""
        step = result.step
        keys = step.outputs if isinstance(step, Materialize) else (step.key,)
        with self._lock:
            self._note_end(keys, result)
            if result.outcome == "skipped" or (result.outcome == "held" and result.kind in _SKIPPED):
                for key in keys:
                    self.skipped.setdefault(key, {}).update(dict.fromkeys(result.partitions, result.reason))
            if result.outcome == "failed":
                self._break(keys, "failed", result.partitions)
            if result.outcome == "held" and result.kind == "rejected before":
                self._break((step.key,), "was rejected", result.partitions)
            if not isinstance(step, Check):  # what a check fails stays visible: nothing older is read
                blocked = [
                    key for key, said in result.verdicts.items() if any(verdict.blocks for verdict in said)
                ]
                self._break(blocked, "was rejected", result.partitions)

    def alone(self, key: str) -> threading.Lock:
        """Held by whoever judges all partitions of an asset together, until what was judged is published."""
        with self._lock:
            return self._alone.setdefault(key, threading.Lock())

    def ended(self) -> Ended:
        """What is wrong with what this run has dealt with so far."""
        with self._lock:
            return {key: tuple(wrong) for key, wrong in self._ended.items()}

    def _note_end(self, keys: tuple[str, ...], result: Result) -> None:
        kind = kind_of(result.outcome, result.kind)
        for key in keys:
            wrong = self._ended.setdefault(key, [])
            said = result.verdicts.get(key)
            passed = result.outcome == "rejected" and said is not None and not any(one.blocks for one in said)
            if kind is not None and not passed:
                wrong.append(Wrong(kind, result.partitions, result.reason))

    def why_broken(self, key: str, partitions: PartitionSet) -> list[str]:
        """Why some partitions of an asset are older than they should be; empty when none is."""
        with self._lock:
            return [why for why, those in self.broken.get(key, {}).items() if those & partitions]

    def why_skipped(self, key: str, partitions: PartitionSet, before: Mapping[Partition, str]) -> str | None:
        """Why all of some partitions of an asset were skipped, in this run or ``before``; None when one was not."""
        with self._lock:
            now = self.skipped.get(key, {})
            reasons = [now.get(partition, before.get(partition)) for partition in partitions]
        return reasons[-1] if reasons and all(reasons) else None

    def _break(self, keys: tuple[str, ...] | list[str], why: str, partitions: PartitionSet) -> None:
        for key in keys:
            known = self.broken.setdefault(key, {})
            known[why] = known.get(why, EMPTY) | partitions


_SKIPPED = frozenset({"skipped before", "upstream skipped"})
