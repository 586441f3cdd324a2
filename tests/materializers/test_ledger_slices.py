"""One of many slices: what it costs to read it and to write it does not depend on how many there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from graph import asset
from graph.fingerprint import Basis, set_digest
from graph.partition_set import EMPTY, Partition, PartitionSet
from graph.partitions import Static
from graph.state import Settlement
from materializers import in_memory, materialize
from materializers.database import Database, Reading, Row, Values, Writing
from materializers.ledger_slices import MANY
from materializers.sql_ledger import SqlLedger

FEW, LOTS = 5, MANY + 50


@dataclass
class Counted:
    """A database that counts the rows and the characters that are read and written.

    Numbers are left out: those of a long history are longer.
    """

    inner: Database
    rows_read: int = 0
    rows_written: int = 0
    characters: int = 0
    name: str = "counted"

    def start(self) -> None:
        self.rows_read = self.rows_written = self.characters = 0

    def cost(self) -> tuple[int, int, int]:
        return self.rows_read, self.rows_written, self.characters

    def read(self, rows: Sequence[Row]) -> Sequence[Row]:
        self.rows_read += len(rows)
        self.weigh(tuple(row) for row in rows)  # rows of SQLite
        return rows

    def weigh(self, many: Iterable[Iterable[Any]]) -> None:
        self.characters += sum(len(each) for one in many for each in one if isinstance(each, str))

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        with self.inner.writing() as db:
            yield CountedMoment(self, db)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        with self.inner.reading() as db:
            yield CountedMoment(self, db)  # nobody writes through it

    def rows(self, sql: str, values: Values = ()) -> Sequence[Row]:
        return self.read(self.inner.rows(sql, values))

    def close(self) -> None:
        self.inner.close()


@dataclass
class CountedMoment:
    counted: Counted
    inner: Writing
    now: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.inner.now

    def has(self, table: str) -> bool:
        return self.inner.has(table)

    def rows(self, sql: str, values: Values = ()) -> Sequence[Row]:
        return self.counted.read(self.inner.rows(sql, values))

    def execute(self, sql: str, values: Values = ()) -> int:
        touched = self.inner.execute(sql, values)
        self.counted.rows_written += touched
        self.counted.weigh([values])
        return touched

    def executemany(self, sql: str, many: Iterable[Values]) -> None:
        found = list(many)
        self.counted.rows_written += len(found)
        self.counted.weigh(found)
        self.inner.executemany(sql, found)


@pytest.fixture(params=["", "dev"], ids=["main", "an environment that reads main"])
def environment(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cost_of(book: Any, environment: str) -> Any:
    """Answers what something costs when an asset has so many slices, and has had its first try at it."""
    assert isinstance(book.ledger, SqlLedger)
    counted = Counted(book.ledger.database)
    book.ledger.database = counted
    made = 0
    if environment:
        book.ledger.create_environment(environment)

    def measure(slices: int, act: Any) -> tuple[int, int, int]:
        nonlocal made
        for number in range(made, slices):
            book.publish(Partition(f"K{number:04}"), fingerprint=f"{number:04}")
        everything = PartitionSet.of(Partition(f"K{number:04}") for number in range(slices))
        settled = Settlement(sequence=slices, basis=Basis(code="c"), checks="", partitions=everything)
        book.ledger.settle("main", {"g/a": settled})
        made = slices
        act()
        counted.start()
        act()
        return counted.cost()

    return measure


ONE = Partition("K0001")


def publish(book: Any) -> None:
    book.publish(ONE, "again")


def fail(book: Any) -> None:
    book.ledger.finish(book.begin(ONE), "failed", reason="no")


def read(book: Any) -> None:
    with book.ledger.state(book.environment, ["g/a"]) as state:
        assert state.shown("g/a", PartitionSet.of([ONE])) == PartitionSet.of([ONE])
        assert list(state.published("g/a", PartitionSet.of([ONE]))) == [ONE]
        assert state.digest("g/a", PartitionSet.of([ONE])) != set_digest([])
        state.pin("g/a", ONE)
        state.attempts("g/a", PartitionSet.of([ONE]))


@pytest.mark.parametrize("act", [publish, fail, read])
def test_of_many_slices_one_costs_as_much_as_of_few(
    book: Any, cost_of: Any, environment: str, act: Any
) -> None:
    seen = book.within(environment) if environment else book
    few = cost_of(FEW, lambda: act(seen))
    assert cost_of(LOTS, lambda: act(seen)) == few


def test_a_run_over_many_keys_reads_and_writes_as_much_for_each() -> None:
    def cost(count: int) -> tuple[float, ...]:
        @asset(name="g/one", partitions=Static(*(f"K{number:04}" for number in range(count))))
        def one() -> int:
            return 1

        @asset(name="g/two", partitions=Static(*(f"K{number:04}" for number in range(count))))
        def two(one: int) -> int:
            return one + 1

        workspace = in_memory([one, two])
        counted = Counted(workspace.ledger.database)  # a SqlLedger
        workspace.ledger.database = counted
        assert materialize("*", workspace=workspace).counts() == {"published": 2 * count}
        return tuple(each / count for each in counted.cost())

    few, lots = cost(MANY), cost(3 * MANY)
    for little, much in zip(few, lots, strict=True):
        assert much <= 1.05 * little


def test_few_slices_are_read_alone_and_many_at_once(book: Any) -> None:
    places = [Partition(f"K{number:04}", number % 3) for number in range(MANY + 5)]
    for place in places[:3]:
        book.publish(place)
    with book.ledger.state("main") as state:
        assert state.shown("g/a", PartitionSet.of(places[1:2])) == PartitionSet.of(places[1:2])
        assert state.shown("g/a", PartitionSet.of([Partition("K0001", 7)])) == EMPTY
        assert state.shown("g/a", PartitionSet.of(places)) == PartitionSet.of(places[:3])
        assert state.summary("g/a").partitions == PartitionSet.of(places[:3])


def test_what_failed_is_no_longer_settled_until_it_is_settled_again(book: Any) -> None:
    both = PartitionSet.of([ONE, Partition("K0002")])

    def settle(sequence: int) -> None:
        noted = Settlement(sequence=sequence, basis=Basis(code="c"), checks="", partitions=both)
        book.ledger.settle("main", {"g/a": noted})

    def settled() -> PartitionSet:
        with book.ledger.state("main") as state:
            return state.settlement("g/a").partitions

    settle(5)
    fail(book)
    assert settled() == PartitionSet.of([Partition("K0002")])
    settle(4)  # somebody who knew less
    assert settled() == PartitionSet.of([Partition("K0002")])
    settle(5)
    assert settled() == both
