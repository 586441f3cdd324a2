from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from graph.partition_set import Partition, PartitionSet
from graph.rows import Row

members = st.frozensets(st.integers(-20, 20), min_size=1, max_size=20)


def row_of(ordinals: frozenset[int]) -> Row:
    return Row.of(PartitionSet.of(Partition(ordinal=ordinal) for ordinal in ordinals).spans[""])


@given(members, st.integers(-25, 25))
def test_a_number_is_the_place_in_order(ordinals: frozenset[int], ordinal: int) -> None:
    row, inorder = row_of(ordinals), sorted(ordinals)
    assert row.ceil(ordinal) == sum(each < ordinal for each in inorder)
    assert row.floor(ordinal) == sum(each <= ordinal for each in inorder) - 1
    assert [row.ordinal(number) for number in range(len(inorder))] == inorder
    assert row.ordinal(-1) is row.ordinal(len(inorder)) is None


@given(members, st.integers(-25, 25), st.integers(-25, 25))
def test_ranges_of_numbers_are_ranges_of_ordinals(ordinals: frozenset[int], first: int, last: int) -> None:
    row, inorder = row_of(ordinals), sorted(ordinals)
    found = [each for low, high in row.ordinals(first, last) for each in range(low, high + 1)]
    assert found == [each for number, each in enumerate(inorder) if first <= number <= last]
    numbers = [each for low, high in row.numbers([(first, last)]) for each in range(low, high + 1)]
    assert numbers == [number for number, each in enumerate(inorder) if first <= each <= last]


def test_without_gaps_a_number_is_the_ordinal() -> None:
    row = Row(None)
    assert (row.ceil(7), row.floor(7), row.ordinal(7), list(row.ordinals(1, 3))) == (7, 7, 7, [(1, 3)])
