"""How values become files and files become values: tables as Parquet, plain values as JSON, files as they are.

The exchange type for tables is ``pyarrow.Table``. Whatever a producer returns is brought into its format here, and
whatever a consumer's annotation asks for is made of it here; nothing in between knows about either. No value ever
passes through pickle.

table
    takes  pyarrow tables, batches and readers, pandas, polars, DuckDB relations; with ``stored_as="table"`` also a
           list of models or dictionaries
    gives  ``pa.Table`` (when nothing is said), ``pa.RecordBatchReader``, ``pd.DataFrame``, ``pl.DataFrame``,
           ``pl.LazyFrame``, ``DuckDBPyRelation`` (which reads lazily), ``list[Model]``, ``Path``, ``bytes``
json
    takes  numbers, text, lists, dictionaries, pydantic models, dataclasses
    gives  the same plain value, or the reader's type validated by pydantic; ``Path``, ``bytes``
file
    takes  ``Path``, ``bytes``, and ``str`` with ``stored_as="file"``
    gives  ``Path`` (when nothing is said), ``bytes``, ``str``

Stored JSON keeps the order of keys as they were given; the data version does not depend on it.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_args, get_origin

from graph.errors import AssetGraphError, near_miss
from materializers.content import (
    NotPlain,
    TableDigest,
    plain,
    plain_version,
    table_version,
    version_of_digest,
)
from materializers.store import DamagedFile, MissingFile, Store, Stored, StoreUnusable, local_copy

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_IN_MEMORY = 256 * 2**20  # bytes; a larger table is written through a temporary file
_ROWS_A_GROUP = 2**18  # so that DuckDB can read a large file with several threads
_of_thread = threading.local()
_stored_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class NotStorable(AssetGraphError):
    """A value that no format takes, or that its format cannot hold.

    Attributes:
        key: the asset.
        what: what was returned.
        remedy: what to return instead.
    """

    def __init__(self, key: str, what: str, remedy: str) -> None:
        self.key, self.what, self.remedy = key, what, remedy
        super().__init__(f"{_asset(key)} returned {what}, which cannot be stored: {remedy}")


class CannotConvert(AssetGraphError):
    """A stored value that cannot be given as what its reader's annotation asks for."""

    def __init__(self, key: str, format_name: str, wanted: str, remedy: str) -> None:
        self.key, self.format, self.wanted, self.remedy = key, format_name, wanted, remedy
        super().__init__(f"{_asset(key)} is stored as {format_name} and cannot be read as {wanted}: {remedy}")


def _asset(key: str) -> str:
    return f"asset '{key}'" if key else "the asset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A value in the store: where its bytes lie, and what they say.

    ``data_version`` digests the logical content, ``address`` the bytes; ``size`` is in bytes; ``schema`` has a line
    ``name: type`` for each column of a table.
    """

    data_version: str
    format: str
    address: str
    size: int
    rows: int | None = None
    schema: str | None = None


class Readable(Protocol):
    """What must be known of a stored value to read it."""

    @property
    def format(self) -> str: ...
    @property
    def address(self) -> str | None: ...


class Format(Protocol):
    """One way to keep values.

    Laws: ``decode(encode(x)) == x`` as the type that was encoded; equal values have equal data versions.
    """

    @property
    def name(self) -> str: ...

    def encode(self, value: Any, store: Store) -> Encoded:
        """Write the value. Raises NotStorable, StoreError."""

    def decode(self, address: str, store: Store, wanted: Wanted) -> Any:
        """Read the value as it is wanted. Raises CannotConvert, StoreError."""


def choose(value: object, annotation: str | None, stored_as: str | None, *, key: str = "") -> Format:
    """The format of what an asset returned.

    ``stored_as`` (``"table"``, ``"json"``, ``"file"``) decides; else the value's own type does. A value of another
    kind than the function's return annotation promises is refused: its readers would get what nobody declared.

    Raises:
        NotStorable: the two do not agree, or ``stored_as`` names no format. What a format cannot hold, it says itself.
    """
    name = stored_as or _format_of(value)
    if name not in FORMATS:
        remedy = f"stored_as is one of {', '.join(FORMATS)}, not '{name}'.{near_miss(name, FORMATS)}"
        raise NotStorable(key, _kind(value), remedy)
    promised = _PROMISES.get(wanted(annotation).shape)
    if promised is not None and stored_as is None and promised != name:
        raise NotStorable(key, _kind(value), f"its annotation says '{annotation}'; return that, or change it")
    return FORMATS[name](key=key)


def decode(
    stored: Readable, store: Store, annotation: str | None = None, hint: object = None, *, key: str = ""
) -> Any:
    """The stored value as its reader wants it.

    Args:
        stored: what `Format.encode` gave, or the ledger's record of it.
        store: where it lies.
        annotation: the text of the reader's annotation; None reads the format's own type.
        hint: the annotation's type where it is known: a pydantic model, ``list[Model]``, ….
        key: the asset, for errors.

    Raises:
        CannotConvert: the format has no such form.
        MissingFile, DamagedFile: the file is gone or broken.
    """
    if stored.address is None or stored.format not in FORMATS:
        raise CannotConvert(key, stored.format, annotation or "a value", "its data lie outside this store")
    return FORMATS[stored.format](key=key).decode(stored.address, store, wanted(annotation, hint))


# --- what a reader wants -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an annotation asks for: its ``shape``, one word of `_SHAPES`, and the type where that is known."""

    shape: str
    text: str
    hint: object = None


_SHAPES = {
    "Table": "table",
    "RecordBatchReader": "reader",
    "DataFrame": "pandas",
    "LazyFrame": "lazy",
    "DuckDBPyRelation": "relation",
    "Path": "path",
    "bytes": "bytes",
    "str": "text",
}
_PROMISES = {  # of a return annotation: the format that its values have
    "table": "table",
    "reader": "table",
    "pandas": "table",
    "polars": "table",
    "lazy": "table",
    "relation": "table",
    "path": "file",
    "bytes": "file",
}


@lru_cache(maxsize=1024)
def _wanted_text(annotation: str) -> Wanted:
    words = [word.strip().strip("'\"") for word in annotation.strip().strip("'\"").split("|")]
    words = [word for word in words if word not in ("None", "")]
    if len(words) != 1:
        return Wanted(shape="any", text=annotation)
    word = words[0]
    if word.endswith("]") and word.startswith(("Optional[", "typing.Optional[")):
        return _wanted_text(word[word.index("[") + 1 : -1])
    name = word.split("[", 1)[0]
    shape = _SHAPES.get(name.rpartition(".")[2], "any")
    if shape == "pandas" and name.partition(".")[0] in ("pl", "polars"):
        shape = "polars"
    return Wanted(shape=shape, text=annotation)


def wanted(annotation: str | None, hint: object = None) -> Wanted:
    """What an annotation's text, or the type itself, asks for."""
    found = _wanted_text(annotation) if annotation else Wanted(shape="any", text="any")
    if hint is None:
        return found
    if isinstance(hint, type) and get_origin(hint) is None:
        named = _wanted_text(f"{hint.__module__.partition('.')[0]}.{hint.__qualname__}")
        if named.shape != "any":
            return named
    return Wanted(shape=found.shape, text=annotation or str(hint), hint=hint)


@lru_cache(maxsize=1024)
def _is_plain(hint: Any) -> bool:
    """Whether a type is one that JSON itself gives back."""
    if hint in (Any, object, dict, list, str, int, float, bool, None, type(None)):
        return True
    origin, inner = get_origin(hint), get_args(hint)
    if origin is dict or origin is Mapping:
        return inner[0] is str and _is_plain(inner[1])
    return origin is list and all(map(_is_plain, inner))


@lru_cache(maxsize=256)
def _adapter(hint: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(hint)


def _validated(hint: object, key: str, format_name: str, data: bytes | None, rows: object = None) -> Any:
    """What pydantic makes of JSON text, or of rows, for a type."""
    from pydantic import PydanticSchemaGenerationError, ValidationError

    try:
        adapter = _adapter(hint)
        if data is None:
            return adapter.validate_python(rows, by_name=True, by_alias=True)
        return adapter.validate_json(data, by_name=True, by_alias=True)
    except PydanticSchemaGenerationError as error:
        raise CannotConvert(key, format_name, str(hint), "use a pydantic model or a plain type") from error
    except ValidationError as error:
        raise CannotConvert(key, format_name, str(hint), f"the stored value does not fit: {error}") from error


# --- tables ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFormat:
    """Parquet, with the Arrow schema in it: zstd, dictionaries for what is not a float, statistics."""

    key: str = ""
    name: str = "table"

    def encode(self, value: Any, store: Store) -> Encoded:
        import pyarrow as pa

        with self._told():
            content = _arrow(value)
            if content is None:
                raise NotStorable(
                    self.key, _kind(value), "it is no table; return one, or leave out stored_as='table'"
                )
            self._check(content.schema)
            if isinstance(content, pa.Table) and content.nbytes > _IN_MEMORY:
                content = content.unify_dictionaries().to_reader()
            version, stored, rows = self._write(content, store)
        return Encoded(
            data_version=version,
            format=self.name,
            address=stored.address,
            size=stored.size,
            rows=rows,
            schema="\n".join(f"{field.name}: {field.type}" for field in content.schema),
        )

    def decode(self, address: str, store: Store, wanted: Wanted) -> Any:
        match wanted.shape:
            case "path":
                return local_copy(store, address)
            case "bytes":
                return store.get(address)
            case "relation":
                return _relation(str(local_copy(store, address)))
            case "lazy":
                return _polars(self.key, wanted).scan_parquet(local_copy(store, address))
            case _:
                return converted(_read(address, store), wanted.text, hint=wanted.hint, key=self.key)

    def _write(self, content: pa.Table | pa.RecordBatchReader, store: Store) -> tuple[str, Stored, int]:
        """The data version, the file, and the number of rows."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if isinstance(content, pa.Table):
            sink = pa.BufferOutputStream()
            pq.write_table(content, sink, row_group_size=_ROWS_A_GROUP, **_options(content.schema))
            return (
                table_version(content),
                store.put(memoryview(sink.getvalue()), ".parquet"),
                content.num_rows,
            )
        digest = TableDigest(content.schema)
        with tempfile.TemporaryDirectory(prefix="assets-table-") as folder:
            path = Path(folder, "table.parquet")
            with content, pq.ParquetWriter(path, content.schema, **_options(content.schema)) as writer:
                for batch in content:
                    digest.update(batch)
                    writer.write_batch(batch, row_group_size=_ROWS_A_GROUP)
            return digest.version(), store.put_file(path, ".parquet"), digest.rows

    def _check(self, schema: pa.Schema) -> None:
        """Refuse what Parquet would take, but not give back."""
        from pyarrow import types

        if not schema.names:
            raise NotStorable(
                self.key, "a table without columns", "return its columns, with no rows if there are none"
            )
        twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
        if twice:
            raise NotStorable(self.key, f"a table with two columns '{twice[0]}'", "rename one of them")
        for field in schema:
            ordered = types.is_dictionary(field.type) and field.type.ordered
            if ordered and not (
                types.is_string(field.type.value_type) or types.is_large_string(field.type.value_type)
            ):
                what = f"an ordered categorical of {field.type.value_type} ('{field.name}')"
                raise NotStorable(
                    self.key, what, "Parquet loses its order; use text categories, or the plain values"
                )

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
    want = wanted(annotation, hint)
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
        case "any" if get_origin(want.hint) is list:
            return _validated(want.hint, key, "a table", None, table.to_pylist())
        case "any" if want.hint in (None, Any, object):
            return table
        case _:
            remedy = "a table is read as pa.Table, pd.DataFrame, pl.DataFrame, DuckDBPyRelation, list[Model] or Path"
            raise CannotConvert(key, "a table", want.text, remedy)


def _arrow(value: Any) -> pa.Table | pa.RecordBatchReader | None:
    """A table-like value in Arrow's form, without a copy where possible; None if it is not one."""
    import pyarrow as pa

    match _library(value):
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
        case _ if isinstance(value, list) and value:
            return pa.Table.from_pylist([_row(one) for one in value])
        case _:
            return None


def _row(value: Any) -> Any:
    """A row as Arrow takes it: the fields of a model, with its dates as dates."""
    return value.model_dump(by_alias=False, round_trip=True) if hasattr(value, "model_dump") else value


def _options(schema: pa.Schema) -> dict[str, Any]:
    """How Parquet is written. Measured on prices: a tenth smaller than snappy, as quick to write and read."""
    from pyarrow import types

    flat = not any(types.is_nested(field.type) for field in schema)
    words = [field.name for field in schema if not types.is_floating(field.type)]
    return {"compression": "zstd", "compression_level": 1, "use_dictionary": words if flat else True}


def _read(address: str, store: Store) -> pa.Table:
    """The table in a file, with the very schema that was written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = store.local_path(address)
    try:
        if path is not None:
            with pq.ParquetFile(path, memory_map=True) as file:
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
        if now.type != before.type:
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
    return _of_thread.connection  # type: ignore[no-any-return]


def _relation(path: str) -> duckdb.DuckDBPyRelation:
    return _connection().read_parquet(path)


def _polars(key: str, wanted: Wanted) -> Any:
    try:
        import polars
    except ImportError as error:
        raise CannotConvert(
            key, "a table", wanted.text, "polars is not installed; pip install polars"
        ) from error
    return polars


# --- JSON --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonFormat:
    """UTF-8 JSON on one line, by the standard (no NaN); integers of any size and floats are exact."""

    key: str = ""
    name: str = "json"

    def encode(self, value: Any, store: Store) -> Encoded:
        try:
            content = plain(value)
            data = _stored_text(content).encode("utf-8")
        except NotPlain as error:
            place = f"{_kind(value)} with {error.what} at {error.place}" if error.place else error.what
            raise NotStorable(self.key, place, error.remedy) from error
        except UnicodeEncodeError as error:
            raise NotStorable(
                self.key, f"{_kind(value)} with half a character", "it is no valid Unicode"
            ) from error
        except RecursionError as error:
            raise NotStorable(
                self.key, _kind(value), "it contains itself, or is nested too deeply"
            ) from error
        stored = store.put(data, ".json")
        return Encoded(
            data_version=plain_version(content), format=self.name, address=stored.address, size=stored.size
        )

    def decode(self, address: str, store: Store, wanted: Wanted) -> Any:
        match wanted.shape:
            case "path":
                return local_copy(store, address)
            case "bytes":
                return store.get(address)
            case "any" | "text":
                data = store.get(address)
            case _:
                remedy = "read it as a plain value or a model, or give its producer stored_as='table'"
                raise CannotConvert(self.key, "JSON", wanted.text, remedy)
        if wanted.hint is not None and not _is_plain(wanted.hint):
            return _validated(wanted.hint, self.key, "JSON", data)
        try:
            return json.loads(data)
        except ValueError as error:
            raise DamagedFile(address, str(store)) from error


# --- files -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """The bytes as they are: a figure, a page, a DuckDB database."""

    key: str = ""
    name: str = "file"

    def encode(self, value: Any, store: Store) -> Encoded:
        if isinstance(value, Path):
            return self._encode_path(value, store)
        if isinstance(value, str):
            value = value.encode("utf-8")
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise NotStorable(self.key, _kind(value), "return a Path or bytes, or leave out stored_as='file'")
        return self._encoded(store.put(memoryview(value), _suffix_of_bytes(bytes(value[:512]))))

    def _encode_path(self, path: Path, store: Store) -> Encoded:
        if path.is_dir():
            raise NotStorable(self.key, f"the directory {path}", "return one file, such as an archive of it")
        if not path.is_file():
            raise NotStorable(
                self.key, f"the path {path}", "there is no such file; write it before returning it"
            )
        return self._encoded(store.put_file(path, _suffix_of_name(path.name)))

    def _encoded(self, stored: Stored) -> Encoded:
        version = version_of_digest(stored.digest)
        return Encoded(data_version=version, format=self.name, address=stored.address, size=stored.size)

    def decode(self, address: str, store: Store, wanted: Wanted) -> Any:
        match wanted.shape:
            case "bytes":
                return store.get(address)
            case "text":
                return store.get(address).decode("utf-8")
            case "path":
                return local_copy(store, address)
            case "any" if wanted.hint in (None, Any, object):
                return local_copy(store, address)
            case _:
                raise CannotConvert(self.key, "a file", wanted.text, "a file is read as Path, bytes or str")


_SUFFIXES = {  # by how the bytes begin, so that what is stored opens with a click
    b"\x89PNG": ".png",
    b"%PDF": ".pdf",
    b"\xff\xd8\xff": ".jpg",
    b"PK\x03\x04": ".zip",
    b"\x1f\x8b": ".gz",
    b"<!doctype html": ".html",
    b"<html": ".html",
    b"<svg": ".svg",
}


def _suffix_of_bytes(data: bytes) -> str:
    start = data.lstrip()[:16]
    found = (
        suffix
        for mark, suffix in _SUFFIXES.items()
        if start.startswith(mark) or start.lower().startswith(mark)
    )
    return next(found, "")


def _suffix_of_name(name: str) -> str:
    """The last suffix of a file's name, or the last two of a compressed one, where they are short and plain."""
    suffixes = Path(name).suffixes
    suffix = "".join(
        suffixes[-2:] if suffixes[-1:] in ([".gz"], [".zst"], [".bz2"], [".xz"]) else suffixes[-1:]
    )
    return suffix if re.fullmatch(r"(\.[A-Za-z0-9]{1,12}){1,2}", suffix) else ""


FORMATS: dict[str, type[TableFormat | JsonFormat | FileFormat]] = {
    "table": TableFormat,
    "json": JsonFormat,
    "file": FileFormat,
}

_TABLES = {
    "pyarrow": ("Table", "RecordBatch", "RecordBatchReader"),
    "pandas": ("DataFrame",),
    "polars": ("DataFrame", "LazyFrame"),
    "duckdb": ("DuckDBPyRelation",),
}


def _format_of(value: object) -> str:
    if type(value) in (int, float, str, bool, dict, list):
        return "json"
    if isinstance(value, (bytes, bytearray, memoryview, Path)):
        return "file"
    return "table" if _library(value) else "json"


def _library(value: object) -> str | None:
    """The library whose table this is; none of them is imported to find out."""
    for kind in type(value).__mro__:
        library = kind.__module__.partition(".")[0].removeprefix("_")
        if kind.__name__ in _TABLES.get(library, ()):
            return library
    return None


def _kind(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
