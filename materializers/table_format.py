"""Tables as Parquet, and as whatever table a reader's annotation asks for."""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

from materializers.content import TableDigest, table_version
from materializers.conversion import (
    CannotConvert,
    NotStorable,
    Wanted,
    is_plain,
    kind_of,
    validated,
    wanted,
)
from materializers.ledger import Content
from materializers.store import DamagedFile, MissingFile, Store, Stored, StoreUnusable, local_copy

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_IN_MEMORY = 256 * 2**20  # bytes; a larger table is written through a temporary file
_SMALL = 64 * 2**10  # bytes; below it a table is stored as quickly as can be
_ROWS_A_GROUP = 2**18  # so that DuckDB can read a large file with several threads
_of_thread = threading.local()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFormat:
    """Parquet, with the Arrow schema in it: zstd, dictionaries for what is not a float, statistics."""

    key: str = ""
    name: str = "table"

    def encode(self, value: Any, store: Store) -> Content:
        import pyarrow as pa

        with self._told():
            content = arrow_of(value)
            if content is None:
                remedy = "return a table or a list of rows, or leave out stored_as='table'"
                raise NotStorable(self.key, kind_of(value), remedy)
            self._check(content.schema)
            if isinstance(content, pa.Table) and content.nbytes > _IN_MEMORY:
                content = content.unify_dictionaries().to_reader()
            version, stored, rows = self._write(content, store)
        return Content(
            data_version=version,
            format=self.name,
            address=stored.address,
            size=stored.size,
            rows=rows,
            schema="\n".join(f"{field.name}: {field.type}" for field in content.schema),
        )

    def decode(self, address: str, store: Store, want: Wanted) -> Any:
        match want.shape:
            case "path":
                return local_copy(store, address)
            case "bytes":
                return store.get(address, verify=True)
            case "relation":
                return _relation(str(local_copy(store, address)))
            case "lazy":
                return _polars(self.key, want).scan_parquet(local_copy(store, address))
            case _:
                return _converted(_read(address, store), want, self.key)

    def _write(self, content: pa.Table | pa.RecordBatchReader, store: Store) -> tuple[str, Stored, int]:
        """The data version, the file, and the number of rows."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if isinstance(content, pa.Table):
            sink = pa.BufferOutputStream()
            options = _options(content.schema, content.nbytes)
            pq.write_table(content, sink, row_group_size=_ROWS_A_GROUP, **options)
            stored = store.put(memoryview(sink.getvalue()), ".parquet")
            return table_version(content), stored, content.num_rows
        digest = TableDigest(content.schema)
        with tempfile.TemporaryDirectory(prefix="assets-table-") as folder:
            path = Path(folder, "table.parquet")
            options = _options(content.schema, _IN_MEMORY)
            with content, pq.ParquetWriter(path, content.schema, **options) as writer:
                for batch in content:
                    digest.update(batch)
                    writer.write_batch(batch, row_group_size=_ROWS_A_GROUP)
            return digest.version(), store.put_file(path, ".parquet"), digest.rows

    def _check(self, schema: pa.Schema) -> None:
        """Refuse what Parquet would take, but not give back."""
        if not schema.names:
            remedy = "return its columns, with no rows if there are none"
            raise NotStorable(self.key, "a table without columns", remedy)
        twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
        if twice:
            raise NotStorable(self.key, f"a table with two columns '{twice[0]}'", "rename one of them")
        for field in schema:
            if _loses_order(field.type):
                what = f"an ordered categorical of {field.type.value_type} ('{field.name}')"
                remedy = "Parquet keeps the order of text categories only; use those, or the plain values"
                raise NotStorable(self.key, what, remedy)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Arrow's refusals, with the asset's name."""
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            reason = " ".join(str(part) for part in error.args)
            raise NotStorable(self.key, "a table", f"{reason}; change the type of that column") from error


def converted(table: pa.Table, annotation: str | None, *, hint: object = None, key: str = "") -> Any:
    """A table as a reader's annotation asks for it.

    Raises:
        CannotConvert: a table has no such form, or the library for it is not installed.
    """
    return _converted(table, wanted(annotation, hint), key)


def _converted(table: pa.Table, want: Wanted, key: str) -> Any:
    rows_wanted = get_origin(want.hint) is list or want.text.startswith("list[dict")
    match want.shape:
        case "table":
            return table
        case "reader":
            return table.to_reader()
        case "pandas":
            return table.to_pandas()
        case "polars":
            return _polars(key, want).from_arrow(table)
        case "lazy":
            return _polars(key, want).from_arrow(table).lazy()
        case "relation":
            return _connection().from_arrow(table)
        case "any" | "plain" if rows_wanted and (want.hint is None or is_plain(want.hint)):
            return table.to_pylist()
        case "any" if rows_wanted:
            rows = table.to_pylist()
            return validated(
                want, key, "a table", lambda rule: rule.validate_python(rows, by_name=True, by_alias=True)
            )
        case "any" if want.hint in (None, Any, object):
            return table
        case _:
            forms = "pa.Table, pd.DataFrame, pl.DataFrame, DuckDBPyRelation, list[Model] or Path"
            raise CannotConvert(key, "a table", want.text, f"a table is read as {forms}")


def as_table(value: Any, key: str) -> pa.Table:
    """A table-like value as a table in memory.

    Raises:
        NotStorable: it is none.
    """
    import pyarrow as pa

    content = arrow_of(value)
    if content is None:
        remedy = "its checks move rows aside, so that it has to be a table"
        raise NotStorable(key, kind_of(value), remedy)
    return content if isinstance(content, pa.Table) else content.read_all()


def arrow_of(value: Any) -> pa.Table | pa.RecordBatchReader | None:
    """A table-like value in Arrow's form, without a copy where possible; None if it is not one."""
    import pyarrow as pa

    match table_library(value):
        case "pyarrow" if isinstance(value, (pa.Table, pa.RecordBatchReader)):
            return value
        case "pyarrow" if isinstance(value, pa.RecordBatch):
            return pa.Table.from_batches([value])
        case "pandas":
            return pa.Table.from_pandas(value)
        case "polars":
            frame = value.collect() if hasattr(value, "collect") else value
            return frame.to_arrow(compat_level=sys.modules["polars"].CompatLevel.oldest())
        case "duckdb":
            return value.to_arrow_reader()
        case _:
            rows = [_row(one) for one in value] if isinstance(value, list) else []
            if not rows or None in rows:
                return None
            names = dict.fromkeys(
                name for row in rows if row for name in row
            )  # of all rows, not only the first
            return pa.table({name: [row.get(name) for row in rows if row is not None] for name in names})


def _row(value: Any) -> dict[str, Any] | None:
    """A row as Arrow takes it: the fields of a model, with its dates as dates; None for what is no row."""
    if isinstance(value, dict):
        return value
    if hasattr(value, "model_dump"):
        return value.model_dump(by_alias=False, round_trip=True)  # type: ignore[no-any-return]  # pydantic, not imported
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else None


def _loses_order(type_: pa.DataType) -> bool:
    """Whether a type is a categorical with an order that Parquet does not keep."""
    from pyarrow import types

    if not types.is_dictionary(type_) or not type_.ordered:
        return False
    return not (types.is_string(type_.value_type) or types.is_large_string(type_.value_type))


def _options(schema: pa.Schema, size: int) -> dict[str, Any]:
    """How Parquet is written, for a table of so many bytes in memory.

    Measured on prices and vehicle positions: zstd is 12 to 20 % smaller than snappy and as quick, but for small
    tables, where setting it up is half of the work. Dictionaries help text and whole numbers; floats they slow down.
    """
    from pyarrow import types

    flat = not any(types.is_nested(field.type) for field in schema)
    words = [field.name for field in schema if not types.is_floating(field.type)]
    zstd = {"compression": "zstd", "compression_level": 1} if size > _SMALL else {"compression": "snappy"}
    return {**zstd, "use_dictionary": words if flat else True}


def _read(address: str, store: Store) -> pa.Table:
    """The table in a file, with the very schema that was written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if store.local_path(address) is not None:
            with pq.ParquetFile(local_copy(store, address), memory_map=True) as file:
                return _restored(file)
        with store.open(address) as stream, pq.ParquetFile(stream, pre_buffer=True) as file:
            return _restored(file)
    except FileNotFoundError:
        raise MissingFile(address, str(store)) from None
    except pa.ArrowInvalid as error:
        raise DamagedFile(address, str(store)) from error
    except OSError as error:
        if error.errno is None:  # Parquet's own complaint about what it reads, not the system's about reading
            raise DamagedFile(address, str(store)) from error
        raise StoreUnusable(str(store), "read", error) from error


def _restored(file: Any) -> pa.Table:
    """A file's table, with the types that Parquet has no word for (seconds, date64, other dictionaries) as before."""
    import base64

    import pyarrow as pa

    table = file.read()
    note = (file.metadata.metadata or {}).get(b"ARROW:schema")
    if note is None:
        return table
    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(note)))
    for position, (now, before) in enumerate(zip(table.schema, schema, strict=True)):
        if not now.type.equals(before.type, check_metadata=True):  # also what a list calls its items
            column = table.column(position)
            if pa.types.is_dictionary(before.type) and not pa.types.is_dictionary(now.type):
                column = column.dictionary_encode()
            table = table.set_column(position, before, column.cast(before.type))
    return table


def _connection() -> duckdb.DuckDBPyConnection:
    """This thread's connection to the process's database in memory.

    One for each thread, because DuckDB refuses a busy one; all of one database, so that relations from several
    assets can be joined, and ``duckdb.sql`` sees them.
    """
    import duckdb

    if not hasattr(_of_thread, "connection"):
        _of_thread.connection = duckdb.default_connection().cursor()
        _of_thread.connection.execute("set TimeZone = 'UTC'")  # what comes out must not depend on the machine
    return _of_thread.connection  # type: ignore[no-any-return]  # threading.local has no types


def _relation(path: str) -> duckdb.DuckDBPyRelation:
    # can_have_nan: a file's statistics leave NaN out, and DuckDB would answer from them
    quoted = path.replace("'", "''")
    return _connection().sql(f"SELECT * FROM read_parquet('{quoted}', can_have_nan = true)")


def _polars(key: str, want: Wanted) -> Any:
    try:
        import polars as pl
    except ImportError as error:
        remedy = "polars is not installed; pip install polars"
        raise CannotConvert(key, "a table", want.text, remedy) from error
    return pl


_TABLES = {
    "pyarrow": ("Table", "RecordBatch", "RecordBatchReader"),
    "pandas": ("DataFrame",),
    "polars": ("DataFrame", "LazyFrame"),
    "duckdb": ("DuckDBPyRelation",),
}


def table_library(value: object) -> str | None:
    """The library whose table this is; none of them is imported to find out."""
    for kind in type(value).__mro__:
        library = kind.__module__.partition(".")[0].removeprefix("_")
        if kind.__name__ in _TABLES.get(library, ()):
            return library
    return None
