"""What a catch-up policy takes of what is due, and what it leaves out."""

from __future__ import annotations

import pytest

from graph.catch_up import CatchUp, catch_up_all, catch_up_last, catch_up_none, caught_up, newest
from graph.partition_set import EMPTY, ONLY, PartitionSet

TEN = PartitionSet.span(1, 10)
THIRD_AND_SIXTH_ON = PartitionSet.ranged([("", 3, 3), ("", 6, 10)])


@pytest.mark.parametrize(
    ("policy", "taken"),
    [
        pytest.param(catch_up_all(), THIRD_AND_SIXTH_ON, id="all"),
        pytest.param(catch_up_last(3), PartitionSet.span(8, 10), id="those among the last three"),
        pytest.param(catch_up_last(1), PartitionSet.span(10, 10), id="the last one is the latest"),
        pytest.param(catch_up_none(), PartitionSet.span(10, 10), id="none but the latest"),
    ],
)
def test_missed_partitions_are_taken_by_policy(policy: CatchUp, taken: PartitionSet) -> None:
    caught = caught_up(
        THIRD_AND_SIXTH_ON, policy, visible=EMPTY, latest=PartitionSet.span(10, 10), existing=TEN
    )
    assert caught.taken == taken
    assert caught.taken | caught.left_out == THIRD_AND_SIXTH_ON


def test_what_was_made_before_is_not_caught_up_but_made_again() -> None:
    caught = caught_up(TEN, catch_up_none(), visible=PartitionSet.span(1, 5), latest=EMPTY, existing=TEN)
    assert caught.taken == PartitionSet.span(1, 5)


def test_the_newest_are_counted_in_each_slice() -> None:
    existing = PartitionSet.ranged([("AAPL", 1, 9), ("MSFT", 1, 2), ("MSFT", 5, 5)])
    assert newest(existing, 2) == PartitionSet.ranged([("AAPL", 8, 9), ("MSFT", 2, 2), ("MSFT", 5, 5)])
    assert newest(ONLY, 1) == ONLY
    assert newest(existing, 0) == EMPTY


def test_a_policy_is_named_and_checked() -> None:
    assert [str(one) for one in (catch_up_all(), catch_up_last(3), catch_up_none())] == [
        "all",
        "last(3)",
        "none",
    ]
    assert catch_up_last(-1).problems() == ["catches up the last -1 partitions: the number must be 0 or more"]
    assert catch_up_all().problems() == catch_up_last(0).problems() == []
