"""Which names a piece of source binds, and which it leaves free for what is around it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from graph.imports import Chain, Imported

MODULE, FUNCTION, COMPREHENSION, CLASS, ANNOTATION = range(5)
"""The kinds of scopes; in an annotation, names are described and not read."""


class Scope:
    """Names bound and read in one scope, until it closes and hands what is free to the one around it."""

    __slots__ = ("bound", "calls", "declared_global", "imports", "kind", "loads", "outer")

    def __init__(self, kind: int, outer: Scope | None) -> None:
        self.kind = kind
        self.outer = outer
        self.bound: set[str] = set()
        self.loads: set[Chain] = set()
        self.declared_global: set[str] = set()
        self.imports: dict[str, list[Imported]] = {}
        self.calls: list[tuple[str, ast.Call]] = []


class Close:
    """Stands on the stack where a scope ends."""


CLOSE = Close()


class Reader:
    """Visits nodes in the order of the source, writing their text and noting their names."""

    __slots__ = ("declarers", "defaults_apart", "imports", "out", "scope", "todo")

    def __init__(self, declarers: Mapping[str, str], defaults_apart: ast.AST | None) -> None:
        self.declarers = dict(declarers)
        self.defaults_apart = defaults_apart
        self.out: list[str] = []
        self.todo: list[Any] = []
        self.scope = Scope(MODULE, None)
        self.imports: set[tuple[Imported, Chain]] = set()

    def load(self, chain: Chain) -> None:
        """Note that a chain is read."""
        scope = self.scope
        # A class body reads from top to bottom, so what it has bound so far is its own. A function's names are
        # known when all of it has been read.
        if scope.kind == CLASS and chain[0] in scope.bound:
            self.imports.update((found, chain[1:]) for found in scope.imports.get(chain[0], ()))
        else:
            scope.loads.add(chain)

    def bind(self, name: str) -> None:
        """Note that a name is bound here."""
        if name not in self.scope.declared_global:
            self.scope.bound.add(name)

    def open(self, kind: int) -> Scope:
        """Begin a scope inside the current one."""
        self.scope = Scope(kind, self.scope)
        return self.scope

    def close(self) -> None:
        """End the current scope: what it leaves free is read by the one around it."""
        scope = self.scope
        self.scope = outer = scope.outer or scope
        if scope.kind == ANNOTATION:
            return
        while outer.kind == CLASS and outer.outer is not None:  # nothing inside sees a class's names
            outer = outer.outer
        for chain in scope.loads:
            if chain[0] in scope.declared_global:
                _outermost(outer).loads.add(chain)
            elif chain[0] not in scope.bound or scope.kind == CLASS:
                outer.loads.add(chain)
            else:
                self.imports.update((found, chain[1:]) for found in scope.imports.get(chain[0], ()))
        outer.calls += [called for called in scope.calls if called[0] not in scope.bound]


def _outermost(scope: Scope) -> Scope:
    while scope.outer is not None:
        scope = scope.outer
    return scope
