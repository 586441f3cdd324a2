"""The language and the decisions: what is declared, what has to be built, and why. Pure: no disk, clock or network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graph.asset_graph import Asset, AssetGraph, UnknownAsset
    from graph.build import build_graph
    from graph.catch_up import CatchUp
    from graph.config import Config
    from graph.declare import (
        Batch,
        Code,
        Declaration,
        Defaults,
        Execution,
        Labels,
        Out,
        Reads,
        asset,
        multi_asset,
        resource,
        source,
    )
    from graph.declare_effect import effect
    from graph.effects import Intents, Item, NotPerformed, Refused, Trouble, Troubles
    from graph.errors import AssetGraphError, DefinitionErrors, near_miss
    from graph.freshness import FreshBy, FreshWithin, fresh_by, fresh_within
    from graph.handed import Ancestor, Observation, Previous, Provenance, Run, Skip
    from graph.partitions import Cron, Daily, Dynamic, Hourly, Monthly, Product, Static, Weekly, Window
    from graph.program import Program

__all__ = [
    "Ancestor",
    "Asset",
    "AssetGraph",
    "AssetGraphError",
    "Batch",
    "CatchUp",
    "Code",
    "Config",
    "Cron",
    "Daily",
    "Declaration",
    "Defaults",
    "DefinitionErrors",
    "Dynamic",
    "Execution",
    "FreshBy",
    "FreshWithin",
    "Hourly",
    "Intents",
    "Item",
    "Labels",
    "Monthly",
    "NotPerformed",
    "Observation",
    "Out",
    "Previous",
    "Product",
    "Program",
    "Provenance",
    "Reads",
    "Refused",
    "Run",
    "Skip",
    "Static",
    "Trouble",
    "Troubles",
    "UnknownAsset",
    "Weekly",
    "Window",
    "asset",
    "build_graph",
    "effect",
    "fresh_by",
    "fresh_within",
    "multi_asset",
    "near_miss",
    "resource",
    "source",
]

_NAMES = {
    "asset_graph": "Asset AssetGraph UnknownAsset",
    "build": "build_graph",
    "catch_up": "CatchUp",
    "config": "Config",
    "declare": "Batch Code Declaration Defaults Execution Labels Out Reads asset multi_asset resource source",
    "declare_effect": "effect",
    "effects": "Intents Item NotPerformed Refused Trouble Troubles",
    "errors": "AssetGraphError DefinitionErrors near_miss",
    "freshness": "FreshBy FreshWithin fresh_by fresh_within",
    "handed": "Ancestor Observation Previous Provenance Run Skip",
    "partitions": "Cron Daily Dynamic Hourly Monthly Product Static Weekly Window",
    "program": "Program",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """What is offered is imported when somebody uses it: who only judges checks needs no plans."""
    if name not in _MODULES:
        raise AttributeError(f"module 'graph' has no attribute '{name}'")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"graph.{_MODULES[name]}"), name)
    return value
