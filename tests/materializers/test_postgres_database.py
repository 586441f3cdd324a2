"""What is PostgreSQL's alone: a server that goes away, several openers, secrets in the URL, and leases."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graph.partition_set import WHOLE
from materializers.ledger import Busy, LedgerError, RunRecord, StartedAttempt, Wanted
from materializers.sql_ledger import SqlLedger, open_postgres_ledger

START = datetime(2024, 1, 1, tzinfo=UTC)


def run(name: str) -> RunRecord:
    return RunRecord(id=name, environment="main", selection="*", engine="local", started_at=START)


def begin(ledger: SqlLedger, by: str) -> tuple[StartedAttempt, ...] | Any:
    return ledger.begin("main", "g/a", {WHOLE: Wanted(fingerprint="f", was=None)}, run_id=by, number=1)


@pytest.fixture
def opened(postgres: str, emptied: str) -> Iterator[Callable[..., SqlLedger]]:
    """Opens one ledger on PostgreSQL, any number of times."""
    ledgers: list[SqlLedger] = []

    def open_one(**options: Any) -> SqlLedger:
        ledgers.append(open_postgres_ledger(postgres, schema=emptied, **options))
        return ledgers[-1]

    yield open_one
    for ledger in ledgers:
        ledger.close()


def kill_connections(postgres: str) -> None:
    """End every other connection to the database, as a server does that is restarted."""
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_several_openers_at_once_make_one_ledger(postgres: str) -> None:
    found: list[SqlLedger | BaseException] = []

    def open_it() -> None:
        try:
            found.append(open_postgres_ledger(postgres, schema="at_once"))
        except BaseException as error:  # noqa: BLE001  # it is told below
            found.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one for one in found if isinstance(one, BaseException)] == []
    ledgers = [one for one in found if isinstance(one, SqlLedger)]
    ledgers[0].begin_run(run("r1"))
    assert [[one.id for one in ledger.runs()] for ledger in ledgers] == [["r1"]] * 6
    for ledger in ledgers:
        ledger.close()


def test_a_ledger_of_a_newer_schema_is_refused(opened: Callable[..., SqlLedger]) -> None:
    ledger = opened()
    with ledger.database.writing() as db:
        db.execute("UPDATE schema_version SET version = 99")
    with pytest.raises(LedgerError, match="has schema 99, this program knows 3; upgrade it"):
        opened()
    with ledger.database.writing() as db:
        db.execute("UPDATE schema_version SET version = 3")


def test_the_clock_is_the_servers(opened: Callable[..., SqlLedger], postgres: str) -> None:
    import psycopg

    def server() -> datetime:
        with psycopg.connect(postgres) as db:
            return db.execute("SELECT clock_timestamp()").fetchall()[0][0]

    before = server()
    with opened().state("main") as state:
        now = state.now
    assert before <= now <= server()


def test_a_run_is_dead_when_its_lease_has_run_out(opened: Callable[..., SqlLedger], clock: Any) -> None:
    ledger, other = opened(clock=clock), opened(clock=clock)
    ledger.begin_run(run("killed"))
    begin(ledger, "killed")
    assert other.begin_run(run("next")) == ()
    clock.tick(timedelta(seconds=59))
    other.renew("next")
    assert (begin(other, "next"), other.run("killed").alive) == (Busy(run_id="killed"), True)
    clock.tick(timedelta(seconds=1))
    assert not other.run("killed").alive
    (found,) = other.begin_run(run("third"))
    assert (found.run_id, other.run("killed").outcome) == ("killed", "interrupted")
    assert isinstance(begin(other, "next"), tuple)


def test_a_server_that_was_restarted_meanwhile_is_no_trouble(
    opened: Callable[..., SqlLedger], postgres: str
) -> None:
    ledger = opened()
    ledger.begin_run(run("r1"))
    kill_connections(postgres)
    assert [one.id for one in ledger.runs()] == ["r1"]
    kill_connections(postgres)
    begin(ledger, "r1")


def test_a_connection_that_is_lost_leaves_nothing_half(
    opened: Callable[..., SqlLedger], postgres: str
) -> None:
    ledger = opened()

    def write() -> None:
        with ledger.database.writing() as db:
            db.execute("INSERT INTO cancellations VALUES (?, ?)", ("r1", 1))
            kill_connections(postgres)
            db.execute("INSERT INTO cancellations VALUES (?, ?)", ("r1", 2))

    with pytest.raises(LedgerError, match=r"cannot be written: .*see that the server runs"):
        write()
    assert not ledger.cancelled("r1")


def test_a_state_whose_connection_is_lost_says_so(opened: Callable[..., SqlLedger], postgres: str) -> None:
    ledger = opened()

    def read() -> None:
        with ledger.state("main") as state:
            kill_connections(postgres)
            state.version_with("g/a", WHOLE, "f")

    with pytest.raises(LedgerError, match=r"cannot be read: .*see that the server runs"):
        read()
    ledger.renew("nobody")  # a sign of life alone is no reason to die


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("postgresql://me:s3cret%21pw@127.0.0.1:1/x", id="nobody listens"),
        pytest.param("postgresql://me:s3cret%zz!pw@127.0.0.1:1/x", id="not even a URL"),
        pytest.param("postgresql://me@127.0.0.1:1/x?password=s3cret%21pw", id="as a parameter"),
        pytest.param("postgresql://me:s3cret%21pw@127.0.0.1:1/x?nonsense=s3cret%21pw", id="anywhere"),
        pytest.param("mysql://me:s3cret%21pw@127.0.0.1/x", id="another database"),
    ],
)
def test_no_error_tells_the_password(url: str) -> None:
    with pytest.raises(LedgerError) as raised:
        open_postgres_ledger(url)
    told = "".join(traceback.format_exception(raised.value))
    assert "s3cret" not in told.replace(url, "")
    assert "s3cret" not in str(raised.value)


def test_a_schema_that_has_no_plain_name_is_refused(postgres: str) -> None:
    with pytest.raises(LedgerError, match="give a name of at most 63 small letters"):
        open_postgres_ledger(postgres, schema='x"; DROP TABLE y')


def test_two_ledgers_lie_side_by_side_in_one_database(postgres: str) -> None:
    ledgers = [open_postgres_ledger(postgres, schema=f"side_{place}") for place in (1, 2)]
    ledgers[0].begin_run(run("r1"))
    with ledgers[0].database.writing(), suppress(LedgerError):
        ledgers[1].begin_run(run("r2"))  # waits for no other ledger
    assert [[one.id for one in ledger.runs()] for ledger in ledgers] == [["r1"], ["r2"]]
    for ledger in ledgers:
        ledger.close()
