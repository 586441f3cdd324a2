from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import given

from graph.partition_set import EMPTY, ONLY, WHOLE, Partition, PartitionSet

partitions = st.builds(Partition, st.sampled_from(["", "a", "b"]), st.integers(-20, 20))
members = st.frozensets(partitions, max_size=40)


@given(members, members)
def test_the_operators_are_those_of_sets(one: frozenset[Partition], other: frozenset[Partition]) -> None:
    left, right = PartitionSet.of(one), PartitionSet.of(other)
    for combined, expected in [
        (left | right, one | other),
        (left & right, one & other),
        (left - right, one - other),
        (PartitionSet.union([left, right]), one | other),
    ]:
        assert combined == PartitionSet.of(expected)
        assert list(combined) == sorted(expected)
        assert len(combined) == len(expected)
        assert bool(combined) == bool(expected)
    assert (left <= right) == (one <= other)
    assert all((partition in left) == (partition in one) for partition in one | other)


@given(members)
def test_a_set_has_one_form(found: frozenset[Partition]) -> None:
    whole = PartitionSet.of(found)
    assert PartitionSet.ranged(whole.ranges()) == whole
    assert PartitionSet.from_json(whole.to_json()) == whole
    assert hash(PartitionSet.from_json(whole.to_json())) == hash(whole)
    for spans in whole.spans.values():
        assert all(before[1] + 1 < after[0] for before, after in pairwise(spans))


def test_an_asset_without_partitions_has_one() -> None:
    assert list(ONLY) == [WHOLE]
    assert list(EMPTY) == []
    assert PartitionSet.span(3, 2) == EMPTY
