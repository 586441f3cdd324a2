"""The commands that read published data: `assets sql` and `export`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from deployments.answers import Answer
from deployments.command_options import as_json, as_of, env, examples, limit, selection


@click.command(
    epilog=examples(
        'assets sql "from market.prices limit 5"',
        'assets sql "select symbol, max(close) from market.prices group by symbol" --csv > highs.csv',
        closing="A group is a schema, an asset a view over what is published of it; DuckDB's SQL.",
    )
)
@click.argument("query")
@click.option("--csv", is_flag=True, help="All rows as CSV.")
@limit(40)
@env
@as_of
@as_json
def sql(query: str, csv: bool, limit: int, env: str | None, as_of: datetime | None) -> Answer:
    """Ask the published data with SQL."""
    from deployments.opening import workspace_for
    from deployments.sql_view import ask

    return ask(workspace_for(env, as_of=as_of), query, form="csv" if csv else "table", limit=limit)


@click.command(
    epilog=examples("assets export portfolio_report --to out", "assets export 'group:market' --to data")
)
@selection()
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Where to.",
)
@env
@as_of
@as_json
def export(selection: str, folder: Path, env: str | None, as_of: datetime | None) -> Answer:
    """Copy published data into readable files.

    DIR/group/name.parquet, .json, .html; each file is written whole or not at all.
    """
    from deployments.exporting import export as export_values
    from deployments.opening import workspace_for

    return export_values(workspace_for(env, as_of=as_of), selection, folder)


COMMANDS: tuple[click.Command, ...] = (sql, export)
"""What is added to `assets`."""
