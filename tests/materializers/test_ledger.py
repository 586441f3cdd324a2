"""One suite of laws for every implementation of the ledger."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from graph.fingerprint import Basis, set_digest
from graph.partitions import ranges
from materializers.ledger import (
    LEASE,
    Busy,
    ClaimLost,
    Content,
    Judgement,
    Ledger,
    LedgerError,
    Made,
    Moved,
    RunRecord,
    StartedAttempt,
)
from materializers.ledger_rows import with_ordinal
from materializers.sqlite_ledger import SqliteLedger

START = datetime(2024, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that one can set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def tick(self, span: timedelta) -> None:
        self.now += span


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["file", "memory"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    path = tmp_path / "ledger.sqlite" if request.param == "file" else None
    opened = SqliteLedger(path, clock=clock)
    opened.begin_run(run("r1"))
    opened.begin_run(run("r2"))
    yield opened
    opened.close()


def run(name: str) -> RunRecord:
    return RunRecord(id=name, environment="main", selection="*", engine="local", started_at=START)


def made(data_version: str = "d1", as_of: datetime | None = START) -> Made:
    content = Content(data_version=data_version, format="json", address=f"{data_version}.json", size=2)
    return Made(content=content, basis=Basis(code="c"), inputs={"up": "u1"}, as_of=as_of)


PASSED = Judgement(checks="k", verdicts=('{"check":"one"}',))


def begin(
    ledger: Ledger, key: str = "g/a", *, by: str = "r1", was: str | None = None, ordinal: int = 0
) -> StartedAttempt:
    begun = ledger.begin("main", key, ordinal, run_id=by, fingerprint="f1", number=1, was=was)
    assert isinstance(begun, StartedAttempt)
    return begun


def publish(
    ledger: Ledger, key: str = "g/a", data_version: str = "d1", was: str | None = None, ordinal: int = 0
) -> str:
    attempt = begin(ledger, key, was=was, ordinal=ordinal)
    return ledger.publish(attempt, {key: made(data_version)}, {key: PASSED})[key]


def test_a_published_version_is_visible_with_all_that_went_in(ledger: Ledger) -> None:
    version_id = publish(ledger)
    state = ledger.state("main")
    version = state.published("g/a")[0]
    assert (version.id, version.data_version, version.inputs, version.as_of) == (
        version_id,
        "d1",
        {"up": "u1"},
        START,
    )
    assert (version.checks, version.failing, version.basis) == ("k", False, Basis(code="c"))
    assert ledger.content(version_id).address == "d1.json"
    assert ledger.materialization(version_id).judgement == PASSED
    tried = state.last_attempt("g/a", 0)
    assert tried is not None
    assert (tried.outcome, tried.fingerprint) == ("published", "f1")


def test_another_environment_sees_nothing_of_it(ledger: Ledger) -> None:
    publish(ledger)
    assert ledger.state("dev").published("g/a") == {}


def test_a_rejected_version_is_kept_aside_and_the_last_good_one_stays(ledger: Ledger) -> None:
    good = publish(ledger)
    attempt = begin(ledger, was=good)
    ids = ledger.publish(
        attempt, {"g/a": made("d2")}, {"g/a": replace(PASSED, failing=True)}, reject={"g/a": "bad"}
    )
    state = ledger.state("main")
    assert state.published("g/a")[0].id == good
    assert not ledger.materialization(ids["g/a"]).published
    tried = state.last_attempt("g/a", 0)
    assert tried is not None
    assert (tried.outcome, tried.reason) == ("rejected", "bad")
    assert state.version_with("g/a", 0, "f1").id == good  # type: ignore[union-attr]  # a rejected one is never adopted


def test_a_claim_keeps_others_out_until_it_is_given_back(ledger: Ledger) -> None:
    attempt = begin(ledger)
    assert ledger.begin("main", "g/a", 0, run_id="r2", fingerprint="f", number=1, was=None) == Busy(
        run_id="r1"
    )
    ledger.finish(attempt, "failed", reason="no")
    begin(ledger, by="r2")


def test_who_looked_before_another_publication_is_told(ledger: Ledger) -> None:
    publish(ledger)
    assert ledger.begin("main", "g/a", 0, run_id="r2", fingerprint="f", number=1, was=None) == Moved()


def test_a_claim_is_free_when_its_lease_runs_out_and_the_late_result_is_refused(
    ledger: Ledger, clock: Clock
) -> None:
    late = begin(ledger)
    clock.tick(LEASE)
    taken = begin(ledger, by="r2")
    assert taken.claim.token > late.claim.token
    with pytest.raises(ClaimLost, match="'g/a' is no longer this run's to publish"):
        ledger.publish(late, {"g/a": made("late")}, {"g/a": PASSED})
    ledger.publish(taken, {"g/a": made("in time")}, {"g/a": PASSED})
    assert ledger.state("main").published("g/a")[0].data_version == "in time"


def test_a_sign_of_life_renews_the_lease(ledger: Ledger, clock: Clock) -> None:
    begin(ledger)
    clock.tick(LEASE * 0.9)
    ledger.renew("r1")
    clock.tick(LEASE * 0.9)
    assert ledger.begin("main", "g/a", 0, run_id="r2", fingerprint="f", number=1, was=None) == Busy(
        run_id="r1"
    )


def test_a_late_failure_does_not_speak_for_the_partition(ledger: Ledger, clock: Clock) -> None:
    late = begin(ledger)
    clock.tick(LEASE)
    taken = begin(ledger, by="r2")
    ledger.publish(taken, {"g/a": made("in time")}, {"g/a": PASSED})
    ledger.finish(late, "failed", reason="too late")
    tried = ledger.state("main").last_attempt("g/a", 0)
    assert tried is not None
    assert tried.outcome == "published"
    assert [one.reason for one in ledger.attempts_of("r1")] == ["too late"]


def test_a_late_failure_leaves_the_claim_to_whom_it_went(ledger: Ledger, clock: Clock) -> None:
    late = begin(ledger)
    clock.tick(LEASE)
    taken = begin(ledger, by="r2")
    ledger.finish(late, "failed")
    assert ledger.state("main").last_attempt("g/a", 0) is None
    ledger.publish(taken, {"g/a": made()}, {"g/a": PASSED})


def test_a_late_result_of_an_ended_run_is_refused(ledger: Ledger) -> None:
    attempt = begin(ledger)
    ledger.end_run("r1", "interrupted")
    with pytest.raises(ClaimLost):
        ledger.publish(attempt, {"g/a": made()}, {"g/a": PASSED})
    assert ledger.state("main").published("g/a") == {}


def test_an_old_version_is_adopted_without_being_made_again(ledger: Ledger) -> None:
    old = publish(ledger)
    new = publish(ledger, data_version="d2", was=old)
    ledger.adopt(begin(ledger, was=new), old, START)
    version = ledger.state("main").published("g/a")[0]
    assert (version.id, version.checks) == (old, "k")
    assert [one.kind for one in ledger.publications("g/a", environment="main")] == [
        "adopt",
        "publish",
        "publish",
    ]


def test_a_verification_advances_the_age_and_nothing_else(ledger: Ledger) -> None:
    publish(ledger)
    before = ledger.state("main").published("g/a")[0]
    later = START + timedelta(hours=3)
    ledger.verify("main", [(before, later)], "r1")
    assert ledger.state("main").published("g/a")[0] == replace(before, as_of=later)


def test_that_a_source_has_ended_is_remembered_with_what_is_visible(ledger: Ledger) -> None:
    old = publish(ledger)
    before = ledger.state("main").published("g/a")[0]
    ledger.verify("main", [(before, START, True)], "r1")
    ledger.verify("main", [(before, START)], "r1")  # says nothing about it
    assert ledger.state("main").published("g/a")[0] == replace(before, ends=True)
    assert not ledger.materialization(old).version.ends
    ledger.verify("main", [(before, START, False)], "r1")
    assert not ledger.state("main").published("g/a")[0].ends
    ledger.adopt(begin(ledger, was=old), old, START, ends=True)
    assert ledger.state("main").published("g/a")[0].ends


@pytest.mark.parametrize(
    ("judged", "checks", "found"),
    [
        pytest.param(PASSED, None, True, id="any version when nobody asks about checks"),
        pytest.param(PASSED, "k", True, id="one that these checks passed"),
        pytest.param(PASSED, "other", False, id="not one that other checks passed"),
        pytest.param(PASSED, "", False, id="not one with checks when there are none"),
        pytest.param(Judgement(checks=""), "", True, id="one without checks when there are none"),
        pytest.param(Judgement(checks=""), "k", False, id="not one that was never judged"),
        pytest.param(replace(PASSED, failing=True), "k", False, id="not one that fails"),
        pytest.param(replace(PASSED, failing=True), None, True, id="one that fails when nobody asks"),
    ],
)
def test_only_versions_that_passed_just_these_checks_are_found(
    ledger: Ledger, judged: Judgement, checks: str | None, found: bool
) -> None:
    ledger.publish(begin(ledger), {"g/a": made()}, {"g/a": judged})
    assert (ledger.state("main").version_with("g/a", 0, "f1", checks=checks) is not None) == found


def test_the_last_judgement_counts(ledger: Ledger) -> None:
    publish(ledger)
    state = ledger.state("main")
    ledger.judge("main", state.published("g/a")[0], replace(PASSED, checks="k2"), "r1")
    assert state.version_with("g/a", 0, "f1", checks="k") is None
    assert state.version_with("g/a", 0, "f1", checks="k2") is not None


def test_an_attempt_knows_the_checks_that_were_asked(ledger: Ledger) -> None:
    ids = ledger.publish(
        begin(ledger),
        {"g/a": made()},
        {"g/a": replace(PASSED, failing=True)},
        reject={"g/a": "bad"},
    )
    ledger.judge("main", ledger.materialization(ids["g/a"]).version, Judgement(checks="later"), "r1")
    ledger.finish(begin(ledger, "g/b"), "failed")
    state = ledger.state("main")
    assert [state.last_attempt(key, 0).checks for key in ("g/a", "g/b")] == ["k", ""]  # type: ignore[union-attr]


def test_changed_checks_are_recorded_with_the_version(ledger: Ledger) -> None:
    publish(ledger)
    version = ledger.state("main").published("g/a")[0]
    ledger.judge("main", version, Judgement(checks="k2", verdicts=("{}",), failing=True), "r1")
    judged = ledger.state("main").published("g/a")[0]
    assert (judged.id, judged.checks, judged.failing) == (version.id, "k2", True)


def test_partitions_are_counted_and_their_set_has_a_digest(ledger: Ledger) -> None:
    for ordinal in (5, 6, 9):
        publish(ledger, ordinal=ordinal, data_version=f"d{ordinal}")
    assert sorted(ledger.state("main").published("g/a")) == [5, 6, 9]
    assert isinstance(ledger, SqliteLedger)
    (row,) = ledger._rows("SELECT * FROM asset_state")
    assert (row["counter"], row["partitions"]) == (3, "[[5, 6], [9, 9]]")
    assert row["set_digest"] == set_digest([(5, "d5"), (6, "d6"), (9, "d9")])


@pytest.mark.parametrize(
    ("keys", "ordinals", "seen"),
    [
        pytest.param(None, None, {"g/a": [1, 2, 3], "g/b": [1, 2], "g/c": [1]}, id="everything"),
        pytest.param(
            None, {"g/a": [2]}, {"g/a": [2], "g/b": [1, 2], "g/c": [1]}, id="one partition, else all"
        ),
        pytest.param(
            ["g/a", "g/b"], {"g/a": [2]}, {"g/a": [2], "g/b": [1, 2], "g/c": []}, id="of two assets"
        ),
        pytest.param(["g/a"], {"g/a": [2, 3, 9]}, {"g/a": [2, 3], "g/b": []}, id="only what there is"),
        pytest.param(["g/a"], {"g/a": [1], "g/b": [1]}, {"g/a": [1], "g/b": []}, id="only the keys"),
        pytest.param(["g/a", "g/b"], {"g/a": [], "g/b": [1]}, {"g/a": [], "g/b": [1]}, id="nothing of one"),
        pytest.param(
            ["g/a", *(f"x/{n}" for n in range(300))], {"g/a": [2]}, {"g/a": [2]}, id="among many assets"
        ),
    ],
)
def test_only_the_wanted_partitions_are_read(
    ledger: Ledger,
    keys: list[str] | None,
    ordinals: dict[str, list[int]] | None,
    seen: dict[str, list[int]],
) -> None:
    for key, ordinal in [("g/a", 1), ("g/a", 2), ("g/a", 3), ("g/b", 1), ("g/b", 2), ("g/c", 1)]:
        publish(ledger, key, ordinal=ordinal)
    state = ledger.state("main", keys, ordinals=ordinals)
    assert {key: sorted(state.published(key)) for key in seen} == seen
    tried = {key: [at for at in (1, 2, 3) if state.last_attempt(key, at)] for key in seen}
    assert tried == seen


@given(st.lists(st.integers(0, 40)))
def test_ranges_grow_by_one_partition_as_a_set_does(ordinals: list[int]) -> None:
    partitions = "[]"
    for ordinal in ordinals:
        partitions = with_ordinal(partitions, ordinal)
    assert [tuple(span) for span in json.loads(partitions)] == list(ranges(sorted(set(ordinals))))


def test_runs_are_listed_cancelled_and_ended(ledger: Ledger) -> None:
    assert {one.id for one in ledger.runs()} == {"r1", "r2"}
    assert ledger.run("r1").alive
    assert ledger.cancel_run("r1")
    assert (ledger.cancelled("r1"), ledger.cancelled("r2")) == (True, False)
    ledger.end_run("r1", "cancelled")
    assert (ledger.run("r1").outcome, ledger.run("r1").alive) == ("cancelled", False)
    assert not ledger.cancel_run("r1")


def test_a_run_is_found_by_the_beginning_of_its_name(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="begins the ids of several runs"):
        ledger.run("r")
    with pytest.raises(LedgerError, match="no run 'x'"):
        ledger.run("x")


def test_attempts_are_remembered_with_their_output(ledger: Ledger) -> None:
    ledger.finish(begin(ledger), "failed", reason="no", error="Traceback", output="printed")
    (attempt,) = ledger.attempts_of("r1")
    assert (attempt.outcome, attempt.reason, attempt.error, attempt.output) == (
        "failed",
        "no",
        "Traceback",
        "printed",
    )
    assert ledger.history("g/a", environment="main") == (attempt,)


def test_an_unknown_version_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no version 'nowhere'"):
        ledger.materialization("nowhere")


def test_a_killed_run_frees_its_claims_and_its_attempts_are_found(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    killed = SqliteLedger(path)
    killed.begin_run(run("killed"))
    begin(killed, by="killed")
    killed.close()  # the lock on its file goes, as when its process dies; its rows stay
    ledger = SqliteLedger(path)
    (found,) = ledger.begin_run(run("next"))
    assert (found.key, found.run_id) == ("g/a", "killed")
    begin(ledger, by="next")
    assert ledger.run("killed").outcome == "interrupted"
    assert [one.outcome for one in ledger.attempts_of("killed")] == ["interrupted"]
    ledger.close()


def test_a_ledger_of_another_schema_is_refused(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    with ledger._writing() as db:
        db.execute("UPDATE schema_version SET version = 99")
    ledger.close()
    with pytest.raises(LedgerError, match="has schema 99"):
        SqliteLedger(tmp_path / "ledger.sqlite")


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("this is not a database, whatever its name says")
    with pytest.raises(LedgerError, match="cannot be opened"):
        SqliteLedger(tmp_path / "ledger.sqlite")


def test_a_ledger_from_before_is_refused(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    with ledger._writing() as db:
        db.execute("UPDATE schema_version SET version = 1")
    ledger.close()
    with pytest.raises(LedgerError, match="has schema 1, this program knows 2; move the ledger away"):
        SqliteLedger(tmp_path / "ledger.sqlite")


def test_opening_a_ledger_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    writer = SqliteLedger(path)
    with writer._writing():  # who opens it meanwhile would wait for half a minute, if it wrote
        reader = SqliteLedger(path)
        assert reader.runs() == ()
        reader.close()
    writer.close()


@pytest.mark.parametrize("name", ["runs", "state"])
def test_what_sqlite_cannot_read_is_the_ledgers_error(ledger: Ledger, name: str) -> None:
    assert isinstance(ledger, SqliteLedger)
    ledger._db.execute("DROP TABLE runs")
    ledger._db.execute("DROP TABLE pointers")
    with pytest.raises(LedgerError, match="the ledger cannot be read: no such table"):
        ledger.runs() if name == "runs" else ledger.state("main")


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
@pytest.mark.parametrize("replaced", [pytest.param(False, id="removed"), pytest.param(True, id="replaced")])
def test_a_run_whose_ledger_was_taken_away_does_not_end_well(tmp_path: Path, replaced: bool) -> None:
    home = tmp_path / "home"
    ledger = SqliteLedger(home / "ledger.sqlite")
    ledger.begin_run(run("r1"))
    attempt = begin(ledger)
    shutil.rmtree(home)
    if replaced:
        SqliteLedger(home / "ledger.sqlite").close()
    ledger.renew("r1")  # a sign of life alone is no reason to die
    with pytest.raises(LedgerError, match="was removed or replaced while it was open"):
        ledger.publish(attempt, {"g/a": made()}, {"g/a": PASSED})
    with pytest.raises(LedgerError, match="was removed or replaced while it was open"):
        ledger.end_run("r1", "success")
    ledger.close()


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A ledger with one version, in a folder that this process can only read."""
    home = Path(tempfile.mkdtemp(prefix="read-only-"))
    path = home / "ledger.sqlite"
    ledger = SqliteLedger(path)
    ledger.begin_run(run("r1"))
    publish(ledger)
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
    ledger = SqliteLedger(read_only)
    assert ledger.state("main").published("g/a")[0].data_version == "d1"
    assert [one.outcome for one in ledger.history("g/a", environment="main")] == ["published"]
    assert [one.id for one in ledger.runs()] == ["r1"]
    with pytest.raises(LedgerError, match="can only be read here: make it and its folder writable"):
        ledger.begin_run(run("r2"))
    ledger.close()
