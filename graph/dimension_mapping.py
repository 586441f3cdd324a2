"""Mappings of products, dimension by dimension."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from graph.errors import near_miss
from graph.mapped import Mapped, PartitionMapping
from graph.partition_set import Range
from graph.partitions import EMPTY, Horizon, Partitions, PartitionSet, Product
from graph.simple_mappings import Identity, kind_of


@dataclass(frozen=True, slots=True)
class Along:
    """A dimension that has another name upstream: ``Dimensions(symbol=Along("ticker"))``."""

    dimension: str
    mapping: PartitionMapping = field(default_factory=Identity)


class _Pair(NamedTuple):
    """A dimension of down, the dimension of up that it reads, by their places, and how."""

    down: int
    up: int
    mapping: PartitionMapping


@dataclass(frozen=True, slots=True, init=False)
class Dimensions:
    """Each partition reads the combinations of what its dimensions read: ``Dimensions(day=Overlap(start_offset=-1))``.

    A dimension of upstream that is not named is read wholly. Between a product and an asset of one dimension, the name
    is that of the product's dimension.
    """

    by_name: tuple[tuple[str, PartitionMapping | Along], ...]

    def __init__(self, **by_name: PartitionMapping | Along) -> None:
        object.__setattr__(self, "by_name", tuple(by_name.items()))

    @property
    def goes_back(self) -> bool:
        """Whether one dimension reads what is earlier, which settles it whatever the others do."""
        return any(_inner(each).goes_back for _, each in self.by_name)

    def problems(self, down: Partitions | None, up: Partitions | None) -> list[str]:
        """Why this cannot work between two assets."""
        if not isinstance(down, Product) and not isinstance(up, Product):
            return [f"goes by dimensions, but {kind_of(down)} and {kind_of(up)} have none"]
        if down is None or up is None:
            return ["goes by dimensions, but one of both has no partitions"]
        if len(self.by_name) != 1 and not (isinstance(down, Product) and isinstance(up, Product)):
            return [f"names {len(self.by_name)} dimensions, but one side has only one"]
        found = [
            f"names a dimension '{name}' that {whose} does not have.{near_miss(name, names)}"
            for each, other in self.by_name
            for whose, side, name in (("the asset", down, each), ("upstream", up, _other(each, other)))
            if isinstance(side, Product) and name not in (names := [name for name, _ in side.dimensions])
        ]
        read = [_other(name, each) for name, each in self.by_name]
        found += [f"reads the dimension '{name}' twice" for name in sorted(set(read)) if read.count(name) > 1]
        if found:
            return found
        return [
            f"in '{name}' {problem}"
            for (name, _), pair in zip(self.by_name, self._pairs(down, up), strict=True)
            for problem in pair.mapping.problems(_dimensions(down)[pair.down], _dimensions(up)[pair.up])
        ]

    def upstream(
        self, of: PartitionSet, down: Partitions | None, up: Partitions | None, horizon: Horizon
    ) -> Mapped:
        """The combinations of what the dimensions read; absent where one of them is."""
        here, there = _dimensions(down), _dimensions(up)

        def across(pair: _Pair, part: PartitionSet) -> Mapped:
            return pair.mapping.upstream(part, here[pair.down], there[pair.up], horizon)

        pairs = {pair.down: (pair.up, pair) for pair in self._pairs(down, up)}
        return _across(of, down, up, horizon, pairs, across)

    def downstream(
        self, of: PartitionSet, down: Partitions | None, up: Partitions | None, horizon: Horizon
    ) -> PartitionSet:
        """The combinations of what reads the dimensions."""
        here, there = _dimensions(down), _dimensions(up)

        def across(pair: _Pair, part: PartitionSet) -> Mapped:
            return Mapped(pair.mapping.downstream(part, here[pair.down], there[pair.up], horizon), EMPTY)

        pairs = {pair.up: (pair.down, pair) for pair in self._pairs(down, up)}
        return _across(of & horizon.existing(up), up, down, horizon, pairs, across).read

    def _pairs(self, down: Partitions | None, up: Partitions | None) -> Iterator[_Pair]:
        for name, each in self.by_name:
            yield _Pair(_place(down, name), _place(up, _other(name, each)), _inner(each))


def _inner(each: PartitionMapping | Along) -> PartitionMapping:
    return each.mapping if isinstance(each, Along) else each


def _other(name: str, each: PartitionMapping | Along) -> str:
    """The name of a dimension on the other side."""
    return each.dimension if isinstance(each, Along) else name


def _dimensions(partitions: Partitions | None) -> Sequence[Partitions]:
    return [each for _, each in partitions.dimensions] if partitions else []


def _place(partitions: Partitions | None, name: str) -> int:
    """Where a dimension stands; one that is alone has no name."""
    if not isinstance(partitions, Product):
        return 0
    return [other for other, _ in partitions.dimensions].index(name)


def _across(
    of: PartitionSet,
    here: Partitions | None,
    there: Partitions | None,
    horizon: Horizon,
    pairs: Mapping[int, tuple[int, _Pair]],
    across: Callable[[_Pair, PartitionSet], Mapped],
) -> Mapped:
    """The combinations of what the dimensions here become there; a dimension that none becomes is whole.

    Args:
        pairs: by the place of a dimension here, its place there and what to hand on.
    """
    whole = [Mapped(horizon.existing(each), EMPTY) for each in _dimensions(there)]
    known: dict[tuple[int, str | tuple[Range, ...]], Mapped] = {}
    read: dict[str, tuple[Range, ...]] = {}
    wanted: dict[str, tuple[Range, ...]] = {}
    for parts in _split(of, here):
        sets = list(whole)
        for place, (other, pair) in pairs.items():
            mark, part = parts[place]
            if (found := known.get((place, mark))) is None:
                found = known[place, mark] = across(pair, part())
            sets[other] = found
        _gather(read, _combined([each.read for each in sets], there))
        if any(each.absent for each in sets):
            _gather(wanted, _combined([each.read | each.absent for each in sets], there))
    found_all = PartitionSet(read)
    return Mapped(found_all, PartitionSet(wanted) - found_all)


def _split(
    of: PartitionSet, partitions: Partitions | None
) -> Iterator[list[tuple[str | tuple[Range, ...], Callable[[], PartitionSet]]]]:
    """For each slice, the set of partitions of every dimension, with what tells it from others."""
    if not isinstance(partitions, Product):
        if of:
            yield [("", lambda: of)]
        return
    for name, spans in of.spans.items():
        keys = iter(name.split("|"))
        parts: list[tuple[str | tuple[Range, ...], Callable[[], PartitionSet]]] = []
        for place, (_, each) in enumerate(partitions.dimensions):
            if place == partitions.clock:
                parts.append((spans, partial(PartitionSet, {"": spans})))
            else:
                key = next(keys)
                parts.append((key, partial(_one, each, key)))
        yield parts


def _one(partitions: Partitions, key: str) -> PartitionSet:
    return PartitionSet.of([partitions.partition(key)])


def _combined(sets: Sequence[PartitionSet], partitions: Partitions | None) -> PartitionSet:
    return partitions.combined(sets) if isinstance(partitions, Product) else sets[0]


def _gather(found: dict[str, tuple[Range, ...]], more: PartitionSet) -> None:
    """Add a set to a growing one: slices that are new, or the same again, cost nothing."""
    for name, spans in more.spans.items():
        known = found.setdefault(name, spans)
        if known is not spans and known != spans:
            found[name] = (PartitionSet({"": known}) | PartitionSet({"": spans})).spans[""]
