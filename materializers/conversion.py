"""What goes into a format and comes out of it: the nouns, what a reader's annotation asks for, and the errors.

FormatError
├── NotStorable      a value that no format takes, or that its format cannot hold
└── CannotConvert    a stored value that cannot be given as what its reader asks for
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, get_args, get_origin

from graph.errors import AssetGraphError
from graph.program import Program
from materializers.ledger import Content
from materializers.store import Store

if TYPE_CHECKING:
    from pydantic import TypeAdapter


class FormatError(AssetGraphError):
    """A value and a format that do not go together."""


class NotStorable(FormatError):
    """A value that no format takes, or that its format cannot hold.

    Attributes:
        key: the asset.
        what: what was returned.
        remedy: what to return instead.
    """

    def __init__(self, key: str, what: str, remedy: str) -> None:
        self.key, self.what, self.remedy = key, what, remedy
        super().__init__(f"{_asset(key)} returned {what}, which cannot be stored: {remedy}")


class CannotConvert(FormatError):
    """A stored value that cannot be given as what its reader's annotation asks for."""

    def __init__(self, key: str, format_name: str, wanted: str, remedy: str) -> None:
        self.key, self.format, self.wanted, self.remedy = key, format_name, wanted, remedy
        super().__init__(f"{_asset(key)} is stored as {format_name} and cannot be read as {wanted}: {remedy}")


def _asset(key: str) -> str:
    return f"asset '{key}'" if key else "the asset"


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

    def encode(self, value: Any, store: Store) -> Content:
        """Write the value. Raises NotStorable, StoreError."""

    def decode(self, address: str, store: Store, want: Wanted) -> Any:
        """Read the value as it is wanted. Raises CannotConvert, StoreError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an annotation asks for: its ``shape``, a word of `SHAPES` or "any", and the type where that is known."""

    shape: str
    text: str
    hint: object = None


SHAPES = {
    "Table": "table",
    "RecordBatchReader": "reader",
    "DataFrame": "pandas",  # polars' has the same name; its module tells them apart
    "LazyFrame": "lazy",
    "DuckDBPyRelation": "relation",
    "Path": "path",
    "bytes": "bytes",
    "str": "text",
    **dict.fromkeys(("dict", "list", "int", "float", "bool", "tuple", "Mapping", "Sequence"), "plain"),
}
"""By the last part of an annotation's name, what its reader can be given."""

PROMISES = {
    **dict.fromkeys(("table", "reader", "pandas", "polars", "lazy", "relation"), "table"),
    **dict.fromkeys(("path", "bytes"), "file"),
}
"""By the shape of a return annotation, the format of the values that it promises."""

_LIBRARIES = frozenset({"pyarrow", "pandas", "polars", "duckdb", "_duckdb", "pathlib", "builtins"})


def wanted(annotation: str | None, hint: object = None) -> Wanted:
    """What an annotation's text asks for, or the type itself where it is known."""
    found = _wanted_text(annotation) if annotation else Wanted(shape="any", text="any")
    if hint is None or hint is Program:  # a program's output says itself what it is
        return found
    if not isinstance(hint, type) or get_origin(hint) is not None:
        return Wanted(shape="any", text=annotation or str(hint), hint=hint)
    module = hint.__module__.partition(".")[0]
    named = _wanted_text(f"{module}.{hint.__qualname__}")
    shape = named.shape if module in _LIBRARIES else "any"
    return Wanted(shape=shape, text=annotation or hint.__qualname__, hint=hint)


@lru_cache(maxsize=1024)
def _wanted_text(annotation: str) -> Wanted:
    words = [word.strip().strip("'\"") for word in annotation.strip().strip("'\"").split("|")]
    words = [word for word in words if word not in ("None", "Skip", "")]
    if len(words) != 1:
        return Wanted(shape="any", text=annotation)
    word = words[0]
    if word.endswith("]") and word.startswith(("Optional[", "typing.Optional[")):
        return _wanted_text(word[word.index("[") + 1 : -1])
    name = word.split("[", 1)[0]
    shape = SHAPES.get(name.rpartition(".")[2], "any")
    if shape == "pandas" and name.partition(".")[0] in ("pl", "polars"):
        shape = "polars"
    return Wanted(shape=shape, text=annotation)


@lru_cache(maxsize=1024)
def is_plain(hint: Any) -> bool:
    """Whether a type is one that JSON itself gives back."""
    if hint in (Any, object, dict, list, str, int, float, bool, None, type(None)):
        return True
    origin, inner = get_origin(hint), get_args(hint)
    if origin is dict or origin is Mapping:
        return inner[0] is str and is_plain(inner[1])
    return origin is list and all(map(is_plain, inner))


@lru_cache(maxsize=256)
def _adapter(hint: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(hint)


def validated(want: Wanted, key: str, format_name: str, validate: Callable[[TypeAdapter[Any]], Any]) -> Any:
    """What pydantic makes of a stored value for the type that is wanted; ``validate`` is given that type's adapter."""
    from pydantic import PydanticSchemaGenerationError, ValidationError

    try:
        return validate(_adapter(want.hint))
    except PydanticSchemaGenerationError as error:
        raise CannotConvert(key, format_name, want.text, "use a pydantic model or a plain type") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = "".join(f"[{step!r}]" for step in first["loc"]) or "the value"
        count = f" ({error.error_count()} such places)" if error.error_count() > 1 else ""
        raise CannotConvert(
            key, format_name, want.text, f"{place} does not fit: {first['msg']}{count}"
        ) from error


def kind_of(value: object) -> str:
    """The name of a value's type, for a message."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
