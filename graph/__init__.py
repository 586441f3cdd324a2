"""The language and the decisions: what is declared, what has to be built, and why. Pure: no disk, clock or network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graph.asset_graph import Asset, AssetGraph, UnknownAsset
from graph.build import build_graph
from graph.catch_up import CatchUp
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

if TYPE_CHECKING:
    from graph.config import Config

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


def __getattr__(name: str) -> Any:
    """`Config` is a pydantic model: it is imported when somebody uses it."""
    if name == "Config":
        from graph.config import Config

        return Config
    raise AttributeError(f"module 'graph' has no attribute '{name}'")
