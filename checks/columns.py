"""Columns and what their values are compared with: exact, and the same in SQL and in Python.

Integers, decimals, dates, timestamps, times and durations lie on a lattice: they are whole multiples of a step. A bound
is rounded to that lattice inwards, so that no comparison mixes types and none can overflow. A value's position on it is
its *place*: the number itself, days for dates, micro- or nanoseconds for the other kinds of time.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING, Any, TypeAlias

from checks.plain_values import MICROSECOND, Plain
from checks.vocabulary import Bound, family_of
from graph.errors import near_miss

if TYPE_CHECKING:
    import pyarrow as pa

Place: TypeAlias = int | float | Decimal | str | bool | bytes

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1, "day": 86_400 * 10**9}
_WIDEST_INTEGER = 2**127  # what DuckDB's integers and decimals stay below
_WIDEST_DECIMAL_DIGITS = 38


class CannotJudge(Exception):
    """This check cannot be judged on this table; the message, which becomes a verdict's error, says why.

    ``quotes`` where the words are somebody else's, and may quote a value.
    """

    def __init__(self, message: str, *, quotes: bool = False) -> None:
        super().__init__(message)
        self.quotes = quotes


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of what is judged.

    Args:
        name: as the table has it.
        type_name: its Arrow type.
        family: what its values are: number, boolean, text, moment, time, duration, bytes, null or other.
        sql: its name in SQL, quoted.
        place: SQL for its values' places.
        step: the width of its lattice, in the number's unit or in nanoseconds; None where there is none.
        scale: decimal digits of a place.
        float_bits: 32 or 64 for floats, else 0.
    """

    name: str
    type_name: str
    family: str
    sql: str
    place: str
    step: Fraction | None = None
    scale: int = 0
    float_bits: int = 0

    def shown(self, place: Any) -> Plain:
        """The value at a place: a number stays one, anything else as its text (times in UTC, ISO 8601)."""
        if self.float_bits and place is not None:
            return float(place) + 0.0  # zero has no sign
        if self.family == "number" or place is None:
            return place  # type: ignore[no-any-return]  # pyarrow has no types
        if self.step is None:
            return str(place)
        since = timedelta(microseconds=int(place * self.step) // 1000)
        try:
            match self.family:
                case "moment" if self.step == _NANOSECONDS["day"]:
                    return (_EPOCH.date() + since).isoformat()
                case "moment":
                    moment = (_EPOCH + since).isoformat()
                    return moment if "tz=" in self.type_name else moment.removesuffix("+00:00")
                case "time":
                    return (_EPOCH + since).time().isoformat()
            return str(since)
        except OverflowError:  # a year past 9999
            return str(place)

    def at(self, value: Bound | Fraction | bytes, *, up: bool) -> Place:
        """The place of ``value``, rounded up or down where it lies between two."""
        if self.float_bits and not isinstance(value, str | bytes | date | time | timedelta):
            return _nearest(value, self.float_bits)
        if value in {math.inf, -math.inf}:
            return float(value)  # type: ignore[arg-type]  # its kind was told above
        if self.step is None or isinstance(value, str | bytes):
            return value  # type: ignore[return-value]  # its kind was told above
        place = _position(value) / self.step
        rounded = math.ceil(place) if up else math.floor(place)
        return Decimal(f"{rounded}E-{self.scale}") if self.scale else rounded

    def exactly(self, values: Sequence[Bound | bytes]) -> tuple[Place, ...]:
        """The places of those ``values`` that a value of this column can equal."""
        return tuple(
            self.at(value, up=True) for value in values if self.at(value, up=True) == self.at(value, up=False)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The places between two bounds, of which either may be None."""

    low: Place | None
    high: Place | None
    strict_low: bool = False
    strict_high: bool = False

    def test(self) -> Callable[[Any], bool]:
        """Whether a place lies between the bounds; a NaN does not."""
        low: Any = self.low
        high: Any = self.high
        above = gt if self.strict_low else ge
        below = lt if self.strict_high else le
        if low is None:
            return lambda place: below(place, high)
        if high is None:
            return lambda place: above(place, low)
        return lambda place: above(place, low) and below(place, high)

    def sql(self, place: str) -> str:
        """The same as a condition in SQL."""
        tests = []
        if self.low is not None:
            tests.append(f"{place} {'>' if self.strict_low else '>='} {literal(self.low)}")
        if self.high is not None:
            tests.append(f"{place} {'<' if self.strict_high else '<='} {literal(self.high)}")
        return " AND ".join(tests)


def interval(
    column: Column,
    low: Bound | Fraction | None,
    high: Bound | Fraction | None,
    *,
    strict_low: bool = False,
    strict_high: bool = False,
) -> Interval:
    """The places of a column between two bounds."""
    return Interval(
        low=None if low is None else column.at(low, up=not strict_low),
        high=None if high is None else column.at(high, up=strict_high),
        strict_low=strict_low,
        strict_high=strict_high,
    )


def literal(place: Place) -> str:
    """A place as SQL. One that no column can reach becomes an infinity."""
    match place:
        case bool():
            return str(place).lower()
        case str():
            return "'" + place.replace("'", "''") + "'"
        case bytes():
            return f"from_hex('{place.hex()}')"
        case float():
            return f"'{place!r}'::DOUBLE"
        case int() if abs(place) < _WIDEST_INTEGER:
            return f"({place})"
        case Decimal() if len(place.as_tuple().digits) <= _WIDEST_DECIMAL_DIGITS:
            return f"({place:f})"
    return f"'{'-' if place < 0 else ''}inf'::DOUBLE"


def find(columns: Mapping[str, Column | None], name: str, of: str = "") -> Column:
    """The column of this name.

    Args:
        columns: by the table's own names; None where two columns share one.
        of: what is told of the table where it is another one.

    Raises:
        CannotJudge: there is none, or more than one.
    """
    where = f" of {of}" if of else ""
    if name not in columns:
        raise CannotJudge(f"column '{name}'{where} is missing.{near_miss(name, columns)}")
    if (column := columns[name]) is None:
        raise CannotJudge(f"column '{name}'{where} is there more than once.")
    return column


def comparable(column: Column, value: object) -> Column:
    """The column, if its values can be compared with ``value``.

    Raises:
        CannotJudge: they are of another kind.
    """
    family = family_of(value)
    if column.family not in {family, "null"}:
        raise CannotJudge(
            f"column '{column.name}' is of type {column.type_name}, which cannot be compared with a {family}."
        )
    return column


def quoted(name: str) -> str:
    """A name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def column_of(name: str, arrow_type: pa.DataType, sql: str, *, stored: bool = False) -> Column:
    """The column of an Arrow type; ``stored`` when it is read from Parquet, which knows no durations."""
    import pyarrow as pa

    def made(family: str, place: str = sql, **rest: Any) -> Column:
        return Column(name=name, type_name=str(arrow_type), family=family, sql=sql, place=place, **rest)

    kind, is_ = arrow_type, pa.types
    while is_.is_dictionary(kind) or is_.is_run_end_encoded(kind):
        kind = kind.value_type
    if is_.is_integer(kind):
        return made("number", step=Fraction(1))
    if is_.is_floating(kind):
        return made("number", float_bits=64 if is_.is_float64(kind) else 32)
    if is_.is_decimal(kind):
        return made("number", step=Fraction(1, 10**kind.scale), scale=kind.scale)
    if is_.is_date(kind):
        return made("moment", f"({sql} - DATE '1970-01-01')", step=Fraction(_NANOSECONDS["day"]))
    if is_.is_timestamp(kind) or is_.is_time(kind):
        unit = "ns" if kind.unit == "ns" else "us"
        family = "moment" if is_.is_timestamp(kind) else "time"
        return made(family, f"epoch_{unit}({sql})", step=Fraction(_NANOSECONDS[unit]))
    if is_.is_duration(kind):
        place, unit = (sql, kind.unit) if stored else (f"epoch_us({sql})", "us")
        return made("duration", place, step=Fraction(_NANOSECONDS[unit]))
    if is_.is_null(kind):
        return made("null", f"CAST({sql} AS BIGINT)", step=Fraction(1))
    if is_.is_string(kind) or is_.is_large_string(kind) or is_.is_string_view(kind):
        return made("text")
    if is_.is_boolean(kind):
        return made("boolean")
    if (
        is_.is_binary(kind)
        or is_.is_large_binary(kind)
        or is_.is_binary_view(kind)
        or is_.is_fixed_size_binary(kind)
    ):
        return made("bytes")
    return made("other")


def places(column: Column, values: pa.ChunkedArray) -> list[Any]:
    """The places of a column's values in Python; for the family "other" only what is there (True) and what not."""
    import pyarrow as pa

    kind, is_ = values.type, pa.types
    if column.family == "other":
        return [True if there else None for there in values.is_valid().to_pylist()]
    if is_.is_dictionary(kind):
        return places(column, values.cast(kind.value_type))
    if is_.is_date(kind):
        return values.cast(pa.date32()).cast(pa.int32()).to_pylist()  # type: ignore[no-any-return]  # pyarrow has no types
    if column.family in {"moment", "time", "duration"}:
        times = values.cast(pa.int32() if is_.is_time32(kind) else pa.int64()).to_pylist()
        steps, units = (Fraction(_NANOSECONDS[kind.unit]) / (column.step or 1)).as_integer_ratio()
        return [None if value is None else value * steps // units for value in times]
    return values.to_pylist()  # type: ignore[no-any-return]  # pyarrow has no types


def _position(value: Bound | Fraction | bytes) -> Fraction:
    """A number as it is printed; a moment, time or duration in nanoseconds."""
    match value:
        case datetime():
            moment = value if value.utcoffset() is not None else value.replace(tzinfo=UTC)
            return Fraction((moment - _EPOCH) // MICROSECOND * 1000)
        case date():
            return Fraction((value - _EPOCH.date()).days * _NANOSECONDS["day"])
        case time():
            return Fraction((datetime.combine(_EPOCH, value, UTC) - _EPOCH) // MICROSECOND * 1000)
        case timedelta():
            return Fraction(value // MICROSECOND * 1000)
    return Fraction(str(value))


def _nearest(value: int | float | Decimal | Fraction, bits: int) -> float:
    """The float of so many bits that is nearest to a number; the infinities are beyond the largest."""
    try:
        double = float(value)
        return double if bits == 64 else float(struct.unpack("f", struct.pack("f", double))[0])
    except OverflowError:
        return math.inf if value > 0 else -math.inf
