"""What a definition of the project reaches, and one digest for all of it.

Each definition is read once: its own text, and where its free names lead. Its digest is made of that text and of the
digests of what the names lead to, definitions that reach each other taken together; so it moves with anything
reached and with nothing else. Names of modules and places in files are no part of it: code may move.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import CodeType
from typing import NamedTuple

from graph.fingerprint import digest
from graph.imports import Chain
from graph.modules import WHOLE, Module, Modules, Place, Target, narrowed
from graph.syntax import Syntax, read

_GIVEN = frozenset(dir(builtins)) | frozenset(
    {
        "__file__",
        "__path__",
        "__builtins__",
        "__annotations__",
        "__dict__",
        "__class__",
        "__module__",
        "__qualname__",
    }
)
_NOT_SCOPES = frozenset({"<locals>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})


class Definition(NamedTuple):
    """One definition by itself.

    Args:
        label: ``module:qualname``.
        own: its normalised text.
        outside: what it reads from outside the project, as "what is written" and the dotted name.
        inside: by what is written, the definitions that its free names lead to.
        enclosed: what it reads of the functions around it.
        unresolved: what cannot be followed, for people.
    """

    label: str
    own: str = ""
    outside: tuple[str, ...] = ()
    inside: tuple[tuple[str, Place], ...] = ()
    enclosed: tuple[Chain, ...] = ()
    unresolved: tuple[str, ...] = ()


class Reach:
    """What definitions reach, for one state of the project's sources."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self._nodes: dict[Place, tuple[ast.AST, frozenset[str] | None]] = {}
        self._by_line: dict[tuple[str, str], dict[int, list[_Scope]]] = {}
        self._definitions: dict[Place, Definition] = {}
        self._digests: dict[Place, str] = {}

    def function(self, module: str, code: CodeType) -> Place | None:
        """The function that ``code`` was compiled from; None if it cannot be told."""
        known = self.modules.get(module)
        if known is not None and _is_plain(known.statements.get(code.co_qualname), code):
            return Place(module, code.co_qualname)
        by_line = self._search(module, code.co_qualname)
        here = by_line.get(code.co_firstlineno, [])
        if len(here) > 1:
            here = _holding(here, code)
        if not here and len(by_line) == 1:  # lines have moved since the module was loaded
            (here,) = by_line.values()
        return self._placed(module, code.co_qualname, here, frozenset(code.co_freevars))

    def type(self, module: str, qualname: str) -> Place | None:
        """A class, or whatever else a module binds by its name; None if there is none or several."""
        known = self.modules.get(module)
        if known is not None and (first := qualname.partition(".")[0]) in known.bound and "<" not in qualname:
            return Place(module, first)
        by_line = self._search(module, qualname)
        found = [node for nodes in by_line.values() for node in nodes if isinstance(node, ast.ClassDef)]
        return self._placed(module, qualname, found, None)

    def _search(self, module: str, qualname: str) -> Mapping[int, list[_Scope]]:
        """The functions and classes of a qualified name, by the line in which their code starts."""
        found = self._by_line.get((module, qualname))
        if found is None:
            found = self._by_line[module, qualname] = {}
            known = self.modules.get(module)
            parts = [part for part in qualname.split(".") if part not in _NOT_SCOPES]
            if known is not None:
                for node in _scopes(known.statements.get(parts[0], known.body), parts):
                    found.setdefault(_first_line(node), []).append(node)
        return found

    def _placed(
        self, module: str, name: str, found: Sequence[_Scope], around: frozenset[str] | None
    ) -> Place | None:
        """The place of the one node found, inside functions that bind ``around`` (None: that is not known)."""
        if len(found) != 1:
            return None
        place = Place(module, name, found[0].lineno, found[0].col_offset)
        self._nodes[place] = (found[0], around)
        return place

    def digest(self, place: Place) -> str:
        """The digest of a definition and of everything it reaches."""
        if place not in self._digests:
            for component in self._components(place):
                self._close(component)
        return self._digests[place]

    def reached_from(self, places: Iterable[Place]) -> list[Definition]:
        """The definitions that are reached from some, those included."""
        seen = set(places)
        todo = list(seen)
        found = []
        while todo:
            definition = self.definition(todo.pop())
            found.append(definition)
            for _, target in definition.inside:
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
        return found

    def definition(self, place: Place) -> Definition:
        """A definition by itself."""
        found = self._definitions.get(place)
        if found is None:
            module = self.modules.get(place.module)
            found = self._read(place, module) if module else Definition(str(place))
            self._definitions[place] = found
        return found

    def _read(self, place: Place, module: Module) -> Definition:
        node, around = self._nodes.get(place, (None, frozenset[str]()))
        enclosing = around or frozenset()
        syntax = _syntax(place, module, node)
        names = syntax.names
        if place.name == WHOLE:
            names = frozenset((name,) for name in (*module.bound, *module.imports))
        edges: set[tuple[str, Target]] = set()
        unresolved = [
            f"{place.module}:{line}: {text} is resolved only when it runs" for line, text in syntax.dynamic
        ]
        for chain in sorted(names):
            if chain[0] not in enclosing:
                found = self.modules.lookup(place.module, chain)
                edges.update((".".join(chain), target) for target in found)
                if not found and around is not None and not _known(module, chain[0]):
                    unresolved.append(f"{place}: nothing in its module binds '{chain[0]}'")
        for imported, rest in sorted(syntax.imports):
            written = ".".join((imported.name or imported.module, *rest))
            edges.update((written, target) for target in self.modules.imported(place.module, imported, rest))
        if node is None:
            edges.update((name, Place(place.module, name)) for name in module.writers.get(place.name, ()))
        enclosed = tuple(chain for chain in sorted(names) if chain[0] in enclosing)
        return Definition(
            label=str(place),
            own=_nameless(syntax.text, place.name),
            outside=tuple(
                f"{written} outside {target}" for written, target in edges if isinstance(target, str)
            ),
            inside=tuple((written, target) for written, target in edges if isinstance(target, Place)),
            enclosed=enclosed,
            unresolved=tuple(unresolved),
        )

    def _components(self, start: Place) -> Iterator[list[Place]]:
        """Definitions that reach each other, together, each group after all that it reaches.

        Source: Tarjan (1972), Depth-first search and linear graph algorithms, SIAM J. Comput. 1(2).
        """
        order: dict[Place, int] = {start: 0}
        lowest: dict[Place, int] = {start: 0}
        open_: list[Place] = [start]
        is_open = {start}
        path = [(start, self._following(start))]
        while path:
            place, following = path[-1]
            for target in following:
                if target not in order:
                    order[target] = lowest[target] = len(order)
                    open_.append(target)
                    is_open.add(target)
                    path.append((target, self._following(target)))
                    break
                if target in is_open:
                    lowest[place] = min(lowest[place], order[target])
            else:
                path.pop()
                if path:
                    lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[place])
                if lowest[place] == order[place]:
                    component = [open_.pop()]
                    while component[-1] != place:
                        component.append(open_.pop())
                    is_open.difference_update(component)
                    yield component

    def _following(self, place: Place) -> Iterator[Place]:
        for _, target in self.definition(place).inside:
            if target not in self._digests:
                yield target

    def _close(self, component: list[Place]) -> None:
        """Give their digests to definitions that reach each other: each its own part, and the whole circle."""
        if len(component) == 1:
            self._digests[component[0]] = self._part(component[0])
            return
        parts = {place: self._part(place) for place in component}
        circle = digest(*sorted(parts.values()))
        for place, part in parts.items():
            self._digests[place] = digest(part, circle)

    def _part(self, place: Place) -> str:
        definition = self.definition(place)
        edges = list(definition.outside)
        for written, target in definition.inside:
            known = self._digests.get(target)
            edges.append(f"{written} {known or 'around ' + digest(self.definition(target).own)}")
        edges.sort()
        return digest(definition.own, *edges)


def _is_plain(statements: list[ast.stmt] | None, code: CodeType) -> bool:
    """Whether all there is of a name is one function whose live values are what its source says."""
    match statements:
        case [ast.FunctionDef() | ast.AsyncFunctionDef() as node]:
            defaults = [each for each in (*node.args.defaults, *node.args.kw_defaults) if each is not None]
            written_out = all(isinstance(each, ast.Constant) for each in defaults)
            return node.name == code.co_qualname and written_out and not code.co_freevars
    return False


def _nameless(text: str, name: str) -> str:
    """A function's text without its own name, by which others find it and which changes nothing that it computes."""
    for begin in ("(def", "(async def"):
        if text.startswith(f"{begin} {name.rpartition('.')[2]} "):
            return f"{begin} {text[len(begin) + len(name.rpartition('.')[2]) + 2 :]}"
    return text


def _known(module: Module, name: str) -> bool:
    return name in _GIVEN or name in module.hidden or name in module.imports


def _syntax(place: Place, module: Module, node: ast.AST | None) -> Syntax:
    """What a definition says: one node, or all statements of its name, narrowed to it."""
    if node is not None:
        return read([node], declarers=module.declarers, defaults_apart=node)
    parts = [narrowed(statement, place.name) for statement in module.statements.get(place.name, ())]
    return read([part for part in parts if part is not None], declarers=module.declarers)


# Finding the piece of a module's tree that a function or class was made from.

_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


def _scopes(nodes: Iterable[ast.AST], parts: Sequence[str]) -> Iterator[_Scope]:
    """The functions and classes of a qualified name, given as its parts, that stand in ``nodes``."""
    todo = list(nodes)
    while todo:
        node = todo.pop()
        if not isinstance(node, _Scope):
            todo += ast.iter_child_nodes(node)
            continue
        if parts[0] == getattr(node, "name", "<lambda>"):
            if len(parts) == 1:
                yield node
            else:
                yield from _scopes([node.body] if isinstance(node, ast.Lambda) else node.body, parts[1:])
        for around in ("decorator_list", "bases", "keywords"):
            todo += getattr(node, around, ())
        if not isinstance(node, ast.ClassDef):
            todo += node.args.defaults
            todo += [each for each in node.args.kw_defaults if each is not None]


def _first_line(node: _Scope) -> int:
    """Where a function's code says that it starts: at its first decorator."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _holding(nodes: Sequence[_Scope], code: CodeType) -> list[_Scope]:
    """Of several functions in one line, the one that holds most of what ``code`` was compiled from."""
    held: dict[int, list[_Scope]] = {}
    for node in nodes:
        start, end = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
        positions = [
            ((line, column), (end_line or line, end_column or column))
            for line, end_line, column, end_column in code.co_positions()
            if line is not None and column is not None
        ]
        count = sum(start <= first and last <= end for first, last in positions)
        held.setdefault(count, []).append(node)
    return held[max(held)]
