"""What an asset's function is called with: upstream values, resources, configs, and what it asks of its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from graph import Ancestor, Asset, AssetGraphError, Previous, Provenance
from graph.asset_graph import Context, FromConfig, FromResource, Upstream
from graph.reading import source_ordinal, visible
from graph.state import State, Version
from materializers.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """See `graph.Run`."""

    key: str
    run_id: str
    partition: str | None
    attempt: int
    now: datetime
    log: Callable[[str], None]
    progress: Callable[[float, float], None]


def versions_read(
    asset: Asset, ordinal: int, key: str, workspace: Workspace, state: State
) -> Mapping[int, Version]:
    """The published versions of an upstream that one partition reads: all of them, or the one of its day."""
    above = workspace.graph[key]
    versions = visible(workspace.graph, state.published)(key)
    if above.partitions is not None and asset.partitions is None:
        return versions
    at = source_ordinal(asset, above, ordinal)
    return {at: versions[at]}


def arguments_for(
    asset: Asset, ordinal: int, workspace: Workspace, state: State, run: StepRun
) -> dict[str, Any]:
    """The arguments of an asset's function by parameter."""
    arguments: dict[str, Any] = {}
    configs = workspace.config_of(asset)
    for given in asset.inputs:
        match given:
            case Upstream():
                versions = versions_read(asset, ordinal, given.key, workspace, state)
                above = workspace.graph[given.key]
                hint = hint_of(asset.function, given.annotation)
                whole = above.partitions is not None and asset.partitions is None
                arguments[given.parameter] = workspace.value(
                    above, versions, given.annotation, hint, whole=whole
                )
            case FromResource():
                arguments[given.parameter] = workspace.resource(given.resource)
            case FromConfig():
                arguments[given.parameter] = configs[given.parameter]
            case Context():
                arguments[given.parameter] = _context(given, asset, ordinal, workspace, state, run)
            case _:
                assert_never(given)
    return arguments


def hint_of(function: Callable[..., Any], annotation: str | None) -> object:
    """What an annotation names, where its names are known at run time; None where they are for type checkers only."""
    if annotation is None:
        return None
    try:
        return eval(annotation, function.__globals__)  # noqa: S307  # the author's own annotation, as typing does it
    except (NameError, AttributeError, TypeError, SyntaxError):
        return None


def _context(
    given: Context, asset: Asset, ordinal: int, workspace: Workspace, state: State, run: StepRun
) -> object:
    match given.what:
        case "Window":
            return (
                asset.partitions.window(ordinal) if asset.partitions else None
            )  # None is a definition error
        case "Previous":
            return _previous(given, asset, ordinal, workspace, state, run)
        case "Provenance":
            return provenance(asset, workspace, state)
        case "Run":
            return run
        case _:
            assert_never(given.what)


def _previous(
    given: Context, asset: Asset, ordinal: int, workspace: Workspace, state: State, run: StepRun
) -> Previous:
    """The last published value; nothing when it is gone or of another form, so that the asset can begin anew."""
    version = state.published(asset.key).get(ordinal)
    if version is None:
        return Previous()
    try:
        hint = hint_of(asset.function, given.annotation)
        value = workspace.value(asset, {ordinal: version}, given.annotation, hint)
    except AssetGraphError as error:
        run.log(f"the previous value cannot be read, so there is none: {error}")
        return Previous()
    return Previous(value=value, as_of=version.as_of)


def provenance(asset: Asset, workspace: Workspace, state: State) -> Provenance:
    """What everything upstream of an asset was made from, and what its checks said."""
    from checks import Verdict

    above = workspace.graph.ancestors([asset.key]) - {asset.key}
    ancestors = []
    for key in workspace.graph.assets:
        if key not in above:
            continue
        for _, version in sorted(visible(workspace.graph, state.published)(key).items()):
            known = workspace.ledger.materialization(version.id)
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
