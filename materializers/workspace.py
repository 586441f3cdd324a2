"""What a run works with: the graph, the ledger, the store, and what outside settings make of each asset.

Long because all that a run works with is opened once, and asked here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graph import Asset, AssetGraph, AssetGraphError, Observation, UnknownAsset, near_miss
from graph.asset_graph import FromConfig, FromResource, key_of
from graph.choosing import Choice, narrowed, read_choice
from graph.declare import Check
from graph.digest import CodeDigest, Digester
from graph.effect_steps import EffectFacts
from graph.errors import PlanRefused
from graph.fingerprint import Basis
from graph.handed import NOTHING
from graph.known import Known, checks_digest
from graph.partition_set import Partition, PartitionSet
from graph.partition_text import chosen
from graph.partitions import Horizon
from graph.plan import make_plan, scope_of
from graph.reading import Reader
from graph.saved_plan import grounds, require_valid
from graph.selection import parse
from graph.state import Observed, Version
from graph.steps import Plan
from materializers.calendars import sessions
from materializers.declared import declared
from materializers.effect_facts import facts_of
from materializers.formats import choose, converted, decode
from materializers.ledger import Definition, Ledger, LedgerError, LedgerState
from materializers.patience import uncollected
from materializers.project import Project
from materializers.settings_text import secrets_of, told
from materializers.store import Store

Clock = Callable[[], datetime]


class SettingsError(AssetGraphError):
    """A setting or config value that cannot be used."""


class NotObserved(AssetGraphError):
    """A resource whose outside world could not be looked at: what reads it is held."""


@dataclass(slots=True, kw_only=True)
class Workspace:
    """Everything that planning and building need, opened once.

    Args:
        checkout: names the working copy, which serves the environment with what it runs; see `materializers.serving`.
        take_over: it serves the environment from now on, whoever did before.
        as_of: what is read is what was visible then; nothing is decided in the past.
        config: by key, the values that were set for the asset's config.
        project: where all of this came from, so that another process can open the same; None for what was
            declared in memory.
        root: the folder that declarations' files are relative to.
    """

    graph: AssetGraph
    ledger: Ledger
    store: Store
    digester: Digester
    environment: str = "main"
    checkout: str = "memory"
    take_over: bool = False
    as_of: datetime | None = None
    config: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    project: Project | None = None
    root: Path = field(default_factory=Path.cwd)
    clock: Clock = lambda: datetime.now(UTC)
    _resources: dict[str, Any] = field(default_factory=dict)
    _identities: dict[str, Mapping[str, object]] = field(default_factory=dict)
    _observations: dict[str, Observation | NotObserved | None] = field(default_factory=dict)
    _secrets: set[str] = field(default_factory=set)
    _bases: dict[str, Basis] = field(default_factory=dict)
    _checks: dict[str, tuple[Check, ...]] = field(default_factory=dict)
    _live: dict[str, bool] = field(default_factory=dict)

    # Resources and configs

    def resource(self, name: str) -> Any:
        """The resource of a type, made from its settings when it is first asked for."""
        if name not in self._resources:
            provider = self.graph.providers[name]
            try:
                settings = {parameter: kind() for parameter, kind in provider.settings.items()}
                self._secrets.update(secret for made in settings.values() for secret in secrets_of(made))
                self._resources[name] = provider.function(**settings)
            except ValueError as error:  # pydantic's ValidationError is one
                message = f"the resource {name} ({provider.where}) cannot be made: {told(error)}"
                raise SettingsError(message) from None
            except AssetGraphError:
                raise
            except Exception as error:  # the edge of user code
                message = (
                    f"the resource {name} ({provider.where}) cannot be made: {type(error).__name__}: {error}"
                )
                raise SettingsError(self.hidden(message)) from error
        return self._resources[name]

    def observation(self, name: str) -> Observation | None:
        """What a resource shows of the world outside; None where it cannot tell. Asked once a plan.

        Raises:
            NotObserved: it should be able to, and failed.
        """
        if name not in self._observations:
            observe = getattr(self.resource(name), "observe", None)
            try:
                self._observations[name] = observe(self.clock()) if observe else None
            except Exception as error:  # noqa: BLE001  # the edge of user code
                text = f"{name} could not be observed: {type(error).__name__}: {error}"
                self._observations[name] = NotObserved(self.hidden(text))
        found = self._observations[name]
        if isinstance(found, NotObserved):
            raise found
        return found

    def seen_by(self, asset: Asset) -> tuple[datetime, bool] | None:
        """The time of what an asset's resources showed, and whether it ends; None where not all can be seen."""
        seen = [self.observation(name) for name in asset.resources]
        shown = [one for one in seen if one is not None and one.version is not None]
        if not shown or len(shown) < len(seen):
            return None
        dated = [one.as_of for one in shown if one.as_of is not None]
        return min(dated, default=self.clock()), all(one.ends for one in shown)

    def hidden(self, text: str) -> str:
        """A text that may be kept: the secrets of all settings that were read are blotted out."""
        for secret in self._secrets:
            text = text.replace(secret, "**********")
        return text

    def config_of(self, asset: Asset) -> Mapping[str, Any]:
        """The configs of an asset by parameter, with the values that were set."""
        values = self.config.get(asset.key, {})
        made: dict[str, Any] = {}
        fields: set[str] = set()
        for given in asset.inputs:
            if isinstance(given, FromConfig):
                own = {name: value for name, value in values.items() if name in given.config.model_fields}
                fields |= set(given.config.model_fields)
                try:
                    made[given.parameter] = given.config(**own)
                except ValueError as error:
                    message = f"the config of asset '{asset.key}' ({asset.where}) is wrong: {told(error)}"
                    raise SettingsError(message) from None
        for name in values:
            if name not in fields:
                raise SettingsError(f"asset '{asset.key}' has no config '{name}'.{near_miss(name, fields)}")
        return made

    # What goes in

    def code(self, asset: Asset) -> CodeDigest:
        """The code digest of an asset's function, with what is reached from it."""
        declared = asset.code
        versions = {}
        if declared.libraries:
            from importlib import metadata

            versions = {name: metadata.version(name) for name in declared.libraries}
        folder = (self.root / asset.where.file).parent
        return self.digester.of(
            asset.function,
            also=(
                *declared.also,
                *(asset.deed.functions.values() if asset.deed is not None else ()),
                *(given.config for given in asset.inputs if isinstance(given, FromConfig)),
            ),
            files={name: (folder / name).read_bytes() for name in declared.files},
            libraries=versions,
            version=declared.version,
        )

    def basis(self, key: str) -> Basis:
        """All that goes into an asset apart from its upstream."""
        if key not in self._bases:
            asset = self.graph[key]
            if asset.is_source:
                self._bases[key] = Basis(code="source")
            else:
                configs = {name: made.model_dump(mode="json") for name, made in self.config_of(asset).items()}
                settled = next(iter(configs.values())) if len(configs) == 1 else configs
                self._bases[key] = Basis(
                    code=self.code(asset).digest,
                    config=_canonical({**settled, **self._declared(asset)}),
                    resources={name: self._identity(name) for name in sorted(asset.resources)},
                )
        return self._bases[key]

    def _declared(self, asset: Asset) -> Mapping[str, object]:
        together = [self.graph[key] for key in self.graph.siblings(asset.key)]
        return declared(asset, together, self.checks)

    def checks(self, key: str) -> tuple[Check, ...]:
        """The checks of an asset, each knowing the code digest of its function."""
        if key not in self._checks:
            self._checks[key] = tuple(
                check if check.function is None else check.with_code(self.digester.of(check.function).digest)
                for check in self.graph[key].checks
            )
        return self._checks[key]

    def definition(self, key: str) -> Definition:
        """What an environment is served with when this is run: code, config, resources and checks.

        Not what resources showed of the world outside, which is the same for whoever looks.
        """
        basis = self.basis(key)
        resources = {name: _canonical(self._settings_of(name)) for name in basis.resources}
        checks = checks_digest(self.checks(key))
        return Definition(basis=replace(basis, resources=resources), checks=checks)

    def _identity(self, name: str) -> str:
        observed = self.observation(name)
        identity = dict(self._settings_of(name))
        if observed is not None and observed.version is not None:
            identity["observed"] = observed.version
        return _canonical(identity)

    def _settings_of(self, name: str) -> Mapping[str, object]:
        """What identifies a resource: the settings that it says do, and its code."""
        if name not in self._identities:
            made = self.resource(name)
            identity = dict(made.identity()) if hasattr(made, "identity") else {}
            self._identities[name] = {**identity, "code": self.digester.of(type(made)).digest}
        return self._identities[name]

    def observed_resources(self) -> frozenset[str]:
        """The resources that could tell the state of what they read; of those that were asked."""
        return frozenset(
            name
            for name, seen in self._observations.items()
            if isinstance(seen, Observation) and seen.version is not None
        )

    # Deciding

    def keys(self, selection: str) -> frozenset[str]:
        """The keys that a selection names; nothing named is an error."""
        keys = parse(self.today(selection)).resolve(self.graph, sources=True)
        if not keys:
            raise UnknownAsset(selection, self.graph.assets)
        return keys

    def today(self, name: str) -> str:
        """The key that took the place of one that was given up; any other text as it is."""
        for old, new in self.ledger.aliases().items():
            names = old, old.rpartition("/")[2]
            taken = any(name in (asset.key, asset.name) for asset in self.graph.assets.values())
            if name in names and not taken and new in self.graph.assets:
                return new
        return name

    def is_live(self) -> bool:
        """Whether effects are performed in the environment."""
        if self.environment not in self._live:
            live = {one.name for one in self.ledger.environments() if one.live}
            self._live[self.environment] = self.environment in live
        return self._live[self.environment]

    def effect_facts(self, keys: Iterable[str]) -> Mapping[str, EffectFacts]:
        """By key, what is on record of the effects among some assets."""
        effects = [key for key in keys if self.graph[key].is_effect]
        return facts_of(self.ledger, self.environment, effects) if effects else {}

    def effects_in_doubt(self, keys: Iterable[str]) -> tuple[str, ...]:
        """The effects among some assets of which an item is in doubt."""
        return tuple(key for key, facts in self.effect_facts(keys).items() if facts.in_doubt)

    def horizon(self, now: datetime | None = None) -> Horizon:
        """What decides which partitions exist, now or at a time."""
        return Horizon(
            now=now or self.clock(),
            sessions=sessions,
            dynamic=lambda name: self.ledger.dynamic_keys(name, as_of=self.as_of),
        )

    def plan(
        self,
        selection: str,
        *,
        partitions: str | None = None,
        force: bool = False,
        only: bool = False,
        to_save: bool = False,
    ) -> Plan:
        """Look at the sources and decide what has to be done for a selection.

        Args:
            partitions: of the selected assets that have partitions, only these; see `graph.choosing.read_choice`.
            to_save: also note what it was decided from, so that it can be carried out later; see `require_valid`.
        """
        targets = self.keys(selection)
        scope = scope_of(self.graph, targets, only=only)
        horizon = self.horizon()
        known = self.known(scope)
        with self.ledger.state(self.environment, scope | self.graph.ancestors(targets)) as state:

            def planned(wanted: Mapping[str, PartitionSet]) -> Plan:
                with uncollected():
                    return make_plan(
                        self.graph,
                        selection=selection,
                        targets=targets,
                        state=state,
                        known=known,
                        horizon=horizon,
                        partitions=wanted,
                        force=force,
                        only=only,
                    )

            reader = Reader(graph=self.graph, state=state, horizon=horizon)
            wanted = self._wanted(targets, partitions, reader, planned)
            plan = planned(wanted)
            return (
                replace(plan, read=grounds(targets, reader, known, chosen=wanted, only=only))
                if to_save
                else plan
            )

    def require_valid(self, plan: Plan) -> None:
        """Look at all that a saved plan was decided from.

        Raises:
            PlanRefused: something of it has moved, or the plan has expired; it is named.
        """
        if not plan.read:
            raise PlanRefused("this plan does not say what it was decided from; save one with --plan --out")
        known = self.known(
            key for key, ground in plan.read.items() if ground.declared and key in self.graph.assets
        )
        with self.ledger.state(self.environment, plan.read) as state:
            reader = Reader(graph=self.graph, state=state, horizon=self.horizon(plan.made_at))
            require_valid(plan, reader, known, self.clock())

    def known(self, scope: Iterable[str]) -> Known:
        """What outside settings and the world make of some assets, looked at anew."""
        self._observations.clear()
        self._bases.clear()
        bases, unready = {}, {}
        keys = list(scope)
        with uncollected():  # thousands of functions are read
            for key in keys:
                try:
                    bases[key] = self.basis(key)
                except NotObserved as error:
                    unready[key] = str(error)
        return Known(
            bases=bases,
            unready=unready,
            observed={key: self.observe(self.graph[key]) for key in keys if self.graph[key].is_source},
            checks={key: checks_digest(self.checks(key)) for key in keys},
            observed_resources=self.observed_resources(),
            effects=self.effect_facts(self.graph.ancestors(keys)),
        )

    def chosen(
        self, targets: Iterable[str], text: str | None, horizon: Horizon
    ) -> Mapping[str, PartitionSet]:
        """By key, the partitions of targets that a text names; targets without partitions are not in it.

        Raises:
            BadPartition: it names none that exist, or no target has partitions.
        """
        if text is None:
            return {}
        found = {}
        for key in targets:
            partitions = self.graph[key].partitions
            if partitions is not None:
                found[key] = chosen(text, partitions, horizon.existing(partitions))
        if not found:
            raise SettingsError(
                f"none of {', '.join(sorted(targets))} has partitions, so '{text}' names none"
            )
        return found

    def _wanted(
        self,
        targets: Iterable[str],
        text: str | None,
        reader: Reader,
        planned: Callable[[Mapping[str, PartitionSet]], Plan],
    ) -> Mapping[str, PartitionSet]:
        """By key, the partitions of targets that a text names, perhaps by what is known of them."""
        if text is None:
            return {}
        is_key = any(Partition(text) in reader.existing(key) for key in targets)
        choice = Choice(among=text) if is_key else read_choice(text)
        return narrowed(
            self.chosen(targets, choice.among, reader.horizon), choice.conditions, reader, planned
        )

    def observe(self, source: Asset) -> Observed:
        """Look at a source; what it shows is stored, but not yet visible."""
        try:
            arguments: dict[str, Any] = dict(self.config_of(source))
            for given in source.inputs:
                if isinstance(given, FromResource):
                    arguments[given.parameter] = self.resource(given.resource)
            seen = source.function(**arguments)
            if not isinstance(seen, Observation):
                return Observed(
                    data_version=None, error=f"it returned {type(seen).__name__}, not an Observation"
                )
            return self._stored(source, seen)
        except Exception as error:  # noqa: BLE001  # the edge of user code: not to see is a fact, no crash
            return Observed(data_version=None, error=self.hidden(f"{type(error).__name__}: {error}"))

    def _stored(self, source: Asset, seen: Observation) -> Observed:
        as_of = seen.as_of or self.clock()
        if as_of.tzinfo is None:
            return Observed(data_version=None, error="its as_of has no time zone; give an aware datetime")
        if seen.value is NOTHING:
            if seen.version is None:
                return Observed(data_version=None, error="it gave neither a version nor a value")
            return Observed(data_version=str(seen.version), as_of=as_of, ends=seen.ends)
        made = choose(seen.value, None, source.stored_as, key=source.key).encode(seen.value, self.store)
        return Observed(
            data_version=str(seen.version or made.data_version),
            as_of=as_of,
            ends=seen.ends,
            address=made.address,
            format=made.format,
            size=made.size,
            rows=made.rows,
        )

    # Reading

    def reading(self, keys: Iterable[str]) -> AbstractContextManager[LedgerState]:
        """What is read of some assets: what the environment shows now, or showed at ``as_of``."""
        return self.ledger.state(self.environment, keys, as_of=self.as_of)

    def published(self, key: str) -> Mapping[Partition, Version]:
        """The visible version of each partition of an asset."""
        with self.reading([key]) as state:
            return state.published(key)

    def shown(self, keys: Iterable[str]) -> Mapping[str, Mapping[Partition, Version]]:
        """By key, the visible versions of the partitions that exist; those of an earlier definition are history."""
        wanted = tuple(keys)
        with self.reading(wanted) as state:
            reader = Reader(graph=self.graph, state=state, horizon=self.horizon(self.as_of))
            return {key: reader.versions(key, reader.visible(key)) for key in wanted}

    def load(self, key: str, *, partition: str | None = None, as_type: str | None = None) -> Any:
        """The published value of an asset.

        Args:
            key: the asset's key, or its last part where that is unique.
            partition: one partition; a partitioned asset without it is loaded whole, as one table.
            as_type: ``"pd.DataFrame"`` or another type that the format can be read as.

        Raises:
            LedgerError: nothing is published.
        """
        keys = self.keys(key)
        if len(keys) > 1:
            raise UnknownAsset(key, self.graph.assets)
        (name,) = keys
        asset = self.graph[name]
        with self.reading([name]) as state:
            reader = Reader(graph=self.graph, state=state, horizon=self.horizon(self.as_of))
            wanted = reader.visible(name)
            if partition is not None and asset.partitions is not None:
                wanted = PartitionSet.of([asset.partitions.partition(partition)])
            elif partition is not None:
                raise SettingsError(f"asset '{name}' has no partitions, so it has no '{partition}'")
            versions = reader.versions(name, wanted)
        if not versions:
            where = f" for partition {partition}" if partition else ""
            if self.as_of is not None:
                raise LedgerError(
                    f"asset '{name}' had no published version{where} at {self.as_of.isoformat()}"
                )
            raise LedgerError(f"asset '{name}' has no published version{where}; run: materialize {name}")
        whole = asset.partitions is not None and partition is None
        return self.value(asset, versions, as_type, whole=whole)

    def value(
        self,
        asset: Asset,
        versions: Mapping[Partition, Version],
        annotation: str | None,
        hint: object = None,
        *,
        whole: bool = False,
    ) -> Any:
        """The value of some partitions of an asset, as the annotation of who reads it wants it.

        Args:
            hint: the annotation as an object, where it is known.
            whole: several partitions as one: tables one below the other in the order of time, other values by the
                partition's key.
        """
        if not whole:
            (version,) = versions.values()
            return self._decoded(asset, version, annotation, hint)
        ordered = [versions[at] for at in sorted(versions)]
        if any(self.ledger.content(version.id).format != "table" for version in ordered):
            return {
                key_of(asset, version.partition): self._decoded(asset, version, None) for version in ordered
            }
        import pyarrow as pa

        tables = [self._decoded(asset, version, "pa.Table") for version in ordered]
        return converted(
            pa.concat_tables(tables, promote_options="permissive"), annotation, hint=hint, key=asset.key
        )

    def _decoded(self, asset: Asset, version: Version, annotation: str | None, hint: object = None) -> Any:
        content = self.ledger.content(version.id)
        if content.address is None:
            raise LedgerError(f"asset '{asset.key}' is stored elsewhere; only its version is known here")
        return decode(content, self.store, annotation, hint=hint, key=asset.key)


def _canonical(value: object) -> str:
    return "" if value == {} else json.dumps(value, sort_keys=True, separators=(",", ":"))
