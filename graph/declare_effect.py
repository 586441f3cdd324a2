"""Declaring an effect: an asset whose function says what is to be done, and a function that does it, item by item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graph.catch_up import catch_up_none
from graph.conditions import Condition
from graph.declare import (
    Check,
    Code,
    Declaration,
    Execution,
    F,
    Given,
    Labels,
    Out,
    attach,
    name_of_function,
)
from graph.effects import Deed, Doubt, TroubleKind
from graph.freshness import Freshness
from graph.partitions import Partitions


def effect(
    *,
    perform: Callable[..., Any],
    reconcile: Callable[..., Any] | None = None,
    doubt: Doubt | None = None,
    accepts: Sequence[TroubleKind] = (),
    name: str | None = None,
    upstream: Mapping[str, Given] | None = None,
    after: Sequence[str] = (),
    partitions: Partitions | None = None,
    automation: Condition | None = None,
    checks: Sequence[Check] = (),
    freshness: Freshness | None = None,
    run: Execution | None = None,
    labels: Labels | None = None,
    code: Code | None = None,
    unchecked: str | None = None,
) -> Callable[[F], F]:
    """Declare something that is done to the outside world, once an occasion, wholly.

    The function gets upstream values as an asset's does, and returns `Intents` or a `Skip`; it does nothing itself.
    The value of the asset is a table of receipts, which its checks judge. It is held while anything upstream, however
    far, has failed, was rejected, is in doubt or overdue. "Once" holds as far as the receiver honours `Item.key`.

    Args:
        perform: does one item and returns its receipt; see `Deed`, `NotPerformed` and `Refused`.
        reconcile: asks the outside world for an item in doubt; see `Deed`.
        doubt: what to do about an item in doubt when there is no way to ask.
        accepts: what may be wrong upstream; a parameter typed `Troubles` says which and why.

    The others are those of `asset`. Of ``run``, retries are of items, each of which is asked for before it is performed
    again; a time-out is that of the function, and `perform` minds its own.
    """

    def declare(function: F) -> F:
        own_name = name_of_function(function)
        out = Out(
            name=name or own_name,
            checks=tuple(checks),
            freshness=freshness,
            stored_as="table",
            unchecked=unchecked,
        )
        return attach(
            function,
            Declaration(
                function=function,
                outputs=(out,),
                upstream=dict(upstream or {}),
                after=tuple(after),
                partitions=partitions,
                automation=automation,
                catch_up=catch_up_none() if partitions is not None else None,
                run=run,
                labels=labels,
                code=code or Code(),
                accepts=tuple(accepts),
                deed=Deed(perform=perform, reconcile=reconcile, doubt=doubt),
            ),
        )

    return declare
