"""Proposals: checks that data themselves suggest, as code to paste. A person keeps those that are meant, and no others.

What is proposed holds for the data that were looked at; that is made sure of by asking the checks themselves.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import combinations
from math import ceil, floor, isfinite, log10, prod
from typing import TYPE_CHECKING, Any

from checks.code_layout import imported, laid_out
from checks.columns import Column, literal
from checks.declaration import Check
from checks.evaluation import evaluate
from checks.own_checks import time_zone
from checks.rules import Asked, Querying
from checks.scan import opened
from checks.schemas import logical_type
from checks.table import ParquetFiles, Source, source_of
from checks.vocabulary import (
    between,
    expression,
    matches,
    monotonic,
    no_future_timestamps,
    not_null,
    one_of,
    row_count,
    schema,
    sums_to,
    unique,
)

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_FEW_VALUES = 12
"""So many distinct texts are told one by one, where each is there several times."""
_KEY_COLUMNS = 8
_MARGIN = 0.1
"""How far beyond what was seen a bound lies, as a part of the range."""
_FORMATS = {
    "a date, as ISO 8601 has it": r"^\d{4}-\d{2}-\d{2}$",
    "an e-mail address": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "a UUID": r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    "digits": r"^\d+$",
    "hexadecimal": r"^[0-9a-f]{8,}$",
    "a ticker": r"^[A-Z^][A-Z0-9.=-]{0,7}$",
}
"""What a text may look like; the first that all of them look like is proposed."""
_LARGER = (("high", "low"), ("max", "min"), ("maximum", "minimum"), ("end", "start"), ("upper", "lower"))
_LARGER_OR_EQUAL = (*_LARGER, ("high", "open"), ("high", "close"), ("open", "low"), ("close", "low"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A check, the code that declares it, and what was seen that suggests it."""

    check: Check
    code: str
    seen: str


def propose(
    data: pa.Table | ParquetFiles,
    *,
    now: datetime,
    private: frozenset[str] = frozenset(),
    parts: Sequence[pa.Table | ParquetFiles] = (),
) -> tuple[Proposal, ...]:
    """The checks that a table suggests, all of which hold for it.

    Args:
        now: the time of looking, aware.
        private: columns of which no value is told; what is proposed of them names none.
        parts: what the data are made of, such as partitions, if checks judge each by itself: proposals hold for each.

    Raises:
        ValueError: the data are no table.
    """
    source = source_of(data)
    if source is None:
        raise ValueError(f"checks are proposed for tables, and this is of type {type(data).__name__}")
    everything = Asked(rule=Querying(sql=""), first=())
    with opened(source, [everything]) as (cursor, frame, _):
        seen = _Seen.of(source, cursor, frame.table, private)
        candidates = list(_candidates(seen, now, _sizes(parts) or [seen.rows]))
    verdicts = evaluate(data, [one.check for one in candidates], now=now, sample_rows=0)
    held = [one for one, said in zip(candidates, verdicts, strict=True) if said.passed]
    return tuple(one for one in held if _holds_for_each(one.check, parts, now))


def _sizes(parts: Sequence[pa.Table | ParquetFiles]) -> list[int]:
    return [source.count() for part in parts if (source := source_of(part)) is not None]


def _holds_for_each(check: Check, parts: Sequence[pa.Table | ParquetFiles], now: datetime) -> bool:
    """What holds for all rows holds for some of them, except for sums."""
    return check.kind != "sums_to" or all(
        evaluate(part, [check], now=now, sample_rows=0)[0].passed for part in parts
    )


def as_code(proposals: Sequence[Proposal]) -> str:
    """Python that declares them: the imports, and a list to paste."""
    names = sorted({one.code.partition("(")[0] for one in proposals})
    lines = ["from datetime import date", ""] if any(_names_date(one.code) for one in proposals) else []
    lines += [imported("checks", names), ""] if names else []
    if not proposals:
        return "checks = []\n"
    lines.append("checks = [")
    for one in proposals:
        lines += [f"    # {one.seen}", *laid_out(one.code, indent=4)]
    return "\n".join([*lines, "]", ""])


def _names_date(code: str) -> bool:
    """Whether the code calls `date`, which a text in it may only look like."""
    return any(isinstance(node, ast.Name) and node.id == "date" for node in ast.walk(ast.parse(code)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    """What was seen of one column."""

    column: Column
    arrow: pa.DataType
    there: int
    distinct: int
    low: Any = None
    high: Any = None
    formats: tuple[str, ...] = ()

    def may_be_key(self) -> bool:
        """Whether it may tell rows apart other than by chance, which amounts do not."""
        amounts = bool(self.column.float_bits) or str(self.arrow).startswith("decimal")
        return not amounts and self.column.family != "boolean"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What was seen of a table, and how more of it can be asked."""

    rows: int
    figures: Mapping[str, _Figures]
    private: frozenset[str]
    ask: Callable[[str], list[Any]]
    table: str

    @classmethod
    def of(
        cls, source: Source, cursor: duckdb.DuckDBPyConnection, table: str, private: frozenset[str]
    ) -> _Seen:
        """One scan of all columns."""

        def ask(query: str) -> list[Any]:
            return cursor.execute(query).fetchall()

        everywhere = set.intersection(*(set(one.names) for one in source.schemas().values()))
        columns = {n: one for n, one in source.columns().items() if one is not None and n in everywhere}
        known = {name: one for name, one in columns.items() if one.family not in ("other", "null", "bytes")}
        asked = ["count(*)"]
        for column in known.values():
            there = f"{column.sql} IS NOT NULL" + (
                f" AND NOT isnan({column.sql})" if column.float_bits else ""
            )
            text = column.family == "text"
            asked += [
                f"count_if({there})",
                f"approx_count_distinct({column.sql})",
                f"min({column.sql}) FILTER (WHERE {there})",
                f"max({column.sql}) FILTER (WHERE {there})",
                *(
                    f"count_if(regexp_matches({column.sql}, {literal(one)}))"
                    for one in _FORMATS.values()
                    if text
                ),
            ]
        ((rows, *values),) = ask(f"SELECT {', '.join(asked)} FROM {table}")
        figures = {}
        types = dict(zip(source.schema.names, source.schema.types, strict=True))
        for name, column in known.items():
            there, distinct, low, high, *rest = values
            formats: tuple[str, ...] = ()
            if column.family == "text":
                formats = tuple(f for f, n in zip(_FORMATS, rest, strict=False) if there and n == there)
                rest = rest[len(_FORMATS) :]
            values = rest
            figures[name] = _Figures(
                column=column,
                arrow=types[name],
                there=there,
                distinct=distinct,
                low=low,
                high=high,
                formats=formats,
            )
        return cls(rows=rows, figures=figures, private=private, ask=ask, table=table)

    def open(self) -> Iterator[tuple[str, _Figures]]:
        """The columns with a value, of which values may be told."""
        for name, one in self.figures.items():
            if one.there and name not in self.private:
                yield name, one


def _candidates(seen: _Seen, now: datetime, sizes: Sequence[int]) -> Iterator[Proposal]:
    yield from _of_all(seen, sizes)
    keys = _keys(seen)
    for key in keys:
        words = ", ".join(map(quote, key))
        yield Proposal(
            check=unique(*key), code=f"unique({words})", seen=f"no two of {seen.rows:,} rows are alike"
        )
    for name, one in seen.open():
        match one.column.family:
            case "number":
                yield from _of_numbers(name, one, counts=(name,) in keys)
            case "text":
                yield from _of_texts(name, one, seen)
            case "moment":
                yield from _of_times(name, one, now)
    yield from _of_order(seen, max(keys, key=len, default=()))
    yield from _of_pairs(seen)
    yield from _of_sums(seen)


def _of_all(seen: _Seen, sizes: Sequence[int]) -> Iterator[Proposal]:
    if least := min(sizes):
        half = max(1, int(_rounded(least / 2, down=True)))
        told = f"{seen.rows:,} rows" + (
            f" in {len(sizes):,} parts of {least:,} or more" if len(sizes) > 1 else ""
        )
        yield Proposal(
            check=row_count(half), code=f"row_count({half})", seen=f"{told}; at least half of that"
        )
    types = {name: logical_type(str(one.arrow)) for name, one in seen.figures.items()}
    if types:
        listed = ", ".join(f"{quote(name)}: {quote(kind)}" for name, kind in types.items())
        yield Proposal(
            check=schema(types, exact=False),
            code=f"schema({{{listed}}}, exact=False)",
            seen="their types; leave exact=False out where there are no other columns",
        )
    whole = [name for name, one in seen.figures.items() if seen.rows and one.there == seen.rows]
    if whole:
        words = ", ".join(map(quote, whole))
        yield Proposal(
            check=not_null(*whole), code=f"not_null({words})", seen=f"no null in {seen.rows:,} rows"
        )


def _keys(seen: _Seen) -> list[tuple[str, ...]]:
    """The columns each of which tells every row apart, and the fewest others that do so together.

    A number may do so by chance, so the others are looked for even then, among texts and times of which one is a time.
    """
    if seen.rows < 2:
        return []
    likely = {name: one for name, one in seen.figures.items() if one.there == seen.rows and one.may_be_key()}
    single = [name for name in likely if _tell_apart(seen, (name,))]
    if not single:
        together = _together(seen, list(likely)[:_KEY_COLUMNS])
        return [together] if together else []
    alone: list[tuple[str, ...]] = [(name,) for name in single]
    if any(likely[name].column.family != "number" for name in single):
        return alone
    others = [name for name, one in likely.items() if one.column.family in ("text", "moment")]
    together = _together(seen, others[:_KEY_COLUMNS])
    timed = any(likely[name].column.family == "moment" for name in together)
    return [*alone, together] if timed else alone


def _together(seen: _Seen, names: Sequence[str]) -> tuple[str, ...]:
    """The fewest of some columns that tell every row apart; if not all of them do, no few of them do."""
    if len(names) < 2 or not _tell_apart(seen, names):
        return ()
    few = (found for size in (2, 3) for found in combinations(names, size))
    return next((found for found in few if _tell_apart(seen, found)), ())


def _tell_apart(seen: _Seen, names: Sequence[str]) -> bool:
    """Whether no two rows are alike in some columns; only asked where there may be enough distinct values."""
    if prod(max(1, int(seen.figures[name].distinct * 1.2)) for name in names) < seen.rows:
        return False
    columns = ", ".join(seen.figures[name].column.sql for name in names)
    ((times,),) = seen.ask(f"SELECT count(*) FROM (SELECT DISTINCT {columns} FROM {seen.table})")
    return bool(times == seen.rows)


def _of_numbers(name: str, one: _Figures, *, counts: bool) -> Iterator[Proposal]:
    """Bounds of a column; of one that tells rows apart only the lower one, as it will go on."""
    low, high = one.low, one.high
    if isinstance(low, float) and not (isfinite(low) and isfinite(high)):
        return
    told = f"seen {_short(low)} to {_short(high)}"
    margin = (float(high) - float(low)) * _MARGIN
    low_bound: int | float | None = _rounded(float(low) - margin, down=True)
    high_bound: int | float | None = _rounded(float(high) + margin, down=False)
    if low >= 0 and (low == high or counts):
        low_bound, high_bound = 0, None
    elif low == high:
        low_bound, high_bound = None, 0
    elif low >= 0 and high <= 1 and not isinstance(low, int):
        low_bound, high_bound = 0, 1
    else:
        low_bound = 0 if low >= 0 and float(low) <= margin else low_bound
        told += f"; with {_MARGIN:.0%} of the range beyond, rounded"
    low_bound, high_bound = _that_can_fail(str(one.arrow), low_bound, high_bound)
    if low_bound is None and high_bound is None:
        return
    code = f"between({quote(name)}, {low_bound!r}, {high_bound!r})"
    yield Proposal(check=between(name, low_bound, high_bound), code=code, seen=told)


def _that_can_fail(
    type_name: str, low: int | float | None, high: int | float | None
) -> tuple[int | float | None, int | float | None]:
    """Bounds of a column, whole for whole numbers; without those that no value of its type can break."""
    found = re.fullmatch(r"(u?)int(\d+)", type_name)
    if found is None:
        return low, high
    unsigned, bits = bool(found[1]), int(found[2])
    least, most = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    low = None if low is None else floor(low)
    high = None if high is None else ceil(high)
    return (None if low is None or low <= least else low), (None if high is None or high >= most else high)


def _short(number: Any) -> str:
    return f"{number:.6g}" if isinstance(number, float) else str(number)


def _rounded(number: float, *, down: bool) -> int | float:
    """Two digits of a number, away from what was seen."""
    if not number:
        return 0
    step = 10.0 ** (floor(log10(abs(number))) - 1)
    places = number / step
    whole = (floor(places) if down else -floor(-places)) * step
    short = float(f"{whole:.6g}")
    return int(short) if short.is_integer() else short


def _of_texts(name: str, one: _Figures, seen: _Seen) -> Iterator[Proposal]:
    if one.distinct <= 2 * _FEW_VALUES and one.there >= 4 * one.distinct:
        found = sorted(
            value
            for (value,) in seen.ask(f"SELECT DISTINCT {one.column.sql} FROM {seen.table}")
            if value is not None
        )
        if len(found) <= _FEW_VALUES:
            words = ", ".join(map(quote, found))
            yield Proposal(
                check=one_of(name, found),
                code=f"one_of({quote(name)}, [{words}])",
                seen=f"{len(found)} distinct {'values' if len(found) > 1 else 'value'} in {one.there:,} rows",
            )
            return
    if one.formats:
        what = one.formats[0]
        regex = _FORMATS[what]
        yield Proposal(
            check=matches(name, regex),
            code=f'matches({quote(name)}, r"{regex}")',
            seen=f"each of {one.there:,} looks like {what}",
        )


def _of_times(name: str, one: _Figures, now: datetime) -> Iterator[Proposal]:
    told = f"seen {one.low} to {one.high}"
    yield Proposal(check=no_future_timestamps(name), code=f"no_future_timestamps({quote(name)})", seen=told)
    if (bounds := _years(one.low, one.high, now)) is not None:
        words = ", ".join("None" if at is None else f"date({at.year}, {at.month}, {at.day})" for at in bounds)
        yield Proposal(
            check=between(name, *bounds),
            code=f"between({quote(name)}, {words})",
            seen=f"seen {one.low.year} to {one.high.year}; with {_MARGIN:.0%} of the range beyond",
        )
    zone = getattr(one.arrow, "tz", None)
    if zone:
        yield Proposal(
            check=time_zone(name, zone), code=f"time_zone({quote(name)}, {quote(zone)})", seen="by its type"
        )


def _years(low: Any, high: Any, now: datetime) -> tuple[date, date | None] | None:
    """The years around days or timestamps: the last only of what lies in the future; None of what has no years."""
    if not isinstance(low, date):
        return None
    margin = (high - low) * _MARGIN
    try:
        first, last = date((low - margin).year, 1, 1), date((high + margin).year + 1, 1, 1)
    except (OverflowError, ValueError):
        return None
    return first, (last if high.year > now.year else None)


def _of_order(seen: _Seen, key: Sequence[str]) -> Iterator[Proposal]:
    """Times that never go back: in all, or for each value of the rest of the key."""
    if seen.rows < 2:
        return
    for name, one in seen.open():
        if one.column.family != "moment" or one.distinct < 2:
            continue
        rest = tuple(other for other in key if other != name)
        if name in key and rest:
            words = ", ".join(map(quote, rest))
            by = words if len(rest) == 1 else f"({words})"
            yield Proposal(
                check=monotonic(name, by=rest, strict=True),
                code=f"monotonic({quote(name)}, by={by}, strict=True)",
                seen="it grows from row to row of each",
            )
        else:
            yield Proposal(
                check=monotonic(name),
                code=f"monotonic({quote(name)})",
                seen="it never decreases from row to row",
            )


def _of_pairs(seen: _Seen) -> Iterator[Proposal]:
    """Columns whose names say that one is not below the other."""
    open_ = {name.lower(): (name, one) for name, one in seen.open()}
    for larger, smaller in _LARGER_OR_EQUAL:
        if larger in open_ and smaller in open_:
            (high, one), (low, other) = open_[larger], open_[smaller]
            if one.column.family == other.column.family:
                sql = f"{one.column.sql} >= {other.column.sql}"
                label = f"{high} >= {low}"
                yield Proposal(
                    check=expression(sql, name=label),
                    code=f"expression({quote(sql)}, name={quote(label)})",
                    seen="in every row that has both",
                )


def _of_sums(seen: _Seen) -> Iterator[Proposal]:
    """Shares that sum to the same in each group."""
    shares = [n for n, one in seen.open() if one.column.float_bits and one.low >= 0 and one.high <= 1]
    groups = [
        n
        for n, one in seen.open()
        if one.column.family in ("moment", "text") and 1 < one.distinct <= seen.rows / 2
    ]
    for share in shares[:_KEY_COLUMNS]:
        for group in groups[:_KEY_COLUMNS]:
            column, by = seen.figures[share].column, seen.figures[group].column
            sums = f"SELECT fsum({column.sql}) AS total FROM {seen.table} GROUP BY {by.sql}"
            ((low, high),) = seen.ask(f"SELECT min(total), max(total) FROM ({sums})")
            if low is not None and low > 0 and high - low < 1e-6 and abs(low - round(low, 3)) < 1e-6:
                total = round(low, 3)
                total = int(total) if total == int(total) else total
                yield Proposal(
                    check=sums_to(share, total, by=(group,), tolerance=1e-6),
                    code=f"sums_to({quote(share)}, {total!r}, by={quote(group)}, tolerance=1e-06)",
                    seen=f"seen {low:.9g} to {high:.9g}",
                )


def quote(text: str) -> str:
    """A text as Python, in the quotes that a formatter would give it."""
    plain = repr(text)
    return f'"{plain[1:-1]}"' if plain.startswith("'") and '"' not in plain else plain
