"""Partitions that are keys, and products of several dimensions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product

from graph.errors import near_miss
from graph.horizon import BadPartition, Horizon, Partitions, Window
from graph.partition_set import EMPTY, Partition, PartitionSet, Range
from graph.time_partitions import is_timed, next_at

_SOME = 6
"""How many keys an error names before it counts the rest."""


def key_problem(key: str) -> str | None:
    """Why a text cannot be the key of a partition, in words; None when it can."""
    if not isinstance(key, str):
        return f"has a partition key {key!r} that is no text"
    if not key or key != key.strip():
        return f"has a partition key '{key}' that is empty, or begins or ends with a space"
    if bad := next((mark for mark in ("|", ",", "..") if mark in key), None):
        return f"has a partition key '{key}' with '{bad}' in it, by which choices of partitions are written"
    return None


def _some(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _SOME} more" if len(keys) > _SOME else ""
    return ", ".join(keys[:_SOME]) + more


@dataclass(frozen=True, slots=True, init=False)
class Static:
    """One partition for each of some keys that are known beforehand: ``Static("AAPL", "MSFT")``."""

    keys: tuple[str, ...]
    _members: frozenset[str] = field(repr=False, compare=False)

    def __init__(self, *keys: str) -> None:
        object.__setattr__(self, "keys", keys)
        object.__setattr__(self, "_members", frozenset(keys))

    def __hash__(self) -> int:
        return hash(self._members)

    @property
    def dimensions(self) -> tuple[tuple[str, Partitions], ...]:
        """Itself, without a name."""
        return (("", self),)

    def problems(self) -> list[str]:
        """What is wrong with this definition, in words; empty when nothing is."""
        if not self.keys:
            return ["has static partitions without any key"]
        twice = sorted({key for key in self.keys if self.keys.count(key) > 1}) if self._twice else []
        return [f"has the partition key '{key}' twice" for key in twice] + [
            problem for key in self.keys if (problem := key_problem(key))
        ]

    @property
    def _twice(self) -> bool:
        return len(self._members) < len(self.keys)

    def existing(self, horizon: Horizon) -> PartitionSet:
        """All of them, always."""
        del horizon
        return PartitionSet.of(map(Partition, self.keys))

    def declares(self, partition: Partition) -> bool:
        """Whether a partition's key is one of these."""
        return partition.slice in self._members and partition.ordinal == 0

    def key(self, partition: Partition) -> str:
        """The key itself."""
        return partition.slice

    def partition(self, key: str) -> Partition:
        """The partition with a key."""
        if key not in self._members:
            near = near_miss(key, self.keys) or f" There are {_some(self.keys)}."
            raise BadPartition(key, f"there is no partition '{key}'.{near}")
        return Partition(key)

    def window(self, partition: Partition) -> None:
        """None: keys are no time."""
        del partition


@dataclass(frozen=True, slots=True)
class Dynamic:
    """One partition for each key of a set that grows and shrinks while the project runs, known by its name."""

    name: str

    @property
    def dimensions(self) -> tuple[tuple[str, Partitions], ...]:
        """Itself, without a name."""
        return (("", self),)

    def problems(self) -> list[str]:
        """What is wrong with this definition, in words; empty when nothing is."""
        return [] if self.name.strip() else ["has dynamic partitions without a name"]

    def existing(self, horizon: Horizon) -> PartitionSet:
        """The keys that the set has.

        Raises:
            BadPartition: one of them cannot be a key.
        """
        keys = horizon.dynamic(self.name)
        for key in keys:
            if problem := key_problem(key):
                raise BadPartition(key, f"the set of partitions '{self.name}' {problem}; remove it.")
        return PartitionSet.of(map(Partition, keys))

    def declares(self, partition: Partition) -> bool:
        """Whether a partition could be of such a set: any key may be added."""
        return partition.ordinal == 0 and key_problem(partition.slice) is None

    def key(self, partition: Partition) -> str:
        """The key itself."""
        return partition.slice

    def partition(self, key: str) -> Partition:
        """The partition with a key, whether the set has it or not."""
        if problem := key_problem(key):
            raise BadPartition(key, f"the set of partitions '{self.name}' {problem}.")
        return Partition(key)

    def window(self, partition: Partition) -> None:
        """None: keys are no time."""
        del partition


@dataclass(frozen=True, slots=True, init=False)
class Product:
    """One partition for each combination: ``Product(day=Daily(start="2024-01-01"), symbol=Static("AAPL", "MSFT"))``.

    Its keys are those of the dimensions in this order, joined by ``|``. The first dimension of time numbers the
    partitions; a further one is told by its key, like any other dimension.
    """

    dimensions: tuple[tuple[str, Partitions], ...]
    clock: int | None = field(compare=False, repr=False)
    """The place of the first dimension of time."""

    def __init__(self, **dimensions: Partitions) -> None:
        object.__setattr__(self, "dimensions", tuple(dimensions.items()))
        timed = (place for place, each in enumerate(dimensions.values()) if is_timed(each))
        object.__setattr__(self, "clock", next(timed, None))

    def problems(self) -> list[str]:
        """What is wrong with this definition, in words; empty when nothing is."""
        found = (
            [] if len(self.dimensions) > 1 else ["has a product of fewer than two dimensions as partitions"]
        )
        for name, each in self.dimensions:
            if isinstance(each, Product):
                found.append(f"has a dimension '{name}' that is a product: name its dimensions themselves")
            else:
                found += [f"has a dimension '{name}' that {problem}" for problem in each.problems()]
        return found

    def existing(self, horizon: Horizon) -> PartitionSet:
        """All combinations of what exists in each dimension."""
        return self.combined([horizon.existing(each) for _, each in self.dimensions])

    def combined(self, sets: Sequence[PartitionSet]) -> PartitionSet:
        """The combinations of a set of partitions for each dimension."""
        spans: tuple[Range, ...] = ((0, 0),)
        keys: list[Iterable[str]] = []
        for place, ((_, each), members) in enumerate(zip(self.dimensions, sets, strict=True)):
            if place == self.clock:
                spans = members.spans.get("", ())
            elif is_timed(each):
                keys.append([each.key(partition) for partition in members])
            else:
                keys.append(sorted(members.spans))
        return PartitionSet({"|".join(each): spans for each in product(*keys)}) if spans else EMPTY

    def parts(self, partition: Partition) -> tuple[Partition, ...]:
        """The partition of each dimension; `combined` is the inverse."""
        keys = iter(partition.slice.split("|"))
        return tuple(
            Partition(ordinal=partition.ordinal) if place == self.clock else each.partition(next(keys))
            for place, (_, each) in enumerate(self.dimensions)
        )

    def declares(self, partition: Partition) -> bool:
        """Whether each dimension declares its part."""
        count = len(self.dimensions) - (self.clock is not None)
        if len(partition.slice.split("|")) != count or (self.clock is None and partition.ordinal):
            return False
        try:
            parts = self.parts(partition)
        except BadPartition:
            return False
        return all(each.declares(part) for (_, each), part in zip(self.dimensions, parts, strict=True))

    def key(self, partition: Partition) -> str:
        """The keys of the dimensions, joined by ``|``."""
        keys = partition.slice.split("|")
        if self.clock is not None:
            keys.insert(self.clock, self.dimensions[self.clock][1].key(Partition(ordinal=partition.ordinal)))
        return "|".join(keys)

    def partition(self, key: str) -> Partition:
        """The partition with a key."""
        keys = key.split("|")
        if len(keys) != len(self.dimensions):
            form = "|".join(name for name, _ in self.dimensions)
            raise BadPartition(key, f"'{key}' is no partition: write {form}.")
        parts = [each.partition(word) for (_, each), word in zip(self.dimensions, keys, strict=True)]
        words = [each.key(part) for (_, each), part in zip(self.dimensions, parts, strict=True)]
        ordinal = 0 if self.clock is None else parts[self.clock].ordinal
        return Partition("|".join(word for place, word in enumerate(words) if place != self.clock), ordinal)

    def window(self, partition: Partition) -> Window | None:
        """The time that the first dimension of time covers."""
        if self.clock is None:
            return None
        return self.dimensions[self.clock][1].window(Partition(ordinal=partition.ordinal))


def moves_at(partitions: Partitions | None, horizon: Horizon) -> datetime | None:
    """When an asset's partitions will be others, by nothing but the clock."""
    each = [one for _, one in partitions.dimensions] if isinstance(partitions, Product) else [partitions]
    return min(filter(None, (next_at(one, horizon) for one in each if is_timed(one))), default=None)
