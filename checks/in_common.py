"""What files of several schemas have in common: columns, and for each the type that holds the values of all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_WIDEST_DECIMAL = 38
_INTEGER_DIGITS = 20
"""Of the largest 64-bit integer."""


def in_common(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """The columns that all have once, in the order of the first; the only one as it is."""
    import pyarrow as pa

    first, *others = schemas
    if not others:
        return first
    once = [name for name in first.names if all(schema.names.count(name) == 1 for schema in schemas)]
    types = {name: type_of_all(schema.field(name).type for schema in schemas) for name in once}
    return pa.schema([(name, kind) for name, kind in types.items() if kind is not None])


def type_of_all(types: Iterable[pa.DataType]) -> pa.DataType | None:
    """A type that holds the values of all; text where there is none, and None where one is nested.

    Numbers stay what they are, but for integers of more than 53 bits beside floats, which are rounded to floats.
    """
    import pyarrow as pa

    every = list(dict.fromkeys(map(_type_of_values, types)))
    distinct = [kind for kind in every if not pa.types.is_null(kind)] or every
    if len(distinct) == 1:
        return distinct[0]
    if all(map(_is_number, distinct)):
        return _number_of_all(distinct)
    try:
        alone = [pa.schema([("values", kind)]) for kind in distinct]
        return pa.unify_schemas(alone, promote_options="permissive").field("values").type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None if any(map(pa.types.is_nested, distinct)) else pa.string()


def sql_in_common(column: str, own: pa.DataType, common: pa.DataType) -> str:
    """A column of a file in SQL, as the type that it has in common with other files."""
    import pyarrow as pa

    if pa.types.is_null(own):  # DuckDB reads it as integers
        return "NULL"
    names = {pa.int64(): "BIGINT", pa.uint64(): "UBIGINT", pa.float64(): "DOUBLE", pa.string(): "VARCHAR"}
    if pa.types.is_decimal(common):
        names[common] = f"DECIMAL({common.precision}, {common.scale})"
    return f"CAST({column} AS {names[common]})" if own != common and common in names else column


def table_in_common(table: pa.Table, common: pa.Schema) -> pa.Table:
    """The table of a file as what it has in common with other files.

    Raises:
        pyarrow.ArrowInvalid: a value cannot be told in that type, as a year 3000 in nanoseconds.
    """
    import pyarrow as pa

    columns = [
        table.column(field.name).cast(field.type, safe=not pa.types.is_floating(field.type))
        for field in common
    ]
    return pa.table(columns, schema=common) if columns else table.select([])


def _type_of_values(kind: pa.DataType) -> pa.DataType:
    """A type whatever its values are packed in, and whatever zone their instants are shown in."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _type_of_values(kind.value_type)
    return pa.timestamp(kind.unit, "UTC") if pa.types.is_timestamp(kind) and kind.tz else kind


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _number_of_all(kinds: Sequence[pa.DataType]) -> pa.DataType:
    import pyarrow as pa

    types = pa.types
    if any(map(types.is_floating, kinds)):
        return pa.float64()
    if all(map(types.is_unsigned_integer, kinds)):
        return pa.uint64()
    if all(map(types.is_integer, kinds)) and pa.uint64() not in kinds:
        return pa.int64()
    decimals = [kind for kind in kinds if types.is_decimal(kind)]
    integers = [_INTEGER_DIGITS] if len(decimals) < len(kinds) else []
    scale = max((kind.scale for kind in decimals), default=0)
    digits = max([kind.precision - kind.scale for kind in decimals] + integers) + scale
    return pa.decimal128(digits, scale) if digits <= _WIDEST_DECIMAL else pa.float64()
