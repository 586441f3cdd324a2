"""A table of PostgreSQL that shows what is published of an asset.

A copy is replaced in one transaction: where the columns are as before, the rows in the table itself, so that nobody
who reads has to wait, and indexes, views and privileges stay; otherwise a new table is filled aside and takes the
name of the old one, with its privileges. The comment of the table says which version it is.

In the environment ``main`` the table has the name that was declared, in any other it lies in a schema of that
environment: ``reporting.prices`` is ``reporting__dev.prices`` in ``dev``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, LiteralString

from materializers.destination import HasUrl, Mark, NotOurs, OutsideError, url_of
from materializers.postgres_columns import NoColumn, column_type, copy_text

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa
    from psycopg import sql
    from pydantic import SecretStr

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)?", re.ASCII)
_LONGEST = 63  # bytes; PostgreSQL cuts off what is longer
_CONNECT_S = 10

_FOUND = """
select c.oid, obj_description(c.oid, 'pg_class') from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relname = %s
"""
_COLUMNS = """
select attname, format_type(atttypid, atttypmod) from pg_attribute
where attrelid = %s and attnum > 0 and not attisdropped order by attnum
"""
_PRIVILEGES = """
select acl.privilege_type, coalesce(role.rolname, ''), acl.is_grantable
from pg_class c, aclexplode(c.relacl) acl left join pg_roles role on role.oid = acl.grantee
where c.oid = %s and acl.grantee <> c.relowner
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresTable:
    """For ``stored_as=``: a table of PostgreSQL shows what is published, whole.

    Args:
        name: ``schema.table``, or a table of the schema ``public``. A schema that is not there is made.
        connection: the type of a resource that has ``url: SecretStr``, such as
            ``postgresql://user:password@host:5432/database``.
    """

    name: str = field(kw_only=False)
    connection: type[HasUrl]

    @property
    def format(self) -> Literal["table"]:
        """See `graph.destination.Outside`."""
        return "table"

    @property
    def expires(self) -> bool:
        """See `graph.destination.Outside`."""
        return False

    def problems(self) -> list[str]:
        """See `graph.destination.Outside`."""
        if not _NAME.fullmatch(self.name):
            return [f"is copied to a table '{self.name}', which is not written schema.table."]
        long = [part for part in self.name.split(".") if len(part) > _LONGEST]
        return [f"is copied to '{part}', a name longer than {_LONGEST} letters." for part in long]

    def place(self, environment: str) -> str:
        """See `graph.destination.Outside`."""
        return "PostgreSQL " + ".".join(self._parts(environment))

    def open(self, connection: object, *, key: str, environment: str) -> PostgresDestination:
        """See `graph.destination.Outside`."""
        place = self.place(environment)
        schema, table = self._parts(environment)
        if len(schema.encode()) > _LONGEST:
            raise OutsideError(
                f"asset '{key}' cannot be copied to {place}: the name of that schema is too long"
            )
        return PostgresDestination(
            url=url_of(connection, place), key=key, place=place, schema=schema, table=table
        )

    def _parts(self, environment: str) -> tuple[str, str]:
        schema, _, table = self.name.rpartition(".")
        return (schema or "public") + ("" if environment == "main" else f"__{environment}"), table


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The table that is there now."""

    oid: int
    mark: Mark | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresDestination:
    """See `graph.destination.Destination`, and this module for how a copy is replaced."""

    url: SecretStr
    key: str
    place: str
    schema: str
    table: str

    def current(self) -> str | None:
        """See `graph.destination.Destination`."""
        with self._connected() as connection:
            found = self._found(connection)
        mark = found.mark if found else None
        return mark.data_version if mark is not None and mark.key == self.key else None

    def replace(self, value: object, data_version: str) -> None:
        """See `graph.destination.Destination`."""
        import pyarrow as pa

        if not isinstance(value, pa.Table):
            raise OutsideError(f"asset '{self.key}' is no table, and {self.place} is; return a table")
        columns = self._columns(value.schema)
        with self._connected() as connection:
            found = self._ours(connection)
            if found is not None and columns == self._present(connection, found):
                connection.execute(self._sql("delete from {table}"))
                self._fill(connection, self._name(self.table), value)
            else:
                self._swap(connection, found, columns, value)
            mark = Mark(key=self.key, data_version=data_version).text()
            connection.execute(self._sql("comment on table {table} is {mark}", mark=mark))

    def remove(self) -> None:
        """See `graph.destination.Destination`. A schema that was made for it stays."""
        with self._connected() as connection:
            if self._ours(connection) is not None:
                connection.execute(self._sql("drop table {table}"))

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        """One transaction; what goes wrong is told with the asset, and nothing of it is done."""
        try:
            import psycopg
        except ImportError as error:
            remedy = "psycopg is not installed; pip install 'prefect-asset-graph[postgres]'"
            raise OutsideError(f"asset '{self.key}' cannot be copied to {self.place}: {remedy}") from error
        try:
            with psycopg.connect(
                self.url.get_secret_value(),
                connect_timeout=_CONNECT_S,
                application_name="prefect-asset-graph",
            ) as connection:
                yield connection
        except psycopg.Error as error:
            reason = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
            raise OutsideError(f"asset '{self.key}' cannot be copied to {self.place}: {reason}") from error
        except NoColumn as error:
            raise OutsideError(f"asset '{self.key}' cannot be copied to {self.place}: {error}") from error

    def _found(self, connection: psycopg.Connection) -> _Found | None:
        row = connection.execute(_FOUND, [self.schema, self.table]).fetchone()
        return None if row is None else _Found(oid=row[0], mark=Mark.of(row[1]))

    def _ours(self, connection: psycopg.Connection) -> _Found | None:
        """The table, if it is there and ours; nobody else replaces it until this transaction ends."""
        connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [self.place])
        found = self._found(connection)
        if found is not None and (found.mark is None or found.mark.key != self.key):
            raise NotOurs(self.key, self.place, found.mark.key if found.mark else None)
        return found

    def _columns(self, schema: pa.Schema) -> list[tuple[str, str]]:
        for name in schema.names:
            if not name or len(name.encode()) > _LONGEST:
                what = f"a column '{name}', and such names have 1 to {_LONGEST} letters; rename it"
                raise OutsideError(f"asset '{self.key}' cannot be copied to {self.place}: it has {what}")
        try:
            return [(field.name, column_type(field.type)) for field in schema]
        except NoColumn as error:
            raise OutsideError(f"asset '{self.key}' cannot be copied to {self.place}: {error}") from error

    def _present(self, connection: psycopg.Connection, found: _Found) -> list[tuple[str, str]]:
        return [(name, kind) for name, kind in connection.execute(_COLUMNS, [found.oid])]

    def _swap(
        self,
        connection: psycopg.Connection,
        found: _Found | None,
        columns: list[tuple[str, str]],
        value: pa.Table,
    ) -> None:
        """Fill a new table, and give it the name and the privileges of the old one."""
        from psycopg import errors, sql

        self._make_schema(connection)
        aside = self._name(f"{self.table[:40]}__being_filled")
        fields = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in columns
        )
        connection.execute(sql.SQL("create table {} ({})").format(aside, fields))
        self._fill(connection, aside, value)
        if found is not None:
            self._grant(connection, found, aside)
            try:
                connection.execute(self._sql("drop table {table}"))
            except errors.DependentObjectsStillExist as error:
                what = f"its columns have changed, and {error.diag.message_detail}; drop what depends on it"
                raise OutsideError(
                    f"asset '{self.key}' cannot be copied to {self.place}: {what}, and make it again afterwards"
                ) from error
        connection.execute(sql.SQL("alter table {} rename to {}").format(aside, sql.Identifier(self.table)))

    def _make_schema(self, connection: psycopg.Connection) -> None:
        known = (
            "select 1 from pg_namespace where nspname = %s"  # making it needs a right that writing does not
        )
        if connection.execute(known, [self.schema]).fetchone() is None:
            connection.execute(self._sql("create schema {schema}"))

    def _grant(self, connection: psycopg.Connection, found: _Found, aside: sql.Identifier) -> None:
        from psycopg import sql

        for privilege, role, grantable in connection.execute(_PRIVILEGES, [found.oid]).fetchall():
            whom = sql.Identifier(role) if role else sql.SQL("public")
            more = sql.SQL(" with grant option" if grantable else "")
            connection.execute(
                sql.SQL("grant {} on {} to {}{}").format(sql.SQL(privilege), aside, whom, more)
            )

    def _fill(self, connection: psycopg.Connection, into: sql.Identifier, value: pa.Table) -> None:
        from psycopg import sql

        names = sql.SQL(", ").join(map(sql.Identifier, value.schema.names))
        statement = sql.SQL("copy {} ({}) from stdin with (format csv)").format(into, names)
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for text in copy_text(value):
                copy.write(text)

    def _name(self, table: str) -> sql.Identifier:
        from psycopg import sql

        return sql.Identifier(self.schema, table)

    def _sql(self, text: LiteralString, mark: str = "") -> sql.Composed:
        from psycopg import sql

        names = {"table": self._name(self.table), "schema": sql.Identifier(self.schema)}
        return sql.SQL(text).format(**names, mark=sql.Literal(mark))
