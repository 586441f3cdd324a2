"""What an effect's functions take, and what is wrong with how one is declared."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import get_args

from graph.asset_graph import Asset, Context
from graph.effects import Deed, Doubt, TroubleKind
from graph.errors import near_miss

_OF_DATA: tuple[TroubleKind, ...] = ("skipped", "failed", "rejected", "in doubt", "held")
"""What an ordinary asset may accept: being overdue never makes or holds one."""


def resolved(deed: Deed | None, providers: Iterable[str], problem: Callable[[str], None]) -> Deed | None:
    """The same with the resources of its functions; what is wrong with them is told to ``problem``."""
    if deed is None:
        return None
    found = {
        role: _resources(role, function, list(providers), problem)
        for role, function in deed.functions.items()
    }
    if deed.doubt is not None and deed.doubt not in get_args(Doubt):
        choices = get_args(Doubt)
        known = " or ".join(f"'{choice}'" for choice in choices)
        problem(f"has doubt={deed.doubt!r}, which is neither {known}.{near_miss(str(deed.doubt), choices)}")
    if deed.reconcile is None and deed.doubt is None:
        problem(
            "is an effect that does not say what happens in doubt: give reconcile= a function that asks, or where"
            " nobody can be asked, doubt='at most once' or doubt='at least once'."
        )
    if deed.reconcile is not None and deed.doubt is not None:
        problem("can be asked (reconcile=), so it needs no doubt=; remove one of them.")
    return replace(deed, resources=found)


def problems_of_acceptance(asset: Asset) -> list[str]:
    """What is wrong with what an asset accepts upstream, and how an effect is carried out."""
    known: tuple[str, ...] = get_args(TroubleKind) if asset.deed is not None else _OF_DATA
    found = [
        f"accepts '{kind}', which is none of {', '.join(known)}.{near_miss(kind, known)}"
        for kind in asset.accepts
        if kind not in known
    ]
    told = any(isinstance(given, Context) and given.what == "Troubles" for given in asset.inputs)
    if told and not asset.accepts:
        found.append("takes Troubles and accepts none; say which: accepts=['skipped'].")
    if asset.deed is not None and asset.execution.isolation == "process":
        found.append("is an effect, which is performed by the run itself; remove isolation='process'.")
    return found


def _resources(
    role: str, function: Callable[..., object], providers: list[str], problem: Callable[[str], None]
) -> Mapping[str, str]:
    """By parameter after the item, the resource that it gets."""
    found: dict[str, str] = {}
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        problem(f"has a {role}= that takes no item; write def {role}(item: Item, ...).")
    for parameter in parameters[1:]:
        annotation = parameter.annotation
        text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
        name = text.split("|", maxsplit=1)[0].strip().strip("\"'").rsplit(".", 1)[-1]
        if name in providers:
            found[parameter.name] = name
        elif parameter.default is parameter.empty:
            problem(
                f"has a {role}= whose parameter '{parameter.name}' is no resource; what it has to know belongs into"
                f" the item.{near_miss(name, providers)}"
            )
    return found
