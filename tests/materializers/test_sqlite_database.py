"""What is SQLite's alone: files that are taken away, read-only, foreign or old, and runs that are killed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from graph.fingerprint import Basis
from graph.partition_set import WHOLE
from materializers.ledger import (
    Content,
    Judgement,
    LedgerError,
    Made,
    Product,
    RunRecord,
    StartedAttempt,
    Wanted,
)
from materializers.sql_ledger import SqlLedger, open_sqlite_ledger

START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "ledger.sqlite"


def run(name: str) -> RunRecord:
    return RunRecord(id=name, environment="main", selection="*", engine="local", started_at=START)


def begin(ledger: SqlLedger, by: str) -> StartedAttempt:
    wanted = {WHOLE: Wanted(fingerprint="f", was=None)}
    begun = ledger.begin("main", "g/a", wanted, run_id=by, number=1)
    assert isinstance(begun, tuple)
    return begun[0]


def publish(ledger: SqlLedger, attempt: StartedAttempt) -> None:
    made = Made(content=Content(data_version="d1", format="json"), basis=Basis(code="c"), inputs={})
    ledger.publish([Product(attempt=attempt, made={"g/a": made}, judged={"g/a": Judgement(checks="")})])


def published(ledger: SqlLedger) -> list[str]:
    with ledger.state("main") as state:
        return [one.data_version for one in state.published("g/a").values()]


def test_a_killed_run_frees_its_claims_and_its_attempts_are_found(path: Path) -> None:
    killed = open_sqlite_ledger(path)
    killed.begin_run(run("killed"))
    begin(killed, by="killed")
    killed.close()  # the lock on its file goes, as when its process dies; its rows stay
    ledger = open_sqlite_ledger(path)
    assert not ledger.run("killed").alive
    (found,) = ledger.begin_run(run("next"))
    assert (found.key, found.run_id) == ("g/a", "killed")
    begin(ledger, by="next")
    assert ledger.run("killed").outcome == "interrupted"
    assert [one.outcome for one in ledger.attempts_of("killed")] == ["interrupted"]
    ledger.close()


def test_the_claims_of_a_killed_run_are_free_before_anybody_has_noticed(path: Path) -> None:
    ledger, killed = open_sqlite_ledger(path), open_sqlite_ledger(path)
    ledger.begin_run(run("early"))
    killed.begin_run(run("killed"))
    begin(killed, by="killed")
    killed.close()
    begin(ledger, by="early")
    ledger.close()


def test_a_run_that_sleeps_longer_than_its_lease_is_not_dead(path: Path, clock: Any) -> None:
    ledger = open_sqlite_ledger(path, clock=clock)
    ledger.begin_run(run("asleep"))
    attempt = begin(ledger, by="asleep")
    clock.tick(ledger.lease * 3)
    assert ledger.begin_run(run("next")) == ()
    publish(ledger, attempt)
    assert published(ledger) == ["d1"]
    ledger.close()


@pytest.mark.parametrize(
    ("schema", "remedy"),
    [
        pytest.param(99, "has schema 99, this program knows 3; upgrade it", id="newer"),
        pytest.param(1, "has schema 1, this program knows 3; move the ledger away", id="too old"),
    ],
)
def test_a_ledger_of_another_schema_is_refused(path: Path, schema: int, remedy: str) -> None:
    ledger = open_sqlite_ledger(path)
    with ledger.database.writing() as db:
        db.execute("UPDATE schema_version SET version = ?", (schema,))
    ledger.close()
    with pytest.raises(LedgerError, match=remedy):
        open_sqlite_ledger(path)


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("this is not a database, whatever its name says")
    with pytest.raises(LedgerError, match="cannot be opened: file is not a database"):
        open_sqlite_ledger(tmp_path / "ledger.sqlite")


def test_opening_a_ledger_writes_nothing(path: Path) -> None:
    writer = open_sqlite_ledger(path)
    with writer.database.writing():  # who opens it meanwhile would wait for half a minute, if it wrote
        reader = open_sqlite_ledger(path)
        assert reader.runs() == ()
        reader.close()
    writer.close()


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
@pytest.mark.parametrize("replaced", [pytest.param(False, id="removed"), pytest.param(True, id="replaced")])
def test_a_run_whose_ledger_was_taken_away_does_not_end_well(path: Path, replaced: bool) -> None:
    ledger = open_sqlite_ledger(path)
    ledger.begin_run(run("r1"))
    attempt = begin(ledger, "r1")
    shutil.rmtree(path.parent)
    if replaced:
        open_sqlite_ledger(path).close()
    ledger.renew("r1")  # a sign of life alone is no reason to die
    with pytest.raises(LedgerError, match="was removed or replaced while it was open"):
        publish(ledger, attempt)
    with pytest.raises(LedgerError, match="was removed or replaced while it was open"):
        ledger.end_run("r1", "success")
    with ledger.state("main"), pytest.raises(LedgerError, match="was removed or replaced while it was open"):
        ledger.runs()  # needs another connection, and would read another ledger
    ledger.close()


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A ledger with one version, in a folder that this process can only read."""
    home = Path(tempfile.mkdtemp(prefix="read-only-"))
    path = home / "ledger.sqlite"
    ledger = open_sqlite_ledger(path)
    ledger.begin_run(run("r1"))
    publish(ledger, begin(ledger, "r1"))
    ledger.close()
    path.chmod(0o444)
    home.chmod(0o555)
    root = hasattr(os, "setresuid") and os.getuid() == 0
    if root:  # who may write anywhere
        os.setresuid(65534, 65534, 0)
    try:
        if os.access(home, os.W_OK):
            pytest.skip("this system does not keep anybody from writing")
        yield path
    finally:
        if root:
            os.setresuid(0, 0, 0)
        home.chmod(0o755)
        shutil.rmtree(home)


def test_a_ledger_that_cannot_be_written_is_read(read_only: Path) -> None:
    ledger = open_sqlite_ledger(read_only)
    assert published(ledger) == ["d1"]
    assert [one.outcome for one in ledger.history("g/a", environment="main")] == ["published"]
    assert [one.id for one in ledger.runs()] == ["r1"]
    with pytest.raises(LedgerError, match="can only be read here: make it and its folder writable"):
        ledger.begin_run(run("r2"))
    ledger.close()


def test_a_ledger_in_memory_leaves_nothing_behind() -> None:
    closed, forgotten = open_sqlite_ledger(None), open_sqlite_ledger(None)
    paths = [one.database.path.parent for one in (closed, forgotten)]  # SQLite's
    assert all(path.is_dir() for path in paths)
    closed.close()
    del forgotten
    assert not any(path.exists() for path in paths)


def test_an_error_of_whoever_looks_at_a_state_stays_theirs(path: Path) -> None:
    ledger = open_sqlite_ledger(path)

    def look() -> None:
        with ledger.state("main"):
            raise sqlite3.OperationalError("of another database")

    with pytest.raises(sqlite3.OperationalError, match="of another database"):
        look()
    assert ledger.runs() == ()
    ledger.close()
