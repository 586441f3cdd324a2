"""Names as they are written: chains of attributes, what imports bind, and which names are the engine's."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import NamedTuple

Chain = tuple[str, ...]
"""A name and the attributes read from it: ``np.random.normal`` is ``("np", "random", "normal")``."""

ENGINE = frozenset({"graph", "checks", "materializers", "deployments"})
"""The project's own machinery: code outside of every digest, so that an upgrade rebuilds nothing."""

DECLARING = frozenset({"asset", "multi_asset", "source", "resource", "effect"})
"""The functions of the engine that declare: what they are given are policies, not code."""


class Imported(NamedTuple):
    """What an import binds a name to.

    Args:
        module: as written, without leading dots.
        level: the number of leading dots.
        name: what is imported from the module; empty for the module itself.
        loaded: all of ``a.b.c`` where ``import a.b.c`` binds ``a``.
    """

    module: str
    level: int = 0
    name: str = ""
    loaded: str = ""


def chain_of(node: ast.AST) -> Chain:
    """The chain that an expression is; empty if it is anything but names and dots."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else ()


def imported_by(node: ast.Import | ast.ImportFrom) -> list[tuple[str, Imported]]:
    """The names that an import statement binds, each with what it stands for; ``*`` stands for itself."""
    if isinstance(node, ast.ImportFrom):
        module, level = node.module or "", node.level
        return [(alias.asname or alias.name, Imported(module, level, alias.name)) for alias in node.names]
    return [
        (alias.asname, Imported(alias.name))
        if alias.asname
        else (head := alias.name.partition(".")[0], Imported(head, loaded=alias.name))
        for alias in node.names
    ]


def declares(declarers: Mapping[str, str], chain: Chain) -> bool:
    """Whether a chain is one of the engine's declaring functions.

    Args:
        declarers: what a name, or a chain joined by dots, stands for in the engine.
    """
    for length in range(1, len(chain) + 1):
        stands_for = declarers.get(".".join(chain[:length]))
        if stands_for is not None:
            parts = [*stands_for.split("."), *chain[length:]]
            return parts[0] == "graph" and parts[-1] in DECLARING
    return False


def type_checking(test: ast.expr) -> bool:
    """Whether a condition is ``TYPE_CHECKING``, so that what it guards never runs."""
    return (chain := chain_of(test)) != () and chain[-1] == "TYPE_CHECKING"
