"""What materializations took, asked of every kind of ledger."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from graph.estimate import Measured
from materializers.ledger_measures import SAMPLE

SECOND = timedelta(seconds=1)


def test_each_version_tells_what_it_took_and_gave(book: Any, clock: Any) -> None:
    attempt = book.begin()
    clock.tick(3 * SECOND)
    book.ledger.publish([book.product(attempt)])
    assert book.ledger.measured(["g/a", "g/never"]) == {
        "g/a": (Measured(code="c", duration=3 * SECOND, size=2),)
    }
    assert book.ledger.measured([]) == {}


def test_partitions_of_one_call_share_its_time(book: Any, clock: Any) -> None:
    begun = book.try_begin(1, 2, 3, 4)
    clock.tick(8 * SECOND)
    book.ledger.publish([book.product(one) for one in begun])
    clock.tick()
    alone = book.begin(5)
    clock.tick(5 * SECOND)
    book.ledger.publish([book.product(alone)])
    found = [one.duration for one in book.ledger.measured(["g/a"])["g/a"]]
    assert sorted(found) == [2 * SECOND] * 4 + [5 * SECOND]


def test_of_many_the_newest_partitions_are_looked_at(book: Any, clock: Any) -> None:
    for at in range(SAMPLE + 5):
        attempt = book.begin(at)
        clock.tick(at * SECOND)
        book.ledger.publish([book.product(attempt)])
        clock.tick()
    found = [one.duration for one in book.ledger.measured(["g/a"])["g/a"]]
    assert (len(found), min(found)) == (SAMPLE, 5 * SECOND)
