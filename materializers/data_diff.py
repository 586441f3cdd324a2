"""In what two values of an asset differ: rows, columns and numbers, found by DuckDB without loading them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from checks.verdict import MASK
from graph import AssetGraphError
from materializers.ledger import Content
from materializers.store import Store, local_copy

if TYPE_CHECKING:
    import duckdb

Row = Mapping[str, object]
_NUMERIC = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
    "UBIGINT",
    "UINTEGER",
)


class CannotCompare(AssetGraphError):
    """Values of which only the bytes are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """How far one column differs in the rows that both values have.

    Args:
        changed: so many rows hold another value.
        mean, largest: of the absolute differences of those numbers that both have; None for what is no number.
    """

    column: str
    changed: int
    mean: float | None = None
    largest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataDiff:
    """From an old value to a new one.

    Args:
        by: the columns by which rows are the same; without any, rows are compared as a whole, so none is changed.
        columns_added, columns_removed: with their types.
        columns_retyped: by name, the old type and the new one.
        sample: some rows, each with what happened to it; bounded.
    """

    old_rows: int
    new_rows: int
    by: tuple[str, ...] = ()
    added: int = 0
    removed: int = 0
    changed: int = 0
    columns_added: Mapping[str, str] = field(default_factory=dict)
    columns_removed: Mapping[str, str] = field(default_factory=dict)
    columns_retyped: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    drift: tuple[ColumnDrift, ...] = ()
    sample: tuple[tuple[str, Row], ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        schema = self.columns_added or self.columns_removed or self.columns_retyped
        return not (self.added or self.removed or self.changed or schema)


def data_diff(
    old: Sequence[Content], new: Sequence[Content], store: Store, *, key: Sequence[str] = (), limit: int = 20
) -> DataDiff:
    """In what two values differ, each of one or several partitions.

    Args:
        key: the columns that tell rows apart; used where both values have them and they do tell every row apart.
        limit: so many rows of each kind in the sample.

    Raises:
        CannotCompare: they are files, or lie outside the store.
    """
    import duckdb

    connection = duckdb.connect()
    try:
        with tempfile.TemporaryDirectory(prefix="assets-diff-") as folder:
            _view(connection, "old", old, new, store, Path(folder))
            _view(connection, "new", new, old, store, Path(folder))
            return _compared(connection, key, limit)
    finally:
        connection.close()


def without(diff: DataDiff, private: Collection[str]) -> DataDiff:
    """The same, showing no value of some columns, nor how far their numbers differ."""
    if not private:
        return diff
    return replace(
        diff,
        drift=tuple(
            replace(one, mean=None, largest=None) if one.column in private else one for one in diff.drift
        ),
        sample=tuple(
            (what, {name: MASK if name in private else value for name, value in row.items()})
            for what, row in diff.sample
        ),
    )


def _view(
    db: duckdb.DuckDBPyConnection,
    name: str,
    contents: Sequence[Content],
    others: Sequence[Content],
    store: Store,
    folder: Path,
) -> None:
    """A view of one side; one without any partition has the columns of the other side and no rows."""
    shown, none = (contents, "") if contents else (others, " WHERE false")
    if any(one.address is None or one.format == "file" for one in shown):
        raise CannotCompare("their bytes differ; only tables and plain values are compared further")
    paths = [local_copy(store, one.address or "") for one in shown]
    if shown[0].format == "json":
        paths = [_as_rows(path, folder / f"{name}{number}.json") for number, path in enumerate(paths)]
        read = (
            f"read_json_auto({_texts(paths)}, format = 'newline_delimited', maximum_object_size = 1000000000)"
        )
    else:
        read = f"read_parquet({_texts(paths)}, union_by_name = true, can_have_nan = true)"
    db.execute(f'CREATE VIEW "{name}" AS SELECT * FROM {read}{none}')


def _as_rows(path: Path, written: Path) -> Path:
    """A plain value as one JSON object a line: its rows, its entries, or itself."""
    value = json.loads(path.read_bytes())
    rows: Iterable[object]
    match value:
        case list() if value and all(isinstance(one, dict) for one in value):
            rows = value
        case dict():
            rows = [{"name": name, "value": json.dumps(one, sort_keys=True)} for name, one in value.items()]
        case list():
            rows = [{"place": place, "value": json.dumps(one)} for place, one in enumerate(value)]
        case _:
            rows = [{"value": json.dumps(value)}]
    written.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return written


def _compared(db: duckdb.DuckDBPyConnection, key: Sequence[str], limit: int) -> DataDiff:
    old, new = _columns(db, "old"), _columns(db, "new")
    common = [name for name in new if name in old]
    diff = DataDiff(
        old_rows=_number(db, 'SELECT count(*) FROM "old"'),
        new_rows=_number(db, 'SELECT count(*) FROM "new"'),
        by=tuple(_by(db, key or _plain_key(common), common)),
        columns_added={name: kind for name, kind in new.items() if name not in old},
        columns_removed={name: kind for name, kind in old.items() if name not in new},
        columns_retyped={name: (old[name], new[name]) for name in common if old[name] != new[name]},
    )
    if not diff.by:
        return _by_whole_rows(db, diff, common, limit)
    numeric = {name for name in common if old[name].startswith(_NUMERIC) and new[name].startswith(_NUMERIC)}
    return _by_key(db, diff, [name for name in common if name not in diff.by], numeric, limit)


def _plain_key(common: Sequence[str]) -> Sequence[str]:
    """What tells the rows apart that `_as_rows` made of a plain value."""
    return common[:1] if set(common) in ({"name", "value"}, {"place", "value"}) else ()


def _by(db: duckdb.DuckDBPyConnection, key: Sequence[str], common: Sequence[str]) -> Sequence[str]:
    """The key, where it tells every row of both sides apart."""
    if not key or not set(key) <= set(common):
        return ()
    names = ", ".join(map(_quoted, key))
    for side in ("old", "new"):
        if db.execute(f'SELECT 1 FROM "{side}" GROUP BY {names} HAVING count(*) > 1 LIMIT 1').fetchone():
            return ()
    return key


def _by_key(
    db: duckdb.DuckDBPyConnection, diff: DataDiff, others: Sequence[str], numeric: Set[str], limit: int
) -> DataDiff:
    """What differs between rows that a key tells apart."""
    same = " AND ".join(f"o.{_quoted(name)} IS NOT DISTINCT FROM n.{_quoted(name)}" for name in diff.by)
    gone = f'FROM "old" o WHERE NOT EXISTS (SELECT 1 FROM "new" n WHERE {same})'
    come = f'FROM "new" n WHERE NOT EXISTS (SELECT 1 FROM "old" o WHERE {same})'
    both = f'FROM "old" o JOIN "new" n ON {same}'
    changed, drift = _drift(db, both, others, numeric)
    return replace(
        diff,
        added=_number(db, f"SELECT count(*) {come}"),
        removed=_number(db, f"SELECT count(*) {gone}"),
        changed=changed,
        drift=drift,
        sample=(
            *(("added", row) for row in _rows(db, f"SELECT * {come} ORDER BY ALL LIMIT {limit}")),
            *(("removed", row) for row in _rows(db, f"SELECT * {gone} ORDER BY ALL LIMIT {limit}")),
            *(("changed", row) for row in (_changes(db, both, diff.by, others, limit) if changed else ())),
        ),
    )


def _differs(name: str) -> str:
    return f"(o.{_quoted(name)} IS DISTINCT FROM n.{_quoted(name)})"


def _drift(
    db: duckdb.DuckDBPyConnection, both: str, others: Sequence[str], numeric: Set[str]
) -> tuple[int, tuple[ColumnDrift, ...]]:
    """How many rows changed, and how far each column, in one scan."""
    if not others:
        return 0, ()
    columns = [f"count(*) FILTER (WHERE {' OR '.join(map(_differs, others))})"]
    for name in others:
        gap = f"abs(CAST(n.{_quoted(name)} AS DOUBLE) - CAST(o.{_quoted(name)} AS DOUBLE))"
        columns.append(f"count(*) FILTER (WHERE {_differs(name)})")
        columns += [f"avg({gap})", f"max({gap})"] if name in numeric else ["NULL", "NULL"]
    changed, *told = db.execute(f"SELECT {', '.join(columns)} {both}").fetchone() or (0,)
    drift = tuple(
        ColumnDrift(column=name, changed=told[3 * at], mean=told[3 * at + 1], largest=told[3 * at + 2])
        for at, name in enumerate(others)
        if told and told[3 * at]
    )
    return changed, drift


def _changes(
    db: duckdb.DuckDBPyConnection, both: str, by: Sequence[str], others: Sequence[str], limit: int
) -> list[Row]:
    """Some rows that changed: their key, and of each column that differs the old value and the new one."""
    shown = [f"n.{_quoted(name)}" for name in by]
    for name in others:
        old, new = (f"coalesce(CAST({side}.{_quoted(name)} AS VARCHAR), 'null')" for side in "on")
        shown.append(f"CASE WHEN {_differs(name)} THEN concat({old}, ' -> ', {new}) END AS {_quoted(name)}")
    order = ", ".join(str(place + 1) for place in range(len(by)))
    any_differs = " OR ".join(map(_differs, others))
    query = f"SELECT {', '.join(shown)} {both} WHERE {any_differs} ORDER BY {order} LIMIT {limit}"
    return [{name: one for name, one in row.items() if one is not None} for row in _rows(db, query)]


def _by_whole_rows(
    db: duckdb.DuckDBPyConnection, diff: DataDiff, common: Sequence[str], limit: int
) -> DataDiff:
    """Which rows came and went."""
    names = ", ".join(map(_quoted, common)) or "1"
    come = f'SELECT {names} FROM "new" EXCEPT ALL SELECT {names} FROM "old"'
    gone = f'SELECT {names} FROM "old" EXCEPT ALL SELECT {names} FROM "new"'
    return replace(
        diff,
        added=_number(db, f"SELECT count(*) FROM ({come})"),
        removed=_number(db, f"SELECT count(*) FROM ({gone})"),
        sample=(
            *(("added", row) for row in _rows(db, f"SELECT * FROM ({come}) ORDER BY ALL LIMIT {limit}")),
            *(("removed", row) for row in _rows(db, f"SELECT * FROM ({gone}) ORDER BY ALL LIMIT {limit}")),
        ),
    )


def _columns(db: duckdb.DuckDBPyConnection, view: str) -> dict[str, str]:
    return {row[0]: row[1] for row in db.execute(f'DESCRIBE "{view}"').fetchall()}


def _number(db: duckdb.DuckDBPyConnection, query: str) -> int:
    row = db.execute(query).fetchone()
    return int(row[0]) if row else 0


def _rows(db: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, object]]:
    result = db.execute(query)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _texts(paths: Iterable[Path]) -> str:
    return "[" + ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths) + "]"
