"""The commands that read published data and what was said of them: `assets sql`, `export` and `report`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deployments.answers import Answer
from deployments.command_options import as_json, as_of, env, examples, limit, selection, to_folder

if TYPE_CHECKING:
    from deployments.quality_files import FailOn, Form


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
@to_folder
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


@click.command(
    epilog=examples(
        "assets report                               all assets, into quality.html",
        "assets report 'group:market' --to market.html",
        "assets report --to quality.xml              JUnit, by the suffix; or .json",
        "assets report --format html --format junit --format json --to out/quality.html",
        "assets report --format junit --fail-on error     for CI: exit code 3 where something is wrong",
        closing="Exit codes: 0 written, 1 it could not be, 2 wrong usage, 3 what --fail-on names was found.",
    )
)
@selection(otherwise="*")
@click.option(
    "--to",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to; otherwise quality.html, .xml or .json. Of several formats each gets its own suffix.",
)
@click.option(
    "--format",
    "forms",
    type=click.Choice(["html", "junit", "json"]),
    multiple=True,
    help="What to write; may be repeated. Otherwise what the suffix of FILE says, or html.",
)
@click.option(
    "--history",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="Trends over so many versions of each asset.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warn", "never"]),
    default="never",
    show_default=True,
    help="Exit with 3 where something was rejected, or a check of this severity or a graver one does not hold.",
)
@env
@as_json
def report(
    *,
    selection: str,
    to: Path | None,
    forms: tuple[Form, ...],
    history: int,
    fail_on: FailOn,
    env: str | None,
) -> Answer:
    """Write a report of the quality of the data.

    What the checks said of each asset last and before, what was rejected and what is served instead. One HTML file
    that needs nothing else, or JUnit XML or JSON for machines. Nothing is judged again; each file is written whole or
    not at all.
    """
    from deployments.opening import workspace_for
    from deployments.quality_files import write_report

    return write_report(
        workspace_for(env),
        selection,
        now=datetime.now(UTC),
        to=to,
        forms=forms,
        history=history,
        fail_on=fail_on,
    )


COMMANDS: tuple[click.Command, ...] = (sql, export, report)
"""What is added to `assets`."""
