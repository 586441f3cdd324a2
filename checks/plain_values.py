"""Plain values: what verdicts and check parameters are made of, and their JSON text.

JSON knows neither dates nor decimals, bytes, durations, NaN and infinities; those are written as an object with one
tag, so that reading gives back what was written.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

Plain: TypeAlias = (
    "bool | int | float | Decimal | str | bytes | date | datetime | time | timedelta"
    " | tuple[Plain, ...] | Mapping[str, Plain] | None"
)

_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
_AS_THEY_ARE = frozenset({type(None), bool, int, float})

MICROSECOND = timedelta(microseconds=1)


def plain(value: object, *, longest: int = 200) -> Plain:
    """Any value as a plain one: aware times in UTC, scalars of numpy, pandas and Arrow as Python's own.

    What is not plain becomes its text. Text, bytes and nested values longer than ``longest`` characters are cut.
    """
    if type(value) in _AS_THEY_ARE:  # most are, and to match costs more
        return value  # type: ignore[return-value]  # which is one of these
    match value:
        case None | bool():
            return value
        case int():
            return int(value)
        case float():
            return float(value)
        case Decimal():
            return value
        case str():
            return cut(str.__str__(value), longest)  # of an enumeration, its value
        case bytes() | bytearray() | memoryview():
            return _bytes(bytes(value), longest)
        case date() | time() | timedelta():
            return _temporal(value)
        case Mapping():
            return _nested({str(key): plain(item, longest=longest) for key, item in value.items()}, longest)
        case list() | tuple():
            return _nested(tuple(plain(item, longest=longest) for item in value), longest)
    for method in ("as_py", "item"):  # pyarrow's scalars, numpy's
        if callable(unwrap := getattr(value, method, None)):
            try:
                return plain(unwrap(), longest=longest)
            except (TypeError, ValueError):
                break
    return cut(str(value), longest)


def whole(value: object) -> Any:
    """Any value as a plain one, uncut: for what is declared, not sampled."""
    return plain(value, longest=sys.maxsize)


def cut(text: str, longest: int) -> str:
    """``text``, at most ``longest`` characters of it, with an ellipsis where it was cut."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def to_json(value: Plain) -> str:
    """The JSON text of a plain value; equal values of one type have equal texts."""
    return _JSON.encode(tagged(value))


def from_json(text: str) -> Plain:
    """The plain value of a text that `to_json` wrote."""
    return untagged(json.loads(text))


def tagged(value: Plain) -> Any:
    """A plain value as what `json` can write."""
    match value:
        case float() if not math.isfinite(value):
            return {"float": str(value)}
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return {"decimal": str(value)}
        case bytes():
            return {"bytes": value.hex()}
        case datetime():
            return {"datetime": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case time():
            return {"time": value.isoformat()}
        case timedelta():
            return {"duration_us": value // MICROSECOND}
        case Mapping():
            return {"map": {key: tagged(item) for key, item in value.items()}}
        case Sequence():
            return [tagged(item) for item in value]
    raise TypeError(f"{value!r} is not a plain value")


def untagged(value: Any) -> Plain:
    """What `tagged` was given (sequences as tuples)."""
    if isinstance(value, list):
        return tuple(untagged(item) for item in value)
    if not isinstance(value, dict):
        return value  # type: ignore[no-any-return]  # what json reads and is no container is a plain scalar
    ((tag, content),) = value.items()
    match tag:
        case "float":
            return float(content)
        case "decimal":
            return Decimal(content)
        case "bytes":
            return bytes.fromhex(content)
        case "datetime":
            return datetime.fromisoformat(content)
        case "date":
            return date.fromisoformat(content)
        case "time":
            return time.fromisoformat(content)
        case "duration_us":
            return timedelta(microseconds=content)
        case "map":
            return {key: untagged(item) for key, item in content.items()}
    raise ValueError(f"'{tag}' is not a tag of a plain value")


def _temporal(value: date | time | timedelta) -> Plain:
    if value != value:  # pandas' NaT is a datetime that equals nothing
        return None
    match value:
        case datetime() if type(value) is datetime and value.tzinfo in (None, UTC):
            return value
        case datetime():
            moment = datetime.combine(value.date(), value.time(), value.tzinfo)  # no nanoseconds, no subclass
            return moment.astimezone(UTC) if moment.utcoffset() is not None else moment
        case date():
            return date(value.year, value.month, value.day)
        case timedelta():
            return timedelta(days=value.days, seconds=value.seconds, microseconds=value.microseconds)
        case _:
            return value.replace(tzinfo=None)


def _bytes(value: bytes, longest: int) -> bytes | str:
    return value if len(value) <= longest // 2 else f"{value[: longest // 4].hex()}… ({len(value)} bytes)"


def _nested(value: Mapping[str, Plain] | tuple[Plain, ...], longest: int) -> Plain:
    text = str(value)
    return value if len(text) <= longest else cut(text, longest)
