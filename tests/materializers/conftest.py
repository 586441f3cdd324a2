"""Ledgers of every kind, and a book in which a test writes what happened in few words."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from graph.fingerprint import Basis
from graph.partition_set import WHOLE, Partition, PartitionSet
from graph.state import Version
from materializers.ledger import (
    Busy,
    Content,
    Judgement,
    Ledger,
    Made,
    Moved,
    Product,
    RunRecord,
    StartedAttempt,
    Wanted,
)
from materializers.sql_ledger import SqlLedger, open_postgres_ledger, open_sqlite_ledger

START = datetime(2024, 1, 1, tzinfo=UTC)
SERVER = "postgresql://postgres@127.0.0.1:5432/postgres"


class Clock:
    """A clock that one can set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def tick(self, span: timedelta = timedelta(seconds=1)) -> datetime:
        self.now += span
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a database on PostgreSQL that these tests have for themselves."""
    psycopg = pytest.importorskip("psycopg")
    name = f"assets_test_{uuid.uuid4().hex[:12]}"
    try:
        server = psycopg.connect(SERVER, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"there is no PostgreSQL at {SERVER}: {error}")
    with server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            # nobody asks these tests to survive a power failure
            yield f"{SERVER.rpartition('/')[0]}/{name}?options=-csynchronous_commit%3Doff"
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def tables() -> set[str]:
    """The tables of a ledger on PostgreSQL, once there was one."""
    return set()


@pytest.fixture
def emptied(postgres: str, tables: set[str]) -> str:
    """A schema for one ledger, which is empty or not there: to delete rows is faster than to make tables."""
    import psycopg

    schema = "laws"
    with psycopg.connect(postgres, autocommit=True) as db:
        found = {
            name for (name,) in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,))
        }
        tables |= found
        if found != tables:
            db.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        elif found:
            kept = "environments", "schema_version"
            db.execute(";".join(f"DELETE FROM {schema}.{name}" for name in found if name not in kept))
            if "environments" in found:
                db.execute(f"DELETE FROM {schema}.environments WHERE name <> 'main'")
    return schema


Open = Callable[..., SqlLedger]


@pytest.fixture(params=["file", "memory", "postgres"])
def open_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the ledger of this test, again and again the same one where it is not in memory."""
    opened: list[SqlLedger] = []
    url = request.getfixturevalue("postgres") if request.param == "postgres" else ""
    schema = request.getfixturevalue("emptied") if request.param == "postgres" else ""

    def open_one(**options: Any) -> SqlLedger:
        if request.param == "postgres":
            ledger = open_postgres_ledger(url, schema=schema, **options)
        else:
            ledger = open_sqlite_ledger(
                tmp_path / "ledger.sqlite" if request.param == "file" else None, **options
            )
        opened.append(ledger)
        return ledger

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_ledger: Open, clock: Clock) -> SqlLedger:
    """A ledger in which the runs ``r1`` and ``r2`` live."""
    found = open_ledger(clock=clock)
    found.begin_run(run("r1"))
    found.begin_run(run("r2"))
    return found


def run(name: str, environment: str = "main") -> RunRecord:
    return RunRecord(id=name, environment=environment, selection="*", engine="local", started_at=START)


PASSED = Judgement(checks="k", verdicts=('{"check":"one"}',))


@dataclass(frozen=True, kw_only=True)
class Book:
    """What happens to one ledger; partitions are ordinals, or `Partition` where a slice matters."""

    ledger: Ledger
    key: str = "g/a"
    environment: str = "main"

    def within(self, environment: str) -> Book:
        """The same ledger, seen from an environment."""
        return replace(self, environment=environment)

    def published(self, at: int | Partition = 0, key: str | None = None) -> Version | None:
        with self.ledger.state(self.environment) as state:
            partition = placed(at)
            return state.published(key or self.key, PartitionSet.of([partition])).get(partition)

    def try_begin(
        self,
        *at: int | Partition,
        key: str | None = None,
        by: str = "r1",
        fingerprint: str = "f1",
        was: str | None = "what is visible",
    ) -> tuple[StartedAttempt, ...] | Busy | Moved:
        wanted = {}
        for each in at or (0,):
            visible = self.published(each, key)
            before = (visible.id if visible else None) if was == "what is visible" else was
            wanted[placed(each)] = Wanted(fingerprint=fingerprint, was=before)
        return self.ledger.begin(self.environment, key or self.key, wanted, run_id=by, number=1)

    def begin(self, at: int | Partition = 0, **options: Any) -> StartedAttempt:
        begun = self.try_begin(at, **options)
        assert isinstance(begun, tuple), begun
        return begun[0]

    def publish(
        self,
        at: int | Partition = 0,
        data: str = "d1",
        *,
        refused: str = "",
        judged: Judgement = PASSED,
        **options: Any,
    ) -> str:
        """Publish a version, or reject it; answers its id."""
        product = self.product(self.begin(at, **options), data, refused=refused, judged=judged)
        (ids,) = self.ledger.publish([product])
        return ids[product.attempt.claim.key]

    def product(
        self, attempt: StartedAttempt, data: str = "d1", *, refused: str = "", judged: Judgement = PASSED
    ) -> Product:
        key = attempt.claim.key
        return Product(
            attempt=attempt,
            made={key: made(data)},
            judged={key: judged},
            refused={key: refused} if refused else {},
        )


def placed(at: int | Partition) -> Partition:
    return at if isinstance(at, Partition) else WHOLE._replace(ordinal=at)


def made(data: str = "d1", as_of: datetime | None = START) -> Made:
    content = Content(data_version=data, format="json", address=f"{data}.json", size=2)
    return Made(content=content, basis=Basis(code="c"), inputs={"up": "u1"}, as_of=as_of)


@pytest.fixture
def book(ledger: SqlLedger) -> Book:
    return Book(ledger=ledger)
