"""The live values that a function carries, as a text that is the same in every process.

A value is told by what it is, never by where it lies in memory. Code among values (functions, classes, what a partial
or a bound method holds) is told by the digest of its source, and collected, so that what it reaches is known.
"""

from __future__ import annotations

import copyreg
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from types import (
    BuiltinFunctionType,
    CodeType,
    EllipsisType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)

from graph.fingerprint import digest
from graph.imports import ENGINE
from graph.modules import WHOLE, Place
from graph.reach import Reach
from graph.syntax import written

_PLAIN = (type(None), bool, int, float, complex, str, bytes, EllipsisType)
_DEEPEST = 50  # values within values
_MOST = 100_000  # values told at once
_MAIN = "__main__"


class Values:
    """Tells values, and notes the code met in them.

    Attributes:
        places: the definitions of the project that were met.
        reaches: those that have no place in a source, as ``module:qualname``.
        unresolved: what could not be told, each in one line.
    """

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._path: list[int] = []
        self._where: list[str] = []
        self._count = 0
        self.places: list[Place] = []
        self.reaches: set[str] = set()
        self.unresolved: set[str] = set()

    def told(self, value: object, *, own: bool = False) -> str:
        """A value as text.

        Args:
            own: it is the code that is digested, so it is looked into even where it is not the project's.
        """
        if type(value) in _PLAIN:
            return written(value)
        if id(value) in self._path:  # it holds itself: say how far up
            return f"^{len(self._path) - self._path.index(id(value))}"
        self._count += 1
        if len(self._path) >= _DEEPEST or self._count > _MOST:
            return self._untold("values too deep or too many to digest")
        self._path.append(id(value))
        try:
            return self._container(value) or self._code(value, own=own) or self._instance(value)
        finally:
            self._path.pop()

    def _untold(self, what: str) -> str:
        self.unresolved.add(": ".join([*self._where, what]))
        return "?"

    @contextmanager
    def _at(self, where: str) -> Iterator[None]:
        self._where.append(where)
        yield
        self._where.pop()

    def _container(self, value: object) -> str:
        kind = type(value)
        if isinstance(value, list | tuple) and kind in (list, tuple):
            return f"{kind.__name__}[{', '.join(map(self.told, value))}]"
        if isinstance(value, set | frozenset) and kind in (set, frozenset):
            return f"{kind.__name__}[{', '.join(sorted(map(self.told, value)))}]"
        if isinstance(value, dict | MappingProxyType) and kind in (dict, MappingProxyType):
            return f"dict[{', '.join(sorted(f'{self.told(k)}: {self.told(v)}' for k, v in value.items()))}]"
        return ""

    def _code(self, value: object, *, own: bool) -> str:
        match value:
            case FunctionType():
                return self._function(value, own=own)
            case type():
                return self._class(value)
            case MethodType():
                return f"method[{self.told(value.__func__, own=own)}, {self.told(value.__self__)}]"
            case BuiltinFunctionType():
                owner = value.__self__
                held = "" if owner is None or isinstance(owner, ModuleType) else self.told(owner)
                return f"outside {value.__module__}.{value.__qualname__}[{held}]"
            case ModuleType():
                return self._module(value.__name__)
            case functools.partial():
                return f"partial[{self.told((value.func, value.args, value.keywords))}]"
            case staticmethod() | classmethod():
                return f"{type(value).__name__}[{self.told(value.__func__)}]"
            case property():
                return f"property[{self.told((value.fget, value.fset, value.fdel))}]"
        if callable(value) and (wrapped := getattr(value, "__wrapped__", None)) is not None:
            return f"wrapped[{self.told(type(value))}, {self.told(wrapped, own=own)}]"
        return ""

    def _module(self, name: str) -> str:
        if self._reach.modules.get(name) is None:
            return f"outside {name}"
        return self._place(Place(name, WHOLE))

    def _place(self, place: Place) -> str:
        self.places.append(place)
        return self._reach.digest(place)

    # Functions

    def _function(self, function: FunctionType, *, own: bool) -> str:
        code, module = function.__code__, _home(function)
        place = self._located(function)
        name = f"{module}:{code.co_qualname}"
        is_code = self._is_ours(module) or _made_up(module, code)
        with self._at(name):
            if place is not None:
                defaults = self._defaults(function)
                return digest("function", self._place(place), defaults, self._held(function, place))
            if not is_code and hasattr(
                function, "__wrapped__"
            ):  # what else a library's wrapper holds is its affair
                return digest("outside", name, self.told(function.__wrapped__, own=own))
            held = self._held(function, None)
            if module.partition(".")[0] in ENGINE or not (own or is_code):
                return digest("outside", name, held)
            self.reaches.add(name)
            return digest(self._bytecode(function), self._defaults(function), held)

    def _located(self, function: FunctionType) -> Place | None:
        return self._reach.function(_home(function), function.__code__)

    def _is_ours(self, module: str) -> bool:
        return self._reach.modules.get(module) is not None

    def _defaults(self, function: FunctionType) -> str:
        with self._at("a default"):
            return self.told((function.__defaults__, function.__kwdefaults__))

    def _held(self, function: FunctionType, place: Place | None) -> str:
        """What a function wraps and what its closure holds."""
        parts = [f"wraps {self.told(function.__wrapped__)}"] if hasattr(function, "__wrapped__") else []
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        for name in sorted(cells):
            with self._at(f"'{name}' of its closure"):
                try:
                    value = cells[name].cell_contents
                except ValueError:
                    parts.append(f"{name} is not set")
                else:
                    parts.append(f"{name}: {self._cell(name, value, place)}")
        return ", ".join(parts)

    def _cell(self, name: str, value: object, place: Place | None) -> str:
        """A value of a closure; of a project's module only what is read from it."""
        modules = self._reach.modules
        if place is None or not isinstance(value, ModuleType) or modules.get(value.__name__) is None:
            return self.told(value)
        read = [chain for chain in self._reach.definition(place).enclosed if chain[0] == name]
        targets = [target for chain in read for target in modules.member(value.__name__, chain[1:])]
        return " ".join(self._place(each) if isinstance(each, Place) else each for each in targets)

    def _bytecode(self, function: FunctionType) -> str:
        """The last resort, for code without a source: what was compiled, and the globals that it names."""
        self._untold("its source is not known; its bytecode counts, which differs between Python versions")
        spoken = set[str]()
        text = self._compiled(function.__code__, spoken, function.__doc__)
        known = {name: function.__globals__[name] for name in spoken if name in function.__globals__}
        return digest(text, *(f"{name}: {self.told(known[name])}" for name in sorted(known)))

    def _compiled(self, code: CodeType, spoken: set[str], docstring: str | None) -> str:
        spoken.update(code.co_names)
        is_told = code.co_consts[:1] == (docstring,)  # the docstring, or None in its place
        constants = [
            self._compiled(constant, spoken, None) if isinstance(constant, CodeType) else self.told(constant)
            for constant in code.co_consts[is_told:]
        ]
        names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        return digest(code.co_code.hex(), repr(names), repr(counts), *constants)

    # Classes and their instances

    def _class(self, value: type) -> str:
        module, qualname = value.__module__, value.__qualname__.partition("[")[0]
        place = self._reach.type(module, qualname)
        name = f"{module}:{qualname}"
        if place is not None and "<locals>" not in qualname:
            return self._place(place)
        with self._at(name):
            if place is not None:
                return digest("class", self._place(place), self._made_of(value))
            if module != _MAIN and not self._is_ours(module):
                return f"outside {module}.{qualname}"
            self.reaches.add(name)
            self._untold("the source of this class is not known; what can be seen of it counts")
            return digest("class", qualname, self._made_of(value))

    def _made_of(self, value: type) -> str:
        """The bases of a class, and its members but for what the interpreter keeps there."""
        parts = [self.told(base) for base in value.__bases__ if base is not object]
        for name, member in sorted(vars(value).items()):
            if name.startswith("__"):
                is_told = isinstance(member, FunctionType) and self._is_written(member)
            else:
                is_kept = isinstance(member, MemberDescriptorType | GetSetDescriptorType)
                is_told = not is_kept and name != "_abc_impl"
            if is_told:
                parts.append(f"{name}: {self.told(member)}")
        return ", ".join(parts)

    def _is_written(self, function: FunctionType) -> bool:
        """Whether somebody wrote a function, unlike the ``__init__`` that a dataclass is given."""
        while hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        return self._located(function) is not None or not function.__code__.co_filename.startswith("<")

    def _instance(self, value: object) -> str:
        kind = type(value)
        match value:
            case Enum():
                return f"{self.told(kind)}.{value.name}"
            case datetime() | time():
                return f"{kind.__name__} {value.isoformat()} {value.fold} {value.tzinfo}"
            case date():
                return f"date {value.isoformat()}"
            case timedelta():
                return f"timedelta {value.days} {value.seconds} {value.microseconds}"
            case Decimal():
                return f"decimal {value}"
            case PurePath():
                return f"path {value.as_posix()!a}"
        if hasattr(kind, "get_secret_value"):  # a secret is no part of what the code is
            return f"secret {self.told(kind)}"
        if hasattr(kind, "model_fields") and hasattr(value, "__dict__"):
            extra = getattr(value, "__pydantic_extra__", None)
            return digest("model", self.told(kind), self.told(vars(value)), self.told(extra))
        return self._taken_apart(value)

    def _taken_apart(self, value: object) -> str:
        """An object by how it says that it can be made again: its class, arguments and state."""
        kind = type(value)
        try:
            reduce = copyreg.dispatch_table.get(kind)
            parts = reduce(value) if reduce is not None else value.__reduce_ex__(4)
        except Exception:  # noqa: BLE001  # somebody's class: it may raise anything
            self._untold(f"a {kind.__module__}.{kind.__qualname__} cannot be digested")
            return self.told(kind)
        if isinstance(parts, str):
            return f"outside {kind.__module__}.{parts}"
        made, arguments, *rest = parts
        state, items, pairs = [*rest, None, None, None][:3]
        return digest(
            "object",
            self.told(made),
            self.told(arguments),
            self.told(state),
            self.told(list(items or ())),
            self.told(dict(pairs or ())),
        )


def _home(function: FunctionType) -> str:
    """The module that a function was written in, whatever a wrapper says of itself."""
    return str(function.__globals__.get("__name__") or function.__module__)


def _made_up(module: str, code: CodeType) -> bool:
    """Whether code was typed at a prompt or made from a text."""
    return module == _MAIN or (
        code.co_filename.startswith("<") and not code.co_filename.startswith("<frozen")
    )
