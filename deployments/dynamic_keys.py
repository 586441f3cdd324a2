"""What `assets keys` does: the keys of dynamic partitions, listed and changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deployments.amounts import counted
from deployments.answers import Answer
from deployments.command_error import CommandError
from graph import AssetGraph, near_miss
from graph.partitions import Dynamic, Partitions, Product, key_problem
from materializers.workspace import Workspace


def listed(workspace: Workspace, name: str) -> Answer:
    """The keys of a set."""
    _require_declared(workspace.graph, name)
    found = workspace.ledger.dynamic_keys(name)
    return Answer(text=lambda: "\n".join(found) or "it has no keys yet", document=lambda: list(found))


def changed(workspace: Workspace, name: str, keys: Sequence[str], *, present: bool) -> Answer:
    """Add keys to a set or remove them; those that were there already, or were not, are told."""
    _require_declared(workspace.graph, name)
    for key in keys:
        if present and (problem := key_problem(key)):
            raise CommandError(f"the set '{name}' {problem}; nothing was added")
    change = workspace.ledger.add_dynamic if present else workspace.ledger.remove_dynamic
    done = change(name, keys)
    rest = [key for key in dict.fromkeys(keys) if key not in done]
    verb, otherwise = ("added", "there already") if present else ("removed", "not there")
    told = f"{verb} {counted(len(done), 'key')}" + (f"; {otherwise}: {', '.join(rest)}" if rest else "")
    return Answer(text=lambda: told, document=lambda: {"set": name, verb: list(done), "unchanged": rest})


def _require_declared(graph: AssetGraph, name: str) -> None:
    known = sorted({found for asset in graph.assets.values() for found in _sets(asset.partitions)})
    if name not in known:
        there = "" if known else " No asset has dynamic partitions."
        raise CommandError(f"no asset has the dynamic set '{name}'.{near_miss(name, known)}{there}")


def _sets(partitions: Partitions | None) -> Iterator[str]:
    match partitions:
        case Dynamic(name=name):
            yield name
        case Product():
            for _, each in partitions.dimensions:
                yield from _sets(each)
