"""Places outside: one contract for PostgreSQL, Redis and memory, and what each does besides."""

from __future__ import annotations

import datetime as dt
import decimal
import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
import pytest
from pydantic import SecretStr

from graph.destination import Destination, Outside
from materializers.destination import Mark, MemoryPlace, NotOurs, OutsideError
from materializers.postgres_table import PostgresTable
from materializers.redis_key import RedisKey

REDIS = "redis://127.0.0.1:6379/0"
KEY = "market/prices"
ONE = pa.table({"symbol": ["A", "B"], "close": [1.5, None]})
TWO = pa.table({"symbol": ["A"], "close": [2.5]})
WIDER = pa.table({"symbol": ["A"], "close": [2.5], "volume": [7]})


@dataclass(frozen=True)
class Warehouse:
    """The resource of a connection."""

    url: SecretStr


@pytest.fixture
def redis_keys() -> Iterator[tuple[Any, str]]:
    """A client of Redis, and a beginning that the keys of one test have for themselves."""
    redis = pytest.importorskip("redis")
    client = redis.Redis.from_url(REDIS)
    try:
        client.ping()
    except redis.RedisError as error:
        pytest.skip(f"there is no Redis at {REDIS}: {error}")
    prefix = f"outside-test-{uuid.uuid4().hex[:12]}"
    yield client, prefix
    if found := list(client.scan_iter(f"*{prefix}*")):
        client.delete(*found)
    client.close()


class Subject(Protocol):
    """A kind of place, seen from outside."""

    outside: Outside
    connection: object

    def seen(self, environment: str) -> object:
        """What others find there, as rows; None for nothing."""

    def fill(self, environment: str) -> None:
        """Put something there that is nobody's copy."""


class InMemory:
    def __init__(self) -> None:
        self.outside = MemoryPlace("prices")
        self.connection = None

    def seen(self, environment: str) -> object:
        _, value = self.outside.held.get(self.outside.place(environment), (None, None))
        return value.to_pylist() if isinstance(value, pa.Table) else value

    def fill(self, environment: str) -> None:
        self.outside.held[self.outside.place(environment)] = None, "theirs"


class OnPostgres:
    def __init__(self, url: str) -> None:
        self.url = url
        self.schema = f"s{uuid.uuid4().hex[:8]}"
        self.outside = PostgresTable(f"{self.schema}.prices", connection=Warehouse)
        self.connection = Warehouse(SecretStr(url))

    def ask(self, statement: str) -> list[Any]:
        import psycopg
        from psycopg.rows import dict_row

        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def table(self, environment: str = "main") -> str:
        return f"{self.schema}{'' if environment == 'main' else f'__{environment}'}.prices"

    def seen(self, environment: str) -> object:
        import psycopg

        try:
            return self.ask(f"select * from {self.table(environment)}")
        except psycopg.errors.UndefinedTable:
            return None

    def fill(self, environment: str) -> None:
        self.ask(f"create schema if not exists {self.table(environment).partition('.')[0]}")
        self.ask(f"create table {self.table(environment)} as select 'theirs' as whose")


class OnRedis:
    def __init__(self, client: Any, prefix: str) -> None:
        self.client = client
        self.name = f"{prefix}:prices"
        self.outside = RedisKey(self.name, connection=Warehouse)
        self.connection = Warehouse(SecretStr(REDIS))

    def seen(self, environment: str) -> object:
        data = self.client.get(self.outside.place(environment).removeprefix("Redis "))
        return None if data is None else pa.ipc.open_stream(data).read_all().to_pylist()

    def fill(self, environment: str) -> None:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, TWO.schema) as stream:
            stream.write_table(TWO)
        key = self.outside.place(environment).removeprefix("Redis ")
        self.client.set(key, sink.getvalue().to_pybytes())


@pytest.fixture(params=["memory", "PostgreSQL", "Redis"])
def subject(request: pytest.FixtureRequest) -> Subject:
    match request.param:
        case "PostgreSQL":
            return OnPostgres(request.getfixturevalue("postgres"))
        case "Redis":
            return OnRedis(*request.getfixturevalue("redis_keys"))
        case _:
            return InMemory()


def opened(subject: Subject, environment: str = "main", key: str = KEY) -> Destination:
    return subject.outside.open(subject.connection, key=key, environment=environment)


# --- the contract ------------------------------------------------------------------------------------------


def test_a_place_is_described_without_fault(subject: Subject) -> None:
    assert isinstance(subject.outside, Outside)
    assert subject.outside.problems() == []


def test_there_is_nothing_at_first(subject: Subject) -> None:
    assert (opened(subject).current(), subject.seen("main")) == (None, None)


def test_what_is_put_there_is_found_with_its_version(subject: Subject) -> None:
    opened(subject).replace(ONE, "t1-one")
    assert (opened(subject).current(), subject.seen("main")) == ("t1-one", ONE.to_pylist())


@pytest.mark.parametrize("value", [TWO, ONE, WIDER, TWO.slice(0, 0)], ids=["other", "same", "wider", "empty"])
def test_it_is_replaced(subject: Subject, value: pa.Table) -> None:
    opened(subject).replace(ONE, "t1-one")
    opened(subject).replace(value, "t1-two")
    opened(subject).replace(value, "t1-two")
    assert (opened(subject).current(), subject.seen("main")) == ("t1-two", value.to_pylist())


def test_no_two_environments_share_a_place(subject: Subject) -> None:
    opened(subject).replace(ONE, "t1-one")
    assert opened(subject, "dev").current() is None
    opened(subject, "dev").replace(TWO, "t1-two")
    assert (opened(subject).current(), subject.seen("main")) == ("t1-one", ONE.to_pylist())
    assert (opened(subject, "dev").current(), subject.seen("dev")) == ("t1-two", TWO.to_pylist())


def test_what_an_asset_did_not_put_there_is_left_alone(subject: Subject) -> None:
    subject.fill("main")
    before = subject.seen("main")
    destination = opened(subject)
    assert destination.current() is None
    with pytest.raises(NotOurs, match="which holds something that was not put there by an asset"):
        destination.replace(ONE, "t1-one")
    with pytest.raises(NotOurs):
        destination.remove()
    assert subject.seen("main") == before


def test_the_copy_of_another_asset_is_left_alone(subject: Subject) -> None:
    opened(subject, key="market/others").replace(ONE, "t1-one")
    assert opened(subject).current() is None
    with pytest.raises(NotOurs, match="which holds a copy of asset 'market/others'"):
        opened(subject).replace(TWO, "t1-two")
    assert subject.seen("main") == ONE.to_pylist()


def test_it_is_taken_away(subject: Subject) -> None:
    opened(subject).replace(ONE, "t1-one")
    opened(subject).remove()
    opened(subject).remove()
    assert (opened(subject).current(), subject.seen("main")) == (None, None)


def test_of_many_writers_at_once_one_is_found_wholly(subject: Subject) -> None:
    tables = [pa.table({"symbol": [str(number)] * 50, "close": [float(number)] * 50}) for number in range(4)]
    failed: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for _ in range(5):
                opened(subject).replace(tables[number], f"t1-{number}")
        except BaseException as error:  # noqa: BLE001  # told below, in the test's own thread
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    version = opened(subject).current()
    assert version is not None
    assert subject.seen("main") == tables[int(version.removeprefix("t1-"))].to_pylist()


# --- PostgreSQL --------------------------------------------------------------------------------------------

WHEN = dt.datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("column", "type_", "held"),
    [
        pytest.param(pa.array([True, None]), "boolean", [True, None], id="yes and no"),
        pytest.param(pa.array([-1, None], pa.int8()), "smallint", [-1, None], id="small numbers"),
        pytest.param(pa.array([2**16 - 1], pa.uint16()), "integer", [2**16 - 1], id="middling numbers"),
        pytest.param(pa.array([2**32 - 1], pa.uint32()), "bigint", [2**32 - 1], id="large numbers"),
        pytest.param(pa.array([-(2**63)]), "bigint", [-(2**63)], id="the least number"),
        pytest.param(
            pa.array([2**64 - 1], pa.uint64()), "numeric(20,0)", [2**64 - 1], id="the largest number"
        ),
        pytest.param(pa.array([1.5], pa.float16()), "real", [1.5], id="half precision"),
        pytest.param(
            pa.array([0.1, float("inf"), -0.0, None]),
            "double precision",
            [0.1, float("inf"), -0.0, None],
            id="floats",
        ),
        pytest.param(
            pa.array([decimal.Decimal("1.50"), None]),
            "numeric(3,2)",
            [decimal.Decimal("1.50"), None],
            id="decimals",
        ),
        pytest.param(
            pa.array(["", None, 'a "quoted", text\n', "\\.", "NULL"]),
            "text",
            ["", None, 'a "quoted", text\n', "\\.", "NULL"],
            id="text",
        ),
        pytest.param(pa.array(["ü", None], pa.string_view()), "text", ["ü", None], id="text views"),
        pytest.param(pa.array(["x", None]).dictionary_encode(), "text", ["x", None], id="categories"),
        pytest.param(pa.array([None, None]), "text", [None, None], id="nothing"),
        pytest.param(pa.array([dt.date(2024, 1, 2)]), "date", [dt.date(2024, 1, 2)], id="dates"),
        pytest.param(pa.array([WHEN, None]), "timestamp with time zone", [WHEN, None], id="moments"),
        pytest.param(
            pa.array([WHEN], pa.timestamp("ns", "America/New_York")),
            "timestamp with time zone",
            [WHEN],
            id="zones",
        ),
        pytest.param(
            pa.array([WHEN.replace(tzinfo=None)]),
            "timestamp without time zone",
            [WHEN.replace(tzinfo=None)],
            id="local times",
        ),
        pytest.param(
            pa.array([dt.time(1, 2, 3)]), "time without time zone", [dt.time(1, 2, 3)], id="times of day"
        ),
        pytest.param(
            pa.array([dt.timedelta(days=-2, seconds=1)]),
            "interval",
            [dt.timedelta(days=-2, seconds=1)],
            id="spans",
        ),
        pytest.param(pa.array([b"\x00\xff", None]), "bytea", [b"\x00\xff", None], id="bytes"),
        pytest.param(pa.array([[1, None], None]), "jsonb", [[1, None], None], id="lists"),
        pytest.param(pa.array([{"a": dt.date(2024, 1, 2)}]), "jsonb", [{"a": "2024-01-02"}], id="structures"),
    ],
)
def test_a_column_has_its_type_and_values(
    postgres: str, column: pa.Array, type_: str, held: list[object]
) -> None:
    subject = OnPostgres(postgres)
    table = pa.table({"x": column})
    opened(subject).replace(table, "t1-one")
    opened(subject).replace(table, "t1-one")  # in the same table: the columns are as they were
    (typed,) = subject.ask(
        f"select format_type(atttypid, atttypmod) as name from pg_attribute "
        f"where attrelid = '{subject.table()}'::regclass and attname = 'x'"
    )
    assert typed["name"] == type_
    assert [row["x"] for row in subject.ask(f"select * from {subject.table()}")] == held


def test_names_are_taken_as_they_are(postgres: str) -> None:
    subject = OnPostgres(postgres)
    rows = [{'a "quoted" name': 1, "Größe %s {x}": 2, "select": 3}]
    opened(subject).replace(pa.Table.from_pylist(rows), "t1-one")
    assert subject.seen("main") == rows


def test_readers_views_indexes_and_privileges_are_kept(postgres: str) -> None:
    subject = OnPostgres(postgres)
    role = f"reader_{uuid.uuid4().hex[:8]}"
    opened(subject).replace(ONE, "t1-one")
    subject.ask(f"create view {subject.schema}.dear as select * from {subject.table()} where close > 2")
    subject.ask(f"create index by_symbol on {subject.table()} (symbol)")
    opened(subject).replace(TWO, "t1-two")
    assert subject.ask(f"select symbol from {subject.schema}.dear") == [{"symbol": "A"}]
    assert subject.ask(f"select 1 as one from pg_indexes where schemaname = '{subject.schema}'") == [
        {"one": 1}
    ]
    with pytest.raises(
        OutsideError, match=r"its columns have changed, and view .*dear depends on table .*prices"
    ):
        opened(subject).replace(WIDER, "t1-wider")
    assert (opened(subject).current(), subject.seen("main")) == ("t1-two", TWO.to_pylist())
    subject.ask(f"drop view {subject.schema}.dear; create role {role}")
    try:
        subject.ask(f"grant select on {subject.table()} to {role} with grant option")
        subject.ask(f"grant select on {subject.table()} to public")
        opened(subject).replace(WIDER, "t1-wider")
        granted = subject.ask(
            "select grantee, is_grantable from information_schema.role_table_grants "
            f"where table_schema = '{subject.schema}' and grantee <> 'postgres' order by grantee"
        )
        assert [tuple(row.values()) for row in granted] == [("PUBLIC", "NO"), (role, "YES")]
    finally:
        subject.ask(f"drop owned by {role}; drop role {role}")


def test_a_reader_waits_for_nothing_and_sees_no_half(postgres: str) -> None:
    import psycopg

    subject = OnPostgres(postgres)
    opened(subject).replace(ONE, "t1-one")
    with psycopg.connect(postgres) as reading:
        reading.execute("set transaction isolation level repeatable read")
        assert len(reading.execute(f"select * from {subject.table()}").fetchall()) == 2
        opened(subject).replace(TWO, "t1-two")
        assert len(reading.execute(f"select * from {subject.table()}").fetchall()) == 2
    assert subject.seen("main") == TWO.to_pylist()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param([1], "is no table, and PostgreSQL", id="no table"),
        pytest.param(pa.table({"x" * 64: [1]}), "such names have 1 to 63 letters", id="a long name"),
        pytest.param(pa.table({"": [1]}), "such names have 1 to 63 letters", id="no name"),
        pytest.param(pa.table({"x": ["a\x00b"]}), "invalid byte sequence", id="text that PostgreSQL refuses"),
        pytest.param(
            pa.table({"x": pa.array([None], pa.month_day_nano_interval())}), "has no type for", id="a type"
        ),
    ],
)
def test_what_postgresql_cannot_hold_is_told_and_changes_nothing(
    postgres: str, value: object, told: str
) -> None:
    subject = OnPostgres(postgres)
    opened(subject).replace(ONE, "t1-one")
    with pytest.raises(OutsideError, match=re.escape(told)) as caught:
        opened(subject).replace(value, "t1-two")
    assert f"asset '{KEY}'" in str(caught.value)
    assert (opened(subject).current(), subject.seen("main")) == ("t1-one", ONE.to_pylist())


def test_a_connection_that_is_lost_changes_nothing(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = OnPostgres(postgres)
    opened(subject).replace(ONE, "t1-one")

    def dies(table: pa.Table) -> Iterator[bytes]:
        yield b"half,1\n"
        subject.ask(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'prefect-asset-graph' and datname = current_database()"
        )
        yield b"other half,2\n" * 100_000

    monkeypatch.setattr("materializers.postgres_table.copy_text", dies)
    with pytest.raises(OutsideError, match="cannot be copied to PostgreSQL"):
        opened(subject).replace(WIDER, "t1-wider")
    with pytest.raises(OutsideError):
        opened(subject).replace(TWO, "t1-two")
    assert (opened(subject).current(), subject.seen("main")) == ("t1-one", ONE.to_pylist())


# --- Redis -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "held"),
    [
        pytest.param({"A": 1.5, "B": None}, b'{"A":1.5,"B":null}', id="a plain value is JSON"),
        pytest.param(b"\x00\xff", b"\x00\xff", id="bytes are as they are"),
    ],
)
def test_a_key_holds_what_anybody_reads(redis_keys: tuple[Any, str], value: object, held: bytes) -> None:
    subject = OnRedis(*redis_keys)
    opened(subject).replace(value, "j1-one")
    assert subject.client.get(subject.name) == held
    assert Mark.of(subject.client.get(f"{subject.name}:version").decode()) == Mark(
        key=KEY, data_version="j1-one"
    )


def test_a_key_expires_and_its_version_does_not(redis_keys: tuple[Any, str]) -> None:
    subject = OnRedis(*redis_keys)
    subject.outside = RedisKey(subject.name, connection=Warehouse, ttl=dt.timedelta(hours=1))
    opened(subject).replace(ONE, "t1-one")
    assert 3_590_000 < subject.client.pttl(subject.name) <= 3_600_000
    subject.client.delete(subject.name)  # as it does when its time is over
    assert opened(subject).current() == "t1-one"


def test_a_key_without_an_end_that_is_gone_is_missed(redis_keys: tuple[Any, str]) -> None:
    subject = OnRedis(*redis_keys)
    opened(subject).replace(ONE, "t1-one")
    subject.client.delete(subject.name)
    assert opened(subject).current() is None
    opened(subject).replace(ONE, "t1-one")
    assert subject.seen("main") == ONE.to_pylist()


# --- both --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outside", "problem"),
    [
        pytest.param(PostgresTable("a b", connection=Warehouse), "not written schema.table", id="a blank"),
        pytest.param(
            PostgresTable("db.a.b", connection=Warehouse), "not written schema.table", id="three parts"
        ),
        pytest.param(
            PostgresTable("x" * 64, connection=Warehouse), "longer than 63 letters", id="a long name"
        ),
        pytest.param(RedisKey("", connection=Warehouse), "without a name", id="no name"),
        pytest.param(
            RedisKey("x", connection=Warehouse, ttl=dt.timedelta()), "must be positive", id="no time"
        ),
        pytest.param(MemoryPlace(""), "without a name", id="no name in memory"),
    ],
)
def test_a_wrong_description_is_told(outside: Outside, problem: str) -> None:
    (told,) = outside.problems()
    assert problem in told


@pytest.mark.parametrize(
    ("outside", "environment", "place"),
    [
        pytest.param(
            PostgresTable("reporting.prices", connection=Warehouse),
            "main",
            "PostgreSQL reporting.prices",
            id="main",
        ),
        pytest.param(
            PostgresTable("reporting.prices", connection=Warehouse),
            "dev",
            "PostgreSQL reporting__dev.prices",
            id="a schema",
        ),
        pytest.param(
            PostgresTable("prices", connection=Warehouse), "dev", "PostgreSQL public__dev.prices", id="public"
        ),
        pytest.param(
            RedisKey("signals:latest", connection=Warehouse), "dev", "Redis dev:signals:latest", id="a key"
        ),
    ],
)
def test_a_place_is_called_by_its_environment(outside: Outside, environment: str, place: str) -> None:
    assert outside.place(environment) == place


@pytest.mark.parametrize(
    ("outside", "url"),
    [
        pytest.param(
            PostgresTable("prices", connection=Warehouse),
            "postgresql://someone:hunter2@127.0.0.1:1/nowhere",
            id="PostgreSQL",
        ),
        pytest.param(RedisKey("prices", connection=Warehouse), "redis://:hunter2@127.0.0.1:1/0", id="Redis"),
        pytest.param(RedisKey("prices", connection=Warehouse), "hunter2", id="no URL at all"),
    ],
)
def test_a_place_that_cannot_be_reached_is_told_without_its_secrets(outside: Outside, url: str) -> None:
    destination = outside.open(Warehouse(SecretStr(url)), key=KEY, environment="main")
    with pytest.raises(OutsideError, match=f"asset '{KEY}' cannot be copied to .*prices: ") as caught:
        destination.current()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "resource", [object(), Warehouse("redis://openly")], ids=["no URL", "a URL that is no secret"]
)  # on purpose
def test_a_connection_has_a_secret_url(resource: object) -> None:
    with pytest.raises(OutsideError, match="give it an attribute url: SecretStr"):
        RedisKey("x", connection=Warehouse).open(resource, key=KEY, environment="main")
