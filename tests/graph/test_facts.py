"""The record that is written by hand answers as a ledger should."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from graph.facts import MemoryFacts, MemoryPartitioning, Moment, after_all_at, before_all_at
from graph.partition_set import EMPTY, ONLY, PartitionSet

NOON = datetime(2024, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAYS = PartitionSet.span(1, 3)


def day(number: int) -> PartitionSet:
    return PartitionSet.span(number, number)


def test_what_an_attempt_could_not_see_is_later_than_the_attempt() -> None:
    facts = MemoryFacts().publish("a", at=NOON).request("b", at=NOON).publish("a", at=NOON)
    ((began, _),) = facts.moments("handled", "b", ONLY)
    assert facts.happened("updated", "a", ONLY, began) == ONLY
    ((updated, _),) = facts.moments("updated", "a", ONLY)
    assert not facts.happened("updated", "a", ONLY, updated)
    assert before_all_at(NOON) < began < updated < after_all_at(NOON)


def test_a_publication_handles_from_when_its_attempt_began() -> None:
    began = Moment(NOON, 0)
    facts = MemoryFacts().publish("b", at=NOON + 2 * HOUR, begun=began)
    assert list(facts.moments("handled", "b", ONLY)) == [(began, ONLY)]


def test_each_partition_has_one_last_moment() -> None:
    facts = MemoryFacts().publish("a", DAYS, at=NOON).publish("a", day(2), at=NOON + HOUR)
    found = [(moment.at, some) for moment, some in facts.moments("updated", "a", DAYS | day(7))]
    assert found == [(NOON + HOUR, day(2)), (NOON, day(1) | day(3))]


def test_equal_data_are_an_update_and_no_change() -> None:
    facts = MemoryFacts().publish("a", at=NOON, same_data=True)
    before = before_all_at(NOON)
    assert facts.happened("updated", "a", ONLY, before) == ONLY
    assert facts.happened("data changed", "a", ONLY, before) == EMPTY


def test_what_is_wiped_is_not_visible() -> None:
    facts = MemoryFacts().publish("a", DAYS, at=NOON).remove("a", day(2), at=NOON + HOUR)
    assert facts.visible("a") == day(1) | day(3)
    assert facts.happened("removed", "a", DAYS, Moment(NOON, 1)) == day(2)


def test_a_status_holds_of_what_it_was_said_of_last() -> None:
    facts = MemoryFacts().mark("failed", "a", DAYS).mark("failed", "a", day(1))
    assert facts.status("failed", "a", DAYS) == day(1)
    assert facts.status("rejected", "a", DAYS) == EMPTY
    assert facts.freshness("a") == ("none", None)


def test_days_are_read_by_the_same_day_and_whole() -> None:
    first = date(2024, 1, 1)
    days = MemoryPartitioning(now=NOON, daily={"a": first, "b": first})
    four = PartitionSet.span(first.toordinal(), first.toordinal() + 3)
    third = PartitionSet.span(first.toordinal() + 2, first.toordinal() + 2)
    assert days.existing("a", NOON) == four
    assert days.names("a", days.latest("a", NOON, None)) == "2024-01-04"
    assert days.names("a", days.latest("a", NOON, timedelta(hours=25))) == "2024-01-03..2024-01-04"
    assert days.upstream(third, "b", "a") == days.downstream(third, "b", "a") == third
    assert days.upstream(ONLY, "report", "a") == four
    assert days.downstream(third, "report", "a") == ONLY
    assert days.downstream(EMPTY, "report", "a") == EMPTY
