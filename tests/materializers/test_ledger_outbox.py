"""Each publication is told once to each subscriber, in order."""

from __future__ import annotations

from typing import Any

import pytest

from materializers.ledger import LedgerError
from materializers.outbox import Delivery


def numbers(delivery: Delivery | None) -> list[int] | None:
    return None if delivery is None else [one.sequence for one in delivery.publications]


def test_a_subscriber_is_told_what_was_published_since_it_came(book: Any) -> None:
    outbox = book.ledger.outbox
    book.publish(1)
    outbox.subscribe("redis")
    outbox.subscribe("webhook", since=0)
    outbox.subscribe("webhook", since=99)  # it is there already
    assert outbox.pending("redis") is None
    book.publish(2)
    redis, webhook = outbox.pending("redis"), outbox.pending("webhook")
    assert (numbers(redis), numbers(webhook)) == ([2], [1, 2])
    assert redis.publications == book.ledger.publications("g/a", environment="main", limit=1)
    for delivery in (redis, webhook):
        assert outbox.delivered(delivery, 2)
        outbox.release(delivery)
    assert (outbox.pending("redis"), outbox.pending("webhook")) == (None, None)


def test_one_tells_it_at_a_time(book: Any, clock: Any) -> None:
    outbox = book.ledger.outbox
    outbox.subscribe("redis")
    for at in range(3):
        book.publish(at)
    first = outbox.pending("redis", limit=2)
    assert (numbers(first), outbox.pending("redis")) == ([1, 2], None)
    assert outbox.delivered(first, 1)
    clock.tick(book.ledger.lease)
    second = outbox.pending("redis")
    assert numbers(second) == [2, 3], "what was told and not noted is told again"
    assert not outbox.delivered(first, 2), "the turn was lost"
    assert outbox.delivered(second, 3)


def test_a_turn_that_is_given_back_is_taken_at_once(book: Any) -> None:
    outbox = book.ledger.outbox
    outbox.subscribe("redis")
    book.publish()
    first = outbox.pending("redis")
    outbox.release(first)
    assert not outbox.delivered(first, 1)
    assert numbers(outbox.pending("redis")) == [1]


def test_who_never_subscribed_is_told(book: Any) -> None:
    with pytest.raises(LedgerError, match="'redis' is no subscriber"):
        book.ledger.outbox.pending("redis")
