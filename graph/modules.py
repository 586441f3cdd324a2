"""Which statements of the project's modules bind a name, and where a name that is read in one of them leads."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from graph.imports import DECLARING, ENGINE, Chain, Imported, chain_of, declares, imported_by, type_checking

_DECORATOR = re.compile(r"^[ \t]*@[ \t]*(\w+(?:\.\w+)*)", re.MULTILINE)

WHOLE = "*"
"""The name of a module that is used as a value: all of its definitions."""


class Sources(Protocol):
    """Where the text of the project's modules comes from.

    It is asked about whatever a project module imports, so it answers by looking, never by importing.
    """

    def text(self, module: str) -> str | None:
        """The source of a module of the project (of a package: its ``__init__``); None for any other module."""


class Place(NamedTuple):
    """A definition of the project: a name at the level of a module, or what starts in one line and column of it."""

    module: str
    name: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"


Target = Place | str
"""Where a name leads: to a definition of the project, or to something outside it, by its dotted name."""

_Step = Target | tuple[str, Chain]
"""A step on the way there: the end, or a chain that is read in another module."""


@dataclass(slots=True)
class Module:
    """A module's text, taken apart by name.

    Args:
        body: its statements.
        statements: by name, those that bind it or fill what it stands for, in order.
        bound: the names that are bound by more than a plain import.
        imports: by name, what it may be imported from.
        stars: the modules that everything is imported from.
        hidden: names that exist for a type checker only.
        writers: by name, the definitions inside which it is declared global.
        declarers: by name, or by a chain joined by dots, what it stands for in the engine.
    """

    body: list[ast.stmt]
    statements: dict[str, list[ast.stmt]] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    imports: dict[str, list[Imported]] = field(default_factory=dict)
    stars: list[Imported] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    writers: dict[str, list[str]] = field(default_factory=dict)
    declarers: dict[str, str] = field(default_factory=dict)


class Modules:
    """The project's modules as one state of its sources has them; each is read and parsed once."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._texts: dict[str, str | None] = {}
        self._modules: dict[str, Module | None] = {}
        self._found: dict[tuple[str, Chain], tuple[Target, ...]] = {}
        self._star_sources: dict[str, list[str]] = {}

    def get(self, name: str) -> Module | None:
        """A module of the project; None for what is not the project's, is the engine's, or cannot be parsed."""
        if name not in self._modules:
            self._modules[name] = None  # what it meets of itself while it is taken apart
            text = None if name.partition(".")[0] in ENGINE else self._text(name)
            body = None if text is None else _parsed(text)
            if text is not None and body is not None:
                self._modules[name] = module = _taken_apart(body, text)
                self._find_declarers(name, module, text)
        return self._modules[name]

    def _text(self, name: str) -> str | None:
        if name not in self._texts:
            self._texts[name] = self._sources.text(name)
        return self._texts[name]

    def _find_declarers(self, name: str, module: Module, text: str) -> None:
        """Note the names that stand for the engine or a part of it, also where the project hands them on."""
        if any(star.module == "graph" and not star.level for star in module.stars):
            module.declarers.update((each, f"graph.{each}") for each in DECLARING)
        for bound, imports in module.imports.items():
            for found in imports:
                if not found.level and found.module.partition(".")[0] == "graph":
                    module.declarers[bound] = ".".join(filter(None, (found.module, found.name)))
                elif found.name in DECLARING:
                    self._note_declarer(module, (bound,), self.imported(name, found, ()))
        for written in dict.fromkeys(_DECORATOR.findall(text)):
            chain = tuple(written.split("."))
            if chain[0] not in module.declarers:
                self._note_declarer(module, chain, self.lookup(name, chain))

    def _note_declarer(self, module: Module, chain: Chain, targets: Iterable[Target]) -> None:
        """Note what a chain stands for, if one of the places where it leads is a declaring function."""
        todo = [(target, chain[-1]) for target in targets]
        seen: set[Target] = set()
        while todo:
            target, last = todo.pop()
            if target in seen:
                continue
            seen.add(target)
            if isinstance(target, Place):  # `declare = graph.asset` hands it on as an import does
                at = self.get(target.module)
                match at.statements.get(target.name) if at is not None else None:
                    case [ast.Assign(targets=[ast.Name()], value=value)] if other := chain_of(value):
                        todo += [(each, other[-1]) for each in self.lookup(target.module, other)]
            else:
                stands_for = f"graph.{last}" if target in ("graph", f"graph.{WHOLE}") else target
                if declares({"it": stands_for}, ("it",)):
                    module.declarers[".".join(chain)] = stands_for

    def lookup(self, name: str, chain: Chain) -> tuple[Target, ...]:
        """Where a chain leads that is read in the module ``name``; nowhere if it is built in or unknown."""
        if (name, chain) not in self._found:
            self._found[name, chain] = self._followed([(name, chain)])
        return self._found[name, chain]

    def imported(self, name: str, found: Imported, rest: Chain) -> tuple[Target, ...]:
        """Where the attributes ``rest`` lead of something that the module ``name`` imports."""
        return self._followed(self._import_steps(name, found, rest))

    def member(self, name: str, chain: Chain) -> tuple[Target, ...]:
        """Where a chain leads that is read from the module ``name`` as an attribute."""
        return self._followed(self._member_steps(name, chain))

    def _followed(self, steps: Iterable[_Step]) -> tuple[Target, ...]:
        """What is at the end of all ways; one that leads back to itself ends nowhere."""
        found: dict[Target, None] = {}
        seen: set[_Step] = set()
        todo = list(steps)
        while todo:
            step = todo.pop()
            if step in seen:
                continue
            seen.add(step)
            if isinstance(step, str | Place):
                found[step] = None
            else:
                todo += self._steps(*step)
        return tuple(found)

    def _steps(self, name: str, chain: Chain) -> Iterator[_Step]:
        module = self.get(name)
        if module is None:
            return
        first = chain[0]
        for found in module.imports.get(first, ()):
            yield from self._import_steps(name, found, chain[1:])
        if first in module.bound or first in module.writers:
            yield Place(name, first)
        elif first not in module.imports:
            for source in self._stars(name):
                if self.get(source) is None:
                    yield f"{source}.{WHOLE}"
                elif self._has(source, first):
                    yield source, chain

    def _import_steps(self, name: str, found: Imported, rest: Chain) -> Iterator[_Step]:
        source = self._absolute(name, found)
        inner = f"{source}.{found.name}"
        if self.get(source) is not None and source != name:
            yield from self._member_steps(source, (found.name, *rest) if found.name else rest)
        elif (
            found.name and self.get(inner) is not None
        ):  # from the package itself, or one without ``__init__``
            yield from self._member_steps(inner, rest)
        elif found.loaded and self.get(found.loaded) is not None:
            yield from self._member_steps(found.loaded, rest[found.loaded.count(".") :])
        else:
            yield inner if found.name else source

    def _member_steps(self, name: str, chain: Chain) -> Iterator[_Step]:
        if not chain:
            yield Place(name, WHOLE)
        elif self._has(name, chain[0]):
            yield name, chain
        elif self.get(inner := f"{name}.{chain[0]}") is not None:
            yield from self._member_steps(inner, chain[1:])
        elif self._has(name, "__getattr__"):
            yield name, ("__getattr__",)
        else:
            yield inner

    def _has(self, name: str, first: str) -> bool:
        """Whether a module or one that it imports everything from says where a name comes from."""
        modules = [self.get(each) for each in (name, *self._stars(name))]
        return any(
            first in module.bound or first in module.imports or first in module.writers
            for module in modules
            if module is not None
        )

    def _stars(self, name: str) -> list[str]:
        """The modules that a module imports everything from, and they from others."""
        if name not in self._star_sources:
            found: dict[str, None] = {}
            todo = [name]
            while todo:
                at = todo.pop()
                module = self.get(at)
                for star in module.stars if module is not None else ():
                    source = self._absolute(at, star)
                    if source not in found and source != name:
                        found[source] = None
                        todo.append(source)
            self._star_sources[name] = list(found)
        return self._star_sources[name]

    def _absolute(self, name: str, found: Imported) -> str:
        """The module that an import names.

        How many names a leading dot stands for depends on whether ``name`` is a package: it is, when the project
        has what it imports from inside it.
        """
        if not found.level:
            return found.module
        parts = name.split(".")
        kept = len(parts) - found.level
        in_module = ".".join([*parts[: max(kept, 0)], *filter(None, [found.module])])
        in_package = ".".join([*parts[: kept + 1], *filter(None, [found.module])])
        for source in (in_package, in_module) if found.level == 1 else (in_module, in_package):
            named = [f"{source}.{found.name}"] + ([source] if found.module else [])
            if any(self._text(each) is not None for each in named):
                return source
        return in_module


def _parsed(text: str) -> list[ast.stmt] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the text, not of us
        try:
            return ast.parse(text).body
        except (SyntaxError, ValueError, RecursionError):
            return None


# Taking apart: what a statement at the level of a module binds or fills.

_COMPOUND = (
    ast.If,
    ast.For,
    ast.While,
    ast.With,
    ast.Try,
    ast.TryStar,
    ast.Match,
    ast.AsyncFor,
    ast.AsyncWith,
)
_LEAVES = (ast.Break, ast.Continue, ast.Raise)


def _taken_apart(body: list[ast.stmt], text: str) -> Module:
    module = Module(body)
    says_global = "global " in text
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            _note_imports(module, statement)
            continue
        binds, fills = _effects(module, statement)
        module.bound |= binds
        for name in binds | fills:
            module.statements.setdefault(name, []).append(statement)
        if says_global and isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for node in ast.walk(statement):
                if isinstance(node, ast.Global):
                    for name in node.names:
                        module.writers.setdefault(name, []).append(statement.name)
    return module


def _note_imports(module: Module, statement: ast.Import | ast.ImportFrom) -> None:
    for name, found in imported_by(statement):
        if name == WHOLE:
            module.stars.append(found)
        else:
            module.imports.setdefault(name, []).append(found)


def _effects(module: Module, statement: ast.stmt) -> tuple[set[str], set[str]]:
    """The names that a statement binds, and those that it fills, with the statements in its blocks."""
    binds: set[str] = set()
    fills: set[str] = set()
    todo = [statement]
    while todo:
        each = todo.pop()
        if isinstance(each, ast.Import | ast.ImportFrom):
            _note_imports(module, each)
        for name, is_bound in _own_effects(each):
            if is_bound:
                binds.add(name)
            elif name not in module.imports:  # what others made is not ours to follow
                fills.add(name)
        for block in _blocks(each):
            todo += block
        if isinstance(each, ast.If) and type_checking(each.test):
            module.hidden.update(name for hidden in each.body for name, _ in _own_effects(hidden))
    return binds, fills


def _own_effects(statement: ast.stmt) -> Iterator[tuple[str, bool]]:
    """The names that a statement by itself binds (True) or fills (False)."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name, True
            for decorator in statement.decorator_list:
                yield from _filled(decorator)
        case ast.Import() | ast.ImportFrom():
            for name, _ in imported_by(statement):
                yield name, True
        case ast.If() | ast.While():
            for node in ast.walk(statement.test):
                if isinstance(node, ast.NamedExpr):
                    yield node.target.id, True
        case ast.Match():
            for node in (node for case in statement.cases for node in ast.walk(case.pattern)):
                if bound := getattr(node, "name", None) or getattr(node, "rest", None):
                    yield bound, True
        case ast.Expr(value=ast.Call() as call):
            yield from _filled(call)
        case ast.AnnAssign(value=None):
            pass  # it describes, and binds nothing
        case _:
            for target in _targets_of(statement):
                yield from _targets(target)


def _targets_of(statement: ast.stmt) -> list[ast.expr]:
    """What an assignment, ``del``, ``for``, ``with`` or ``type`` binds."""
    found = [*getattr(statement, "targets", ()), getattr(statement, "target", None)]
    found += [item.optional_vars for item in getattr(statement, "items", ())]
    found.append(getattr(statement, "name", None))
    return [each for each in found if isinstance(each, ast.expr)]


def _targets(target: ast.expr) -> Iterator[tuple[str, bool]]:
    match target:
        case ast.Name(id=name):
            yield name, True
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                yield from _targets(part)
        case ast.Starred(value=inner):
            yield from _targets(inner)
        case _:
            if name := _root(target):
                yield name, False


def _filled(expression: ast.expr) -> Iterator[tuple[str, bool]]:
    """What a call like ``table.append(x)``, or a decorator like ``@registry.register``, may change."""
    function = expression.func if isinstance(expression, ast.Call) else expression
    if not isinstance(function, ast.Name) and (name := _root(function)):
        yield name, False


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The statements inside a statement that run when the module is imported."""
    if not isinstance(statement, _COMPOUND):
        return
    if not (isinstance(statement, ast.If) and _never(statement.test)):
        yield getattr(statement, "body", [])
    for handler in getattr(statement, "handlers", ()):
        yield handler.body
    for case in getattr(statement, "cases", ()):
        yield case.body
    yield getattr(statement, "orelse", [])
    yield getattr(statement, "finalbody", [])


def _never(test: ast.expr) -> bool:
    """Whether what a condition guards does not run on import: ``TYPE_CHECKING``, ``__name__ == "__main__"``."""
    return type_checking(test) or (isinstance(test, ast.Compare) and chain_of(test.left) == ("__name__",))


def narrowed(statement: ast.stmt, name: str) -> ast.stmt | None:
    """A statement without the parts of its blocks that have nothing to do with ``name``."""
    mine = any(each == name for each, _ in _own_effects(statement))
    if not isinstance(statement, _COMPOUND):
        return statement if mine or isinstance(statement, _LEAVES) else None
    kept = copy(statement)
    runs = not (isinstance(kept, ast.If) and _never(kept.test))
    blocks: list[ast.AST] = [kept]
    for several in ("handlers", "cases"):
        if inner := getattr(kept, several, None):
            copies = [copy(each) for each in inner]
            setattr(kept, several, copies)
            blocks += copies
    for holder in blocks:
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(holder, block, [])
            parts = [narrowed(each, name) for each in statements] if runs or block != "body" else []
            if statements:
                setattr(holder, block, [part for part in parts if part is not None])
            mine = mine or any(parts)
    return kept if mine else None
