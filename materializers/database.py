"""What the ledger needs of a database: transactions that write one after another, and snapshots that read beside them.

One body of SQL serves every database. Parameters are written ``?``, numbers are 64 bits wide, truth is 0 or 1, and
five words stand for what each database spells in its own way:

- ``LISTED(?)`` is a list of texts, for ``x IN LISTED(?)``; its parameter is made by `listed`.
- ``RANGES(?)`` is a table of ranges of partitions with the columns ``slice``, ``first`` and ``last``; see `ranges`.
- ``JOINED(x, ',')`` is the texts of some rows, with commas in between.
- ``NUMBERED`` is the type of a numbered primary key.
- ``CLUSTERED`` after a table asks that its rows lie in the order of the primary key.
- ``THROUGH index`` after a table asks that its rows are found by that index: the one of the assets without partitions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Protocol

from graph.partition_set import Partition, PartitionSet

Clock = Callable[[], datetime]
Values = Sequence[str | int | None]


def host_clock() -> datetime:
    """The host's time, aware."""
    return datetime.now(UTC)


class Row(Protocol):
    """One row; its columns are known by their names."""

    def __getitem__(self, name: str, /) -> Any: ...


class Reading(Protocol):
    """A database at one moment, or in the middle of a transaction."""

    @property
    def now(self) -> datetime:
        """When the moment was, by the ledger's clock."""

    def rows(self, sql: str, values: Values = ()) -> Sequence[Row]:
        """What a query finds."""

    def has(self, table: str) -> bool:
        """Whether there is such a table."""


class Writing(Reading, Protocol):
    """A transaction that writes."""

    def execute(self, sql: str, values: Values = ()) -> int:
        """Carry out a statement; answers how many rows it touched."""

    def executemany(self, sql: str, many: Iterable[Values]) -> None:
        """Carry out a statement once for each of many values."""


class Database(Protocol):
    """A database of a ledger, with these laws.

    - Transactions that write are carried out one after another, across all processes; a number that one takes is
      higher than every number that was visible before, and is visible before any higher one.
    - A transaction is wholly there or not at all, whatever happens to the process or the connection.
    - What one snapshot reads is all of one moment; it neither waits for a transaction that writes nor delays one.
    - What goes wrong is a `materializers.ledger.LedgerError` with a remedy, and contains no password.
    - Every method may be called from several threads.

    Args:
        name: how messages call it.
    """

    name: str

    def writing(self) -> AbstractContextManager[Writing]:
        """A transaction that is committed at its end, or rolled back by an exception."""

    def reading(self) -> AbstractContextManager[Reading]:
        """A snapshot."""

    def rows(self, sql: str, values: Values = ()) -> Sequence[Row]:
        """What one query finds now."""

    def close(self) -> None:
        """Give up files and connections."""


def listed(texts: Iterable[str]) -> str:
    """The parameter of ``LISTED(?)``."""
    return json.dumps(list(texts))


def ranges(partitions: PartitionSet | Iterable[Partition]) -> str:
    """The parameter of ``RANGES(?)``: the ranges of a set, or each of some partitions as a range of its own."""
    if isinstance(partitions, PartitionSet):
        return json.dumps(list(partitions.ranges()))
    return json.dumps([(name, ordinal, ordinal) for name, ordinal in partitions])
