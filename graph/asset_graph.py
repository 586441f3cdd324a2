"""The graph: assets by key, in an order in which upstream comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from graph.cadence import Cadence
from graph.catch_up import CatchUp
from graph.conditions import Condition
from graph.declare import (
    Batch,
    Check,
    Code,
    Execution,
    Format,
    Labels,
)
from graph.destination import Outside
from graph.effects import Deed, TroubleKind
from graph.errors import AssetGraphError, Where, near_miss
from graph.freshness import Freshness
from graph.mappings import PartitionMapping
from graph.partition_set import Partition
from graph.partitions import Partitions

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A parameter that gets another asset's value, converted to its annotation.

    ``mapping`` says which partitions of it. An asset that only comes after another has no parameter for it.
    """

    parameter: str
    key: str
    annotation: str | None
    mapping: PartitionMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A parameter that gets something of the run."""

    parameter: str
    what: Literal["Window", "Run", "Previous", "Provenance", "Troubles"]
    annotation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FromResource:
    """A parameter that gets the resource of a type."""

    parameter: str
    resource: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FromConfig:
    """A parameter that gets a config (a class derived from `graph.Config`)."""

    parameter: str
    config: Any


Input = Upstream | Context | FromResource | FromConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The function that makes the resource of a type, and the settings that it takes."""

    resource: str
    function: Callable[..., Any]
    settings: Mapping[str, Any]
    where: Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One data product, resolved: every parameter has its meaning.

    Assets made by one function share ``function`` and ``producer``, the key of the first of them.

    Args:
        edges: the inputs that are other assets, or earlier partitions of this one.
        order: the assets that only come first.
        aside: the key of the asset that takes the rows which its checks move aside.
        aside_of: the key of the asset whose rows these are.
        outside: a place that shows a copy of what is published; it is no part of what goes in.
        accepts: what may be wrong upstream.
        deed: how it changes the outside world, if it is an effect.
    """

    key: str
    producer: str
    function: Callable[..., Any]
    description: str
    inputs: tuple[Input, ...]
    edges: tuple[Upstream, ...]
    order: tuple[Upstream, ...]
    upstream: tuple[str, ...]
    after: tuple[str, ...]
    is_source: bool
    several: bool
    output: str
    partitions: Partitions | None
    batch: Batch | None
    catch_up: CatchUp | None
    automation: Condition | None
    cadence: Cadence | None
    checks: tuple[Check, ...]
    freshness: Freshness | None
    execution: Execution
    labels: Labels
    volatile: bool
    stored_as: Format | None
    returns: str | None
    code: Code
    unchecked: str | None
    where: Where
    aside: str | None = None
    aside_of: str | None = None
    outside: Outside | None = None
    accepts: tuple[TroubleKind, ...] = ()
    deed: Deed | None = None

    @property
    def group(self) -> str:
        """The first part of the key."""
        return self.key.rsplit("/", 1)[0]

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rsplit("/", 1)[-1]

    @property
    def resources(self) -> tuple[str, ...]:
        """The types of the resources that the function takes, and those of an effect's other functions."""
        taken = [given.resource for given in self.inputs if isinstance(given, FromResource)]
        for named in self.deed.resources.values() if self.deed is not None else ():
            taken.extend(named.values())
        return tuple(dict.fromkeys(taken))

    @property
    def depends_on_itself(self) -> bool:
        """Whether a partition reads earlier ones of the same asset."""
        return any(given.key == self.key for given in self.edges)

    @property
    def together(self) -> bool:
        """Whether its function makes other assets with it."""
        return self.several or self.aside is not None or self.aside_of is not None

    @property
    def is_effect(self) -> bool:
        """Whether it changes the outside world."""
        return self.deed is not None

    @property
    def told_of_troubles(self) -> bool:
        """Whether the function is given what is wrong upstream, which then counts as input."""
        return any(isinstance(given, Context) and given.what == "Troubles" for given in self.inputs)

    @property
    def reads_provenance(self) -> bool:
        """Whether the function is given what all its ancestors were made from."""
        return any(isinstance(given, Context) and given.what == "Provenance" for given in self.inputs)


def key_of(asset: Asset, partition: Partition) -> str | None:
    """The key of a partition, for people and in fingerprints; None for an asset without partitions."""
    return None if asset.partitions is None else asset.partitions.key(partition)


class UnknownAsset(AssetGraphError):
    """A key that is not in the graph."""

    def __init__(self, key: str, known: Iterable[str]) -> None:
        self.key = key
        super().__init__(f"there is no asset '{key}'.{near_miss(key, known)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetGraph:
    """Assets in topological order, with their edges in both directions. ``after`` edges count as edges.

    Args:
        private: by key, the columns whose values are masked, of those assets that have any; see `graph.Labels`.
    """

    assets: Mapping[str, Asset]
    upstream_of: Mapping[str, tuple[str, ...]]
    downstream_of: Mapping[str, tuple[str, ...]]
    providers: Mapping[str, Provider]
    private: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Asset:
        try:
            return self.assets[key]
        except KeyError:
            raise UnknownAsset(key, self.assets) from None

    def __len__(self) -> int:
        return len(self.assets)

    def __contains__(self, key: object) -> bool:
        return key in self.assets

    def ancestors(self, keys: Iterable[str]) -> frozenset[str]:
        """Everything upstream of ``keys``, with ``keys`` themselves."""
        return _reach(self.upstream_of, keys)

    def descendants(self, keys: Iterable[str]) -> frozenset[str]:
        """Everything downstream of ``keys``, with ``keys`` themselves."""
        return _reach(self.downstream_of, keys)

    def roots(self) -> tuple[str, ...]:
        """The assets without upstream."""
        return tuple(key for key in self.assets if not self.upstream_of[key])

    def sinks(self) -> tuple[str, ...]:
        """The assets without downstream."""
        return tuple(key for key in self.assets if not self.downstream_of[key])

    def siblings(self, key: str) -> tuple[str, ...]:
        """The keys that the same function makes, ``key`` among them, in the order of declaration."""
        asset = self[key]
        if not asset.together:
            return (key,)
        return tuple(other.key for other in self.assets.values() if other.producer == asset.producer)

    def subgraph(self, keys: Iterable[str]) -> AssetGraph:
        """The graph of ``keys`` alone, with the edges between them."""
        kept = frozenset(keys)
        for key in kept:
            self[key]  # an unknown key is an error here
        return AssetGraph(
            assets={key: asset for key, asset in self.assets.items() if key in kept},
            upstream_of={key: tuple(up for up in self.upstream_of[key] if up in kept) for key in kept},
            downstream_of={
                key: tuple(down for down in self.downstream_of[key] if down in kept) for key in kept
            },
            providers=self.providers,
            private=self.private,
        )

    def networkx(self) -> nx.DiGraph[str]:
        """The same graph for analysis: nodes are keys with ``group`` and ``kind``, edges point downstream."""
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph()
        for key, asset in self.assets.items():
            kind = "source" if asset.is_source else "effect" if asset.is_effect else "asset"
            graph.add_node(key, group=asset.group, kind=kind)
        graph.add_edges_from((up, key) for key, ups in self.upstream_of.items() for up in ups)
        return graph


def _reach(edges: Mapping[str, tuple[str, ...]], keys: Iterable[str]) -> frozenset[str]:
    seen = set(keys)
    waiting = list(seen)
    while waiting:
        for key in edges[waiting.pop()]:
            if key not in seen:
                seen.add(key)
                waiting.append(key)
    return frozenset(seen)
