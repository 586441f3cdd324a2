"""`assets profile`: checks that published data suggest, as code to paste."""

from __future__ import annotations

from deployments.answers import FAILED, Answer, note
from deployments.command_error import CommandError
from deployments.environment_views import one_key
from deployments.opening import workspace_for
from materializers.judging_together import as_one_value


def profile(name: str, *, partitions: str | None, environment: str | None) -> Answer:
    """What the published data of an asset suggest.

    Raises:
        CommandError: nothing is published, or it is no table.
    """
    from checks.proposals import as_code, propose

    workspace = workspace_for(environment)
    key = one_key(workspace, name)
    asset = workspace.graph[key]
    versions = workspace.shown([key])[key]
    if chosen := workspace.chosen([key], partitions, workspace.horizon()):
        versions = {at: version for at, version in versions.items() if at in chosen[key]}
    if not versions:
        raise CommandError(f"nothing is published of '{key}'; run: materialize {key}", exit_code=FAILED)
    contents = {at: workspace.ledger.content(version.id) for at, version in versions.items()}
    private = workspace.graph.private.get(key, frozenset())
    value = as_one_value(asset, contents, workspace)
    parts = [as_one_value(asset, {at: one}, workspace) for at, one in contents.items()]
    try:
        proposals = propose(value, now=workspace.clock(), private=private, parts=parts)
    except ValueError as error:
        raise CommandError(f"'{key}': {error}", exit_code=FAILED) from error
    rows = sum(content.rows or 0 for content in contents.values())
    note(f"{len(proposals)} checks hold for the {rows:,} rows of {key}; keep those that are meant")
    return Answer(
        text=lambda: as_code(proposals).rstrip(),
        document=lambda: {
            "key": key,
            "rows": rows,
            "proposals": [
                {"check": one.check.name, "code": one.code, "seen": one.seen, "promise": one.check.describe()}
                for one in proposals
            ],
        },
    )
