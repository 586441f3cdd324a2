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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph.errors import near_miss
from materializers.content import NotPlain, plain, plain_version, version_of_digest
from materializers.conversion import (
    PROMISES,
    CannotConvert,
    Format,
    FormatError,
    NotStorable,
    Readable,
    Wanted,
    is_plain,
    kind_of,
    validated,
    wanted,
)
from materializers.ledger import Content
from materializers.store import DamagedFile, MissingFile, Store, Stored, local_copy
from materializers.table_format import TableFormat, converted, table_library

__all__ = [
    "FORMATS",
    "CannotConvert",
    "FileFormat",
    "Format",
    "FormatError",
    "JsonFormat",
    "NotStorable",
    "Readable",
    "TableFormat",
    "choose",
    "converted",
    "decode",
]

_stored_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


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
        raise NotStorable(key, kind_of(value), remedy)
    promised = PROMISES.get(wanted(annotation).shape)
    if promised is not None and stored_as is None and promised != name:
        remedy = "return Skip(reason)" if value is None else "return that, or change the annotation"
        raise NotStorable(key, kind_of(value), f"its annotation promises '{annotation}'; {remedy}")
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
        MissingFile, DamagedFile: the file is gone or broken. Damage that Parquet or JSON themselves bear is noticed in
            what is read whole as bytes, text or JSON, and in every file of up to `VERIFIED` bytes.
    """
    if stored.address is None or stored.format not in FORMATS:
        raise CannotConvert(key, stored.format, annotation or "a value", "its data lie outside this store")
    try:
        return FORMATS[stored.format](key=key).decode(stored.address, store, wanted(annotation, hint))
    except (MissingFile, DamagedFile) as error:
        raise type(error)(error.address, error.store, key) from error


def _format_of(value: object) -> str:
    if type(value) in (int, float, str, bool, dict, list):
        return "json"
    if isinstance(value, (bytes, bytearray, memoryview, Path)):
        return "file"
    return "table" if table_library(value) else "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonFormat:
    """UTF-8 JSON on one line, by the standard (no NaN); integers of any size and floats are exact."""

    key: str = ""
    name: str = "json"

    def encode(self, value: Any, store: Store) -> Content:
        try:
            content = plain(value)
            data = _stored_text(content).encode("utf-8")
        except NotPlain as error:
            what = f"{kind_of(value)} with {error.what} at {error.place}" if error.place else error.what
            raise NotStorable(self.key, what, error.remedy) from error
        except UnicodeEncodeError as error:
            what = f"{kind_of(value)} with half a surrogate pair"
            raise NotStorable(self.key, what, "it is no valid Unicode; mend the text") from error
        except RecursionError as error:
            remedy = "it contains itself, or is nested too deeply"
            raise NotStorable(self.key, kind_of(value), remedy) from error
        stored = store.put(data, ".json")
        return Content(
            data_version=plain_version(content), format=self.name, address=stored.address, size=stored.size
        )

    def decode(self, address: str, store: Store, want: Wanted) -> Any:
        match want.shape:
            case "path":
                return local_copy(store, address)
            case "bytes":
                return store.get(address, verify=True)
            case "any" | "plain" | "text":
                data = store.get(address, verify=True)
            case _:
                remedy = "read it as a plain value or a model, or give its producer stored_as='table'"
                raise CannotConvert(self.key, "JSON", want.text, remedy)
        if want.hint is not None and not is_plain(want.hint):
            whole = data
            return validated(
                want, self.key, "JSON", lambda rule: rule.validate_json(whole, by_name=True, by_alias=True)
            )
        try:
            return json.loads(data)
        except ValueError as error:
            raise DamagedFile(address, str(store)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """The bytes as they are: a figure, a page, a DuckDB database."""

    key: str = ""
    name: str = "file"

    def encode(self, value: Any, store: Store) -> Content:
        if isinstance(value, Path):
            return self._encode_path(value, store)
        if isinstance(value, str):
            value = value.encode("utf-8")
        if not isinstance(value, (bytes, bytearray, memoryview)):
            remedy = "return a Path, bytes or text, or leave out stored_as='file'"
            raise NotStorable(self.key, kind_of(value), remedy)
        return self._encoded(store.put(memoryview(value), _suffix_of_bytes(bytes(value[:512]))))

    def _encode_path(self, path: Path, store: Store) -> Content:
        if path.is_dir():
            raise NotStorable(self.key, f"the directory {path}", "return one file, such as an archive of it")
        if not path.is_file():
            remedy = "there is no such file; write it before returning it"
            raise NotStorable(self.key, f"the path {path}", remedy)
        return self._encoded(store.put_file(path, _suffix_of_name(path.name)))

    def _encoded(self, stored: Stored) -> Content:
        version = version_of_digest(stored.digest)
        return Content(data_version=version, format=self.name, address=stored.address, size=stored.size)

    def decode(self, address: str, store: Store, want: Wanted) -> Any:
        match want.shape:
            case "bytes":
                return store.get(address, verify=True)
            case "text":
                return self._text(store.get(address, verify=True), want)
            case "path":
                return local_copy(store, address)
            case "any" if want.hint in (None, Any, object):
                return local_copy(store, address)
            case _:
                raise CannotConvert(self.key, "a file", want.text, "a file is read as Path, bytes or str")

    def _text(self, data: bytes, want: Wanted) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            remedy = "it is not UTF-8; read it as bytes or Path"
            raise CannotConvert(self.key, "a file", want.text, remedy) from error


_SUFFIXES = {  # by how the bytes begin, so that what is stored opens with a click
    b"\x89PNG": ".png",
    b"%PDF": ".pdf",
    b"\xff\xd8\xff": ".jpg",
    b"PK\x03\x04": ".zip",
    b"\x1f\x8b": ".gz",
    b"<!doctype html": ".html",
    b"<html": ".html",
}


def _suffix_of_bytes(start: bytes) -> str:
    found = [suffix for mark, suffix in _SUFFIXES.items() if start.lower().startswith(mark.lower())]
    return ".svg" if b"<svg" in start else found[0] if found else ""


def _suffix_of_name(name: str) -> str:
    """The last suffix of a file's name, or the last two of a compressed one, where they are short and plain."""
    suffixes = Path(name).suffixes
    packed = suffixes[-1:] in ([".gz"], [".zst"], [".bz2"], [".xz"])
    suffix = "".join(suffixes[-2:] if packed else suffixes[-1:])
    return suffix if re.fullmatch(r"(\.[A-Za-z0-9]{1,12}){1,2}", suffix) else ""


FORMATS: dict[str, type[TableFormat | JsonFormat | FileFormat]] = {
    "table": TableFormat,
    "json": JsonFormat,
    "file": FileFormat,
}
