"""The mappings between partitions of one dimension."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

from graph.mapped import Mapped
from graph.overlap import Overlapping, Reach
from graph.partitions import (
    EMPTY,
    ONLY,
    BadPartition,
    Dynamic,
    Horizon,
    Partition,
    Partitions,
    PartitionSet,
    Product,
    Static,
    is_timed,
)
from graph.ticks import Ticks
from graph.time_partitions import TimePartitions, bounds, window_with_key


@dataclass(frozen=True, slots=True)
class All:
    """Every partition reads everything that exists upstream: the default where either side has no partitions."""

    @property
    def goes_back(self) -> bool:
        """No: everything includes the partition itself."""
        return False

    def problems(self, down: Partitions | None, up: Partitions | None) -> list[str]:
        """None: this always works."""
        del down, up
        return []

    def upstream(
        self, of: PartitionSet, down: Partitions | None, up: Partitions | None, horizon: Horizon
    ) -> Mapped:
        """All that exists."""
        del down
        return Mapped(horizon.existing(up) if of else EMPTY, EMPTY)

    def downstream(
        self, of: PartitionSet, down: Partitions | None, up: Partitions | None, horizon: Horizon
    ) -> PartitionSet:
        """All that exists, if any is given that exists."""
        return horizon.existing(down) if of & horizon.existing(up) else EMPTY


@dataclass(frozen=True, slots=True)
class Identity:
    """Every partition reads the one of the same key."""

    @property
    def goes_back(self) -> bool:
        """No: it is the partition itself."""
        return False

    def problems(self, down: Partitions | None, up: Partitions | None) -> list[str]:
        """Why this cannot work between two assets."""
        match down, up:
            case (None, _) | (_, None):
                return ["pairs equal keys, but one of both has no partitions"]
            case Product(), Product():
                return _paired(down, up)
            case (Static(), Static()):
                lacking = [f"'{key}'" for key in down.keys if not up.declares(Partition(key))]
                return [f"pairs equal keys, but upstream has no {', '.join(lacking)}"] if lacking else []
            case (Static() | Dynamic(), Static() | Dynamic()):
                return []
        if is_timed(down) and is_timed(up):
            if down.timezone != up.timezone:
                return [f"pairs equal keys of different time zones ({down.timezone} and {up.timezone})"]
            return _without_a_pair(down, up)
        return [f"pairs equal keys, not {kind_of(down)} with {kind_of(up)}"]

    def upstream(
        self, of: PartitionSet, down: Partitions | None, up: Partitions | None, horizon: Horizon
    ) -> Mapped:
        """The partitions of the same keys; those that do not exist are absent."""
        existing = horizon.existing(up)
        wanted = _renumbered(of, down, up, nearest=True)
        read = wanted & existing
        return Mapped(read, EMPTY if read == wanted else wanted - existing)

    def downstream(
        self, of: PartitionSet, down: Partitions | None, up: Partitions | None, horizon: Horizon
    ) -> PartitionSet:
        """The partitions of the same keys, of those that exist on both sides."""
        return _renumbered(of & horizon.existing(up), up, down, nearest=False) & horizon.existing(down)


def _paired(down: Product, up: Product) -> list[str]:
    """Why the keys of two products are not pairs."""
    names, others = ([name for name, _ in each.dimensions] for each in (down, up))
    if names != others:
        differ = f"{', '.join(names)} and {', '.join(others)}"
        return [
            f"pairs equal keys of products with different dimensions ({differ}); say which by Dimensions(...)"
        ]
    pairs = zip(down.dimensions, up.dimensions, strict=True)
    return [f"in '{name}' {why}" for (name, a), (_, b) in pairs for why in Identity().problems(a, b)]


def _renumbered(
    of: PartitionSet, here: Partitions | None, there: Partitions | None, *, nearest: bool
) -> PartitionSet:
    """The partitions of the same keys in another definition, whether they exist or not.

    Args:
        nearest: a key that no partition has there stands for the one in which it lies, otherwise for none.
    """
    if isinstance(here, Product) and isinstance(there, Product):
        if here.clock is None or there.clock is None:
            return of
        here, there = here.dimensions[here.clock][1], there.dimensions[there.clock][1]
    if not is_timed(here) or not is_timed(there) or here.ticks == there.ticks:
        return of
    found = []
    for name, ordinal in of:
        key = here.key(Partition(ordinal=ordinal))
        same = window_with_key(there, key)
        if same is None and nearest:
            same = Partition(ordinal=there.ticks.containing(here.ticks.at(ordinal)))
        if same is not None:
            found.append(Partition(name, same.ordinal))
    return PartitionSet.of(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Every partition reads the windows of time that overlap its own: the default between windows of time.

    The offsets shift the start and the end of its window first, by whole partitions of its own kind, of those that
    its calendar has: ``Overlap(start_offset=-19)`` are the last twenty sessions. What a shift would need from before
    the beginning of upstream, or from after its end, is left out.

    Args:
        start_offset: by how many partitions the start moves; negative, into the past.
        end_offset: by how many partitions the end moves.
    """

    start_offset: int = 0
    end_offset: int = 0

    @property
    def goes_back(self) -> bool:
        """Whether what is read ends before the partition begins."""
        return self.start_offset <= self.end_offset < 0

    def problems(self, down: Partitions | None, up: Partitions | None) -> list[str]:
        """Why this cannot work between two assets."""
        if not is_timed(down) or not is_timed(up):
            other = down if not is_timed(down) else up
            which = "; say which by Dimensions(...)" if isinstance(other, Product) else ""
            return [f"pairs windows of time, not {kind_of(other)}{which}"]
        found = []
        if self.start_offset > self.end_offset:
            offsets = f"start_offset={self.start_offset} and end_offset={self.end_offset}"
            found.append(f"ends before it starts, with {offsets}")
        if down.timezone != up.timezone and not _share_beginnings(down, up):
            found.append(
                f"pairs windows of time that never begin together, in {down.timezone} and {up.timezone}"
            )
        return found

    def upstream(
        self, of: PartitionSet, down: Partitions | None, up: Partitions | None, horizon: Horizon
    ) -> Mapped:
        """The windows that overlap.

        Those that do not exist are absent. As in Dagster, all that a partition overlaps are, if it begins before the
        first that exists and ends after the last.
        """
        if self == _PLAIN and down == up:
            return Identity().upstream(of, down, up, horizon)
        return Mapped(*self._between(down, up, horizon).read(of))

    def downstream(
        self, of: PartitionSet, down: Partitions | None, up: Partitions | None, horizon: Horizon
    ) -> PartitionSet:
        """The windows that reach over any of those given."""
        if self == _PLAIN and down == up:
            return Identity().downstream(of, down, up, horizon)
        return self._between(down, up, horizon).reading(of)

    def _between(self, down: Partitions | None, up: Partitions | None, horizon: Horizon) -> Overlapping:
        if not is_timed(down) or not is_timed(up):
            raise TypeError("Overlap is between windows of time: its problems() say so")
        return Overlapping(down, up, Reach(self.start_offset, self.end_offset), horizon)


_PLAIN = Overlap()


def _share_beginnings(one: TimePartitions, other: TimePartitions) -> bool:
    """Whether windows of the coarser of two kinds begin when some of the finer do, all through a year."""
    coarse, fine = sorted((one.ticks, other.ticks), key=_length, reverse=True)
    begins = (coarse.at(coarse.containing(_NEW_YEAR + days * 86_400)) for days in range(0, 360, 30))
    return all(fine.at(fine.containing(moment)) == moment for moment in begins)


def _length(ticks: Ticks) -> int:
    """How long the first window of a year is, in seconds."""
    first = ticks.containing(_NEW_YEAR)
    return ticks.at(first + 1) - ticks.at(first)


_NEW_YEAR = 1_704_067_200  # 2024, in UTC


@dataclass(frozen=True, slots=True)
class Last:
    """Every partition reads the newest that exists upstream, as in Dagster.

    So each new one makes all partitions outdated, those of the past as well. What is to read the newest only up to its
    own time is an `Overlap`.
    """

    @property
    def goes_back(self) -> bool:
        """No: the newest may be the partition itself."""
        return False

    def problems(self, down: Partitions | None, up: Partitions | None) -> list[str]:
        """Why this cannot work between two assets."""
        del down
        return ["reads the last partition of an asset that has none"] if up is None else []

    def upstream(
        self, of: PartitionSet, down: Partitions | None, up: Partitions | None, horizon: Horizon
    ) -> Mapped:
        """The newest."""
        del down
        return Mapped(newest(up, horizon) if of else EMPTY, EMPTY)

    def downstream(
        self, of: PartitionSet, down: Partitions | None, up: Partitions | None, horizon: Horizon
    ) -> PartitionSet:
        """All that exist, if the newest is given."""
        return horizon.existing(down) if of & newest(up, horizon) else EMPTY


def newest(partitions: Partitions | None, horizon: Horizon) -> PartitionSet:
    """The last partition that exists: in time, as declared, or as added; of a product, in all dimensions."""
    match partitions:
        case None:
            return ONLY
        case Static():
            return PartitionSet.of([Partition(partitions.keys[-1])])
        case Dynamic():
            return PartitionSet.of(map(Partition, horizon.dynamic(partitions.name)[-1:]))
        case Product():
            return partitions.combined([newest(each, horizon) for _, each in partitions.dimensions])
        case _:
            spans = horizon.existing(partitions).spans.get("", ())
            return PartitionSet.span(spans[-1][1], spans[-1][1]) if spans else EMPTY


@dataclass(frozen=True, slots=True, init=False)
class Specific:
    """Every partition reads the same ones: ``Specific("2024-01-01")``."""

    keys: tuple[str, ...]

    def __init__(self, *keys: str) -> None:
        object.__setattr__(self, "keys", keys)

    @property
    def goes_back(self) -> bool:
        """No: they may be the partition itself."""
        return False

    def problems(self, down: Partitions | None, up: Partitions | None) -> list[str]:
        """Why this cannot work between two assets."""
        del down
        if up is None:
            return ["reads certain partitions of an asset that has none"]
        return _unknown(self.keys, up, "reads")

    def upstream(
        self, of: PartitionSet, down: Partitions | None, up: Partitions | None, horizon: Horizon
    ) -> Mapped:
        """Those that are named; absent while they do not exist."""
        del down
        wanted = self._named(up) if of else EMPTY
        return Mapped(wanted & horizon.existing(up), wanted - horizon.existing(up))

    def downstream(
        self, of: PartitionSet, down: Partitions | None, up: Partitions | None, horizon: Horizon
    ) -> PartitionSet:
        """All that exist, if one that is named and exists is given."""
        return horizon.existing(down) if of & self._named(up) & horizon.existing(up) else EMPTY

    def _named(self, up: Partitions | None) -> PartitionSet:
        return PartitionSet.of(up.partition(key) for key in self.keys) if up else EMPTY


def _unknown(keys: Collection[str], partitions: Partitions, verb: str) -> list[str]:
    """What is wrong with some keys, one problem each."""
    found = []
    for key in keys:
        try:
            partitions.partition(key)
        except BadPartition as error:
            found.append(f"{verb} '{key}', but {error}")
    return found


@dataclass(frozen=True, slots=True, init=False)
class Table:
    """Every partition reads what a table says of it: ``Table({"eu": ["de", "fr"], "us": "us"})``.

    A partition that the table does not name reads nothing.
    """

    rows: tuple[tuple[str, tuple[str, ...]], ...]

    def __init__(self, rows: Mapping[str, str | Collection[str]]) -> None:
        read = ((down, (up,) if isinstance(up, str) else tuple(up)) for down, up in rows.items())
        object.__setattr__(self, "rows", tuple(read))

    @property
    def goes_back(self) -> bool:
        """No: keys are no time."""
        return False

    def problems(self, down: Partitions | None, up: Partitions | None) -> list[str]:
        """Why this cannot work between two assets."""
        if down is None or up is None:
            return ["pairs keys by a table, but one of both has no partitions"]
        found = _unknown([key for key, _ in self.rows], down, "pairs")
        return found + _unknown(sorted({key for _, keys in self.rows for key in keys}), up, "reads")

    def upstream(
        self, of: PartitionSet, down: Partitions | None, up: Partitions | None, horizon: Horizon
    ) -> Mapped:
        """What the rows of the partitions name."""
        wanted = PartitionSet.union(read for each, read in _read(self, down, up) if each in of)
        return Mapped(wanted & horizon.existing(up), wanted - horizon.existing(up))

    def downstream(
        self, of: PartitionSet, down: Partitions | None, up: Partitions | None, horizon: Horizon
    ) -> PartitionSet:
        """The partitions whose rows name one of those given."""
        given = of & horizon.existing(up)
        rows = (each for each, read in _read(self, down, up) if read & given)
        return PartitionSet.of(rows) & horizon.existing(down)


@lru_cache(maxsize=256)
def _read(
    table: Table, down: Partitions | None, up: Partitions | None
) -> tuple[tuple[Partition, PartitionSet], ...]:
    """The rows of a table, read."""
    if down is None or up is None:
        return ()
    return tuple(
        (down.partition(key), PartitionSet.of(up.partition(each) for each in keys))
        for key, keys in table.rows
    )


def _without_a_pair(down: TimePartitions, up: TimePartitions) -> list[str]:
    """Why keys of windows are not keys of others: the first of the first hundred that is none."""
    if down.by_day != up.by_day:
        return ["pairs equal keys, but those of days are not those of times"]
    first, _ = bounds(down)
    keys = (
        []
        if down.ticks == up.ticks
        else [down.key(Partition(ordinal=first + number)) for number in range(100)]
    )
    lacking = next((key for key in keys if window_with_key(up, key) is None), None)
    return [f"pairs equal keys, but upstream can have no '{lacking}'"] if lacking else []


def kind_of(partitions: Partitions | None) -> str:
    """What partitions are, in words."""
    match partitions:
        case None:
            return "an asset without partitions"
        case Product():
            return "a product"
        case Static():
            return "static keys"
        case Dynamic():
            return "a dynamic set"
        case _:
            return f"{type(partitions).__name__.lower()} windows"
