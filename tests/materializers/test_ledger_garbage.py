"""What may be removed from the store: never what somebody needs, whoever writes meanwhile."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from graph.partition_set import ONLY, WHOLE
from materializers.ledger import LedgerError, Product
from materializers.sql_ledger import SqlLedger

HOUR = timedelta(hours=1)


def only_visible(ledger: SqlLedger) -> set[str]:
    return set(ledger.garbage.needed(retention=timedelta(0), last=0))


def test_what_is_visible_anywhere_or_recent_or_among_the_last_is_needed(book: Any, clock: Any) -> None:
    for number in range(4):
        clock.tick(HOUR)
        book.publish(data=f"d{number}")
    book.ledger.create_environment("dev")
    book.within("dev").publish(data="own")
    book.publish(data="bad", refused="bad")
    clock.tick(HOUR)

    def needed(retention: timedelta, last: int) -> set[str]:
        return {
            one.removesuffix(".json") for one in book.ledger.garbage.needed(retention=retention, last=last)
        }

    assert needed(timedelta(0), 0) == {"d3", "own"}
    assert needed(timedelta(0), 2) == {"d3", "own"}
    assert needed(timedelta(0), 3) == {"d2", "d3", "own"}, "what is rejected is not among the good ones"
    assert needed(HOUR, 0) == {"d2", "d3", "own", "bad"}, "d2 was visible an hour ago"


def test_what_nothing_needs_is_removed_in_steps(book: Any, clock: Any) -> None:
    ledger = book.ledger
    old = book.publish(data="old")
    book.publish(data="new")
    for name in ("r1", "r2"):
        ledger.end_run(name, "success")
    assert ledger.garbage.condemn(["old.json", "new.json", "orphan.json"]) == {"old.json", "orphan.json"}
    assert ledger.garbage.condemn(["old.json"]) == frozenset()
    assert ledger.garbage.remove(grace=HOUR) == frozenset()
    clock.tick(HOUR)
    assert ledger.garbage.remove(grace=HOUR, limit=1) < {"old.json", "orphan.json"}
    assert ledger.garbage.remove(grace=HOUR) == {"old.json", "orphan.json"}, (
        "also what is not told as removed"
    )
    assert not ledger.garbage.keep("old.json")
    with ledger.state("main") as state:
        assert state.version_with("g/a", WHOLE, "f1").data_version == "new", "what is removed is not adopted"
    ledger.garbage.removed(["old.json", "orphan.json"])
    assert ledger.garbage.keep("old.json")
    assert ledger.garbage.remove(grace=HOUR) == frozenset()
    for kind in ("rollback", "release"):
        with pytest.raises(LedgerError, match=f"the content of version '{old}' was removed from the store"):
            ledger.point("main", "g/a", WHOLE, old, kind=kind, name="me", reason="")


def test_what_a_run_may_have_found_stays_until_it_has_ended(book: Any, clock: Any) -> None:
    ledger = book.ledger
    assert ledger.garbage.keep("x.json")
    clock.tick()
    ledger.garbage.condemn(["x.json"])
    ledger.end_run("r2", "success")
    clock.tick(ledger.lease / 2)
    ledger.renew("r1")
    assert ledger.garbage.remove(grace=timedelta(0)) == frozenset()
    ledger.end_run("r1", "success")
    assert ledger.garbage.remove(grace=timedelta(0)) == {"x.json"}


def test_a_run_that_came_later_keeps_what_it_asks_for(book: Any, clock: Any) -> None:
    ledger = book.ledger
    ledger.garbage.condemn(["asked.json", "not.json"])
    clock.tick()
    ledger.begin_run(replace(ledger.run("r1"), id="late"))
    clock.tick()
    assert ledger.garbage.keep("asked.json")
    for name in ("r1", "r2"):
        ledger.end_run(name, "success")
    assert ledger.garbage.remove(grace=timedelta(0)) == {"not.json"}


def test_what_is_published_again_is_no_longer_condemned(book: Any) -> None:
    ledger = book.ledger
    book.publish(data="old")
    book.publish(data="new")
    ledger.garbage.condemn(["old.json"])
    book.publish(data="old")
    for name in ("r1", "r2"):
        ledger.end_run(name, "success")
    assert ledger.garbage.remove(grace=timedelta(0)) == frozenset()


def test_what_is_made_visible_by_hand_is_no_longer_condemned(book: Any) -> None:
    ledger = book.ledger
    old = book.publish(data="old")
    book.publish(data="new")
    ledger.garbage.condemn(["old.json"])
    ledger.point("main", "g/a", WHOLE, old, kind="release", name="me", reason="")
    for name in ("r1", "r2"):
        ledger.end_run(name, "success")
    assert ledger.garbage.remove(grace=timedelta(0)) == frozenset()


def test_what_is_gone_comes_back_by_being_made_again(book: Any, clock: Any) -> None:
    ledger = book.ledger
    book.publish(data="old")
    book.publish(data="new")
    ledger.garbage.condemn(["old.json"])
    for name in ("r1", "r2"):
        ledger.end_run(name, "success")
    clock.tick()
    ledger.garbage.removed(ledger.garbage.remove(grace=timedelta(0)))
    ledger.begin_run(replace(ledger.run("r1"), id="late"))
    book.publish(data="old", by="late")
    assert book.published().data_version == "old"
    assert "old.json" in only_visible(ledger)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("open_ledger", ["memory"], indirect=True)
def test_beside_running_writes_no_pointer_dangles(book: Any, clock: Any, seed: int) -> None:
    """Writers who find what is there already, and a collector, in random interleavings of their smallest steps."""
    chance, ledger = random.Random(seed), book.ledger
    store: set[str] = set()

    def writer(name: str) -> Any:
        """Steps of a run: write or find, publish; again and again the same few contents."""
        ledger.begin_run(replace(ledger.run("r1"), id=name))
        yield
        for _ in range(3):
            at, data = chance.randrange(3), f"d{chance.randrange(4)}"
            begun = book.try_begin(at, by=name)
            if not isinstance(begun, tuple):
                continue
            while not ledger.garbage.keep(f"{data}.json"):
                yield
            yield
            if f"{data}.json" not in store:
                yield
                store.add(f"{data}.json")
            yield
            product: Product = book.product(begun[0], data)
            ledger.publish([product])
            yield
            if chance.random() < 0.3:
                ledger.withdraw("main", "g/a", ONLY, name="me", reason="")
        ledger.end_run(name, "success")

    def collector() -> Any:
        for _ in range(6):
            needed = only_visible(ledger)
            yield
            ledger.garbage.condemn(set(store) - needed)
            yield
            clock.tick()
            doomed = ledger.garbage.remove(grace=timedelta(0))
            for address in sorted(doomed):
                yield
                store.discard(address)
            yield
            ledger.garbage.removed(doomed)

    for name in ("r1", "r2"):
        ledger.end_run(name, "success")
    actors = [writer(f"w{number}") for number in range(4)] + [collector(), collector()]
    while actors:
        clock.tick(timedelta(milliseconds=1))
        actor = chance.choice(actors)
        try:
            next(actor)
        except StopIteration:
            actors.remove(actor)
        assert only_visible(ledger) <= store
