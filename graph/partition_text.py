"""Partitions as people write and read them: what a choice names, how a set is told, and in which batches it is built.

A choice is a key, a list ``2024-01-02,2024-01-05``, a range ``2020-01-01..2024-12-31`` with both ends included and
either left out, a shortened time (``2024-03`` is all of March), ``latest`` or ``all``. Dimensions of a product are
named, each with such a choice: ``day=2024-01,symbol=AAPL|MSFT``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NoReturn

from graph.errors import near_miss
from graph.horizon import BadPartition, Partitions
from graph.key_partitions import Dynamic, Product, Static
from graph.partition_set import Partition, PartitionSet, Range
from graph.rows import Row
from graph.ticks import before, beginning
from graph.time_partitions import (
    Cron,
    Daily,
    Hourly,
    Monthly,
    TimePartitions,
    Weekly,
    instants,
    is_timed,
)

_FEW = 3
"""How many ranges, and how many slices, are told one by one."""


def chosen(text: str, partitions: Partitions | None, existing: PartitionSet) -> PartitionSet:
    """The partitions that a text names, of those that exist.

    Raises:
        BadPartition: it cannot be read, or one of its parts names nothing that exists.
    """
    if partitions is None:
        if text.strip() in {"all", "latest"}:
            return existing
        raise BadPartition(text, f"'{text}' names partitions of an asset that has none.")
    words = [word.strip() for word in text.split(",")]
    if isinstance(partitions, Product):
        return _of_product(words, partitions, existing)
    return PartitionSet.union(_of_one(word, partitions, existing) for word in words)


def _of_one(text: str, partitions: Partitions, existing: PartitionSet) -> PartitionSet:
    """What one word names of a single dimension."""
    found = _named(text, partitions, existing) & existing
    return found or _nothing(text, partitions, existing)


def _nothing(text: str, partitions: Partitions, existing: PartitionSet) -> NoReturn:
    there = f"what exists is {described(existing, partitions)}" if existing else "none exist yet"
    near = near_miss(text, existing.spans) if clock_of(partitions) is None else ""
    raise BadPartition(text, f"there is no partition '{text}'; {there}.{near}")


def _named(text: str, partitions: Partitions, existing: PartitionSet) -> PartitionSet:
    if Partition(text) in existing:  # a key that happens to be a word of this language
        return PartitionSet.of([Partition(text)])
    if text == "all":
        return existing
    if text == "latest":
        return _latest(text, partitions, existing)
    if not is_timed(partitions):
        return PartitionSet.of([partitions.partition(text)])
    begin, dots, end = text.partition("..")
    if not dots:
        return _covered(text, partitions)
    first = _instants(begin, partitions)[0] if begin.strip() else None
    last = _instants(end, partitions)[1] if end.strip() else None
    if first is not None and last is not None and last <= first:
        raise BadPartition(text, f"'{text}' ends before it starts.")
    ordinals = [edge for _, low, high in existing.ranges() for edge in (low, high)] or [0]
    low = min(ordinals) if first is None else beginning(partitions.ticks, first)
    return PartitionSet.span(low, max(ordinals) if last is None else before(partitions.ticks, last))


def _latest(text: str, partitions: Partitions, existing: PartitionSet) -> PartitionSet:
    if not is_timed(partitions):
        raise BadPartition(text, "'latest' is of partitions of time, and these are keys.")
    newest = max((high for _, _, high in existing.ranges()), default=-1)
    return PartitionSet.span(newest, newest)


def _covered(text: str, partitions: TimePartitions) -> PartitionSet:
    """The windows that begin in a written time."""
    begin, end = _instants(text, partitions)
    found = PartitionSet.span(beginning(partitions.ticks, begin), before(partitions.ticks, end))
    return found or PartitionSet.of([partitions.partition(text)])  # which says what is wrong


def _instants(text: str, partitions: TimePartitions) -> tuple[int, int]:
    found = instants(partitions, text)
    if found is None:
        near = near_miss(text, ["all", "latest", "missing", "outdated"])
        raise BadPartition(
            text, f"'{text}' is no time: write it like {partitions.start}, or shorter, or a range.{near}"
        )
    return found


def _of_product(words: Sequence[str], partitions: Product, existing: PartitionSet) -> PartitionSet:
    """What words name of a product: choices of dimensions, or whole keys."""
    choices, keys = _sorted_out(words, partitions)
    found = PartitionSet.of(partitions.partition(key) for key in keys)
    if choices:
        named = [
            _of_dimension(choices.get(name, ["all"]), each, _projected(existing, partitions, place))
            for place, (name, each) in enumerate(partitions.dimensions)
        ]
        found |= partitions.combined(named)
    return found & existing or _nothing(",".join(words), partitions, existing)


def _sorted_out(words: Sequence[str], partitions: Product) -> tuple[dict[str, list[str]], list[str]]:
    """The choices of each dimension that is named, and the words that are whole keys.

    What follows a dimension is a further choice of it; ``latest`` and ``all`` stand for themselves.
    """
    names = [name for name, _ in partitions.dimensions]
    choices: dict[str, list[str]] = {}
    keys: list[str] = []
    current: list[str] | None = None
    for word in words:
        name, equals, choice = (part.strip() for part in word.partition("="))
        if equals and name in names:
            current = choices.setdefault(name, [])
            current += choice.split("|")
        elif word == "all" or (word == "latest" and partitions.clock is not None):
            choices.setdefault(names[partitions.clock or 0], []).append(word)
        elif current is not None:
            current.append(word)
        elif equals:
            near = near_miss(name, names) or f" It has {', '.join(names)}."
            raise BadPartition(word, f"'{word}' names a dimension that does not exist.{near}")
        else:
            keys.append(word)
    return choices, keys


def _of_dimension(words: Sequence[str], partitions: Partitions, existing: PartitionSet) -> PartitionSet:
    return PartitionSet.union(_of_one(word.strip(), partitions, existing) for word in words)


def _projected(existing: PartitionSet, partitions: Product, place: int) -> PartitionSet:
    """The partitions of one dimension that occur in a set."""
    if place == partitions.clock:
        return PartitionSet.union(PartitionSet({"": spans}) for spans in set(existing.spans.values()))
    at = place - (partitions.clock is not None and partitions.clock < place)
    keys = {name.split("|")[at] for name in existing.spans}
    each = partitions.dimensions[place][1]
    return PartitionSet.of(each.partition(key) for key in keys)


def in_words(partitions: Partitions) -> str:
    """How something is partitioned, for people.

    >>> from graph.partitions import Daily, Static
    >>> in_words(Daily(start="2016-01-04", calendar="XNYS", timezone="America/New_York"))
    'sessions of XNYS from 2016-01-04 (America/New_York)'
    >>> in_words(Product(day=Daily(start="2024-01-01", end="2024-12-31"), symbol=Static("AAPL", "MSFT")))
    'day: days from 2024-01-01 to 2024-12-31 (UTC); symbol: AAPL, MSFT'
    """
    match partitions:
        case Product():
            return "; ".join(f"{name}: {in_words(each)}" for name, each in partitions.dimensions)
        case Static(keys=keys):
            more = len(keys) - 2 * _FEW
            return ", ".join(keys[: 2 * _FEW]) + (f" and {more:,} more" if more > 0 else "")
        case Dynamic(name=name):
            return f"the dynamic set '{name}'"
    if not is_timed(partitions):
        return type(partitions).__name__.lower()
    until = f" to {partitions.end}" if partitions.end else ""
    what = f"windows of '{partitions.cron}'" if isinstance(partitions, Cron) else _KINDS[type(partitions)]
    if partitions.calendar:
        days = f"sessions of {partitions.calendar}"
        what = days if isinstance(partitions, Daily) else f"{what} with {days}"
    return f"{what} from {partitions.start}{until} ({partitions.timezone})"


_KINDS: dict[type, str] = {Hourly: "hours", Daily: "days", Weekly: "weeks", Monthly: "months"}


def described(
    found: PartitionSet, partitions: Partitions | None, existing: PartitionSet | None = None
) -> str:
    """A set in a few words: ``2024-01-02..2024-03-01 (41)``.

    Few ranges and few slices are told one by one, many as the first, the last and their number.

    Args:
        existing: what exists, by which the days around a weekend are neighbours; without it only successive days are.
    """
    if partitions is None or not found:
        return "everything" if found else "none"
    clock = clock_of(partitions)
    if clock is None:
        return _listed(sorted(found.spans))
    spans = {name: _merged(spans, existing, name) for name, spans in sorted(found.spans.items())}
    told = {name: _ranges(each, clock, _count(found.spans[name])) for name, each in spans.items()}
    if len(set(told.values())) == 1:
        words = next(iter(told.values()))
        if len(told) > 1 and words.endswith(")"):
            words = f"{words[:-1]} each)"
        return words if set(told) == {""} else f"{_listed(list(told))}: {words}"
    if len(told) <= _FEW:
        return "; ".join(f"{name}: {words}" for name, words in told.items())
    first, last = min(each[0][0] for each in spans.values()), max(each[-1][1] for each in spans.values())
    return f"{len(told)} keys: {_ranges([(first, last)], clock, len(found))}"


def _count(spans: Sequence[Range]) -> int:
    return sum(high - low + 1 for low, high in spans)


def clock_of(partitions: Partitions) -> TimePartitions | None:
    """The dimension that numbers the partitions."""
    if isinstance(partitions, Product):
        partitions = partitions.dimensions[partitions.clock or 0][1]
    return partitions if is_timed(partitions) else None


def _listed(keys: Sequence[str]) -> str:
    if len(keys) <= 2 * _FEW:
        return ", ".join(keys)
    return f"{', '.join(keys[:_FEW])} and {len(keys) - _FEW} more"


def _merged(spans: Sequence[Range], existing: PartitionSet | None, name: str) -> Sequence[Range]:
    """Ranges of which those with nothing in between are one."""
    if existing is None:
        return spans
    row = Row.of(existing.spans.get(name, ()))
    found = [spans[0]]
    for low, high in spans[1:]:
        if row.ceil(found[-1][1] + 1) == row.ceil(low):
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return found


def _ranges(spans: Sequence[Range], clock: TimePartitions, count: int) -> str:
    told = spans if len(spans) <= _FEW else [(spans[0][0], spans[-1][1])]
    edges = [[clock.key(Partition(ordinal=ordinal)) for ordinal in dict.fromkeys(span)] for span in told]
    words = ", ".join("..".join(edge) for edge in edges)
    return f"{words} ({count})" if any(low < high for low, high in told) else words


def batches(found: PartitionSet, existing: PartitionSet, size: int | None) -> Iterator[PartitionSet]:
    """Stretches of consecutive partitions of one slice, oldest first.

    Args:
        existing: what exists; partitions between which nothing does are consecutive, as a Friday and a Monday are.
        size: how many partitions a stretch has at most; None for as many as there are.
    """
    for name, spans in sorted(found.spans.items()):
        known = PartitionSet({name: spans}) | PartitionSet({name: existing.spans.get(name, spans)})
        row = Row.of(known.spans[name])
        for _, low, high in PartitionSet.ranged(("", *span) for span in row.numbers(spans)).ranges():
            step = high - low + 1 if size is None else size
            for first in range(low, high + 1, step):
                yield PartitionSet({name: tuple(row.ordinals(first, min(first + step - 1, high)))})


def span_label(declared: Partitions, partitions: PartitionSet) -> str:
    """What tells some partitions of an asset from others: the first and the last of them."""
    found = list(partitions.ranges())
    first = declared.key(Partition(found[0][0], found[0][1]))
    last = declared.key(Partition(found[-1][0], found[-1][2]))
    return first if len(partitions) == 1 else f"{first}..{last}"
