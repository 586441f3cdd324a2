"""The data version: a digest of what a value *says*, not of the bytes that happen to hold it.

Two values with equal content have equal versions, however they were built and whichever library version
wrote them; a change of one cell, one name or one unit gives another version. Early cutoff rests on this.

A version is a scheme, which may evolve, and 128 bits of SHA-256: ``t1-…`` tables, ``j1-…`` JSON values,
``f1-…`` bytes of a file, ``d1-…`` a directory.

What counts in a table: the column names, their order, their types (``string`` and ``large_string`` differ, as
do units, time zones and decimal scales), metadata of fields and of the schema (so that a changed unit counts),
the order of rows, every value, and which values are null. NaN equals NaN whatever its payload; -0.0 is not 0.0.
A pandas index counts when it is named or not a plain 0, 1, 2, ….

What does not count: chunks, slices, what lies under a null, nullability (a promise, not a value), run-end and
dictionary encoding (``dictionary<string>`` equals ``string``) unless the dictionary is *ordered*: then its order is
meaning; and what Parquet, Arrow and pandas note for themselves (field ids, library versions).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from graph.errors import AssetGraphError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

_VERSION_DIGITS = 32  # 128 bits: no accidental collision in any ledger
_SCALARS = frozenset({str, int, bool, type(None)})
_canonical_text = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class NotPlain(AssetGraphError):
    """A value that JSON cannot hold without changing it.

    Attributes:
        place: where in the value, as ``.weights[3]``; empty for the value itself.
        what: what stands there.
        remedy: what to return instead.
    """

    def __init__(self, what: str, remedy: str, place: str = "") -> None:
        self.what, self.remedy, self.place = what, remedy, place
        super().__init__(f"{what} at {place or 'the top'} is not plain JSON: {remedy}")

    def below(self, step: str) -> NotPlain:
        """The same complaint, seen from the container that holds it."""
        return NotPlain(self.what, self.remedy, step + self.place)


# --- files and bytes ---------------------------------------------------------------------------------------


def bytes_version(data: bytes | bytearray | memoryview) -> str:
    """The version of a file's bytes held in memory; equals `file_version` of a file with these bytes."""
    return _version("f1", hashlib.sha256(data).hexdigest())


def file_version(path: Path) -> str:
    """The version of a file's bytes, read in pieces; for a directory, of the names and bytes of all files in it.

    A directory's version follows links to files, not links to directories, and ignores empty directories, modes
    and times.
    """
    if not path.is_dir():
        return _version("f1", _file_digest(path).hexdigest())
    whole = hashlib.sha256()
    files = [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
    for name, file in sorted((os.fsencode(file.relative_to(path).as_posix()), file) for file in files):
        if file.is_file():
            whole.update(len(name).to_bytes(4, "little") + name + _file_digest(file).digest())
    return _version("d1", whole.hexdigest())


def version_of_digest(digest: str) -> str:
    """The version of a file whose SHA-256, in hexadecimal, is known already (32 characters of it suffice)."""
    return _version("f1", digest)


def _file_digest(path: Path) -> hashlib._Hash:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256")


def _version(scheme: str, digest: str) -> str:
    return f"{scheme}-{digest[:_VERSION_DIGITS]}"


# --- JSON --------------------------------------------------------------------------------------------------


def value_version(value: object) -> str:
    """The version of a plain value, a pydantic model, a dataclass, or any nesting of them.

    The order of a mapping's keys does not count, as it does not for ``==``; 1 and 1.0 differ, and integers are
    exact at any size.

    Raises:
        NotPlain: JSON cannot hold the value.
    """
    return plain_version(plain(value))


def plain_version(value: JsonValue) -> str:
    """`value_version` of what `plain` has made."""
    return _version("j1", hashlib.sha256(_canonical_text(value).encode("ascii")).hexdigest())


def plain(value: object) -> JsonValue:
    """The value as JSON holds it: the same value, for which reading back what was written is the identity.

    Tuples become lists, enumerations of text and numbers their values, NumPy scalars Python's; pydantic models and
    dataclasses their fields by name. Everything else would come back as something other than what was returned
    (dates as text, integer keys as text, sets as lists) or has no form in JSON at all (NaN, infinity), so it is
    refused. Inside a pydantic model or a dataclass such types are welcome, because the reader's own annotation
    turns them back; a model with NaN says ``ser_json_inf_nan="strings"`` in its configuration.

    Raises:
        NotPlain: with the place and the remedy.
    """
    kind = type(value)
    if kind in _SCALARS:
        return value  # type: ignore[return-value]  # told by its type
    if kind is float:
        return _finite(value)  # type: ignore[arg-type]  # told by its type
    if isinstance(value, Mapping):
        return _plain_mapping(value)
    if isinstance(value, (list, tuple)):
        return _plain_list(value)
    return _plain_other(value)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise NotPlain(str(value), "JSON has no such number; say None where there is none")
    return value


def _plain_mapping(value: Mapping[object, object]) -> dict[str, JsonValue]:
    result: dict[str, JsonValue] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise NotPlain(f"the key {key!r} ({_name(key)})", "JSON's keys are text; use str(key)")
        try:
            result[str.__str__(key)] = item if type(item) in _SCALARS else plain(item)  # type: ignore[assignment]  # a scalar is plain
        except NotPlain as error:
            raise error.below(f".{key}") from None
    return result


def _plain_list(value: list[object] | tuple[object, ...]) -> list[JsonValue]:
    result: list[JsonValue] = []
    for position, item in enumerate(value):
        try:
            result.append(item if type(item) in _SCALARS else plain(item))  # type: ignore[arg-type]  # a scalar is plain
        except NotPlain as error:
            raise error.below(f"[{position}]") from None
    return result


def _plain_other(value: object) -> JsonValue:
    """What is not plain by its type, but perhaps by what it stands for."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _finite(float(value))
    if _descends(value, "pydantic", "BaseModel"):
        return _plain_model(value)
    if hasattr(type(value), "__dataclass_fields__"):
        return _plain_fields(value)
    if _descends(value, "numpy", "number", "bool", "bool_"):
        return plain(value.item())  # type: ignore[attr-defined]  # a scalar of numpy has it
    raise NotPlain(_name(value), _remedy(value))


def _descends(value: object, library: str, *names: str) -> bool:
    """Whether a value is of a library's class, told without importing it: another thread may be doing that now."""
    return any(
        base.__name__ in names and base.__module__.partition(".")[0] == library
        for base in type(value).__mro__
    )


def _plain_model(model: object) -> JsonValue:
    """The fields of a pydantic model by name, so that validating them by name gives the model back."""
    if model.model_config.get("ser_json_inf_nan") == "strings":  # type: ignore[attr-defined]  # a model
        return json.loads(model.model_dump_json(round_trip=True, by_alias=False))  # type: ignore[attr-defined, no-any-return]  # a model
    try:
        return plain(model.model_dump(mode="json", round_trip=True, by_alias=False))  # type: ignore[attr-defined]  # a model
    except NotPlain as error:
        remedy = f'{error.remedy}, or give the model the setting ser_json_inf_nan="strings"'
        raise NotPlain(error.what, remedy, error.place) from None


def _plain_fields(value: object) -> JsonValue:
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    try:
        return plain(to_jsonable_python(value, by_alias=False, round_trip=True))
    except PydanticSerializationError as error:
        raise NotPlain(_name(value), f"{error}; give it fields that pydantic can write") from None


def _name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _remedy(value: object) -> str:
    if hasattr(value, "isoformat"):
        return "use .isoformat(), or a pydantic model, whose reader gets the date back"
    if hasattr(value, "tolist"):
        return "use .tolist(), or return a table"
    if isinstance(value, (set, frozenset)):
        return "use sorted(...)"
    return "return a table, plain JSON values or a pydantic model, or write a file and return its Path"


# --- tables ------------------------------------------------------------------------------------------------


def table_version(table: pa.Table) -> str:
    """The version of a table's logical content (see the top of this module)."""
    digest = TableDigest(table.schema)
    for column, content in zip(table.columns, digest.columns, strict=True):
        for chunk in column.chunks:
            content.update(chunk)
    digest.rows = table.num_rows
    return digest.version()


class TableDigest:
    """The version of a table that comes in batches; equal to `table_version` of all of them together."""

    __slots__ = ("columns", "rows", "schema")

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self.rows = 0
        self.columns = tuple(_Column(field.type) for field in schema)

    def update(self, batch: pa.RecordBatch) -> None:
        """Take in the next rows."""
        self.rows += batch.num_rows
        for array, column in zip(batch.columns, self.columns, strict=True):
            column.update(array)

    def version(self) -> str:
        """The version of the rows so far."""
        head = [self.rows, *map(_field_text, self.schema), _schema_text(self.schema.metadata or {})]
        whole = hashlib.sha256(ascii(head).encode())
        for column in self.columns:
            whole.update(column.digest())
        return _version("t1", whole.hexdigest())


class _Column:
    """Digests of one column, or of one level of a nested one, as it comes in.

    Four streams, each of which is the same however the column was cut: which rows are null, how long each valid
    value is, the valid values themselves, and the columns nested inside.
    """

    __slots__ = ("categories", "children", "kind", "lengths", "nulls", "rows", "values", "width")

    def __init__(self, type_: pa.DataType) -> None:
        self.kind, self.width, inner = _layout(type_)
        self.rows = 0
        self.nulls = hashlib.sha256()
        self.lengths = hashlib.sha256()
        self.values = hashlib.sha256()
        self.children = tuple(map(_Column, inner))
        self.categories: dict[object, None] | None = {} if self.kind == "ordered" else None

    def update(self, array: pa.Array) -> None:
        """Take in the next rows."""
        if len(array) == 0:
            return
        match self.kind:
            case "dictionary" | "ordered":
                if self.categories is not None:
                    self.categories.update(dict.fromkeys(array.dictionary.to_pylist()))
                self.children[0].update(array.dictionary_decode())
            case "extension":
                self.children[0].update(array.storage)
            case "encoded":
                self.children[0].update(_decoded(array))
            case "null":
                self.rows += len(array)
            case "fixed" | "float" | "bool":
                self._update_flat(array)
            case _:
                self._update_nested(array)

    def _update_flat(self, array: pa.Array) -> None:
        """Rows of a fixed width: their bytes, without what lies under a null."""
        import numpy as np

        values = _flat_values(array, self.kind, self.width)
        if array.null_count:
            valid = _valid(array)
            self._note_nulls(valid)
            values = values[valid]
        if self.kind == "float" and (nan := np.isnan(values)).any():
            values = np.where(nan, np.array(np.nan, values.dtype), values)  # one payload for all
        self.rows += len(array)
        self.values.update(np.ascontiguousarray(values).view(np.uint8).data)

    def _update_nested(self, array: pa.Array) -> None:
        """Rows of a varying width: their lengths, and what they hold end to end."""
        rows = len(array)
        if array.null_count:
            self._note_nulls(_valid(array))
            array = array.drop_null()
        self.rows += rows
        if len(array) == 0:
            return
        match self.kind:
            case "binary":
                first, last = self._update_lengths(array)
                if last > first:
                    self.values.update(memoryview(array.buffers()[2])[first:last])
            case "map":
                first, last = self._update_lengths(array)
                self.children[0].update(array.keys[first:last])
                self.children[1].update(array.items[first:last])
            case "list":
                self._update_lengths(array)
                self.children[0].update(array.flatten())
            case "list view":
                self.lengths.update(array.value_lengths().to_numpy().data)
                self.children[0].update(array.flatten())
            case "fixed list":
                self.children[0].update(array.flatten())
            case "struct":
                for child, field in zip(self.children, array.flatten(), strict=True):
                    child.update(field)

    def _update_lengths(self, array: pa.Array) -> tuple[int, int]:
        """Take in how long each value is; where the first begins and the last ends."""
        import numpy as np

        offsets = np.frombuffer(array.buffers()[1], np.int32 if self.width == 4 else np.int64)
        offsets = offsets[array.offset : array.offset + len(array) + 1]
        self.lengths.update(np.diff(offsets).data)
        return int(offsets[0]), int(offsets[-1])

    def _note_nulls(self, valid: np.ndarray) -> None:
        import numpy as np

        self.nulls.update((np.flatnonzero(~valid).astype(np.int64) + self.rows).data)

    def digest(self) -> bytes:
        if self.kind in ("dictionary", "encoded"):  # an encoding adds nothing to what it encodes
            return self.children[0].digest()
        whole = hashlib.sha256(self.rows.to_bytes(8, "little"))
        for part in (self.nulls, self.lengths, self.values):
            whole.update(part.digest())
        for child in self.children:
            whole.update(child.digest())
        if self.categories is not None:
            whole.update(ascii(list(self.categories)).encode())
        return whole.digest()


@lru_cache(maxsize=512)
def _layout(type_: pa.DataType) -> tuple[str, int, tuple[pa.DataType, ...]]:
    """How a type lies in memory: its kind, its width (bytes of a value or of an offset), the types inside."""
    import pyarrow as pa
    from pyarrow import types

    if isinstance(type_, pa.BaseExtensionType):
        return "extension", 0, (type_.storage_type,)
    if types.is_dictionary(type_):
        return "ordered" if type_.ordered else "dictionary", 0, (type_.value_type,)
    if types.is_run_end_encoded(type_):
        return "encoded", 0, (type_.value_type,)
    if types.is_string_view(type_) or types.is_binary_view(type_):
        return "encoded", 0, (pa.large_binary(),)
    if types.is_list_view(type_) or types.is_large_list_view(type_):
        return "list view", 0, (type_.value_type,)
    if types.is_null(type_):
        return "null", 0, ()
    if types.is_string(type_) or types.is_binary(type_):
        return "binary", 4, ()
    if types.is_large_string(type_) or types.is_large_binary(type_):
        return "binary", 8, ()
    if types.is_map(type_):
        return "map", 4, (type_.key_type, type_.item_type)
    if types.is_list(type_) or types.is_large_list(type_):
        return "list", 4 if types.is_list(type_) else 8, (type_.value_type,)
    if types.is_fixed_size_list(type_):
        return "fixed list", 0, (type_.value_type,)
    if types.is_struct(type_):
        return "struct", 0, tuple(field.type for field in type_)
    if types.is_union(type_):
        raise pa.ArrowNotImplementedError(
            f"a column of type {type_} has no data version; use a struct instead"
        )
    if types.is_boolean(type_):
        return "bool", 0, ()
    return "float" if types.is_floating(type_) else "fixed", type_.bit_width // 8, ()


def _decoded(array: pa.Array) -> pa.Array:
    """An array in the ordinary layout of the values that it stands for."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_run_end_encoded(array.type):
        return pc.run_end_decode(array)
    return array.cast(pa.large_string() if pa.types.is_string_view(array.type) else _layout(array.type)[2][0])


def _flat_values(array: pa.Array, kind: str, width: int) -> np.ndarray:
    """The values of a fixed-width array, nulls included, without a copy where its layout allows."""
    import numpy as np

    buffer, start, stop = array.buffers()[1], array.offset, array.offset + len(array)
    if kind == "bool":
        return _bits(buffer, start, stop)
    if kind == "float":
        return np.frombuffer(buffer, f"f{width}")[start:stop]
    return np.frombuffer(buffer, f"u{width}" if width in (1, 2, 4, 8) else f"V{width}")[start:stop]


def _valid(array: pa.Array) -> np.ndarray:
    """Which rows of an array with nulls are not null; bool, shape (rows,)."""
    import numpy as np

    return _bits(array.buffers()[0], array.offset, array.offset + len(array)).astype(np.bool_)


def _bits(buffer: pa.Buffer, start: int, stop: int) -> np.ndarray:
    import numpy as np

    octets = np.frombuffer(buffer, np.uint8)[start // 8 : (stop + 7) // 8]
    return np.unpackbits(octets, bitorder="little")[start % 8 : start % 8 + stop - start]


def _field_text(field: pa.Field) -> tuple[object, ...]:
    """A field's name, type and metadata; its nullability is a promise and no content."""
    return field.name, _type_text(field.type), _metadata_text(field.metadata or {})


def _type_text(type_: pa.DataType) -> object:
    """A type's name, in words that do not hang on the encoding or on what a list calls its items."""
    import pyarrow as pa

    kind, _, inner = _layout(type_)
    match kind:
        case "dictionary":
            return _type_text(inner[0])
        case "ordered":
            return "ordered", _type_text(inner[0])
        case "extension":
            return str(type_), _type_text(inner[0])
        case "struct":
            return "struct", *map(_field_text, type_)
        case "map" | "list":
            return f"{kind}{'64' if pa.types.is_large_list(type_) else ''}", *map(_type_text, inner)
        case "fixed list":
            return kind, type_.list_size, _type_text(inner[0])
        case "encoded" if pa.types.is_run_end_encoded(type_):
            return _type_text(inner[0])
        case "list view":
            return str(type_).partition("<")[0], *map(_type_text, inner)
        case _:
            return str(type_)


def _metadata_text(metadata: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """Metadata in order of its names, without what file formats note for themselves."""
    own = (b"PARQUET:", b"ARROW:schema")
    return sorted((name, text) for name, text in metadata.items() if not name.startswith(own))


def _schema_text(metadata: Mapping[bytes, bytes]) -> tuple[object, ...]:
    """The schema's metadata; of what pandas notes there only the index and the names of the columns."""
    rest = {name: text for name, text in metadata.items() if name != b"pandas"}
    return _metadata_text(rest), *_pandas_index(metadata.get(b"pandas"))


def _pandas_index(note: bytes | None) -> Iterable[str]:
    """What makes a pandas frame more than its columns: an index that says something, columns that are not text."""
    if note is None:
        return
    told = json.loads(note)
    for index in told.get("index_columns") or ():
        trivial = isinstance(index, dict) and (index["start"], index["step"], index["name"]) == (0, 1, None)
        if not trivial:
            yield f"index {json.dumps(index, sort_keys=True)}"
    for columns in told.get("column_indexes") or ():
        if columns.get("name") is not None or columns.get("pandas_type") not in (
            "unicode",
            "string",
            "empty",
        ):
            yield f"columns {columns.get('name')!r} {columns.get('pandas_type')}"
