"""A ledger of schema 2 is brought to today's schema with all that it knows; one that cannot be is left alone."""

from __future__ import annotations

import json
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from graph.fingerprint import Basis, set_digest
from graph.partition_set import ONLY, WHOLE, Partition, PartitionSet
from materializers.ledger import LedgerError, Read, RunRecord
from materializers.sql_ledger import SqlLedger, open_sqlite_ledger

START = datetime(2024, 1, 1, tzinfo=UTC)
UP = PartitionSet.ranged([("", 738886, 738887), ("", 738889, 738889)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of schema 2."""
    path = tmp_path / "ledger.sqlite"
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=WAL").fetchall()
    db.executescript(Path(__file__).with_name("schema_2.sql").read_text("utf-8"))
    db.close()
    return path


def tables(path: Path) -> set[str]:
    db = sqlite3.connect(path)
    found = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")}
    db.close()
    return found


def test_what_was_visible_is_visible(path: Path) -> None:
    ledger = open_sqlite_ledger(path)
    with ledger.state("main") as state:
        summary = state.summary("g/up")
        assert (summary.sequence, summary.partitions) == (3, UP)
        assert summary.digest == set_digest(zip(UP, ["u0", "u1", "u3"], strict=True))
        assert (state.summary("g/whole").sequence, state.summary("g/whole").partitions) == (6, ONLY)
        first = state.published("g/up")[Partition("", 738886)]
        assert (first.data_version, first.as_of, first.ends) == ("u0", START + timedelta(days=2), True)
        whole = state.published("g/whole")[WHOLE]
        assert (whole.data_version, whole.as_of) == ("w1", START + timedelta(hours=1))
        assert (whole.checks, whole.failing) == ("k2", True)
        assert whole.basis == Basis(code="c", config='{"a":1}', resources={"a.A": "{}", "z.Z": "{}"})
        assert state.made_with("g/whole", whole.basis)
        assert state.changed("g/whole", 5) == ONLY
    with ledger.state("dev") as state:
        assert [one.data_version for one in state.published("g/whole").values()] == ["dev"]
    lineage = ledger.materialization(whole.id).lineage["up"]
    assert lineage == Read(key="g/up", partitions=UP, digest="old digest", versions=lineage.versions)
    assert len(lineage.versions) == 3
    ledger.close()


def test_what_happened_is_remembered(path: Path) -> None:
    ledger = open_sqlite_ledger(path)
    with ledger.state("main") as state:
        skipped, rejected = state.attempts("g/skip")[WHOLE], state.attempts("g/whole")[WHOLE]
        assert (skipped.outcome, skipped.until) == ("skipped", START + timedelta(days=9))
        assert (rejected.outcome, rejected.reason, rejected.checks) == ("rejected", "a check failed", "k")
    kinds = [one.kind for one in ledger.publications("g/whole", environment="main")]
    assert kinds == ["adopt", "publish", "publish"]
    assert (ledger.run("r1").outcome, ledger.run("r1").context) == ("success", {"host": "h"})
    assert [one.output for one in ledger.attempts_of("r1")] == ["printed"] * 5 + ["", "printed", ""]
    assert ledger.cancelled("r2")
    assert [one.label for one in ledger.attempts_of("r1")][2:4] == ["2024-01-04", ""]
    ledger.close()


def test_other_environments_are_on_record(path: Path) -> None:
    ledger = open_sqlite_ledger(path)
    assert [(one.name, one.parent, one.live) for one in ledger.environments()] == [
        ("dev", None, False),
        ("main", None, True),
    ]
    ledger.close()


@pytest.mark.parametrize("table", ["pointers", "asset_state", "asset_slices"])
def test_pointers_are_those_of_the_publications(path: Path, table: str) -> None:
    ledger = open_sqlite_ledger(path)

    def rows() -> set[tuple[object, ...]]:
        return {tuple(row) for row in ledger.database.rows(f"SELECT * FROM {table}")}  # SQLite's

    before = rows()
    ledger.rebuild()
    assert rows() == before
    ledger.close()


def test_who_still_ran_is_found_and_what_is_new_goes_on_from_the_old_numbers(path: Path) -> None:
    ledger = open_sqlite_ledger(path)
    run = RunRecord(id="r3", environment="dev", selection="*", engine="local", started_at=START)
    (found,) = ledger.begin_run(run)
    assert (found.key, found.run_id, ledger.run("r2").outcome) == ("g/open", "r2", "interrupted")
    ledger.close()


def test_it_is_migrated_once_however_many_open_it(path: Path) -> None:
    found: list[SqlLedger | BaseException] = []

    def open_it() -> None:
        try:
            found.append(open_sqlite_ledger(path))
        except BaseException as error:  # noqa: BLE001  # it is told below
            found.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(one.runs()) for one in found if isinstance(one, SqlLedger)] == [2] * 4
    for one in found:
        assert isinstance(one, SqlLedger), one
        one.close()


def test_it_has_the_tables_of_a_new_one(path: Path, tmp_path: Path) -> None:
    open_sqlite_ledger(path).close()
    open_sqlite_ledger(tmp_path / "new.sqlite").close()
    assert tables(path) == tables(tmp_path / "new.sqlite")


def test_what_goes_wrong_meanwhile_leaves_it_as_it_was(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("UPDATE versions SET lineage = 'spoilt' WHERE lineage <> '{}'")
    db.commit()
    db.close()
    before = tables(path)
    with pytest.raises(json.JSONDecodeError):
        open_sqlite_ledger(path)
    assert tables(path) == before


def test_one_that_is_only_read_is_refused_with_the_remedy(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("materializers.sqlite_database._may_write", lambda _: False)
    with pytest.raises(LedgerError, match="can only be read here: make it and its folder writable"):
        open_sqlite_ledger(path)
