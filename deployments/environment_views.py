"""Environments: `assets env list`, `create`, `diff`, `promote`, `rollback` and `drop`, and `assets publish`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from checks import Check
from deployments.amounts import counted, moment_text
from deployments.answers import Answer
from deployments.asset_list import selected
from deployments.command_error import CommandError
from deployments.data_diff_text import diff_document, diff_text
from deployments.text_table import aligned, bounded
from graph.asset_graph import key_of
from graph.partition_set import Partition, PartitionSet
from graph.state import Version
from graph.steps import step_name
from materializers.comparing import Difference, differences
from materializers.data_diff import CannotCompare, DataDiff, data_diff, without
from materializers.ledger import Ledger
from materializers.promoting import Promotion, plan_promotion, promote
from materializers.rolling_back import release, rollback
from materializers.workspace import Workspace

LAST = "last"
"""Stands for the newest rejected version."""


def list_environments(ledger: Ledger, *, colours: bool = False) -> Answer:
    """The environments, each with what it has of its own and who serves it."""
    found = [(one, ledger.own_keys(one.name), ledger.definitions(one.name)) for one in ledger.environments()]
    rows = [
        [
            one.name,
            one.parent or "-",
            "live" if one.live else "",
            counted(len(own), "asset"),
            ", ".join(sorted({record.checkout for record in served.values()})) or "-",
            "-" if one.parent is None else moment_text(one.created_at),
        ]
        for one, own, served in found
    ]
    heads = ["environment", "reads from", "effects", "of its own", "served by", "created"]
    return Answer(
        text=lambda: aligned(rows, heads=heads, colours=colours),
        document=lambda: [
            {
                "name": one.name,
                "parent": one.parent,
                "live": one.live,
                "created_at": one.created_at if one.parent else None,
                "own": sorted(own),
                "served_by": sorted({record.checkout for record in served.values()}),
            }
            for one, own, served in found
        ],
    )


def create_environment(ledger: Ledger, name: str, *, parent: str, live: bool) -> Answer:
    """Make an environment that reads from another one; nothing is copied."""
    made = ledger.create_environment(name, parent=parent, live=live)
    effects = "effects are performed in it" if live else "effects are only recorded in it"
    return Answer(
        text=lambda: (
            f"made the environment '{name}', which reads from '{parent}' what it has not of its own; {effects}"
        ),
        document=lambda: {"name": made.name, "parent": made.parent, "live": made.live},
    )


def drop_environment(ledger: Ledger, name: str) -> Answer:
    """Forget an environment; versions stay until they are collected as garbage."""
    ledger.drop_environment(name)
    return Answer(
        text=lambda: f"dropped the environment '{name}'; what only it showed goes with `assets gc`",
        document=lambda: {"dropped": name},
    )


# Comparing


def diff_environments(
    workspace: Workspace,
    here: str,
    there: str,
    selection: str,
    *,
    data: bool,
    limit: int,
    colours: bool = False,
) -> Answer:
    """Which assets and partitions two environments show other versions of; with ``data``, how the data differ."""
    keys = selected(workspace.graph, selection)
    found = differences(workspace.ledger, here, there, keys)
    ordered = {key: found[key] for key in keys if key in found}
    compared = {key: _compare(workspace, key, shown, limit) for key, shown in ordered.items()} if data else {}
    rows = [
        [_named(workspace, one), _short(one.here), _short(one.there), one.why()]
        for shown in ordered.values()
        for one in shown
    ]

    def text() -> str:
        if not rows:
            return f"'{here}' and '{there}' show the same of {counted(len(keys), 'asset')}"
        head, *lines = aligned(rows, heads=["asset", here, there, "why"], colours=colours).splitlines()
        told = [f"\n{key}: {said}" for key, said in _told(compared, limit)]
        return "\n".join([head, *bounded(lines, limit, "; see --limit"), *told])

    return Answer(
        text=text,
        document=lambda: [
            {
                "key": key,
                "partitions": [
                    {
                        "partition": key_of(workspace.graph[key], one.partition),
                        here: _version_document(one.here),
                        there: _version_document(one.there),
                        "why": one.why(),
                        "same_data": one.same_data,
                    }
                    for one in shown
                ],
                **({"data": _document(compared[key])} if key in compared else {}),
            }
            for key, shown in ordered.items()
        ],
    )


def diff_versions(workspace: Workspace, name: str, old: str, new: str, *, limit: int) -> Answer:
    """In what the data of two versions of an asset differ."""
    key = one_key(workspace, name)
    contents = [
        workspace.ledger.content(version_of(workspace, key, each, rejected=False)) for each in (old, new)
    ]
    if contents[0].data_version == contents[1].data_version:
        return Answer(text=lambda: f"{key}: the data are equal", document=lambda: {"key": key, "same": True})
    found = data_diff(
        [contents[0]], [contents[1]], workspace.store, key=_key_columns(workspace, key), limit=limit
    )
    found = without(found, workspace.graph.private.get(key, frozenset()))
    return Answer(
        text=lambda: f"{key}: {diff_text(found, limit=limit)}",
        document=lambda: {"key": key, **diff_document(found)},
    )


def _compare(
    workspace: Workspace, key: str, shown: Sequence[Difference], limit: int
) -> DataDiff | str | None:
    """How the data differ, from the second environment to the first; None when they are equal."""
    differing = [one for one in shown if not one.same_data]
    if not differing:
        return None
    content = workspace.ledger.content
    try:
        found = data_diff(
            [content(one.there.id) for one in differing if one.there],
            [content(one.here.id) for one in differing if one.here],
            workspace.store,
            key=_key_columns(workspace, key),
            limit=limit,
        )
    except CannotCompare as error:
        return str(error)
    return without(found, workspace.graph.private.get(key, frozenset()))


def _key_columns(workspace: Workspace, key: str) -> tuple[str, ...]:
    """The columns that tell an asset's rows apart: what its checks promise to be unique."""
    unique = [
        check.columns
        for check in workspace.graph[key].checks
        if isinstance(check, Check) and check.kind == "unique"
    ]
    return min(unique, key=len, default=())


def _told(compared: Mapping[str, DataDiff | str | None], limit: int) -> Iterator[tuple[str, str]]:
    for key, diff in compared.items():
        match diff:
            case DataDiff():
                yield key, diff_text(diff, limit=limit)
            case None:
                yield key, "the data are equal"
            case _:
                yield key, diff


def _document(diff: DataDiff | str | None) -> object:
    return diff_document(diff) if isinstance(diff, DataDiff) else {"same": diff is None, "message": diff}


# Promoting


def promote_environment(
    workspace: Workspace, source: str, target: str, selection: str, *, dry_run: bool, colours: bool = False
) -> Answer:
    """Make visible in the target what the source shows of a selection, with all upstream that differs: at once."""
    found = (
        plan_promotion(workspace, source, target, selection)
        if dry_run
        else promote(workspace, source, target, selection)
    )
    done = "would move" if dry_run else "moved"
    return Answer(
        text=lambda: _promotion_text(workspace, found, done, colours=colours),
        document=lambda: {
            "source": source,
            "target": target,
            "dry_run": dry_run,
            "moved": [
                {
                    "key": key,
                    "partition": key_of(workspace.graph[key], one.partition),
                    "version": one.here.id if one.here else None,
                    "was": one.there.id if one.there else None,
                    "came_along": key in found.along,
                }
                for key, shown in found.moved.items()
                for one in shown
            ],
            "outdated": list(found.outdated),
        },
    )


def _promotion_text(workspace: Workspace, found: Promotion, done: str, *, colours: bool) -> str:
    if not found.moved:
        return f"'{found.target}' shows already what '{found.source}' does"
    rows = [
        [
            key,
            "" if workspace.graph[key].partitions is None else counted(len(shown), "partition"),
            "it is upstream of what was asked for" if key in found.along else "",
        ]
        for key, shown in found.moved.items()
    ]
    total = sum(len(shown) for shown in found.moved.values())
    lines = [f"{done} {counted(total, 'pointer')} of '{found.target}' to what '{found.source}' shows:"]
    lines += [f"  {line}" for line in aligned(rows, colours=colours).splitlines()]
    if found.outdated:
        names = ", ".join(found.outdated)
        lines.append(f"outdated in '{found.target}' then, and built by its next run: {names}")
    return "\n".join(lines)


# By hand


def roll_back(
    workspace: Workspace,
    key_name: str,
    *,
    to: str | None,
    partitions: str | None,
    name: str,
    reason: str,
) -> Answer:
    """Make an earlier version visible again, and pin it."""
    key = one_key(workspace, key_name)
    chosen: PartitionSet | None = None
    if partitions is not None:
        chosen = workspace.chosen([key], partitions, workspace.horizon())[key]
    version = None if to is None else version_of(workspace, key, to, rejected=False)
    found = rollback(workspace, key, partitions=chosen, to=version, name=name, reason=reason)
    return Answer(
        text=lambda: (
            f"rolled back {_places(workspace, key, found)} in '{workspace.environment}'; it stays so until the code or"
            " the inputs move"
        ),
        document=lambda: _by_hand(workspace, key, found),
    )


def publish_by_hand(workspace: Workspace, key_name: str, version: str, *, name: str, reason: str) -> Answer:
    """Make a rejected version visible; it stays marked failing."""
    key = one_key(workspace, key_name)
    found = release(
        workspace, key, version_of(workspace, key, version, rejected=True), name=name, reason=reason
    )
    places = {found.version.partition: found.version.id}
    return Answer(
        text=lambda: (
            f"published version {found.version.id} of {_places(workspace, key, places)} in"
            f" '{workspace.environment}'; it stays marked failing"
        ),
        document=lambda: _by_hand(workspace, key, places),
    )


def one_key(workspace: Workspace, name: str) -> str:
    """The one asset that a name stands for."""
    keys = workspace.keys(name)
    if len(keys) != 1:
        raise CommandError(f"'{name}' names {counted(len(keys), 'asset')}; give the key of one")
    (key,) = keys
    return key


def version_of(workspace: Workspace, key: str, text: str, *, rejected: bool) -> str:
    """A version by its id, a unique beginning of it, or ``last`` for the newest rejected one."""
    ledger = workspace.ledger
    attempts = ledger.history(
        workspace.graph[key].producer, environment=workspace.environment, limit=1_000_000_000
    )
    made = [one.version_id for one in attempts if one.version_id is not None]
    if text == LAST and rejected:
        newest = [one.version_id for one in attempts if one.outcome == "rejected" and one.version_id]
        if not newest:
            raise CommandError(f"no version of asset '{key}' was rejected in '{workspace.environment}'")
        return newest[0]
    for environment in ledger.environments():
        shown = ledger.publications(key, environment=environment.name, limit=1_000_000_000)
        made += [one.version_id for one in shown if one.version_id is not None]
    found = sorted({one for one in made if one.startswith(text)})
    if len(found) > 1 and text not in found:
        raise CommandError(f"'{text}' begins the ids of several versions of asset '{key}'; give more of it")
    return found[0] if len(found) == 1 else text


def _by_hand(workspace: Workspace, key: str, found: Mapping[Partition, str]) -> dict[str, object]:
    return {
        "key": key,
        "environment": workspace.environment,
        "versions": [
            {"partition": key_of(workspace.graph[key], at), "version": version}
            for at, version in sorted(found.items())
        ],
    }


def _places(workspace: Workspace, key: str, found: Mapping[Partition, str]) -> str:
    if len(found) > 1:
        return f"{counted(len(found), 'partition')} of {key}"
    return step_name(key, key_of(workspace.graph[key], next(iter(found))) or "")


def _named(workspace: Workspace, one: Difference) -> str:
    return step_name(one.key, key_of(workspace.graph[one.key], one.partition) or "")


def _short(version: Version | None) -> str:
    return "-" if version is None else version.id


def _version_document(version: Version | None) -> dict[str, object] | None:
    if version is None:
        return None
    return {
        "version": version.id,
        "data_version": version.data_version,
        "code": version.basis.code,
        "made_at": version.made_at,
        "failing": version.failing,
    }
