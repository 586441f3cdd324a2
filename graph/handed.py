"""What an asset's function may give or take besides plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Skip:
    """Returned by an asset that decided that there is nothing to do; ``until`` makes it try again then."""

    reason: str
    until: datetime | None = None


NOTHING = object()
"""Stands for "no value was given", where None is a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen of the world outside.

    Args:
        version: names the state that was seen; may be left out when ``value`` is given.
        as_of: the data's own time (aware); without it, the moment of observation counts.
        ends: nothing newer will ever come, so the data are never overdue.
        value: the data themselves; downstream gets exactly what was observed.
    """

    version: str | None = None
    as_of: datetime | None = None
    ends: bool = False
    value: Any = NOTHING


class Run(Protocol):
    """What a function may know of the run that calls it (a parameter typed ``Run``)."""

    @property
    def key(self) -> str: ...
    @property
    def run_id(self) -> str: ...
    @property
    def partition(self) -> str | None:
        """The partition's key; None in a batch of several, and for an asset without partitions."""

    @property
    def partitions(self) -> tuple[str, ...]:
        """The keys of all partitions that the call makes."""

    @property
    def attempt(self) -> int: ...
    @property
    def now(self) -> datetime: ...
    @property
    def live(self) -> bool:
        """Whether effects are performed: the environment is live, and this is no rehearsal."""

    def log(self, message: str) -> None:
        """Note a line with the materialization's output."""

    def progress(self, done: float, total: float) -> None:
        """Tell how far the work is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """The asset's own last published value (a parameter typed ``Previous``), for what grows at its end."""

    value: Any = None
    as_of: datetime | None = None


class Verdict(Protocol):
    """What one check said of one version."""

    @property
    def check(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def passed(self) -> bool: ...
    @property
    def failing(self) -> int | None: ...
    @property
    def observed(self) -> object: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ancestor:
    """One asset that a value was made from, directly or not."""

    key: str
    upstream: tuple[str, ...]
    is_source: bool
    data_version: str
    rows: int | None
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Everything that a value is made from, in topological order (a parameter typed ``Provenance``).

    It counts as input: the asset is rebuilt when the version or a verdict of any ancestor moves.
    """

    ancestors: tuple[Ancestor, ...]
