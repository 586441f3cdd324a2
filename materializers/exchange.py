"""Values as files that other programs read and leave; a file's suffix says its form.

``.parquet``  a table
``.arrow``    a table, as an Arrow IPC file (Feather 2)
``.csv``      a table with a header; text is quoted, so that what is empty and not quoted is null
``.json``     a plain value, or a table as a list of rows; dates are ISO texts
any other     bytes, as they are
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graph.errors import AssetGraphError
from materializers.conversion import kind_of
from materializers.table_format import arrow_of, table_library

if TYPE_CHECKING:
    import pyarrow as pa

_TABLES = (".parquet", ".arrow", ".csv")


class CannotExchange(AssetGraphError):
    """A value that has no such form as a file, or a file that is not what its suffix says."""


def write_file(value: object, path: Path) -> None:
    """Write a value in the form that the file's suffix says.

    Raises:
        CannotExchange: it has no such form.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix
    if isinstance(value, Path):
        if suffix in (*_TABLES, ".json") and value.suffix != suffix:
            raise CannotExchange(
                f"'{path.name}' is given the file {value.name}; name it alike, or give a value"
            )
        shutil.copyfile(value, path)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        path.write_bytes(value)
    elif suffix == ".json":
        path.write_bytes(json_of(value))
    elif suffix in _TABLES:
        _write_table(_table(value, path), path)
    elif isinstance(value, str):
        path.write_text(value, "utf-8")
    else:
        remedy = f"give a Path, bytes or text, or name it {path.stem}.parquet, .arrow, .csv or .json"
        raise CannotExchange(f"'{path.name}' cannot hold {kind_of(value)}: {remedy}")


def read_file(path: Path) -> Any:
    """The value in a file: a table, a plain value, or, for any other suffix, the path itself.

    Raises:
        CannotExchange: it is not what its suffix says.
    """
    import pyarrow as pa

    try:
        match path.suffix:
            case ".json":
                return json.loads(path.read_text("utf-8"), parse_constant=_refuse)
            case ".parquet" | ".arrow" | ".csv":
                return _read_table(path)
            case _:
                return path
    except (ValueError, pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CannotExchange(f"'{path.name}' cannot be read as {path.suffix[1:]}: {reason}") from error


def json_of(value: object) -> bytes:
    """A value as JSON for others: rows of a table, text for dates, null for what is no number."""
    from pydantic_core import PydanticSerializationError, to_json

    if table_library(value) is not None:
        value = _whole(arrow_of(value)).to_pylist()
    try:
        return to_json(value, inf_nan_mode="null", bytes_mode="base64", by_alias=False)
    except (PydanticSerializationError, ValueError) as error:
        raise CannotExchange(f"{kind_of(value)} cannot be written as JSON: {error}") from error


def _refuse(constant: str) -> object:
    raise ValueError(f"it has {constant}, which JSON has not; write null")


def _table(value: object, path: Path) -> pa.Table:
    found = arrow_of(value)
    if found is None:
        remedy = "give a table or a list of rows, or name it .json"
        raise CannotExchange(f"'{path.name}' cannot hold {kind_of(value)}: {remedy}")
    return _whole(found)


def _whole(found: pa.Table | pa.RecordBatchReader | None) -> pa.Table:
    import pyarrow as pa

    return found.read_all() if isinstance(found, pa.RecordBatchReader) else found


def _write_table(table: pa.Table, path: Path) -> None:
    import pyarrow as pa

    try:
        match path.suffix:
            case ".parquet":
                import pyarrow.parquet as pq

                pq.write_table(table, path)
            case ".arrow":
                from pyarrow import feather

                feather.write_feather(table, str(path), compression="uncompressed")
            case _:
                from pyarrow import csv

                csv.write_csv(_flat(table), path)
    except pa.ArrowException as error:
        reason = " ".join(str(error).split())
        raise CannotExchange(
            f"'{path.name}' cannot hold the table: {reason}; try .parquet or .json"
        ) from error


def _flat(table: pa.Table) -> pa.Table:
    """A table without dictionaries, which CSV does not know."""
    import pyarrow as pa

    for position, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            decoded = table.column(position).cast(field.type.value_type)
            table = table.set_column(position, field.name, decoded)
    return table


def _read_table(path: Path) -> pa.Table:
    match path.suffix:
        case ".parquet":
            import pyarrow.parquet as pq

            with pq.ParquetFile(path) as file:
                return file.read()
        case ".arrow":
            import pyarrow as pa

            with pa.OSFile(str(path)) as file:
                start = file.read(6)
                file.seek(0)
                opened = pa.ipc.open_file(file) if start == b"ARROW1" else pa.ipc.open_stream(file)
                return opened.read_all()
        case _:
            from pyarrow import csv

            nulls = csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
            return csv.read_csv(path, convert_options=nulls)
