"""The commands for environments and for what is kept: `assets env`, `diff`, `publish`, `gc` and `rename`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from deployments.answers import Answer
from deployments.command_options import (
    as_json,
    by,
    colours,
    env,
    examples,
    limit,
    one_key,
    partitions,
    reason,
    selection,
)

_CODES = "Exit codes: 0 done, 1 nothing was moved, 2 wrong definition or usage."


_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def span(text: str) -> timedelta:
    """A span of time.

    >>> span("30d"), span("12h")
    (datetime.timedelta(days=30), datetime.timedelta(seconds=43200))
    """
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isdigit():
        raise click.BadParameter(f"'{text}' is no span of time; write it like 30d, 12h, 10m or 0s")
    return timedelta(**{_UNITS[unit]: int(number)})


@click.group(
    "env",
    epilog=examples(
        "assets env create dev                   an environment of your own, at once and empty",
        "materialize portfolio_report --env dev  builds there what your code changes",
        "assets env diff dev main --data",
        "assets env promote dev main portfolio_report",
        "assets env rollback prices --by ada --reason 'wrong feed'",
    ),
)
def environments() -> None:
    """Environments: names for which version of everything is visible."""


@environments.command("list", epilog=examples("assets env list", "assets env list --json"))
@as_json
def list_() -> Answer:
    """List the environments."""
    from deployments.environment_views import list_environments
    from deployments.opening import project_ledger

    return list_environments(project_ledger(), colours=colours())


@environments.command(
    "create",
    epilog=examples(
        "assets env create dev", "assets env create fix --from dev", "assets env create prod2 --live"
    ),
)
@click.argument("name")
@click.option("--from", "parent", default="main", show_default=True, metavar="PARENT", help="What it reads.")
@click.option("--live", is_flag=True, help="Effects are performed in it, not only recorded.")
@as_json
def create(name: str, parent: str, live: bool) -> Answer:
    """Make an environment.

    It reads from its parent whatever it has not of its own; nothing is copied.
    """
    from deployments.environment_views import create_environment
    from deployments.opening import project_ledger

    return create_environment(project_ledger(), name, parent=parent, live=live)


@environments.command(
    "diff",
    epilog=examples(
        "assets env diff dev main                what dev shows that main does not",
        "assets env diff dev main prices --data  and how the rows differ",
    ),
)
@click.argument("here", metavar="A")
@click.argument("there", metavar="B")
@selection(otherwise="*")
@click.option("--data", is_flag=True, help="Compare the data themselves, from B to A.")
@limit(20)
@as_json
def diff_environments(here: str, there: str, selection: str, data: bool, limit: int) -> Answer:
    """Compare two environments.

    By partition: the versions, and whether code, config, inputs or data differ.
    """
    from deployments.environment_views import diff_environments as compare
    from deployments.opening import workspace_for

    return compare(workspace_for(here), here, there, selection, data=data, limit=limit, colours=colours())


@environments.command(
    "promote",
    epilog=examples(
        "assets env promote dev main --dry-run",
        "assets env promote dev main portfolio_report",
        closing=_CODES,
    ),
)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@selection(otherwise="*")
@click.option("--dry-run", is_flag=True, help="Say what would move.")
@as_json
def promote(source: str, target: str, selection: str, dry_run: bool) -> Answer:
    """Show in TO what FROM shows.

    What is selected moves with all upstream that differs, at once; nothing is computed or copied.
    """
    from deployments.environment_views import promote_environment
    from deployments.opening import workspace_for

    return promote_environment(
        workspace_for(source), source, target, selection, dry_run=dry_run, colours=colours()
    )


@environments.command(
    "rollback",
    epilog=examples(
        "assets env rollback prices --by ada --reason 'wrong feed'",
        "assets env rollback bars --partitions 2024-03-01.. --by ada --reason 'bad session'",
        "assets env rollback report --to 65f1c2 --env dev --by ada --reason 'compare'",
        closing=_CODES,
    ),
)
@one_key
@click.option("--to", metavar="VERSION", help="An id or its beginning; otherwise what was visible before.")
@partitions
@env
@by
@reason
@as_json
def rollback(
    key: str, to: str | None, partitions: str | None, env: str | None, name: str, reason: str
) -> Answer:
    """Go back to an earlier version.

    It stays until the code or the inputs move past what was rolled back.
    """
    from deployments.environment_views import roll_back
    from deployments.opening import workspace_for

    return roll_back(workspace_for(env), key, to=to, partitions=partitions, name=name, reason=reason)


@environments.command("drop", epilog=examples("assets env drop dev", "assets env drop dev --yes"))
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def drop(name: str, yes: bool) -> Answer:
    """Forget an environment.

    Versions that only it shows stay until they are collected as garbage.
    """
    from deployments.environment_views import drop_environment
    from deployments.opening import project_ledger

    ledger = project_ledger()
    if not yes:
        click.confirm(f"Drop the environment '{name}'?", abort=True, err=True)
    return drop_environment(ledger, name)


@click.command(
    epilog=examples(
        "assets diff prices 65f1c2 65f1d0        two versions, by their ids or beginnings of them",
    )
)
@one_key
@click.argument("old", metavar="VERSION_A")
@click.argument("new", metavar="VERSION_B")
@limit(20)
@env
@as_json
def diff(key: str, old: str, new: str, limit: int, env: str | None) -> Answer:
    """Compare the data of two versions.

    Rows are told apart by the columns that the asset's checks promise to be unique.
    """
    from deployments.environment_views import diff_versions
    from deployments.opening import workspace_for

    return diff_versions(workspace_for(env), key, old, new, limit=limit)


@click.command(
    epilog=examples("assets publish prices last --by ada --reason 'the split is real'", closing=_CODES)
)
@one_key
@click.argument("version", metavar="VERSION")
@env
@by
@reason
@as_json
def publish(key: str, version: str, env: str | None, name: str, reason: str) -> Answer:
    """Publish a rejected version by hand.

    VERSION is an id, the beginning of one, or `last`. It stays marked failing.
    """
    from deployments.environment_views import publish_by_hand
    from deployments.opening import workspace_for

    return publish_by_hand(workspace_for(env), key, version, name=name, reason=reason)


@click.command(
    epilog=examples(
        "assets gc --dry-run",
        "assets gc --older-than 7d --keep 1",
        closing="What nothing needs is condemned, and removed by the first collection after the time of grace.",
    )
)
@click.option("--dry-run", is_flag=True, help="Say what would be condemned.")
@click.option(
    "--older-than",
    type=span,
    default="30d",
    show_default=True,
    metavar="SPAN",
    help="Keep what was made or visible within this time, and the rows of its runs.",
)
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    metavar="N",
    help="Keep so many of the newest good versions of each partition.",
)
@click.option(
    "--grace",
    type=span,
    default="1d",
    show_default=True,
    metavar="SPAN",
    help="How long something is condemned before it is removed.",
)
@as_json
def gc(dry_run: bool, older_than: timedelta, keep: int, grace: timedelta) -> Answer:
    """Remove data that nothing needs.

    No environment shows them, no rule keeps them, and no run that lives may have put them there.
    """
    from deployments.keeping_house import collect_garbage
    from deployments.opening import project_ledger, project_store

    return collect_garbage(
        project_ledger(),
        project_store(),
        now=datetime.now(UTC),
        dry_run=dry_run,
        retention=older_than,
        last=keep,
        grace=grace,
    )


@click.command(epilog=examples("assets rename market/prices market/quotes"))
@click.argument("old")
@click.argument("new")
@as_json
def rename(old: str, new: str) -> Answer:
    """Give an asset another key.

    Its whole history follows. Rename the function as well; its old key stays readable.
    """
    from deployments.keeping_house import rename_asset
    from deployments.opening import project_ledger

    return rename_asset(project_ledger(), old, new)


COMMANDS: tuple[click.Command, ...] = (environments, diff, publish, gc, rename)
"""What is added to `assets`."""
