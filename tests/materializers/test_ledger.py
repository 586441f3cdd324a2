"""One suite of laws for every implementation of the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graph.fingerprint import Basis, set_digest
from graph.partition_set import EMPTY, ONLY, WHOLE, Partition, PartitionSet
from graph.state import Settlement
from materializers.ledger import (
    LEASE,
    Busy,
    ClaimLost,
    Content,
    Judgement,
    LedgerError,
    Made,
    Moved,
    Product,
    Read,
    RunRecord,
    Wanted,
)
from materializers.sql_ledger import SqlLedger

START = datetime(2024, 1, 1, tzinfo=UTC)
PASSED = Judgement(checks="k", verdicts=('{"check":"one"}',))


def run(name: str) -> RunRecord:
    return RunRecord(id=name, environment="main", selection="*", engine="local", started_at=START)


# What becomes visible


def test_a_published_version_is_visible_with_all_that_went_in(book: Any) -> None:
    version_id = book.publish()
    with book.ledger.state("main") as state:
        version = state.published("g/a")[WHOLE]
        assert (version.id, version.data_version, version.inputs, version.as_of) == (
            version_id,
            "d1",
            {"up": "u1"},
            START,
        )
        assert (version.checks, version.failing, version.basis) == ("k", False, Basis(code="c"))
        tried = state.attempts("g/a")[WHOLE]
        assert (tried.outcome, tried.fingerprint, tried.checks) == ("published", "f1", "k")
    assert book.ledger.content(version_id).address == "d1.json"
    assert book.ledger.materialization(version_id).judgement == PASSED


def test_a_rejected_version_is_kept_aside_and_the_last_good_one_stays(book: Any) -> None:
    good = book.publish()
    bad = book.publish(data="d2", refused="bad", judged=replace(PASSED, failing=True))
    assert book.published().id == good
    assert not book.ledger.materialization(bad).published
    with book.ledger.state("main") as state:
        tried = state.attempts("g/a", ONLY)[WHOLE]
        assert (tried.outcome, tried.reason) == ("rejected", "bad")
        assert state.version_with("g/a", WHOLE, "f1").id == good, "a rejected one is never adopted"


def test_outputs_of_one_function_are_published_together(book: Any) -> None:
    attempt = book.begin()
    judged = {"g/a": PASSED, "g/b": Judgement(checks="")}
    made = {
        key: Made(content=Content(data_version=key, format="json"), basis=Basis(code="c"), inputs={})
        for key in judged
    }
    product = Product(attempt=attempt, made=made, judged=judged, refused={"g/b": "bad"})
    (ids,) = book.ledger.publish([product], output="printed")
    assert set(ids) == {"g/a", "g/b"}
    assert (book.published(key="g/a").id, book.published(key="g/b")) == (ids["g/a"], None)
    (attempt,) = book.ledger.attempts_of("r1")
    assert (attempt.outcome, attempt.reason, attempt.output) == ("rejected", "bad", "printed")


def test_a_batch_is_published_together_and_its_bad_partitions_are_not(book: Any) -> None:
    begun = book.try_begin(1, 2, 3)
    products = [
        book.product(one, f"d{place}", refused="bad" if place == 2 else "")
        for place, one in enumerate(begun, start=1)
    ]
    ids = book.ledger.publish(products, output="printed")
    assert len({found["g/a"] for found in ids}) == 3
    with book.ledger.state("main") as state:
        assert {at.ordinal: one.data_version for at, one in state.published("g/a").items()} == {
            1: "d1",
            3: "d3",
        }
        assert [state.attempts("g/a")[Partition("", at)].outcome for at in (1, 2, 3)] == [
            "published",
            "rejected",
            "published",
        ]
    assert [one.output for one in book.ledger.attempts_of("r1")] == ["printed", "", ""]


def test_an_old_version_is_adopted_without_being_made_again(book: Any) -> None:
    old = book.publish()
    book.publish(data="d2")
    book.ledger.adopt(book.begin(), old, START)
    assert (book.published().id, book.published().checks) == (old, "k")
    kinds = [one.kind for one in book.ledger.publications("g/a", environment="main")]
    assert kinds == ["adopt", "publish", "publish"]


def test_a_version_that_is_not_there_is_not_adopted(book: Any) -> None:
    with pytest.raises(LedgerError, match="no version 'nowhere' of asset 'g/a'"):
        book.ledger.adopt(book.begin(), "nowhere", None)
    assert book.published() is None


def test_a_verification_advances_the_age_and_nothing_else(book: Any) -> None:
    book.publish()
    before = book.published()
    later = START + timedelta(hours=3)
    book.ledger.verify("main", [(before, later)], "r1")
    assert book.published() == replace(before, as_of=later)


def test_that_a_source_has_ended_is_remembered_with_what_is_visible(book: Any) -> None:
    old = book.publish()
    before = book.published()
    book.ledger.verify("main", [(before, START, True)], "r1")
    book.ledger.verify("main", [(before, START)], "r1")  # says nothing about it
    assert book.published() == replace(before, ends=True)
    assert not book.ledger.materialization(old).version.ends
    book.ledger.verify("main", [(before, START, False)], "r1")
    assert not book.published().ends
    book.ledger.adopt(book.begin(), old, START, ends=True)
    assert book.published().ends


def test_what_is_written_comes_back(book: Any) -> None:
    read = Read(
        key="g/up",
        partitions=PartitionSet.ranged([("", 1, 30), ("AAPL|ppo", 5, 5)]),
        digest="u1",
        versions=("v1", "v2"),
    )
    basis = Basis(code="c", config='{"a":"ü"}', resources={"b": "2", "a": "1"})
    content = Content(data_version="d", format="table", address="x", size=3, rows=2, schema="a: int64")
    made = Made(content=content, basis=basis, inputs={"up": "u1"}, lineage={"up": read}, ends=True)
    attempt = book.begin(Partition("AAPL", -3))
    (ids,) = book.ledger.publish([Product(attempt=attempt, made={"g/a": made}, judged={"g/a": PASSED})])
    found = book.ledger.materialization(ids["g/a"])
    assert (found.content, found.lineage, found.judgement) == (content, {"up": read}, PASSED)
    assert (found.version.basis, found.version.partition) == (basis, Partition("AAPL", -3))
    assert (found.version.as_of, found.version.ends) == (None, True)
    assert (found.run_id, found.published) == ("r1", True)


# Claims


def test_a_claim_keeps_others_out_until_it_is_given_back(book: Any) -> None:
    attempt = book.begin()
    assert book.try_begin(by="r2") == Busy(run_id="r1")
    book.ledger.finish(attempt, "failed", reason="no")
    book.begin(by="r2")


def test_a_claim_of_one_partition_leaves_the_others_free(book: Any) -> None:
    book.begin(1)
    book.begin(2, by="r2")
    book.begin(Partition("AAPL", 1), by="r2")


def test_who_looked_before_another_publication_is_told(book: Any) -> None:
    book.publish()
    assert book.try_begin(was=None) == Moved()
    assert book.try_begin(was="another") == Moved()


def test_partitions_are_claimed_all_or_none(book: Any) -> None:
    book.begin(2)
    assert book.try_begin(1, 2, 3, by="r2") == Busy(run_id="r1")
    book.publish(3)
    wanted = {Partition("", at): Wanted(fingerprint="f", was=None) for at in (3, 4)}
    assert book.ledger.begin("main", "g/a", wanted, run_id="r2", number=1) == Moved()
    assert book.ledger.attempts_of("r2") == ()
    assert len(book.try_begin(1, 3, 4, by="r2")) == 3


def test_many_partitions_are_claimed_and_published_at_once(book: Any) -> None:
    begun = book.ledger.begin(
        "main",
        "g/a",
        {Partition("", at): Wanted(fingerprint=f"f{at}", was=None) for at in range(2000)},
        run_id="r1",
        number=1,
    )
    book.ledger.publish([book.product(one, f"d{one.claim.partition.ordinal}") for one in begun])
    with book.ledger.state("main") as state:
        assert state.summary("g/a").partitions == PartitionSet.span(0, 1999)
        assert state.published("g/a")[Partition("", 1234)].data_version == "d1234"


def test_a_claim_is_free_when_its_lease_runs_out_and_the_late_result_is_refused(
    book: Any, clock: Any
) -> None:
    late = book.begin()
    clock.tick(LEASE)
    book.ledger.renew("r2")
    taken = book.begin(by="r2")
    assert taken.claim.token > late.claim.token
    with pytest.raises(ClaimLost, match="'g/a' is no longer this run's to publish"):
        book.ledger.publish([book.product(late, "late")])
    book.ledger.publish([book.product(taken, "in time")])
    assert book.published().data_version == "in time"


def test_nothing_of_a_batch_is_recorded_when_one_claim_was_lost(book: Any, clock: Any) -> None:
    late = book.try_begin(1, 2)
    clock.tick(LEASE)
    book.begin(2, by="r2")
    with pytest.raises(ClaimLost):
        book.ledger.publish([book.product(one) for one in late])
    with book.ledger.state("main") as state:
        assert (state.summary("g/a").partitions, state.attempts("g/a")) == (EMPTY, {})
    assert book.ledger.addresses() == frozenset()


def test_a_sign_of_life_renews_the_lease(book: Any, clock: Any) -> None:
    book.begin()
    clock.tick(LEASE * 0.9)
    book.ledger.renew("r1")
    clock.tick(LEASE * 0.9)
    assert book.try_begin(by="r2") == Busy(run_id="r1")


def test_a_claim_lives_a_whole_lease(book: Any, clock: Any) -> None:
    clock.tick(LEASE * 0.9)
    book.begin()
    clock.tick(LEASE * 0.9)
    assert book.try_begin(by="r2") == Busy(run_id="r1")


def test_the_length_of_a_lease_is_chosen(open_ledger: Callable[..., SqlLedger], clock: Any) -> None:
    ledger = open_ledger(clock=clock, lease=timedelta(seconds=2))
    assert ledger.lease == timedelta(seconds=2)
    for name in ("r1", "r2"):
        ledger.begin_run(run(name))
    wanted = {WHOLE: Wanted(fingerprint="f", was=None)}
    ledger.begin("main", "g/a", wanted, run_id="r1", number=1)
    clock.tick(timedelta(seconds=1))
    assert ledger.begin("main", "g/a", wanted, run_id="r2", number=1) == Busy(run_id="r1")
    clock.tick(timedelta(seconds=1))
    assert isinstance(ledger.begin("main", "g/a", wanted, run_id="r2", number=1), tuple)


def test_a_late_failure_does_not_speak_for_the_partition(book: Any, clock: Any) -> None:
    late = book.begin()
    clock.tick(LEASE)
    taken = book.begin(by="r2")
    book.ledger.publish([book.product(taken, "in time")])
    book.ledger.finish(late, "failed", reason="too late")
    with book.ledger.state("main") as state:
        assert state.attempts("g/a")[WHOLE].outcome == "published"
    assert [one.reason for one in book.ledger.attempts_of("r1")] == ["too late"]


def test_a_late_failure_leaves_the_claim_to_whom_it_went(book: Any, clock: Any) -> None:
    late = book.begin()
    clock.tick(LEASE)
    taken = book.begin(by="r2")
    book.ledger.finish(late, "failed")
    with book.ledger.state("main") as state:
        assert state.attempts("g/a") == {}
    book.ledger.publish([book.product(taken)])


def test_an_ended_run_neither_publishes_nor_claims(book: Any) -> None:
    attempt = book.begin()
    book.ledger.end_run("r1", "interrupted")
    with pytest.raises(ClaimLost):
        book.ledger.publish([book.product(attempt)])
    with pytest.raises(ClaimLost, match="'g/b' cannot be claimed by run 'r1': it has ended"):
        book.begin(key="g/b")
    assert book.published() is None


# Judgements


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
    book: Any, judged: Judgement, checks: str | None, found: bool
) -> None:
    book.publish(judged=judged)
    with book.ledger.state("main") as state:
        assert (state.version_with("g/a", WHOLE, "f1", checks=checks) is not None) == found


def test_the_last_judgement_counts(book: Any) -> None:
    book.publish()
    book.ledger.judge("main", book.published(), replace(PASSED, checks="k2"), "r1")
    with book.ledger.state("main") as state:
        assert state.version_with("g/a", WHOLE, "f1", checks="k") is None
        assert state.version_with("g/a", WHOLE, "f1", checks="k2") is not None


def test_an_attempt_knows_the_checks_that_were_asked(book: Any) -> None:
    bad = book.publish(refused="bad", judged=replace(PASSED, failing=True))
    book.ledger.judge("main", book.ledger.materialization(bad).version, Judgement(checks="later"), "r1")
    book.ledger.finish(book.begin(key="g/b"), "failed")
    with book.ledger.state("main") as state:
        assert [state.attempts(key)[WHOLE].checks for key in ("g/a", "g/b")] == ["k", ""]


def test_changed_checks_are_recorded_with_the_version(book: Any) -> None:
    book.publish()
    version = book.published()
    book.ledger.judge("main", version, Judgement(checks="k2", verdicts=("{}",), failing=True), "r1")
    assert book.published() == replace(
        version, checks="k2", failing=True, verdicts=Judgement(checks="", verdicts=("{}",)).digest()
    )
    book.ledger.judge("main", version, Judgement(checks=""), "r1")
    assert (book.published().checks, book.published().failing) == ("", False)


# The state


def test_a_state_is_of_one_moment_also_where_it_is_read_late(book: Any) -> None:
    for at in (1, 2):
        book.publish(at, f"d{at}")
    with book.ledger.state("main") as state:
        book.publish(1, "new")
        book.publish(3, "more")
        book.ledger.finish(book.begin(4), "failed")
        book.ledger.settle("main", {"g/a": settlement(9)})
        assert {at.ordinal: one.data_version for at, one in state.published("g/a").items()} == {
            1: "d1",
            2: "d2",
        }
        assert state.digest("g/a", PartitionSet.span(1, 9)) == set_digest(
            [(Partition("", at), f"d{at}") for at in (1, 2)]
        )
        assert state.changed("g/a", 1) == PartitionSet.span(2, 2)
        assert set(state.attempts("g/a")) == {Partition("", 1), Partition("", 2)}
        assert (state.sequence, state.settlement("g/a")) == (2, None)


def test_a_state_tells_when_it_was_looked_at(book: Any, clock: Any) -> None:
    clock.tick(timedelta(hours=1))
    with book.ledger.state("main") as state:
        clock.tick(timedelta(hours=1))
        assert (state.now, state.environment) == (START + timedelta(hours=1), "main")


def test_the_summary_counts_partitions_of_every_slice(book: Any) -> None:
    places = [Partition("", 5), Partition("", 6), Partition("", 9), Partition("AAPL", 5), Partition("|x", -1)]
    for at in places:
        book.publish(at, f"d{at.ordinal}")
    book.publish(places[0], "again")
    with book.ledger.state("main") as state:
        summary = state.summary("g/a")
        assert (summary.sequence, summary.partitions) == (6, PartitionSet.of(places))
        assert summary.digest == set_digest(
            [(places[0], "again"), *((at, f"d{at.ordinal}") for at in places[1:])]
        )
        assert (state.summary("g/other").sequence, state.summary("g/other").partitions) == (0, EMPTY)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param(None, range(1, 6), id="all"),
        pytest.param(EMPTY, (), id="none"),
        pytest.param(PartitionSet.span(2, 3), (2, 3), id="a range"),
        pytest.param(PartitionSet.ranged([("", -5, 1), ("", 5, 99)]), (1, 5), id="only what there is"),
        pytest.param(PartitionSet.span(1, 5, "AAPL"), (), id="not another slice"),
    ],
)
def test_only_the_wanted_partitions_are_read(book: Any, asked: PartitionSet | None, found: Any) -> None:
    for at in range(1, 6):
        book.publish(at, f"d{at}")
    with book.ledger.state("main") as state:
        assert [at.ordinal for at in sorted(state.published("g/a", asked))] == list(found)
        assert [at.ordinal for at in sorted(state.attempts("g/a", asked))] == list(found)
        if asked is not None:
            expected = set_digest([(Partition("", at), f"d{at}") for at in found])
            assert state.digest("g/a", asked) == expected
        # and asked again, in another order, from what was read already
        assert set(state.published("g/a")) == {Partition("", at) for at in range(1, 6)}
        assert [at.ordinal for at in sorted(state.published("g/a", asked))] == list(found)


@pytest.mark.parametrize("keys", [["g/b"], ["g/a", "g/b", *(f"x/{n}" for n in range(3000))], []])
def test_assets_that_were_not_named_are_read_when_they_are_asked_for(book: Any, keys: list[str]) -> None:
    ids = [book.publish(key=key) for key in ("g/a", "g/b", "g/c")]
    with book.ledger.state("main", keys) as state:
        found = [state.published(key)[WHOLE].id for key in ("g/a", "g/b", "g/c")]
        assert (found, state.published("x/1")) == (ids, {})


def test_what_changed_since_a_publication_is_known(book: Any) -> None:
    book.publish(1)
    book.publish(2)
    book.publish(5, key="g/b")
    book.publish(1, "d2")
    old = book.publish(7)
    book.publish(7, "d3")
    book.ledger.adopt(book.begin(7), old, START)
    with book.ledger.state("main") as state:
        assert state.sequence == 7
        changed = {since: [at.ordinal for at in state.changed("g/a", since)] for since in (0, 2, 4, 6, 7)}
        assert changed == {0: [1, 2, 7], 2: [1, 7], 4: [7], 6: [7], 7: []}
        assert [at.ordinal for at in state.changed("g/b", 0)] == [5]


def test_what_a_run_changed_itself_can_be_left_out(book: Any) -> None:
    for at, by in ((1, "r1"), (2, "r2"), (3, "r1"), (3, "r2")):
        book.publish(at, f"d{at}{by}", by=by)
    with book.ledger.state("main") as state:
        assert [at.ordinal for at in state.changed("g/a", 1, but="r1")] == [2, 3]
        assert [at.ordinal for at in state.changed("g/a", 1, but="r2")] == [3]


def settlement(sequence: int, partitions: PartitionSet = ONLY) -> Settlement:
    basis = Basis(code="c", config="{}", resources={"b": "2", "a": "1"})
    return Settlement(sequence=sequence, basis=basis, checks="k", partitions=partitions)


def test_a_settlement_is_kept_until_a_newer_one_comes(book: Any) -> None:
    later = settlement(5, PartitionSet.ranged([("AAPL", 1, 3)]))
    book.ledger.settle("main", {"g/a": settlement(2), "g/b": settlement(3)})
    book.ledger.settle("main", {"g/a": later})
    book.ledger.settle("main", {"g/a": settlement(4)})
    with book.ledger.state("main") as state:
        assert state.settlement("g/a") == later
        assert (state.settlement("g/b"), state.settlement("g/c")) == (settlement(3), None)


def test_whether_a_version_was_ever_made_so(book: Any) -> None:
    book.publish(refused="bad", key="g/bad")
    book.publish()
    with book.ledger.state("main") as state:
        assert state.made_with("g/a", Basis(code="c"))
        assert not state.made_with("g/a", Basis(code="c", config="{}"))
        assert not state.made_with("g/a", Basis(code="c", resources={"r": ""}))
        assert not state.made_with("g/b", Basis(code="c"))
        assert state.made_with("g/bad", Basis(code="c"))


@pytest.mark.parametrize(
    ("outcome", "speaks"),
    [
        ("failed", True),
        ("skipped", True),
        ("held", True),
        ("kept", False),
        ("cancelled", False),
        ("interrupted", False),
    ],
)
def test_only_an_attempt_that_came_to_an_end_of_its_own_is_the_last_one(
    book: Any, outcome: Any, speaks: bool
) -> None:
    until = START + timedelta(days=1)
    book.ledger.finish(book.begin(3), outcome, reason="why", until=until)
    with book.ledger.state("main") as state:
        found = state.attempts("g/a", PartitionSet.span(3, 3))
        assert bool(found) == speaks
        assert all((one.reason, one.until) == ("why", until) for one in found.values())


# Runs and history


def test_runs_are_listed_cancelled_and_ended(ledger: SqlLedger) -> None:
    assert [one.id for one in ledger.runs()] == ["r2", "r1"]
    assert [one.id for one in ledger.runs(limit=1)] == ["r2"]
    assert ledger.run("r1").alive
    assert ledger.cancel_run("r1")
    assert (ledger.cancelled("r1"), ledger.cancelled("r2")) == (True, False)
    ledger.end_run("r1", "cancelled")
    assert (ledger.run("r1").outcome, ledger.run("r1").alive) == ("cancelled", False)
    assert not ledger.cancel_run("r1")


def test_a_run_is_found_by_the_beginning_of_its_name(ledger: SqlLedger) -> None:
    ledger.begin_run(run("r12"))
    assert ledger.run("r12").id == "r12"
    assert ledger.run("r1").id == "r1", "a whole name is enough, whatever else begins with it"
    with pytest.raises(LedgerError, match="begins the ids of several runs"):
        ledger.run("r")
    with pytest.raises(LedgerError, match="no run 'x'"):
        ledger.run("x")


def test_a_run_that_ends_interrupts_what_it_left_open(book: Any) -> None:
    book.begin(1)
    book.begin(2, by="r2")
    book.ledger.end_run("r1", "failed")
    assert [one.outcome for one in book.ledger.attempts_of("r1")] == ["interrupted"]
    assert [one.outcome for one in book.ledger.attempts_of("r2")] == [None]
    book.begin(1, by="r2")


def test_attempts_are_remembered_with_their_output(book: Any) -> None:
    wanted = {Partition("AAPL", 3): Wanted(fingerprint="f1", was=None, label="AAPL 2024-01-03")}
    (begun,) = book.ledger.begin("main", "g/a", wanted, run_id="r1", number=1)
    book.ledger.finish(begun, "failed", reason="no", error="Traceback", output="printed")
    (attempt,) = book.ledger.attempts_of("r1")
    assert (attempt.outcome, attempt.reason, attempt.error, attempt.output) == (
        "failed",
        "no",
        "Traceback",
        "printed",
    )
    assert (attempt.partition, attempt.label) == (Partition("AAPL", 3), "AAPL 2024-01-03")
    assert (attempt.key, attempt.number) == ("g/a", 1)
    assert book.ledger.history("g/a", environment="main") == (attempt,)
    assert book.ledger.history("g/a", environment="other") == ()


def test_history_is_told_from_the_newest_on(book: Any) -> None:
    for at in (1, 2, 3):
        book.publish(at)
    assert [one.partition.ordinal for one in book.ledger.history("g/a", environment="main", limit=2)] == [
        3,
        2,
    ]
    newest = book.ledger.publications("g/a", environment="main", limit=2)
    assert [(one.sequence, one.partition.ordinal) for one in newest] == [(3, 3), (2, 2)]


def test_text_that_no_database_can_keep_is_kept_readable(book: Any) -> None:
    book.ledger.finish(book.begin(), "failed", reason="ü \0 \ud800", error="\0", output="100 % ? 'x'")
    (attempt,) = book.ledger.attempts_of("r1")
    assert (attempt.reason, attempt.error, attempt.output) == ("ü \\x00 \\ud800", "\\x00", "100 % ? 'x'")


def test_an_unknown_version_is_an_error(ledger: SqlLedger) -> None:
    for ask in (ledger.materialization, ledger.content):
        with pytest.raises(LedgerError, match="no version 'nowhere'"):
            ask("nowhere")


def test_every_address_that_a_version_names_is_known(book: Any) -> None:
    book.publish(1, "d1")
    book.publish(2, "d2", refused="bad")
    assert book.ledger.addresses() == {"d1.json", "d2.json"}


def test_a_transaction_that_fails_leaves_nothing(ledger: SqlLedger) -> None:
    def fail() -> None:
        with ledger.database.writing() as db:
            db.execute("INSERT INTO cancellations VALUES (?, ?)", ("r1", 1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not ledger.cancelled("r1")


@pytest.mark.parametrize("name", ["runs", "state", "content"])
def test_what_cannot_be_read_is_the_ledgers_error(ledger: SqlLedger, name: str) -> None:
    with ledger.database.writing() as db:
        for table in ("runs", "pointers", "versions"):
            db.execute(f"DROP TABLE {table}")
    asked: dict[str, Callable[[], object]] = {
        "runs": ledger.runs,
        "state": lambda: ledger.state("main").__enter__(),
        "content": lambda: ledger.content("x"),
    }
    with pytest.raises(LedgerError, match="cannot be read: "):
        asked[name]()


def test_a_closed_ledger_says_so(ledger: SqlLedger) -> None:
    ledger.close()
    with pytest.raises(LedgerError, match="was closed"):
        ledger.runs()
