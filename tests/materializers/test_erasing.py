"""Rows of a person are gone from every version that is kept, and the ledger stays whole: on every kind of ledger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks import not_null
from graph import Daily, asset
from graph.fingerprint import set_digest
from graph.partition_set import ONLY, WHOLE, PartitionSet
from materializers import Workspace, in_memory, run_plan
from materializers.collecting import collect
from materializers.erasing import CannotErase, erase, finish_erasures
from materializers.records import LedgerError, RunRecord
from materializers.wiping import wipe

NOW = datetime(2024, 1, 4, tzinfo=UTC)
DAYS = Daily(start="2024-01-01")
WHO = {"name": "ada", "reason": "request 17"}


class Clinic:
    """Visits of two people a day, in several versions, under one ledger and store."""

    def __init__(self, ledger: Any) -> None:
        self.ledger = ledger
        self.store: Any = None
        self.dose = 1
        self.now = NOW

    def open(self) -> Workspace:
        dose = self.dose

        @asset(name="g/visits", partitions=DAYS, checks=[not_null("dose")])
        def visits() -> pa.Table:
            return pa.table({"subject": ["x", "y"], "dose": pa.array([dose, None if dose == 9 else 2])})

        @asset(name="g/copy", partitions=DAYS)
        def copy(visits: pa.Table) -> pa.Table:
            return visits

        @asset(name="g/total")
        def total(copy: pa.Table) -> int:
            return int(sum(copy["dose"].to_pylist()))

        @asset(name="g/numbers")
        def numbers() -> int:
            return 1

        workspace = in_memory([visits, copy, total, numbers], clock=lambda: self.now)
        workspace.ledger = self.ledger
        if self.store is None:
            self.store = workspace.store
        workspace.store = self.store
        return workspace

    def run(self, selection: str = "total", **options: Any) -> Workspace:
        workspace = self.open()
        run_plan(workspace.plan(selection, **options), workspace)
        return workspace


@pytest.fixture
def clinic(open_ledger: Callable[..., Any]) -> Clinic:
    return Clinic(open_ledger())


def digest_is_that_of_the_pointers(workspace: Workspace, key: str) -> bool:
    with workspace.ledger.state("main", [key]) as state:
        versions = state.published(key)
        return state.summary(key).digest == set_digest(
            (at, version.data_version) for at, version in versions.items()
        )


def subjects_in_the_store(workspace: Workspace) -> set[str]:
    """Who is left in any file that there is."""
    tables = [pq.read_table(pa.BufferReader(workspace.store.get(one))) for one in workspace.store.addresses()]
    return {who for table in tables for who in table["subject"].to_pylist()}


def test_rows_are_gone_from_every_version(clinic: Clinic) -> None:
    clinic.run("visits")
    clinic.dose = 5
    workspace = clinic.run("visits", force=True)
    before = workspace.published("g/visits")
    old = set(workspace.store.addresses())
    erased = erase(workspace, "g/visits", "subject = 'x'", **WHO)
    assert (len(erased.versions), erased.rows, erased.looked_at) == (6, 6, 6)
    assert erased.deleted == old, "three partitions have the same bytes, in two versions"
    for one in workspace.ledger.erasures.versions("g/visits"):
        table = workspace.value(workspace.graph["g/visits"], {one.version.partition: one.version}, "pa.Table")
        assert table["subject"].to_pylist() == ["y"]
        assert one.content.rows == 1
    after = workspace.published("g/visits")
    assert {at: one.id for at, one in after.items()} == {at: one.id for at, one in before.items()}
    assert {at: one.fingerprint for at, one in after.items()} == {
        at: one.fingerprint for at, one in before.items()
    }
    assert subjects_in_the_store(workspace) == {"y"}
    assert digest_is_that_of_the_pointers(workspace, "g/visits")
    assert not workspace.plan("visits").work(), "what remains stands for the version: it is not made again"


def test_the_ledger_can_be_made_again_from_its_publications(clinic: Clinic) -> None:
    workspace = clinic.run("visits")
    erase(workspace, "g/visits", "subject = 'x'", **WHO)
    with workspace.ledger.state("main") as state:
        summary, shown = state.summary("g/visits"), dict(state.published("g/visits"))
    workspace.ledger.rebuild()
    with workspace.ledger.state("main") as state:
        assert (state.summary("g/visits"), dict(state.published("g/visits"))) == (summary, shown)


def test_what_is_made_from_it_is_told_and_made_again(clinic: Clinic) -> None:
    workspace = clinic.run()
    assert workspace.load("total") == 9
    erased = erase(workspace, "g/visits", "subject = 'x'", **WHO)
    assert erased.below == {"g/copy": 3, "g/total": 1}
    assert list(erased.shared.values()) == [{"g/copy"}], "the very same bytes are there for another asset"
    assert not erased.deleted
    clinic.run()
    assert workspace.load("total") == 6
    erased = erase(workspace, "g/copy", "subject = 'x'", **WHO)
    assert (erased.rows, len(erased.deleted), erased.shared) == (3, 1, {})


def test_it_is_on_record_without_the_data(clinic: Clinic) -> None:
    workspace = clinic.run("visits")
    erase(workspace, "g/visits", "subject = 'x'", **WHO)
    (record,) = workspace.ledger.erasures.records("g/visits")
    assert (record.versions, record.rows, record.name, record.reason) == (3, 3, "ada", "request 17")
    event = workspace.ledger.publications("g/visits", environment="main")[0]
    assert (event.kind, event.name, event.reason) == ("erase", "ada", "request 17")
    assert all("subject" not in run.selection for run in workspace.ledger.runs())


def test_verdicts_show_no_rows_any_more(clinic: Clinic) -> None:
    clinic.dose = 9
    workspace = clinic.run("visits")
    (sample,) = {
        text for one in workspace.ledger.erasures.versions("g/visits") for text in one.judgement.verdicts
    }
    assert '"subject"' in sample
    erase(workspace, "g/visits", "subject = 'y'", **WHO)
    said = [one.judgement.verdicts for one in workspace.ledger.erasures.versions("g/visits")]
    assert '"subject"' not in str(said)


def test_what_remains_is_judged_again(clinic: Clinic) -> None:
    workspace = clinic.run("visits")
    erase(workspace, "g/visits", "subject = 'x'", **WHO)
    found = [one.judgement for one in workspace.ledger.erasures.versions("g/visits")]
    assert ['"rows": 1' in one.verdicts[0] for one in found] == [True] * 3


def test_it_is_gone_for_those_who_look_at_the_past_and_for_other_environments(clinic: Clinic) -> None:
    workspace = clinic.run("visits")
    workspace.ledger.create_environment("dev")
    with workspace.ledger.state("main") as state:
        then = state.now
    clinic.dose = 5
    clinic.run("visits", force=True)
    erase(workspace, "g/visits", "subject = 'x'", **WHO)
    for environment, as_of in (("dev", None), ("main", then)):
        with workspace.ledger.state(environment, as_of=as_of) as state:
            for version in state.published("g/visits").values():
                table = workspace.value(workspace.graph["g/visits"], {version.partition: version}, "pa.Table")
                assert table["subject"].to_pylist() == ["y"]


def test_a_dry_run_counts_and_does_nothing(clinic: Clinic) -> None:
    workspace = clinic.run("visits")
    before = set(workspace.store.addresses())
    erased = erase(workspace, "g/visits", "dose = 2", dry_run=True, **WHO)
    assert (erased.rows, len(erased.versions)) == (3, 3)
    assert set(workspace.store.addresses()) == before
    assert not workspace.ledger.erasures.records("g/visits")


@pytest.mark.parametrize(
    ("where", "told"),
    [
        pytest.param(
            "person = 'x'", "cannot be asked of 'g/visits'.*person", id="a column that is not there"
        ),
        pytest.param("subject = ", "cannot be asked", id="no SQL"),
        pytest.param("dose", "no truth", id="a number"),
    ],
)
def test_a_condition_that_cannot_be_asked_is_refused(clinic: Clinic, where: str, told: str) -> None:
    with pytest.raises(CannotErase, match=told):
        erase(clinic.run("visits"), "g/visits", where, **WHO)


def test_what_has_no_rows_is_told(clinic: Clinic) -> None:
    workspace = clinic.run("numbers")
    (why,) = erase(workspace, "g/numbers", "subject = 'x'", **WHO).unread.values()
    assert "stored as json" in why


def test_nothing_is_erased_while_a_run_lives(clinic: Clinic) -> None:
    workspace = clinic.run("visits")
    workspace.ledger.begin_run(
        RunRecord(id="other", environment="main", selection="*", engine="local", started_at=NOW)
    )
    with pytest.raises(LedgerError, match="run other may be reading"):
        erase(workspace, "g/visits", "subject = 'x'", **WHO)
    workspace.ledger.end_run("other", "succeeded")
    assert erase(workspace, "g/visits", "subject = 'x'", **WHO).rows == 3


@pytest.mark.parametrize("who", ["the next erasure", "garbage collection"])
def test_killed_before_the_bytes_were_deleted_somebody_goes_on(
    clinic: Clinic, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = clinic.run("visits")
    (old,) = workspace.store.addresses()
    monkeypatch.setattr(type(workspace.store), "delete", killed)
    with pytest.raises(KeyboardInterrupt):
        erase(workspace, "g/visits", "subject = 'x'", **WHO)
    monkeypatch.undo()
    assert workspace.store.exists(old), "the bytes are there, and no version names them"
    assert workspace.load("visits", partition="2024-01-02")["subject"].to_pylist() == ["y"]
    if who == "garbage collection":
        collect(workspace.ledger, workspace.store, run_id="gc", now=NOW)
    else:
        assert finish_erasures(workspace) == {old}
    assert not workspace.store.exists(old)


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_killed_before_it_was_recorded_nothing_has_changed(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = clinic.run("visits")
    monkeypatch.setattr("materializers.ledger_erasing._bury", killed)  # the last thing in the transaction
    with pytest.raises(KeyboardInterrupt):
        erase(workspace, "g/visits", "subject = 'x'", **WHO)
    monkeypatch.undo()
    assert workspace.load("visits", partition="2024-01-02")["subject"].to_pylist() == ["x", "y"]
    assert erase(workspace, "g/visits", "subject = 'x'", **WHO).rows == 3


# Wiping


def test_what_is_wiped_is_invisible_and_comes_back_by_a_rollback_only(clinic: Clinic) -> None:
    workspace = clinic.run("visits")
    day = PartitionSet.of([DAYS.partition("2024-01-02")])
    before = workspace.published("g/visits")[DAYS.partition("2024-01-02")]
    assert wipe(workspace, "g/visits", "2024-01-02", **WHO) == day
    assert len(workspace.published("g/visits")) == 2
    (event,) = workspace.ledger.publications("g/visits", environment="main", limit=1)
    assert (event.kind, event.name, event.reason) == ("withdraw", "ada", "request 17")
    (step,) = workspace.plan("visits").work()
    assert (step.reason.text, step.partitions) == ("never built", day), "it is made, not adopted"
    at = DAYS.partition("2024-01-02")
    workspace.ledger.point("main", "g/visits", at, before.id, kind="rollback", name="ada", reason="mistake")
    assert workspace.published("g/visits")[at].id == before.id
    assert not workspace.plan("visits").work()


@pytest.mark.parametrize(
    ("selection", "key", "partitions", "told"),
    [
        pytest.param("visits", "g/visits", None, "--partitions all", id="all has to be said"),
        pytest.param("visits", "g/visits", "2025-01-01", "no partition '2025-01-01'", id="no such day"),
        pytest.param(
            "numbers", "g/visits", "all", "nothing of asset 'g/visits' is published", id="nothing there"
        ),
        pytest.param("numbers", "g/numbers", "all", "has no partitions", id="no partitions"),
    ],
)
def test_a_wrong_wipe_is_refused(
    clinic: Clinic, selection: str, key: str, partitions: str | None, told: str
) -> None:
    workspace = clinic.run(selection)
    with pytest.raises(Exception, match=told):
        wipe(workspace, key, partitions, **WHO)


def test_an_asset_without_partitions_is_wiped_whole(clinic: Clinic) -> None:
    workspace = clinic.run("numbers")
    assert wipe(workspace, "g/numbers", None, **WHO) == ONLY
    assert WHOLE not in workspace.published("g/numbers")
