"""Columns as SQL sees them: what a value is compared with, and the comparison itself, exact where the type is.

Integers, decimals, dates, timestamps, times and durations all lie on a lattice: they are whole multiples of a step.
A bound is rounded to that lattice inwards, so that no comparison is made between types and none can overflow.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

from checks.plain_values import MICROSECOND
from checks.vocabulary import Bound

if TYPE_CHECKING:
    import pyarrow as pa

Exact: TypeAlias = int | float | Decimal | Fraction

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_WIDEST = {"integer": 2**127, "decimal": 10**38}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of what is judged.

    Args:
        name: as the table has it.
        sql: its name in SQL, quoted.
        type_name: its Arrow type.
        family: what its values are: number, boolean, text, moment, time, duration, bytes, null or other.
        place: SQL for its values' places on the lattice, as integers (or decimals with ``scale`` digits).
        step: the width of the lattice: a number's unit, or nanoseconds; None where there is no lattice.
        scale: decimal digits of ``place``.
        float_bits: 32 or 64 for floats, else 0.
    """

    name: str
    sql: str
    type_name: str
    family: str
    place: str
    step: Fraction | None = None
    scale: int = 0
    float_bits: int = 0

    @property
    def broken(self) -> str:
        """SQL that is true for a NaN."""
        return f"isnan({self.sql})" if self.float_bits else "false"

    def failing(self, holds: str) -> str:
        """SQL that is true where ``holds`` is false of a value; a null passes, what has no place in time fails."""
        if self.float_bits:
            return f"(NOT ({holds}) OR {self.broken})"
        if self.family == "moment":
            return f"coalesce(NOT ({holds}), {self.sql} IS NOT NULL)"
        return f"(NOT ({holds}))"

    def outside(
        self,
        low: Bound | Fraction | None,
        high: Bound | Fraction | None,
        *,
        strict_low: bool = False,
        strict_high: bool = False,
    ) -> str:
        """SQL that is true for what does not lie between two bounds."""
        if self.family == "null":
            return "false"
        tests = []
        if low is not None:
            tests.append(f"{self.place} {'>' if strict_low else '>='} {self._bound(low, up=not strict_low)}")
        if high is not None:
            tests.append(f"{self.place} {'<' if strict_high else '<='} {self._bound(high, up=strict_high)}")
        return self.failing(" AND ".join(tests))

    def not_among(self, values: tuple[Bound | bytes, ...]) -> str:
        """SQL that is true for what is none of ``values``."""
        if self.family == "null":
            return "false"
        literals = [literal for value in values if (literal := self._literal(value)) is not None]
        return self.failing(f"{self.place} IN ({', '.join(literals)})" if literals else f"{self.sql} IS NULL")

    def _bound(self, bound: Bound | Fraction, *, up: bool) -> str:
        """The bound as SQL; on a lattice rounded up or down, which changes no comparison."""
        if self.step is None or bound in (math.inf, -math.inf):
            literal = self._literal(bound)
            return literal if literal is not None else f"'{bound}'::DOUBLE"
        place = _position(bound) / self.step
        return self._place(math.ceil(place) if up else math.floor(place))

    def _literal(self, value: Bound | Fraction | bytes) -> str | None:
        """Exactly this value as SQL, or None when no value of the column can equal it."""
        match value:
            case bool():
                return str(value).lower()
            case str():
                return quoted(value, "'")
            case bytes():
                return f"from_hex('{value.hex()}')"
        if self.float_bits and isinstance(value, Exact):
            return f"'{_nearest(value, self.float_bits)!r}'::DOUBLE"
        if self.step is None or value in (math.inf, -math.inf):
            return None
        place = _position(value) / self.step
        return self._place(place.numerator) if place.denominator == 1 else None

    def _place(self, place: int) -> str:
        if abs(place) >= _WIDEST["decimal" if self.scale else "integer"]:
            return f"'{'-' if place < 0 else ''}inf'::DOUBLE"  # beyond every value of the column
        digits = f"{abs(place):0{self.scale + 1}d}"
        text = f"{digits[: -self.scale]}.{digits[-self.scale :]}" if self.scale else digits
        return f"(-{text})" if place < 0 else text


def column_of(name: str, sql: str, arrow_type: pa.DataType, *, stored: bool) -> Column:
    """The column of an Arrow type; ``stored`` when it is read from Parquet, which knows no durations."""
    import pyarrow as pa

    def made(family: str, place: str = sql, **rest: Any) -> Column:
        return Column(name=name, sql=sql, type_name=str(arrow_type), family=family, place=place, **rest)

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
        return made("moment", f"({sql} - DATE '1970-01-01')", step=Fraction(86_400 * 10**9))
    if is_.is_timestamp(kind):
        return made("moment", _since(sql, kind.unit), step=_step(kind.unit))
    if is_.is_time(kind):
        return made("time", _since(sql, kind.unit), step=_step(kind.unit))
    if is_.is_duration(kind):
        return (
            made("duration", sql, step=Fraction(_NANOSECONDS[kind.unit]))
            if stored
            else made("duration", f"epoch_us({sql})", step=_step("us"))
        )
    if is_.is_null(kind):
        return made("null", f"CAST({sql} AS BIGINT)")
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


def quoted(text: str, mark: str) -> str:
    """``text`` between quotation marks, as an identifier (``"``) or a literal (``'``)."""
    return f"{mark}{text.replace(mark, mark * 2)}{mark}"


def _since(sql: str, unit: str) -> str:
    """SQL for nanoseconds or microseconds since the epoch, or since midnight; without time zone is UTC."""
    return f"epoch_ns({sql})" if unit == "ns" else f"epoch_us({sql})"


def _step(unit: str) -> Fraction:
    return Fraction(1 if unit == "ns" else 1000)


def _position(value: Bound | Fraction) -> Fraction:
    """A number as it is printed; a moment, time or duration in nanoseconds."""
    match value:
        case datetime():
            moment = value if value.utcoffset() is not None else value.replace(tzinfo=UTC)
            return Fraction((moment - _EPOCH) // MICROSECOND * 1000)
        case date():
            return Fraction((value - _EPOCH.date()).days * 86_400 * 10**9)
        case time():
            return Fraction(
                timedelta(
                    hours=value.hour,
                    minutes=value.minute,
                    seconds=value.second,
                    microseconds=value.microsecond,
                )
                // MICROSECOND
                * 1000
            )
        case timedelta():
            return Fraction(value // MICROSECOND * 1000)
    return Fraction(str(value))


def _nearest(value: Exact, bits: int) -> float:
    """The float of so many bits that is nearest to a number; the infinities are beyond the largest."""
    try:
        double = float(value)
        return double if bits == 64 else float(struct.unpack("f", struct.pack("f", double))[0])
    except OverflowError:
        return math.copysign(math.inf, value)
