"""What an asset's function is called with: upstream values, resources, configs, and what it asks of its run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, assert_never

from graph import Ancestor, Asset, AssetGraphError, Previous, Provenance, Trouble, Troubles, Window
from graph.asset_graph import Context, FromConfig, FromResource, Upstream
from graph.one_each import reads_one
from graph.partition_set import Partition, PartitionSet
from graph.reading import Reader
from graph.state import Version
from materializers.table_format import converted
from materializers.workspace import Workspace

Versions = Mapping[Partition, Version]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """See `graph.Run`."""

    key: str
    run_id: str
    partition: str | None
    partitions: tuple[str, ...]
    attempt: int
    now: datetime
    log: Callable[[str], None]
    progress: Callable[[float, float], None]
    live: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The versions that one call reads, all of one moment.

    Args:
        partitions: what the call makes.
        versions: by parameter.
        previous: what is published of the partition that is made.
        ancestors: by key, everything upstream; only for a function that asks for its provenance.
        troubles: what is wrong upstream and accepted.
    """

    partitions: PartitionSet
    versions: Mapping[str, Versions]
    previous: Version | None = None
    ancestors: Mapping[str, Versions] = field(default_factory=dict)
    troubles: tuple[Trouble, ...] = ()


def taken(asset: Asset, partitions: PartitionSet, reader: Reader, troubles: Iterable[Trouble] = ()) -> Taken:
    """What a call for some partitions reads, as the reader's state shows it."""
    versions = {
        given.parameter: reader.versions(given.key, reader.above(asset, given, partitions).read)
        for given in asset.edges
    }
    ancestors: dict[str, Versions] = {}
    if asset.reads_provenance:
        above = reader.graph.ancestors([asset.key]) - {asset.key}
        ancestors = {
            key: reader.versions(key, reader.visible(key)) for key in reader.graph.assets if key in above
        }
    wants_previous = any(isinstance(given, Context) and given.what == "Previous" for given in asset.inputs)
    previous = reader.version(asset.key, next(iter(partitions))) if wants_previous else None
    return Taken(
        partitions=partitions,
        versions=versions,
        previous=previous,
        ancestors=ancestors,
        troubles=tuple(dict.fromkeys(troubles)),
    )


def arguments_for(asset: Asset, given: Taken, workspace: Workspace, run: StepRun) -> dict[str, Any]:
    """The arguments of an asset's function by parameter."""
    arguments: dict[str, Any] = {}
    configs = workspace.config_of(asset)
    for parameter in asset.inputs:
        match parameter:
            case Upstream():
                arguments[parameter.parameter] = _value(asset, parameter, given, workspace)
            case FromResource():
                arguments[parameter.parameter] = workspace.resource(parameter.resource)
            case FromConfig():
                arguments[parameter.parameter] = configs[parameter.parameter]
            case Context():
                arguments[parameter.parameter] = _context(parameter, asset, given, workspace, run)
            case _:
                assert_never(parameter)
    return arguments


def _value(asset: Asset, parameter: Upstream, given: Taken, workspace: Workspace) -> Any:
    """What an upstream's partitions are to a function: one as it is, several as one, none as None."""
    above = workspace.graph[parameter.key]
    versions = given.versions[parameter.parameter]
    one = reads_one(parameter.mapping, asset.partitions, above.partitions)
    one = one and (asset.batch is None or above.partitions is None)
    if not versions:
        return None
    hint = hint_of(asset.function, parameter.annotation)
    return workspace.value(above, versions, parameter.annotation, hint, whole=not one)


def as_asked(asset: Asset, values: Mapping[str, object]) -> dict[str, Any]:
    """Other values for some of an asset's parameters, tables as their annotations ask for them."""
    given = {one.parameter: one for one in asset.edges}
    return {
        parameter: converted(
            value,
            given[parameter].annotation,
            hint=hint_of(asset.function, given[parameter].annotation),
            key=given[parameter].key,
        )
        for parameter, value in values.items()
    }


def hint_of(function: Callable[..., Any], annotation: str | None) -> object:
    """What an annotation names, where its names are known at run time; None where they are for type checkers only."""
    if annotation is None:
        return None
    try:
        found = eval(annotation, function.__globals__)  # noqa: S307  # the author's own annotation, as typing does it
        return (
            hint_of(function, found) if isinstance(found, str) else found
        )  # it was quoted, and postponed as well
    except (NameError, AttributeError, TypeError, SyntaxError):
        return None


def _context(given: Context, asset: Asset, taken: Taken, workspace: Workspace, run: StepRun) -> object:
    match given.what:
        case "Window":
            return window_of(asset, taken.partitions)
        case "Previous":
            return _previous(given, asset, taken.previous, workspace, run)
        case "Provenance":
            return provenance(taken.ancestors, workspace)
        case "Troubles":
            return Troubles(taken.troubles)
        case "Run":
            return run
        case _:
            assert_never(given.what)


def window_of(asset: Asset, partitions: PartitionSet) -> Window | None:
    """The time that some consecutive partitions cover; None where time is no dimension."""
    if asset.partitions is None or not partitions:
        return None
    found = list(partitions.ranges())
    first = asset.partitions.window(Partition(found[0][0], found[0][1]))
    last = asset.partitions.window(Partition(found[-1][0], found[-1][2]))
    return Window(start=first.start, end=last.end) if first and last else None


def _previous(
    given: Context, asset: Asset, version: Version | None, workspace: Workspace, run: StepRun
) -> Previous:
    """The last published value; nothing when it is gone or of another form, so that the asset can begin anew."""
    if version is None:
        return Previous()
    try:
        hint = hint_of(asset.function, given.annotation)
        value = workspace.value(asset, {version.partition: version}, given.annotation, hint)
    except AssetGraphError as error:
        run.log(f"the previous value cannot be read, so there is none: {error}")
        return Previous()
    return Previous(value=value, as_of=version.as_of)


def provenance(above: Mapping[str, Versions], workspace: Workspace) -> Provenance:
    """What everything upstream of an asset was made from, and what its checks said."""
    from checks import Verdict

    ancestors = []
    for key, versions in above.items():
        for partition in sorted(versions):
            known = workspace.ledger.materialization(
                versions[partition].id, environment=workspace.environment
            )
            said = known.judgement.verdicts if known.judgement else ()
            ancestors.append(
                Ancestor(
                    key=key,
                    upstream=workspace.graph.upstream_of[key],
                    is_source=workspace.graph[key].is_source,
                    data_version=known.content.data_version,
                    rows=known.content.rows,
                    verdicts=tuple(Verdict.from_json(text) for text in said),
                )
            )
    return Provenance(ancestors=tuple(ancestors))


__all__ = ["StepRun", "Taken", "arguments_for", "hint_of", "provenance", "taken", "window_of"]
