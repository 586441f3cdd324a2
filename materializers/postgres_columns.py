"""Tables as PostgreSQL takes them: the type of each column, and the rows as text for COPY.

Arrow                       PostgreSQL
bool                        boolean
int8, int16, uint8          smallint
int32, uint16               integer
int64, uint32               bigint
uint64                      numeric(20,0)
float16, float32            real
float64                     double precision
decimal(p, s)               numeric(p,s)
text                        text
date                        date
timestamp                   timestamp, with time zone where it has one; to the microsecond
time                        time, to the microsecond
duration                    interval, to the microsecond
binary                      bytea
list, struct, map           jsonb
dictionary                  as its values
null                        text
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_A_BATCH = 2**16
_DAY_US = 86_400_000_000


class NoColumn(ValueError):
    """A column that PostgreSQL cannot hold."""


def column_type(type_: pa.DataType) -> str:
    """The type of a column, as PostgreSQL itself names it (``format_type``).

    >>> import pyarrow as pa
    >>> column_type(pa.timestamp("us", "UTC")), column_type(pa.list_(pa.int64()))
    ('timestamp with time zone', 'jsonb')
    """
    from pyarrow import types

    if types.is_dictionary(type_) or types.is_run_end_encoded(type_):
        return column_type(type_.value_type)
    if types.is_decimal(type_):
        return _numeric(type_)
    if types.is_timestamp(type_):
        return f"timestamp {'without' if type_.tz is None else 'with'} time zone"
    for is_such, name in (
        (types.is_boolean, "boolean"),
        (types.is_uint64, "numeric(20,0)"),
        (lambda one: types.is_int64(one) or types.is_uint32(one), "bigint"),
        (lambda one: types.is_int32(one) or types.is_uint16(one), "integer"),
        (types.is_integer, "smallint"),
        (types.is_float64, "double precision"),
        (types.is_floating, "real"),
        (types.is_date, "date"),
        (types.is_time, "time without time zone"),
        (types.is_duration, "interval"),
        (_is_binary, "bytea"),
        (_is_text, "text"),
        (types.is_nested, "jsonb"),
    ):
        if is_such(type_):
            return name
    raise NoColumn(f"PostgreSQL has no type for {type_}")


def copy_text(table: pa.Table) -> Iterator[bytes]:
    """The rows of a table as ``COPY ... WITH (FORMAT csv)`` reads them, in pieces.

    Raises:
        NoColumn: a value cannot be written.
    """
    import pyarrow as pa
    from pyarrow import csv

    options = csv.WriteOptions(include_header=False)  # text is quoted, null is not: they stay apart
    for batch in table.to_batches(max_chunksize=_ROWS_A_BATCH):
        columns = [_writable(column) for column in batch.columns]
        sink = pa.BufferOutputStream()
        try:
            csv.write_csv(pa.RecordBatch.from_arrays(columns, names=batch.schema.names), sink, options)
        except pa.ArrowException as error:
            raise NoColumn(" ".join(str(error).split())) from error
        yield sink.getvalue().to_pybytes()


def _numeric(type_: pa.DataType) -> str:
    precision, scale = type_.precision, type_.scale
    if scale < 0:  # digits before the point that are always 0
        precision, scale = precision - scale, 0
    return f"numeric({max(precision, scale)},{scale})"


def _is_text(type_: pa.DataType) -> bool:
    from pyarrow import types

    return any(
        is_such(type_)
        for is_such in (types.is_string, types.is_large_string, types.is_string_view, types.is_null)
    )


def _is_binary(type_: pa.DataType) -> bool:
    from pyarrow import types

    return any(
        is_such(type_)
        for is_such in (
            types.is_binary,
            types.is_large_binary,
            types.is_binary_view,
            types.is_fixed_size_binary,
        )
    )


def _writable(column: pa.Array) -> pa.Array:
    """A column as types whose text PostgreSQL reads."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types

    type_ = column.type
    if types.is_dictionary(type_):
        return _writable(column.dictionary_decode())
    if types.is_run_end_encoded(type_):
        return _writable(pc.run_end_decode(column))
    if types.is_string_view(type_):
        return column.cast(pa.large_string())
    if types.is_decimal(type_):
        return column.cast(pa.string())
    if types.is_date64(type_):
        return column.cast(pa.date32())
    if types.is_duration(type_):
        return _texts(column.cast(pa.duration("us"), safe=False).cast(pa.int64()), _interval)
    if _is_binary(type_):
        return _texts(column, lambda value: f"\\x{value.hex()}")
    if types.is_nested(type_):
        return _texts(column, _json)
    return column


def _texts(column: pa.Array, text: Any) -> pa.Array:
    import pyarrow as pa

    return pa.array([None if value is None else text(value) for value in column.to_pylist()], pa.string())


def _interval(microseconds: int) -> str:
    return f"{microseconds} microseconds"


def _json(value: object) -> str:
    from materializers.exchange import json_of

    return json_of(value).decode()
