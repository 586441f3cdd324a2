"""All that is known of one asset: `assets show`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from deployments.amounts import counted, moment_text, size_text, span_text
from deployments.answers import Answer
from deployments.asset_list import declared_document, partitions_text, selected
from deployments.command_error import CommandError
from deployments.freshness_text import policy_text, state_text
from deployments.run_summary import verdict_document
from deployments.text_table import painted
from graph import Asset, AssetGraph, AssetGraphError
from graph.asset_graph import key_of
from graph.digest import CodeDigest
from graph.freshness_states import Freshness, freshness_states
from graph.partition_set import EMPTY, PartitionSet
from graph.partition_text import described
from graph.reading import Reader
from materializers.ledger import AttemptRecord, Materialization
from materializers.workspace import Workspace

_REACHED_SHOWN = 12
_WIDTH = 14  # of the names on the left

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetReport:
    """What an asset is, what goes in, and what is visible of it.

    Args:
        config: by parameter and field, the value and whether somebody set it.
        resources: by type, the settings that are its identity.
        published: the visible version; of a partitioned asset, that of its newest partition.
        partitions: those that are visible, and ``missing`` those that exist and are not.
        last: the last attempt; ``rejected`` is the version that it made, if checks held that back.
        unfinished: of an effect, by occasion, what is not settled.
        troubles: by what was asked for (config, resources, code), why it cannot be told.
    """

    asset: Asset
    freshness: Freshness
    config: Mapping[str, Mapping[str, tuple[object, bool]]]
    resources: Mapping[str, object]
    code: CodeDigest | None
    published: Materialization | None
    partitions: PartitionSet
    missing: PartitionSet
    last: AttemptRecord | None
    rejected: Materialization | None
    troubles: Mapping[str, str]
    unfinished: Mapping[str, str] = field(default_factory=dict)


def show_asset(workspace: Workspace, name: str, *, now: datetime, colours: bool = False) -> Answer:
    """All that is known of one asset."""
    keys = selected(workspace.graph, workspace.today(name))
    if len(keys) != 1:
        raise CommandError(
            f"'{name}' names {counted(len(keys), 'asset')}; `assets show` tells of one: {keys[0]}, ..."
        )
    report = _report(workspace, keys[0], now)
    return Answer(
        text=lambda: _text(report, workspace.graph, now, colours=colours),
        document=lambda: _document(report, workspace.graph),
    )


def _report(workspace: Workspace, key: str, now: datetime) -> AssetReport:
    asset, graph, ledger = workspace.graph[key], workspace.graph, workspace.ledger
    above = graph.ancestors([key])
    with ledger.state(workspace.environment, above) as state:
        reader = Reader(graph=graph, state=state, horizon=workspace.horizon(now))
        freshness = freshness_states(reader, now, [key])[key]
        visible, existing = reader.visible(key), reader.existing(key)
        newest = max(visible, key=lambda partition: partition.ordinal, default=None)
        version = None if newest is None else reader.version(key, newest)
    attempts = ledger.history(asset.producer, environment=workspace.environment, limit=1)
    last = attempts[0] if attempts else None
    held_back = last.version_id if last is not None and last.outcome == "rejected" else None
    troubles: dict[str, str] = {}

    def told(what: str, ask: Callable[[], T], otherwise: T) -> T:
        try:
            return ask()
        except AssetGraphError as error:
            troubles[what] = str(error)
            return otherwise

    return AssetReport(
        asset=asset,
        freshness=freshness,
        config=told("config", lambda: _config(workspace, asset), {}),
        resources=told("resources", lambda: _resources(workspace, asset), {}),
        code=None if asset.is_source else told("code", lambda: workspace.code(asset), None),
        published=ledger.materialization(version.id, environment=workspace.environment) if version else None,
        partitions=visible if asset.partitions else EMPTY,
        missing=existing - visible if asset.partitions else EMPTY,
        last=last,
        rejected=ledger.materialization(held_back) if held_back is not None else None,
        troubles=troubles,
        unfinished=workspace.effect_facts([key])[key].unfinished if asset.is_effect else {},
    )


def _config(workspace: Workspace, asset: Asset) -> Mapping[str, Mapping[str, tuple[object, bool]]]:
    return {
        parameter: {
            name: (value, name in made.model_fields_set)
            for name, value in made.model_dump(mode="json").items()
        }
        for parameter, made in workspace.config_of(asset).items()
    }


def _resources(workspace: Workspace, asset: Asset) -> Mapping[str, object]:
    if not asset.resources:
        return {}
    return {name: json.loads(text or "{}") for name, text in workspace.basis(asset.key).resources.items()}


# --- as text -----------------------------------------------------------------------------------------------


def _text(report: AssetReport, graph: AssetGraph, now: datetime, *, colours: bool) -> str:
    key = report.asset.key
    lines = [painted(key, "bold") if colours else key]
    lines.extend(f"  {line}".rstrip() for line in report.asset.description.splitlines())
    lines.append("")
    for name, text in (*_declared(report, graph), *_goes_in(report), *_visible(report, now)):
        first, *rest = text.splitlines() or [""]
        shown = f"{name:<{_WIDTH}}"
        lines.append(f"{painted(shown, 'dim') if colours else shown}{first}")
        lines.extend(f"{'':<{_WIDTH}}{line}" for line in rest)
    return "\n".join(lines)


def _declared(report: AssetReport, graph: AssetGraph) -> Iterator[tuple[str, str]]:
    asset = report.asset
    yield (
        "declared",
        f"{asset.where}{_nature(asset)}",
    )
    yield "group", asset.group
    labels = [f"{name}={value}" if value else name for name, value in asset.labels.tags.items()]
    if labels or asset.labels.owners or asset.labels.kinds:
        yield "labels", ", ".join([*labels, *asset.labels.kinds, *asset.labels.owners])
    names = {given.key: given.parameter for given in asset.edges}
    for key in graph.upstream_of[asset.key]:
        how = f" (as {names[key]})" if key in names else " (order only)"
        yield "upstream", f"{key}{how}"
    if graph.downstream_of[asset.key]:
        yield "downstream", ", ".join(graph.downstream_of[asset.key])
    if (days := partitions_text(asset)) is not None:
        yield "partitions", days
    if asset.automation is not None:
        yield "automation", f"{asset.automation}; assets why {asset.key}"
    if asset.cadence is not None:
        every = f"called each {span_text(asset.cadence.every)}, summed up each"
        yield (
            "cadence",
            f"{every} {span_text(asset.cadence.interval) if asset.partitions is None else 'partition'}",
        )
    run = asset.execution
    retries = (
        f"{counted(run.retries, 'retry', 'retries')} after {span_text(run.retry_delay)}"
        if run.retries
        else ""
    )
    timeout = f"time-out {span_text(run.timeout)}" if run.timeout else ""
    apart = "a process of its own" if run.isolation == "process" else ""
    if how := ", ".join(filter(None, (retries, timeout, apart))):
        yield "runs with", how


def _nature(asset: Asset) -> str:
    if asset.deed is not None:
        doubt = "asks when in doubt" if asset.deed.reconcile is not None else asset.deed.doubt
        return f", an effect that {doubt}" if asset.deed.reconcile is not None else f", an effect, {doubt}"
    return ", a source" if asset.is_source else ", volatile" if asset.volatile else ""


def _goes_in(report: AssetReport) -> Iterator[tuple[str, str]]:
    for resource, identity in report.resources.items():
        yield "resource", f"{resource}: {_pairs(identity)}"
    for fields in report.config.values():
        for name, (value, is_set) in fields.items():
            yield "config", f"{name} = {json.dumps(value)}{'' if is_set else ' (default)'}"
    if report.code is not None:
        yield "code", report.code.digest
        reached = report.code.reaches
        more = len(reached) - _REACHED_SHOWN
        yield (
            "  reaches",
            "\n".join(reached[:_REACHED_SHOWN]) + (f"\nand {more} more (--json)" if more > 0 else ""),
        )
        if report.code.unresolved:
            yield "  unresolved", "\n".join(report.code.unresolved)
    yield from report.troubles.items()


def _visible(report: AssetReport, now: datetime) -> Iterator[tuple[str, str]]:
    policy = report.asset.freshness
    promise = f" ({policy_text(policy)})" if policy else ""
    unchecked = f"; unchecked: {report.asset.unchecked}" if report.asset.unchecked else ""
    yield "freshness", f"{state_text(report.freshness, now)}{promise}{unchecked}"
    if report.published is None:
        yield "published", f"nothing; run: materialize {report.asset.key}"
    else:
        yield from _version(report.asset, report.published)
    if report.asset.partitions is not None:
        yield "visible", described(report.partitions, report.asset.partitions)
        if report.missing:
            yield "missing", described(report.missing, report.asset.partitions)
    for text in report.unfinished.values():
        yield "not finished", text
    yield from _checks(report, report.published)
    last = report.last
    if last is not None:
        reason = f": {last.reason}" if last.reason else ""
        where = f"{moment_text(last.started_at)}, run {last.run_id}"
        yield "last attempt", f"{last.outcome or 'running'}{reason} ({where})"
    if report.rejected is not None:
        for verdict in verdicts_of(report.rejected):
            if not verdict.passed:
                yield "", verdict.describe()


def _version(asset: Asset, found: Materialization) -> Iterator[tuple[str, str]]:
    version, content = found.version, found.content
    partition = key_of(asset, version.partition)
    of = f" of {partition}" if partition else ""
    yield "published", f"{version.id}{of}, made {moment_text(version.made_at)} in {span_text(found.duration)}"
    rows = f"{counted(content.rows, 'row')}, " if content.rows is not None else ""
    yield "value", f"{content.format}, {rows}{size_text(content.size)}, data version {version.data_version}"
    if version.as_of is not None:
        yield "as of", moment_text(version.as_of)
    yield "made by", f"run {found.run_id}"


def _checks(report: AssetReport, found: Materialization | None) -> Iterator[tuple[str, str]]:
    """Each declared check with what it said of the visible version."""
    said = {verdict.check: verdict for verdict in verdicts_of(found)}
    for check in report.asset.checks:
        describe = getattr(check, "describe", lambda name=check.name: name)
        severity = {"error": "", "quarantine": " (or moves rows aside)"}.get(
            check.severity, f" ({check.severity} only)"
        )
        verdict = said.get(check.name)
        if verdict is None:
            yield "check", f"{describe()}{severity}: not judged yet"
        elif verdict.passed:
            yield "check", f"{describe()}{severity}: holds"
        else:
            yield "check", f"{describe()}{severity}: {verdict.describe()}"


def verdicts_of(found: Materialization | None) -> tuple[Any, ...]:
    """What the checks said of a version last."""
    if found is None or found.judgement is None or not found.judgement.verdicts:
        return ()
    from checks import Verdict

    return tuple(Verdict.from_json(text) for text in found.judgement.verdicts)


def _pairs(identity: object) -> str:
    pairs = sorted(identity.items(), key=lambda pair: pair[0] == "code") if isinstance(identity, dict) else ()
    return ", ".join(f"{name}={value[:8] if name == 'code' else value}" for name, value in pairs)


# --- as a document -----------------------------------------------------------------------------------------


def _document(report: AssetReport, graph: AssetGraph) -> dict[str, Any]:
    found, last = report.published, report.last
    return {
        **declared_document(report.asset, graph),
        "automation": None if report.asset.automation is None else str(report.asset.automation),
        "cadence_s": None if report.asset.cadence is None else report.asset.cadence.every.total_seconds(),
        "config": {
            parameter: {name: value for name, (value, _) in fields.items()}
            for parameter, fields in report.config.items()
        },
        "resource_identities": dict(report.resources),
        "code": report.code
        and {
            "digest": report.code.digest,
            "reaches": list(report.code.reaches),
            "unresolved": list(report.code.unresolved),
        },
        "state": report.freshness.state,
        "because_of": report.freshness.culprit,
        "as_of": report.freshness.as_of,
        "due_at": report.freshness.due_at,
        "overdue_at": report.freshness.overdue_at,
        "published": found
        and {
            "version": found.version.id,
            "partition": key_of(report.asset, found.version.partition),
            "data_version": found.version.data_version,
            "format": found.content.format,
            "address": found.content.address,
            "rows": found.content.rows,
            "bytes": found.content.size,
            "made_at": found.version.made_at,
            "duration_s": found.duration.total_seconds(),
            "run": found.run_id,
        },
        "partitions_published": len(report.partitions),
        "partitions_missing": len(report.missing),
        "verdicts": [verdict_document(verdict) for verdict in verdicts_of(found)],
        "last_attempt": last
        and {
            "outcome": last.outcome,
            "reason": last.reason,
            "started_at": last.started_at,
            "run": last.run_id,
            "verdicts": [verdict_document(verdict) for verdict in verdicts_of(report.rejected)],
        },
        "not_finished": dict(report.unfinished),
        "troubles": dict(report.troubles),
    }
