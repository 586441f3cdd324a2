"""Asking the published data with SQL: `assets sql`.

A DuckDB in memory with a schema for each group and a view for each published asset that the query mentions, over its
Parquet or JSON files. Nothing that a query does reaches the assets: views are all there is.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from deployments.amounts import counted
from deployments.answers import Answer
from deployments.command_error import CommandError
from deployments.text_table import aligned
from graph import AssetGraph, near_miss
from materializers.ledger import Content
from materializers.store import Store, local_copy
from materializers.workspace import Workspace

if TYPE_CHECKING:
    import duckdb

Form = Literal["table", "csv"]
_CELL_WIDTH = 60


def ask(workspace: Workspace, query: str, *, form: Form = "table", limit: int) -> Answer:
    """The rows that a query gives.

    Args:
        limit: the rows that are shown as a table; 0 for all. CSV and JSON always have all.
    """
    import duckdb

    if not query.strip(" \t\n;"):
        raise CommandError('there is no query; try: assets sql "select * from market.prices limit 5"')
    connection = duckdb.connect()
    try:
        unseen = _show_assets(connection, workspace, query)
        result = connection.execute(query)
        columns = [column[0] for column in result.description or ()]
        rows = result.fetchall() if columns else []
    except duckdb.CatalogException as error:
        raise CommandError(_missing(error, workspace.graph, unseen)) from error
    except duckdb.Error as error:
        raise CommandError(f"the query cannot be answered: {_first(error)}") from error
    return Answer(
        text=lambda: _csv(columns, rows) if form == "csv" else _table(columns, rows, limit),
        document=lambda: [dict(zip(columns, row, strict=True)) for row in rows],
    )


def _show_assets(
    connection: duckdb.DuckDBPyConnection, workspace: Workspace, query: str
) -> Mapping[str, str]:
    """Make a view of each asset whose name stands in the query; answers why some of them cannot be seen."""
    text = query.lower()
    given_up = {
        old: new for old, new in workspace.ledger.aliases().items() if old.rpartition("/")[2].lower() in text
    }
    named = [
        key
        for key, asset in workspace.graph.assets.items()
        if asset.name.lower() in text or key in given_up.values()
    ]
    published = workspace.shown(named)
    unseen: dict[str, str] = {}
    names = [workspace.graph[key].name for key in named]
    for key in named:
        versions = published[key]
        if not versions:
            unseen[key] = f"asset '{key}' has no published version; run: materialize {key}"
            continue
        contents = [workspace.ledger.content(versions[at].id) for at in sorted(versions)]
        if contents[0].address is None or contents[0].format == "file":
            unseen[key] = f"asset '{key}' is no table ({contents[0].format}); see: assets show {key}"
            continue
        asset = workspace.graph[key]
        view = f"{_quoted(asset.group)}.{_quoted(asset.name)}"
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(asset.group)}")
        connection.execute(f"CREATE VIEW {view} AS {_select(workspace.store, contents)}")
        if names.count(asset.name) == 1 and asset.name != asset.group:  # the short form, as in a selection
            connection.execute(f"CREATE VIEW {_quoted(asset.name)} AS SELECT * FROM {view}")
    for old, new in given_up.items():
        group, _, name = old.rpartition("/")
        if new in named and new not in unseen and old not in workspace.graph.assets:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(group)}")
            read = f"{_quoted(workspace.graph[new].group)}.{_quoted(workspace.graph[new].name)}"
            connection.execute(f"CREATE VIEW {_quoted(group)}.{_quoted(name)} AS SELECT * FROM {read}")
    return unseen


def _select(store: Store, contents: Sequence[Content]) -> str:
    """What a view selects: the asset's files, which lie on this machine's disk or are brought there."""
    files = ", ".join(_text(str(local_copy(store, content.address or ""))) for content in contents)
    if contents[0].format == "json":
        largest = max(2 * content.size for content in contents) + 1024
        return f"SELECT * FROM read_json_auto([{files}], maximum_object_size = {largest})"
    # can_have_nan: a file's statistics leave NaN out, and DuckDB would answer from them
    return f"SELECT * FROM read_parquet([{files}], union_by_name = true, can_have_nan = true)"


def _missing(error: Exception, graph: AssetGraph, unseen: Mapping[str, str]) -> str:
    """What to say of a name that DuckDB does not know: why the asset cannot be seen, or what the nearest one is."""
    found = re.search(
        r'Table with name "?([^\s"]+)"? does not exist(?: because schema "([^"]+)")?', str(error)
    )
    if found is None:
        return f"the query cannot be answered: {_first(error)}"
    name, schema = found.group(1), found.group(2)
    if schema and not name.startswith(f"{schema}."):
        name = f"{schema}.{name}"
    for key, why in unseen.items():
        if name.lower() in (graph[key].name.lower(), key.replace("/", ".").lower()):
            return why
    candidates = [key.replace("/", ".") for key in graph.assets]
    miss = near_miss(name, candidates) or near_miss(name, graph.assets).replace("/", ".")
    return f"there is no table '{name}'.{miss}"


def _first(error: Exception) -> str:
    """The first paragraph of a message of DuckDB, which goes on with suggestions of its own."""
    kind, _, message = str(error).partition("Error: ")
    return (message or kind).split("\n")[0].rstrip(".!") + "."


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]], limit: int) -> str:
    if not columns:
        return ""
    shown = rows[:limit] if limit else rows
    numbers = [
        at
        for at in range(len(columns))
        if rows and all(isinstance(row[at], int | float | None) for row in shown)
    ]
    text = aligned([[_cell(value) for value in row] for row in shown], heads=columns, right=numbers)
    more = len(rows) - len(shown)
    return f"{text}\n\n{counted(len(rows), 'row')}" + (f", {more:,} not shown; see --limit" if more else "")


def _cell(value: object) -> str:
    if value is None:
        return "null"
    text = f"{value:.6g}" if isinstance(value, float) else str(value).replace("\n", "\\n")
    return text if len(text) <= _CELL_WIDTH else f"{text[: _CELL_WIDTH - 1]}…"


def _csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return written.getvalue()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


__all__ = ["Form", "ask"]
