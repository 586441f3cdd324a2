"""The plan as data: frozen steps, upstream first. `explain` and the runner read the same list.

A step is about some partitions of one function's assets, all for one reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from graph.fingerprint import Basis
from graph.partition_set import ONLY, PartitionSet
from graph.reasons import Reason
from graph.state import Observed


@dataclass(frozen=True, slots=True, kw_only=True)
class Observe:
    """Note what a source showed; publish it when it moved."""

    key: str
    reason: Reason
    observed: Observed
    changed: bool
    partitions: PartitionSet = ONLY
    label: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Materialize:
    """Compute, check, store and publish ``outputs``; with ``when="if upstream changes"``, only then.

    ``served`` are the partitions that have a visible version meanwhile.
    """

    key: str
    reason: Reason
    when: Literal["always", "if upstream changes"]
    outputs: tuple[str, ...]
    partitions: PartitionSet = ONLY
    served: PartitionSet
    label: str = ""
    needs: tuple[str, ...] = ()
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """A version with this fingerprint exists: only the pointer moves."""

    key: str
    reason: Reason
    partitions: PartitionSet = ONLY
    served: PartitionSet
    label: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The checks changed: judge again what is published."""

    key: str
    reason: Reason
    partitions: PartitionSet = ONLY
    label: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Up to date: its freshness advances, nothing else happens."""

    key: str
    reason: Reason
    partitions: PartitionSet = ONLY
    label: str = ""
    needs: tuple[str, ...] = ()
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """It would be due, but something holds it; of ``served``, downstream goes on reading the last good version."""

    key: str
    reason: Reason
    partitions: PartitionSet = ONLY
    served: PartitionSet
    label: str = ""
    needs: tuple[str, ...] = ()


Step = Observe | Materialize | Adopt | Check | Keep | Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Partitions that exist and are not built, because the asset's catch-up policy says so."""

    key: str
    partitions: PartitionSet
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What was decided of one asset stands on this; where it has moved, a saved plan is refused.

    Args:
        partitions: those whose visible versions were looked at.
        declared: the digest of how it is partitioned and of what it reads.
        basis: what else goes in; None for a source, and where that could not be looked at.
        checks: the digest of its checks.
        observed: the data version that a source showed.
        receipts: the digest of what is on record of an effect.
    """

    partitions: PartitionSet
    declared: str
    basis: Basis | None = None
    checks: str = ""
    observed: str | None = None
    receipts: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in an order in which upstream comes first.

    Args:
        selection: the text that it was made for.
        targets: the keys that the text named; the other steps are upstream of them.
        sequence: the ledger's last publication that it has seen.
        read: by key, what it was decided from, of a plan that is to be saved; see `graph.saved_plan`.
        settled: by key, the partitions that are up to date as of ``sequence``.
        left_out: what was not planned on purpose.
        automatic: nobody asked for it by hand, so that what failed is not tried again.
    """

    selection: str
    targets: tuple[str, ...]
    environment: str
    made_at: datetime
    sequence: int
    steps: tuple[Step, ...]
    read: Mapping[str, Ground] = field(default_factory=dict)
    settled: Mapping[str, PartitionSet] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    automatic: bool = False

    def work(self) -> tuple[Step, ...]:
        """The steps that may change something."""
        return tuple(step for step in self.steps if is_work(step))

    @property
    def valid_until(self) -> datetime | None:
        """When the clock makes the first of its steps another one; None where it never does."""
        return min(filter(None, map(valid_until, self.steps)), default=None)


def is_work(step: Step) -> bool:
    """Whether a step may change what is visible."""
    return isinstance(step, Materialize | Adopt | Check) or (isinstance(step, Observe) and step.changed)


def valid_until(step: Step) -> datetime | None:
    """Until when a step is what has to be done, if nothing but time passes; None for always."""
    match step:
        case Materialize() | Keep():
            return step.valid_until
        case Hold():
            return step.reason.until
        case _:
            return None


def step_name(key: str, label: str) -> str:
    """How steps name each other: ``market/prices``, ``market/bars@2024-01-02``.

    >>> step_name("market/bars", "2024-01-02..2024-03-01")
    'market/bars@2024-01-02..2024-03-01'
    """
    return f"{key}@{label}" if label else key


def name_of(step: Step) -> str:
    """The name of a step, which no other step of its plan has."""
    return step_name(step.key, step.label)
