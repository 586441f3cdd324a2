"""Counter-examples: damage done to good data until a check fails, so that no check is trusted that cannot fail.

For tests. A check that passes on whatever is done to the columns that it looks at promises nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from checks.beside import ALONE, Beside, Earlier
from checks.declaration import Check
from checks.evaluation import evaluate

if TYPE_CHECKING:
    import pyarrow as pa

_SMALL = 2_000
"""Rows; where a check passes on the first of them, those are enough to damage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterexample:
    """A value that a check fails on, and what was done to a good one to get it."""

    damage: str
    value: object


def counterexample(
    check: Check, value: object, *, now: datetime, beside: Beside = ALONE
) -> Counterexample | None:
    """The first damage to a good value that the check sees; None where it sees none.

    To be seen, the check has to fail. That it cannot be judged (a column is gone) does not count, except for checks
    about what columns there are.

    Raises:
        ValueError: the check does not pass on the value as it is.
    """
    good = [
        one for one in (_first_rows(value), value) if one is not None and _passes(check, one, now, beside)
    ]
    if not good:
        raise ValueError(f"check '{check.name}' does not pass on the value as it is")
    for one in good:  # what is small is damaged faster, and shows nearly all
        known = _with_a_past(check, one, now, beside) if check.compares else beside
        if found := _damaged(check, one, now, known):
            return found
    return _damaged_above(check, good[-1], now, beside)


def _damaged(check: Check, good: object, now: datetime, beside: Beside) -> Counterexample | None:
    for damage, bad in damages(good, _columns(check, good), _words(check)):
        if _fails(check, bad, now, beside):
            return Counterexample(damage=damage, value=bad)
    return None


def _damaged_above(check: Check, good: object, now: datetime, beside: Beside) -> Counterexample | None:
    """Damage to what the value was made from."""
    for parameter, columns in check.needs:
        for damage, bad in damages(beside.upstream[parameter](), columns):
            other = {parameter: partial(_itself, bad)}
            if _fails(check, good, now, replace(beside, upstream={**beside.upstream, **other})):
                return Counterexample(damage=f"{damage} in {parameter}", value=good)
    return None


def damages(
    value: object, columns: tuple[str, ...] = (), words: tuple[str, ...] = ()
) -> Iterator[tuple[str, object]]:
    """What can be done to a value, each with its name; to a table, in these columns (or all) and to its rows.

    ``words`` are texts to put into it as well.
    """
    match value:
        case Mapping() | list() | int() | float() | str():
            yield from _of_json(value)
        case bytes():
            yield "nothing in it", b""
            yield "cut in half", value[: len(value) // 2]
            yield "something from elsewhere in it", value + b'<img src="https://example.org/x.png">'
        case _ if hasattr(value, "column_names"):
            yield from _of_table(value, columns or tuple(value.column_names), words)
        case _ if hasattr(value, "model_validate"):
            yield from _of_model(value)


def _itself(value: object) -> object:
    return value


def _fails(check: Check, value: object, now: datetime, beside: Beside) -> bool:
    (verdict,) = evaluate(value, [check], now=now, beside=beside, sample_rows=0)
    return not verdict.passed and verdict.error is None


def _with_a_past(check: Check, value: object, now: datetime, beside: Beside) -> Beside:
    """As if the same had been observed each week for years, give or take a percent."""
    (verdict,) = evaluate(value, [check], now=now, beside=beside, sample_rows=0)

    def nearly(observed: Any, n: int) -> Any:
        if isinstance(observed, tuple):
            return tuple(nearly(one, n) for one in observed)
        off = 1 + (n * 7 % 11 - 5) / 500
        return observed * off if isinstance(observed, int | float) else observed

    past = [
        Earlier(at=now - timedelta(weeks=n), observed=nearly(verdict.observed, n)) for n in range(200, 0, -1)
    ]
    return replace(beside, earlier=lambda name: past)


def _passes(check: Check, value: object, now: datetime, beside: Beside) -> bool:
    (verdict,) = evaluate(value, [check], now=now, beside=beside, sample_rows=0)
    return verdict.passed


def _first_rows(value: Any) -> Any:
    """Those of a large table; None where there are few, or none."""
    if not hasattr(value, "num_rows") or value.num_rows <= _SMALL:
        return None
    return value.slice(0, _SMALL).combine_chunks()


def _columns(check: Check, value: Any) -> tuple[str, ...]:
    """The columns that a check looks at: those that it names, or whose name is in its SQL; all, otherwise."""
    names = tuple(getattr(value, "column_names", ()))
    text = " ".join(str(given) for _, given in check.parameters)
    named = tuple(name for name in names if name in check.columns or name in text)
    return named or names


def _words(check: Check) -> tuple[str, ...]:
    """The texts that its SQL compares with."""
    text = " ".join(str(given) for _, given in check.parameters)
    return tuple(dict.fromkeys(re.findall(r"'([^']*)'", text)))


def _of_table(
    table: pa.Table, columns: tuple[str, ...], words: tuple[str, ...]
) -> Iterator[tuple[str, pa.Table]]:
    import pyarrow as pa

    rows = table.num_rows
    places = sorted({0, rows // 2, rows - 1}) if rows else []
    for column in columns:
        for row in places:
            yield from _of_cell(table, column, row, words)
    for column in columns:
        yield from _of_column(table, column)
        yield f"column {column} gone", table.drop_columns([column])
    yield "no rows", table.slice(0, 0)
    if rows:
        yield "a row twice", pa.concat_tables([table, table.slice(rows // 2, 1)])
        yield "a row gone", pa.concat_tables([table.slice(0, rows // 2), table.slice(rows // 2 + 1)])
        yield "every row twice", pa.concat_tables([table, table])
        yield "half of the rows", table.slice(0, rows // 2)
        yield "backwards", table.take(list(range(rows))[::-1])


def _of_cell(
    table: pa.Table, column: str, row: int, words: tuple[str, ...]
) -> Iterator[tuple[str, pa.Table]]:
    """Another value in one row."""
    import pyarrow as pa

    array = table.column(column).combine_chunks()
    own = array[row].as_py()
    for other in [None, *_others(own, array.type), *(words if pa.types.is_string(array.type) else ())]:
        try:
            cell = pa.array([other], array.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, ValueError):
            continue
        changed = pa.concat_arrays([array.slice(0, row), cell, array.slice(row + 1)])
        yield f"{column} {other!r} in row {row}", _with(table, column, changed)


def _others(own: Any, kind: pa.DataType) -> list[Any]:
    """Values that are no good in the place of one."""
    import pyarrow as pa

    types = pa.types
    if types.is_boolean(kind):
        return [not own]
    if types.is_floating(kind):
        start = own if own is not None and math.isfinite(own) else 1.0
        return [-1.0, start + 1, start * 1000, -start - 1, 0.0, math.nan, math.inf, 1e12]
    if types.is_integer(kind):
        return [-1, (own or 0) + 1, 0, (own or 0) * 1000, 2**31 - 1, 2**62]
    if types.is_decimal(kind):
        start = own if own is not None else Decimal(1)
        return [Decimal(-1), start + 1, start * 100_000, Decimal(0)]
    if types.is_string(kind) or types.is_large_string(kind):
        return ["", "?", f"{own}~", "~~~", "https://example.org"]
    match own:
        case datetime():
            return [own + timedelta(hours=5), own - timedelta(days=4000), own + timedelta(days=40_000)]
        case date():
            days = (1, 2, -1, -4000, 40_000)
            return [own + timedelta(days=n) for n in days if 1 <= own.toordinal() + n <= date.max.toordinal()]
        case time():
            return [time(3, 33), time(23, 59)]
    return []


def _of_column(table: pa.Table, column: str) -> Iterator[tuple[str, pa.Table]]:
    """Other values in all rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = table.column(column).combine_chunks()
    rows = len(array)
    yield f"{column} all null", _with(table, column, pa.nulls(rows, array.type))
    if rows:
        same = pa.array([array[0].as_py()] * rows, array.type)
        yield f"{column} all the same", _with(table, column, same)
        turned = array.take(pa.array([*range(1, rows), 0]))
        yield f"{column} a row late", _with(table, column, turned)
    if pa.types.is_floating(array.type) or pa.types.is_integer(array.type):
        for factor in (100, 0):
            changed = pc.multiply(array, pa.scalar(factor, array.type))
            yield f"{column} times {factor}", _with(table, column, changed)
    if pa.types.is_timestamp(array.type):
        zone = "Asia/Tokyo" if array.type.tz != "Asia/Tokyo" else "UTC"
        yield f"{column} in another zone", _with(table, column, array.cast(pa.timestamp("us", zone)))
    other = pa.array([str(value.as_py()) for value in array], pa.string())
    if array.type != other.type:
        yield f"{column} as text", _with(table, column, other)


def _with(table: pa.Table, column: str, array: pa.Array) -> pa.Table:
    import pyarrow as pa

    field = pa.field(column, array.type)
    return table.set_column(table.column_names.index(column), field, array)


def _of_model(value: Any) -> Iterator[tuple[str, Any]]:
    """A pydantic model with other values in it, as far as it takes them."""
    for damage, bad in _of_json(value.model_dump(mode="json")):
        try:
            yield damage, type(value).model_validate(bad)
        except ValueError:
            continue


def _of_json(value: Any) -> Iterator[tuple[str, Any]]:
    """Another value in each place of a JSON value, and each of its places gone."""
    match value:
        case Mapping():
            yield "nothing in it", {}
            for key, inner in value.items():
                yield f"{key} gone", {name: one for name, one in value.items() if name != key}
                for damage, bad in _of_json(inner):
                    yield f"{key}: {damage}", {**value, key: bad}
        case list():
            yield "nothing in it", []
            if value:
                yield "its first twice", [value[0], *value]
                for damage, bad in _of_json(value[0]):
                    yield f"its first {damage}", [bad, *value[1:]]
        case bool():
            yield f"{not value}", not value
        case int() | float():
            for other in (-1, value + 1, 0, value * 1000, -1e12):
                yield f"{other}", other
        case str():
            for text in ("", "~", "-1", "-99999999"):
                yield f"the text '{text}'", text
        case None:
            yield "a number", -1
