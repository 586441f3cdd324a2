"""Who serves an environment: the definitions that are on record for it, so that two checkouts do not undo each other.

A run from the checkout that is on record may bring other definitions; a run from another one may not, unless its are
the same or it takes over.
"""

from __future__ import annotations

from collections.abc import Mapping

from graph.errors import AssetGraphError
from graph.reasons import moved
from graph.steps import Materialize, Plan
from materializers.records import Definition, DefinitionRecord

_NAMED = 5


class ServedOtherwise(AssetGraphError):
    """A run would build what another checkout serves, from other code, config or checks."""

    def __init__(
        self, environment: str, checkout: str, found: Mapping[str, tuple[Definition, DefinitionRecord]]
    ) -> None:
        self.environment = environment
        self.checkout = checkout
        self.keys = tuple(found)
        told = [
            f"  {key}: {_difference(mine, theirs.definition)}; {theirs.checkout} serves it since"
            f" {theirs.at:%Y-%m-%d %H:%M %Z} (run {theirs.run_id})"
            for key, (mine, theirs) in list(found.items())[:_NAMED]
        ]
        more = len(found) - len(told)
        told += [f"  and {more:,} more"] if more else []
        super().__init__(
            f"the environment '{environment}' is served by another checkout with other definitions, so nothing was"
            f" built (this is {checkout}):\n"
            + "\n".join(told)
            + "\nuse an environment of your own (assets env create dev; --env dev), or add --take-over to serve this"
            " one from here"
        )


class GivenUp(AssetGraphError):
    """A run would build an asset under a key that was given up for another one."""

    def __init__(self, old: str, new: str) -> None:
        super().__init__(
            f"asset '{old}' was renamed to '{new}' in the ledger, so nothing was built; rename the function as well,"
            " or add --take-over for a new asset of that name"
        )
        self.key = old


def served_otherwise(
    definitions: Mapping[str, Definition], on_record: Mapping[str, DefinitionRecord], checkout: str
) -> Mapping[str, tuple[Definition, DefinitionRecord]]:
    """By key, what another checkout serves with another definition."""
    return {
        key: (mine, theirs)
        for key, mine in definitions.items()
        if (theirs := on_record.get(key)) is not None
        and theirs.checkout != checkout
        and theirs.definition != mine
    }


def to_record(
    definitions: Mapping[str, Definition], on_record: Mapping[str, DefinitionRecord]
) -> Mapping[str, Definition]:
    """The definitions that are not on record as they are: who serves something first goes on serving it."""
    return {
        key: mine
        for key, mine in definitions.items()
        if (known := on_record.get(key)) is None or known.definition != mine
    }


def keys_of_work(plan: Plan) -> tuple[str, ...]:
    """The assets that carrying out a plan may change."""
    found: dict[str, None] = {}
    for step in plan.work():
        found.update(dict.fromkeys(step.outputs if isinstance(step, Materialize) else (step.key,)))
    return tuple(found)


def _difference(mine: Definition, theirs: Definition) -> str:
    why = moved(theirs.basis, mine.basis)
    return "its checks changed" if why is None else why.text
