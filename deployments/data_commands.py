"""The commands that change published data by hand: `assets wipe`, `adopt` and `erase`."""

from __future__ import annotations

from pathlib import Path

import click

from deployments.answers import Answer
from deployments.command_options import as_json, by, env, examples, one_key, reason

_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command(
    epilog=examples(
        "assets wipe prices --by ada --reason 'wrong feed'",
        "assets wipe bars --partitions 2024-03-01..2024-03-05 --by ada --reason 'wrong feed'",
        "assets env rollback bars --partitions 2024-03-01 --by ada --reason 'it was right'   shows it again",
    )
)
@one_key
@click.option("--partitions", metavar="TEXT", help="Which; 'all' has to be said.")
@by
@reason
@_yes
@env
@as_json
def wipe(key: str, partitions: str | None, name: str, reason: str, yes: bool, env: str | None) -> Answer:
    """Take away what is published.

    It is invisible from then on, and made anew by the next run that needs it; it does not come back by itself. The
    content stays until `assets gc` collects it.
    """
    from deployments import data_by_hand
    from deployments.opening import workspace_for

    workspace = workspace_for(env)
    found, told = data_by_hand.to_wipe(workspace, key, partitions)
    if not yes:
        click.confirm(f"Wipe {told} in '{workspace.environment}'?", abort=True, err=True)
    return data_by_hand.wiped(workspace, found, partitions, name=name, reason=reason)


@click.command(
    epilog=examples(
        "assets adopt weights weights.parquet --by ada",
        "assets adopt bars 2024-01-02.parquet 2024-01-03.parquet --by ada    named like partitions",
        "assets adopt bars january.csv --partition 2024-01-01 --by ada",
        "assets adopt bars --from archive/bars --by ada --reason 'the archive of 2019'",
        closing="Exit codes: 0 published, 2 wrong usage, 3 rejected by a check or held.",
    )
)
@one_key
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--from",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="All files of a folder.",
)
@click.option(
    "--partition", metavar="KEY", help="Which partition the one file is; otherwise its name says it."
)
@click.option("--replace", "replacing", is_flag=True, help="Also where other content is published.")
@by
@click.option("--reason", default="", metavar="TEXT", help="Why, for the record.")
@env
@as_json
def adopt(
    *,
    key: str,
    files: tuple[Path, ...],
    folder: Path | None,
    partition: str | None,
    replacing: bool,
    name: str,
    reason: str,
    env: str | None,
) -> Answer:
    """Publish data that exist already.

    Parquet, CSV and JSON files, or any file where the asset is one, are checked like everything else. They stand for
    what the asset would make today, until its code, config or upstream move.
    """
    from deployments import data_by_hand
    from deployments.opening import workspace_for

    return data_by_hand.adopted(
        workspace_for(env),
        key,
        files,
        folder,
        partition=partition,
        replacing=replacing,
        name=name,
        reason=reason,
    )


@click.command(
    epilog=examples(
        "assets erase visits --where \"subject_id = 'x'\" --by ada --reason 'request 17' --dry-run",
        "assets erase visits --where \"subject_id = 'x'\" --by ada --reason 'request 17'",
        closing="Not reached: what functions printed, effects, exported files, copies outside the project.",
    )
)
@one_key
@click.option("--where", required=True, metavar="SQL", help="Which rows; it is on no record.")
@by
@reason
@click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
@_yes
@env
@as_json
def erase(
    *, key: str, where: str, name: str, reason: str, dry_run: bool, yes: bool, env: str | None
) -> Answer:
    """Erase rows from every version that is kept.

    In all environments and of all times; the bytes that held them are deleted from the store. It cannot be undone.
    What is made from the asset is told, and is outdated. The reason is on record: name nobody in it.
    """
    from deployments import data_by_hand
    from deployments.opening import workspace_for

    workspace = workspace_for(env)
    if not dry_run and not yes:
        found = data_by_hand.erasure(workspace, key, where, name=name, reason=reason, dry_run=True)
        click.echo(found.text(), err=True)
        click.confirm("Erase that for good?", abort=True, err=True)
    return data_by_hand.erasure(workspace, key, where, name=name, reason=reason, dry_run=dry_run)


COMMANDS = (wipe, adopt, erase)
