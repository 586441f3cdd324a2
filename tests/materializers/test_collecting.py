"""Garbage: what nothing needs goes, what anything needs stays, however collections and writes are interleaved."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from graph.fingerprint import Basis
from graph.partition_set import WHOLE, Partition
from materializers.collecting import collect, collecting, unneeded
from materializers.kept_store import KeptStore, StillRemoving
from materializers.ledger import (
    ClaimLost,
    Content,
    Judgement,
    LedgerError,
    Made,
    Moved,
    Product,
    RunRecord,
    Wanted,
)
from materializers.store import LocalStore, MemoryStore, Store

KEY = "g/a"
HOUR = timedelta(hours=1)
GRACE = timedelta(hours=6)
LEASE = timedelta(days=1)


@dataclass(kw_only=True)
class House:
    """A ledger with a store, in which runs write and collections remove."""

    ledger: Any
    clock: Any
    store: Store = field(default_factory=MemoryStore)
    count: int = 0

    def __post_init__(self) -> None:
        self.kept = KeptStore(store=self.store, garbage=self.ledger.garbage, wait=lambda: None)

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def write(self, data: str, at: int = 0) -> Iterator[None]:
        """A run that writes and publishes, step by step."""
        run = self.name("run")
        record = RunRecord(id=run, environment="main", selection="", engine="", started_at=self.clock.now)
        self.ledger.begin_run(record)
        try:
            yield
            stored = self.kept.put(data.encode(), ".json")
            yield
            partition = Partition("", at)
            while True:
                with self.ledger.state("main", [KEY]) as state:
                    shown = state.published(KEY).get(partition)
                wanted = {partition: Wanted(fingerprint=data, was=shown.id if shown else None)}
                begun = self.ledger.begin("main", KEY, wanted, run_id=run, number=1)
                if not isinstance(begun, Moved):
                    break
                yield
            if isinstance(begun, tuple):
                yield
                content = Content(data_version=data, format="json", address=stored.address, size=stored.size)
                made = Made(content=content, basis=Basis(code="c"), inputs={}, as_of=self.clock.now)
                judged = {KEY: Judgement(checks="k")}
                self.ledger.publish([Product(attempt=begun[0], made={KEY: made}, judged=judged)])
                yield
        except GeneratorExit:  # killed: the system frees the lock by which others see that the run lives
            self.ledger._liveness.release(run)
            raise
        self.ledger.end_run(run, "succeeded")

    def collect(self, **options: Any) -> Any:
        rules = {"retention": timedelta(0), "last": 0, "grace": timedelta(0)} | options
        return collect(self.ledger, self.store, run_id=self.name("gc"), now=self.clock.now, **rules)

    def visible(self) -> dict[Partition, str]:
        with self.ledger.state("main", [KEY]) as state:
            return {at: version.id for at, version in state.published(KEY).items()}

    def read(self, version: str) -> bytes:
        return self.store.get(self.ledger.content(version).address or "")


@pytest.fixture
def house(open_ledger: Any, clock: Any) -> House:
    return House(ledger=open_ledger(clock=clock, lease=LEASE), clock=clock)


def done(steps: Iterator[Any]) -> None:
    for _ in steps:
        pass


def test_what_nothing_shows_is_condemned_and_then_removed(house: House) -> None:
    for data in ("one", "two"):
        done(house.write(data))
        house.clock.tick()
    orphan = house.store.put(b"orphan").address
    old = house.store.put(b"one", ".json").address
    assert unneeded(house.ledger, house.store, retention=timedelta(0), last=0).condemned == {old, orphan}
    house.clock.tick()
    first = house.collect(grace=HOUR)
    assert (first.condemned, first.removed, first.kept) == ({old, orphan}, frozenset(), 3)
    house.clock.tick(HOUR / 2)
    assert house.collect(grace=HOUR).removed == frozenset()
    house.clock.tick(HOUR)
    second = house.collect(grace=HOUR)
    assert (second.condemned, second.removed, second.kept) == (frozenset(), {old, orphan}, 1)
    assert set(house.store.addresses()) == {house.ledger.content(house.visible()[WHOLE]).address}


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        pytest.param({"last": 1}, {"three"}, id="the visible one"),
        pytest.param({"last": 2}, {"two", "three"}, id="the newest two"),
        pytest.param({"retention": timedelta(seconds=1, milliseconds=500)}, {"two", "three"}, id="the young"),
        pytest.param({"retention": HOUR}, {"one", "two", "three"}, id="all of the last hour"),
    ],
)
def test_retention(house: House, rule: dict[str, Any], kept: set[str]) -> None:
    for data in ("one", "two", "three"):
        house.clock.tick()
        done(house.write(data))
    for _ in range(2):
        house.clock.tick()
        house.collect(**rule)
    left = {house.store.get(address).decode() for address in house.store.addresses()}
    assert left == kept


def test_what_a_running_write_has_put_stays_until_it_is_published(house: House) -> None:
    writing = house.write("new")
    next(writing), next(writing)
    for _ in range(3):
        house.clock.tick(HOUR)
        assert house.collect().removed == frozenset()
    done(writing)
    house.clock.tick()
    house.collect(), house.clock.tick(), house.collect()
    assert house.read(house.visible()[WHOLE]) == b"new"


def test_only_one_collects_at_a_time(house: House) -> None:
    options = {"now": house.clock.now, "grace": GRACE}
    first = collecting(house.ledger, house.store, run_id="the first", **options)
    next(first)
    with pytest.raises(LedgerError, match="somebody else collects garbage"):
        house.collect()
    done(first)
    house.collect()


def test_what_is_being_removed_is_waited_for(house: House) -> None:
    address = house.store.put(b"one", ".json").address
    house.collect()
    house.clock.tick()
    assert house.ledger.garbage.remove(grace=timedelta(0)) == {address}
    waits: list[int] = []

    def wait() -> None:
        waits.append(1)
        if len(waits) == 3:
            house.store.delete(address)
            house.ledger.garbage.removed([address])

    kept = replace(house.kept, wait=wait)
    assert kept.put(b"one", ".json").address == address
    assert (len(waits), house.store.get(address)) == (3, b"one")


def test_a_removal_that_does_not_end_is_told(house: House) -> None:
    house.store.put(b"one", ".json")
    house.collect()
    house.clock.tick()
    steps = collecting(
        house.ledger, house.store, run_id="slow", now=house.clock.now, last=0, grace=timedelta(0)
    )
    for _ in range(4):
        next(steps)
    with pytest.raises(StillRemoving, match="is being removed from the store by `assets gc`"):
        house.kept.put(b"one", ".json")
    steps.close()


def test_what_somebody_was_removing_who_has_died_is_saved(house: House) -> None:
    address = house.store.put(b"one", ".json").address
    house.collect()
    house.clock.tick()
    house.ledger.garbage.remove(grace=timedelta(0))
    assert house.kept.put(b"one", ".json").address == address
    assert house.ledger.garbage.remove(grace=HOUR) == frozenset()
    assert house.store.get(address) == b"one"


def test_a_collector_that_was_taken_for_dead_deletes_nothing_that_was_saved(house: House) -> None:
    addresses = [house.store.put(data.encode(), ".json").address for data in ("one", "two")]
    house.collect()
    house.clock.tick()
    steps = collecting(
        house.ledger, house.store, run_id="slow", now=house.clock.now, last=0, grace=timedelta(0)
    )
    while all(map(house.store.exists, addresses)):
        next(steps)
    (left,) = filter(house.store.exists, addresses)
    house.clock.tick(2 * LEASE)
    house.ledger._liveness.release("slow")
    data = house.store.get(left)
    writer = house.write(data.decode())
    for _ in range(2):  # it begins, and puts what is still there
        next(writer)
    with suppress(LedgerError):
        done(steps)
    done(writer)
    assert house.read(house.visible()[WHOLE]) == data


def test_old_runs_are_forgotten_and_what_is_known_of_assets_stays(house: House) -> None:
    done(house.write("one"))
    with house.ledger.state("main", [KEY]) as state:
        before = state.published(KEY), state.attempts(KEY)
    for number in range(3):
        run = f"idle{number}"
        record = RunRecord(id=run, environment="main", selection="", engine="", started_at=house.clock.now)
        house.ledger.begin_run(record)
        wanted = {Partition("", 5): Wanted(fingerprint=run, was=None)}
        (begun,) = house.ledger.begin("main", KEY, wanted, run_id=run, number=1)
        house.ledger.finish(begun, "failed", reason=run)
        house.ledger.end_run(run, "failed")
    house.clock.tick(HOUR)
    forgotten = house.collect(last=1, retention=HOUR / 2).forgotten
    with house.ledger.state("main", [KEY]) as state:
        after = (
            state.published(KEY),
            {at: one for at, one in state.attempts(KEY).items() if at == WHOLE},
        )
        assert state.attempts(KEY)[Partition("", 5)].reason == "idle2"
    assert after == before
    assert forgotten >= 2
    left = {run.id for run in house.ledger.runs(limit=100)}
    assert {"idle0", "idle1"} & left == set()
    assert {"run1", "idle2"} <= left
    house.ledger.rebuild()
    assert house.read(house.visible()[WHOLE]) == b"one"


# Whatever the order


@pytest.mark.faults(small=15, full=200)
def test_no_interleaving_leaves_a_pointer_without_its_data(fault_seed: int, house: House) -> None:
    """Writers of few contents (so that they meet), collections that are killed at times, and readers of what is shown.

    Readers read within the time of grace. The ledger's laws say that nothing else is needed.
    """
    chance = random.Random(fault_seed)
    going: list[Iterator[Any]] = []
    reading: list[tuple[Any, str]] = []
    refusals: set[str] = set()
    starts: list[Callable[[], Iterator[Any]]] = [
        lambda: house.write(f"data{chance.randrange(4)}", chance.randrange(3)),
        lambda: collecting(
            house.ledger,
            house.store,
            run_id=house.name("gc"),
            now=house.clock.now,
            retention=timedelta(0),
            last=chance.randrange(2),
            grace=GRACE,
        ),
    ]
    for _ in range(150):
        house.clock.tick(chance.choice((timedelta(seconds=1), HOUR)))
        if len(going) < 4 and chance.random() < 0.4:
            going.append(chance.choice(starts)())
        if going:
            one = chance.choice(going)
            try:
                if chance.random() < 0.03:
                    one.close()  # killed: what it had begun stays half done
                    going.remove(one)
                else:
                    next(one)
            except StopIteration:
                going.remove(one)
            except ClaimLost:
                going.remove(one)
            except StillRemoving:  # a collection that does not go on while it waits
                going.remove(one)
            except LedgerError as error:
                refusals.add(str(error))
                going.remove(one)
        reading += [(house.clock.now, version) for version in house.visible().values()]
        ready = [one for one in reading if house.clock.now - one[0] < GRACE / 2]
        for _, version in chance.sample(ready, min(3, len(ready))):
            house.read(version)
        reading = ready
    for one in going:
        one.close()
    assert refusals <= {"somebody else collects garbage; wait until that has ended"}
    for version in house.visible().values():
        assert house.read(version)


def test_leftovers_of_stopped_writers_are_swept(house: House, clock: Any, tmp_path: Path) -> None:

    store = LocalStore(root=tmp_path / "data")
    store.put(b"one", ".json")
    left = tmp_path / "data" / ".tmp-left"
    left.write_bytes(b"half")
    old = (clock.now - timedelta(days=2)).timestamp()
    os.utime(left, (old, old))
    assert (
        House(ledger=house.ledger, clock=clock, store=store).collect(grace=timedelta(days=1)).leftovers == 1
    )
    assert not left.exists()
