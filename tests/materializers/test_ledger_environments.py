"""Environments: what is visible in one, and what moves pointers without a run."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from graph.fingerprint import Basis, set_digest
from graph.partition_set import EMPTY, ONLY, WHOLE, Partition, PartitionSet
from graph.state import Settlement
from materializers.ledger import (
    Busy,
    Definition,
    Environment,
    Judgement,
    LedgerError,
    Move,
    Moved,
    RunRecord,
    UnknownEnvironment,
)
from materializers.sql_ledger import SqlLedger

START = datetime(2024, 1, 1, tzinfo=UTC)
PASSED = Judgement(checks="k", verdicts=('{"check":"one"}',))
SECOND = timedelta(seconds=1)


@pytest.fixture
def dev(book: Any) -> Any:
    """An environment below the main one, which has two versions of an asset without partitions."""
    book.publish(data="d0")
    book.publish(data="d1")
    book.ledger.create_environment("dev")
    return book.within("dev")


def shown(book: Any, key: str = "g/a") -> dict[Partition, str]:
    with book.ledger.state(book.environment) as state:
        return {at: one.data_version for at, one in state.published(key).items()}


def rows(ledger: SqlLedger, table: str) -> set[tuple[object, ...]]:
    columns = {
        "pointers": "environment asset slice ordinal version_id data_version sequence as_of ends judgement pin",
        "asset_state": "environment asset sequence partitions withdrawn digest sliced",
        "asset_slices": "environment asset slice partitions withdrawn",
        "environments": "name parent first dropped_at",
    }[table].split()
    found = ledger.database.rows(f"SELECT {', '.join(columns)} FROM {table}")
    return {tuple(row[column] for column in columns) for row in found}


def move(book: Any, was: str | None, at: int = 0) -> dict[str, dict[Partition, Move]]:
    """What is visible in an environment, to be promoted."""
    return {"g/a": {Partition("", at): Move(version_id=book.published(at).id, was=was)}}


# Which there are


def test_the_main_environment_is_always_there_and_live(ledger: SqlLedger, clock: Any) -> None:
    (main,) = ledger.environments()
    assert (main.name, main.parent, main.live) == ("main", None, True)
    clock.tick()
    made = ledger.create_environment("dev")
    assert made == Environment(name="dev", parent="main", live=False, created_at=START + SECOND)
    ledger.create_environment("paper", parent=None, live=True)
    assert [(one.name, one.live) for one in ledger.environments()] == [
        ("dev", False),
        ("main", True),
        ("paper", True),
    ]


@pytest.mark.parametrize(
    ("name", "parent", "told"),
    [
        ("main", None, "'main' is there already"),
        ("new", "mian", "no environment 'mian'. Did you mean 'main'?"),
        ("", "main", "cannot be called ''"),
        ("a/b", "main", "cannot be called 'a/b'"),
    ],
)
def test_what_cannot_be_made_is_told(ledger: SqlLedger, name: str, parent: str | None, told: str) -> None:
    with pytest.raises(LedgerError) as raised:
        ledger.create_environment(name, parent=parent)
    assert told in str(raised.value)


def test_one_that_is_not_there_is_no_empty_one(book: Any) -> None:
    nowhere = book.within("dve")
    book.ledger.create_environment("dev")
    version = book.ledger.materialization(book.publish()).version
    for ask in (
        nowhere.published,
        lambda: nowhere.ledger.begin_run(
            RunRecord(id="r", environment="dve", selection="", engine="", started_at=START)
        ),
        lambda: nowhere.ledger.verify("dve", [(version, START)], "r1"),
        lambda: nowhere.ledger.judge("dve", version, PASSED, "r1"),
        lambda: nowhere.ledger.settle("dve", {"g/a": settlement(1)}),
        lambda: nowhere.ledger.drop_environment("dve"),
        lambda: nowhere.ledger.withdraw("dve", "g/a", ONLY, name="me", reason=""),
        lambda: nowhere.ledger.promote("main", "dve", {}),
        lambda: nowhere.ledger.definitions("dve"),
        lambda: nowhere.ledger.begin("dve", "g/a", {}, run_id="r1", number=1),
    ):
        with pytest.raises(
            UnknownEnvironment, match=r"Did you mean 'dev'\? `assets env create dve` makes it"
        ):
            ask()


# What is visible


def test_a_new_one_reads_what_its_parent_shows_and_copies_nothing(dev: Any, book: Any) -> None:
    before = rows(dev.ledger, "pointers"), rows(dev.ledger, "asset_state")
    dev.ledger.create_environment("sub", parent="dev")
    assert (rows(dev.ledger, "pointers"), rows(dev.ledger, "asset_state")) == before
    for name in ("dev", "sub"):
        assert dev.within(name).published() == book.published()
    book.publish(data="d2")
    assert [shown(dev.within(name))[WHOLE] for name in ("dev", "sub")] == ["d2", "d2"]


def test_what_is_made_in_it_is_seen_there_and_below_alone(dev: Any, book: Any) -> None:
    dev.ledger.create_environment("sub", parent="dev")
    dev.publish(data="own")
    book.publish(data="d2")
    assert [shown(book.within(name))[WHOLE] for name in ("main", "dev", "sub")] == ["d2", "own", "own"]


def test_one_without_a_parent_shows_only_its_own(book: Any) -> None:
    book.publish()
    book.ledger.create_environment("alone", parent=None)
    alone = book.within("alone")
    assert shown(alone) == {}
    alone.publish(data="own")
    assert shown(alone) == {WHOLE: "own"}


def test_what_is_below_is_seen_partition_by_partition(book: Any) -> None:
    for at in range(1, 5):
        book.publish(at, f"d{at}")
    book.ledger.create_environment("dev")
    dev = book.within("dev")
    dev.publish(2, "own")
    dev.publish(9, "own")
    book.publish(2, "new")
    book.publish(5, "new")
    with book.ledger.state("dev") as state:
        expected = {1: "d1", 2: "own", 3: "d3", 4: "d4", 5: "new", 9: "own"}
        summary = state.summary("g/a")
        assert summary.partitions == PartitionSet.of(Partition("", at) for at in expected)
        assert summary.digest == set_digest((Partition("", at), data) for at, data in expected.items())
        assert {at.ordinal: one.data_version for at, one in state.published("g/a").items()} == expected
        asked = PartitionSet.span(2, 3)
        assert {at.ordinal for at in state.published("g/a", asked)} == {2, 3}
        assert state.digest("g/a", asked) == set_digest([(Partition("", 2), "own"), (Partition("", 3), "d3")])
        changed = {since: [at.ordinal for at in state.changed("g/a", since)] for since in (3, 4, 5, 6, 7, 8)}
        assert changed == {3: [2, 4, 5, 9], 4: [2, 5, 9], 5: [5, 9], 6: [5], 7: [5], 8: []}
        assert summary.sequence >= 8


def test_a_change_below_of_what_is_not_seen_is_none(dev: Any, book: Any) -> None:
    dev.publish(data="own")
    book.publish(data="d2")
    with book.ledger.state("dev") as state:
        assert (state.summary("g/a").sequence, state.sequence) == (3, 4)
        assert state.changed("g/a", 3) == EMPTY


def test_a_run_in_it_starts_from_what_it_reads_from_its_parent(dev: Any, book: Any) -> None:
    version = book.published()
    assert isinstance(dev.try_begin(was=version.id), tuple)
    book.publish(data="d2")
    assert dev.try_begin(1, was=version.id) == Moved()
    assert dev.try_begin(by="r2", was=version.id) == Busy(run_id="r1")


def test_claims_of_different_environments_do_not_meet(dev: Any, book: Any) -> None:
    dev.begin(by="r1")
    book.begin(by="r2")


def settlement(sequence: int) -> Settlement:
    return Settlement(sequence=sequence, basis=Basis(code="c"), checks="k", partitions=ONLY)


def test_what_was_settled_below_holds_as_of_the_moment_when_the_two_began_to_differ(
    dev: Any, book: Any
) -> None:
    def settled() -> int | None:
        with dev.ledger.state("dev") as state:
            found = state.settlement("g/a")
            return found.sequence if found else None

    assert settled() is None
    book.ledger.settle("main", {"g/a": settlement(2)})
    assert settled() == 2
    dev.publish(key="g/up", data="own")  # publication 3
    book.ledger.settle("main", {"g/a": settlement(9)})
    assert settled() == 2, "the parent has never seen what is here"
    dev.ledger.settle("dev", {"g/a": settlement(4)})
    assert settled() == 4


def test_how_the_last_attempt_below_ended_counts_where_there_was_none(dev: Any, book: Any) -> None:
    book.ledger.finish(book.begin(1), "failed", reason="below")
    book.ledger.finish(book.begin(2), "failed", reason="below")
    dev.ledger.finish(dev.begin(2), "failed", reason="here")
    for asked in (None, PartitionSet.span(1, 3)):
        with dev.ledger.state("dev") as state:
            reasons = {
                at.ordinal: one.reason for at, one in state.attempts("g/a", asked).items() if at.ordinal
            }
            assert reasons == {1: "below", 2: "here"}


def test_versions_of_every_environment_can_be_adopted(dev: Any, book: Any) -> None:
    made = dev.publish(data="own", fingerprint="f9")
    with book.ledger.state("main") as state:
        assert state.version_with("g/a", WHOLE, "f9").id == made
    book.ledger.adopt(book.begin(), made, START)
    assert shown(book) == {WHOLE: "own"}


@pytest.mark.parametrize("at", [0, 7], ids=["whole", "partition"])
def test_what_is_seen_in_it_of_its_parents_version_stays_there(book: Any, at: int) -> None:
    book.publish(at)
    book.ledger.create_environment("dev")
    book.ledger.create_environment("sub", parent="dev")
    dev, sub = book.within("dev"), book.within("sub")
    version = book.published(at)
    later = START + timedelta(hours=3)
    book.ledger.verify("dev", [(version, later, True)], "r1")
    book.ledger.verify("dev", [(version, later)], "r1")
    assert dev.published(at) == sub.published(at) == replace(version, as_of=later, ends=True)
    book.ledger.judge("dev", version, Judgement(checks="k2", failing=True), "r1")
    book.ledger.verify("dev", [(version, later)], "r1")
    seen = dev.published(at)
    assert (seen.checks, seen.failing, seen.as_of, seen.ends) == ("k2", True, later, True)
    assert book.published(at) == version
    book.ledger.verify("main", [(version, later + SECOND)], "r1")
    assert dev.published(at).as_of == later + SECOND, "the newer look at the data counts"
    book.publish(at, "d2")
    assert dev.published(at) == book.published(at), "it was said of another version"


def test_checks_of_its_own_say_nothing_of_the_age(dev: Any, book: Any) -> None:
    version = book.published()
    dev.ledger.judge("dev", version, Judgement(checks="k2"), "r1")
    assert dev.published() == replace(version, checks="k2", verdicts=Judgement(checks="k2").digest())


# Promotion


def test_promotion_moves_everything_at_once(dev: Any, book: Any) -> None:
    for at in (1, 2):
        dev.publish(at, f"own{at}")
    moves = {
        "g/a": {
            Partition("", 0): Move(version_id=dev.published(0).id, was=book.published(0).id),
            **{Partition("", at): Move(version_id=dev.published(at).id, was=None) for at in (1, 2)},
        }
    }
    assert dev.ledger.promote("dev", "main", moves, run_id="r1") is None
    assert shown(book) == shown(dev)
    assert book.published(1) == dev.published(1)
    newest = book.ledger.publications("g/a", environment="main")[0]
    assert (newest.kind, newest.reason, newest.run_id) == ("promote", "from dev", "r1")


def test_promotion_is_refused_when_either_side_has_moved(dev: Any, book: Any) -> None:
    was = book.published().id
    dev.publish(data="own")
    planned = move(dev, was)
    book.publish(data="d2")
    assert dev.ledger.promote("dev", "main", planned) == Moved()
    planned = move(dev, book.published().id)
    dev.publish(data="own2")
    assert dev.ledger.promote("dev", "main", planned) == Moved()
    assert shown(book) == {WHOLE: "d2"}


def test_promotion_is_all_or_nothing(dev: Any, book: Any) -> None:
    for at in (1, 2):
        dev.publish(at)
    planned = {
        "g/a": {
            Partition("", 1): Move(version_id=dev.published(1).id, was=None),
            Partition("", 2): Move(version_id=dev.published(2).id, was="another"),
        }
    }
    assert dev.ledger.promote("dev", "main", planned) == Moved()
    assert set(shown(book)) == {WHOLE}


def test_what_a_run_is_making_is_not_moved_under_it(dev: Any, book: Any) -> None:
    old = book.ledger.publications("g/a", environment="main")[-1].version_id
    book.begin(by="r2")
    dev.publish(data="own")
    busy = Busy(run_id="r2")
    assert dev.ledger.promote("dev", "main", move(dev, book.published().id)) == busy
    assert book.ledger.withdraw("main", "g/a", ONLY, name="me", reason="") == busy
    assert book.ledger.point("main", "g/a", WHOLE, old, kind="rollback", name="me", reason="") == busy
    book.ledger.end_run("r2", "cancelled")
    assert dev.ledger.promote("dev", "main", move(dev, book.published().id)) is None


def test_what_was_withdrawn_is_promoted_as_well(dev: Any, book: Any) -> None:
    dev.ledger.withdraw("dev", "g/a", ONLY, name="me", reason="")
    planned = {"g/a": {WHOLE: Move(version_id=None, was=book.published().id)}}
    assert dev.ledger.promote("dev", "main", planned) is None
    assert shown(book) == {}


# By hand


def test_what_is_withdrawn_is_seen_no_more_there_and_below(book: Any) -> None:
    for at in (1, 2, 3):
        book.publish(at, f"d{at}")
    book.ledger.create_environment("dev")
    dev = book.within("dev")
    gone = dev.ledger.withdraw("dev", "g/a", PartitionSet.span(2, 9), name="ada", reason="wrong feed")
    assert gone == PartitionSet.span(2, 3)
    assert {at.ordinal for at in shown(dev)} == {1}
    assert {at.ordinal for at in shown(book)} == {1, 2, 3}
    with dev.ledger.state("dev") as state:
        assert state.summary("g/a").digest == set_digest([(Partition("", 1), "d1")])
        assert state.changed("g/a", 3) == PartitionSet.span(2, 3)
    told = dev.ledger.publications("g/a", environment="dev")[0]
    assert (told.kind, told.version_id, told.name, told.reason) == ("withdraw", None, "ada", "wrong feed")
    dev.publish(2, "again")
    assert shown(dev)[Partition("", 2)] == "again"
    whole = PartitionSet.span(1, 3)
    assert book.ledger.withdraw("main", "g/a", whole, name="ada", reason="") == whole
    assert (shown(book), set(shown(dev))) == ({}, {Partition("", 2)})
    assert book.ledger.withdraw("main", "g/a", whole, name="ada", reason="") == EMPTY


def pin(book: Any, at: int = 0) -> str | None:
    with book.ledger.state(book.environment) as state:
        return state.pin("g/a", Partition("", at))


@pytest.mark.parametrize("at", [0, 7], ids=["whole", "partition"])
def test_a_rollback_pins_until_something_else_is_published(book: Any, at: int) -> None:
    ids = [book.publish(at, f"d{n}", fingerprint=f"f{n}") for n in range(3)]
    assert pin(book, at) is None
    back = {"kind": "rollback", "name": "ada", "reason": "wrong"}
    book.ledger.point("main", "g/a", Partition("", at), ids[1], **back)
    assert (shown(book), pin(book, at)) == ({Partition("", at): "d1"}, "f2")
    book.ledger.point("main", "g/a", Partition("", at), ids[0], **back)
    assert (shown(book), pin(book, at)) == ({Partition("", at): "d0"}, "f2"), (
        "what was rolled back first counts"
    )
    book.ledger.create_environment("dev")
    assert pin(book.within("dev"), at) == "f2"
    told = book.ledger.publications("g/a", environment="main")[0]
    assert (told.kind, told.name, told.reason, told.pin) == ("rollback", "ada", "wrong", "f2")
    book.within("dev").publish(at, "own", fingerprint="f4")
    assert (pin(book.within("dev"), at), pin(book, at)) == (None, "f2")
    book.publish(at, "d3", fingerprint="f3")
    assert pin(book, at) is None


def test_a_rejected_version_is_released_by_hand(book: Any) -> None:
    book.publish(data="good")
    bad = book.publish(data="bad", refused="too few rows", judged=replace(PASSED, failing=True))
    assert (
        book.ledger.point("main", "g/a", WHOLE, bad, kind="release", name="ada", reason="it is right") is None
    )
    assert (shown(book), book.published().failing, pin(book)) == ({WHOLE: "bad"}, True, None)


def test_only_a_version_of_that_partition_is_pointed_at(book: Any) -> None:
    version = book.publish(1)
    for key, at, name in (("g/a", 2, version), ("g/b", 1, version), ("g/a", 1, "nowhere")):
        with pytest.raises(LedgerError, match=f"no version '{name}' of this partition of asset '{key}'"):
            book.ledger.point("main", key, Partition("", at), name, kind="release", name="me", reason="")


# Dropping


def test_what_cannot_be_dropped_is_told(dev: Any) -> None:
    with pytest.raises(LedgerError, match="'main' cannot be dropped"):
        dev.ledger.drop_environment("main")
    dev.ledger.create_environment("sub", parent="dev")
    with pytest.raises(LedgerError, match="'sub' reads from the environment 'dev'; drop 'sub' first"):
        dev.ledger.drop_environment("dev")
    dev.ledger.begin_run(RunRecord(id="r9", environment="sub", selection="", engine="", started_at=START))
    with pytest.raises(LedgerError, match="the run 'r9' lives in the environment 'sub'"):
        dev.ledger.drop_environment("sub")
    dev.ledger.end_run("r9", "success")
    dev.ledger.drop_environment("sub")
    dev.ledger.drop_environment("dev")


def test_one_that_was_dropped_starts_afresh_under_its_name(dev: Any, book: Any, clock: Any) -> None:
    dev.publish(data="own")
    dev.ledger.record_definitions("dev", {}, checkout="laptop", run_id="r1")
    late = dev.begin(1)
    then = clock.now
    clock.tick()
    dev.ledger.drop_environment("dev")
    with pytest.raises(UnknownEnvironment):
        dev.published()
    with pytest.raises(LedgerError, match="no longer this run's to publish"):
        dev.ledger.publish([dev.product(late)])
    clock.tick()
    dev.ledger.create_environment("dev")
    dev.ledger.rebuild()
    assert (shown(dev), shown(book)) == ({WHOLE: "d1"}, {WHOLE: "d1"})
    dev.begin(1, by="r2")
    with pytest.raises(LedgerError, match="no longer this run's to publish"):
        dev.ledger.publish([dev.product(late)])
    with dev.ledger.state("dev", as_of=then) as state:
        assert state.published("g/a")[WHOLE].data_version == "own", "its earlier life is remembered"


# The past


def test_an_earlier_time_shows_what_was_visible_then(book: Any, clock: Any) -> None:
    old = book.publish(1, "d1")
    version = book.published(1)
    book.ledger.verify("main", [(version, START + timedelta(hours=1), True)], "r1")
    clock.tick()
    book.ledger.verify("main", [(version, START + timedelta(hours=2))], "r1")
    book.ledger.judge("main", version, Judgement(checks="k2"), "r1")
    book.publish(2, "d2")
    clock.tick()
    book.publish(1, "new")
    book.ledger.point("main", "g/a", Partition("", 1), old, kind="rollback", name="me", reason="")
    with book.ledger.state("main", as_of=START - SECOND) as state:
        assert (state.published("g/a"), state.sequence, state.summary("g/a").sequence) == ({}, 0, 0)
    with book.ledger.state("main", as_of=START) as state:
        assert state.published("g/a") == {
            Partition("", 1): replace(version, as_of=START + timedelta(hours=1), ends=True)
        }
        assert (state.now, state.sequence, state.attempts("g/a"), state.settlement("g/a")) == (
            START,
            1,
            {},
            None,
        )
    with book.ledger.state("main", as_of=START + SECOND) as state:
        first = state.published("g/a", PartitionSet.span(1, 1))[Partition("", 1)]
        assert (first.as_of, first.ends, first.checks) == (START + timedelta(hours=2), True, "k2")
        assert state.changed("g/a", 1) == PartitionSet.span(2, 2)
        assert state.summary("g/a").digest == set_digest([(Partition("", 1), "d1"), (Partition("", 2), "d2")])
        assert (state.pin("g/a", Partition("", 1)), state.made_with("g/a", Basis(code="c"))) == (None, True)
    with book.ledger.state("main", as_of=START + 2 * SECOND) as state:
        assert state.pin("g/a", Partition("", 1)) == "f1"


def test_one_that_was_not_there_then_is_unknown(dev: Any) -> None:
    with (
        pytest.raises(UnknownEnvironment),
        dev.ledger.state("dev", as_of=START - SECOND),
    ):
        pass


@pytest.mark.parametrize("seed", range(4))
def test_however_pointers_move_every_view_is_that_of_the_publications(
    book: Any, clock: Any, seed: int
) -> None:
    """A model of three environments, compared after each of many random moves, and again for every moment passed."""
    chance = random.Random(seed)
    ledger, parents = book.ledger, {"main": None, "dev": "main", "sub": "dev"}
    for name in ("dev", "sub"):
        ledger.create_environment(name, parent=parents[name])
    own: dict[str, dict[Partition, str | None]] = {name: {} for name in parents}
    places = [Partition("", at) for at in range(4)] + [Partition("AAPL", at) for at in range(3)]
    made: dict[Partition, list[str]] = {}
    past = []

    def view(name: str) -> dict[Partition, str]:
        found = view(parents[name]) if parents[name] else {}
        return {at: data for at, data in {**found, **own[name]}.items() if data is not None}

    for step in range(30):
        clock.tick()
        name, at = chance.choice(list(parents)), chance.choice(places)
        here = book.within(name)
        match chance.choice(["publish", "publish", "withdraw", "point", "promote", "verify"]):
            case "publish":
                made.setdefault(at, []).append(here.publish(at, f"d{step}", fingerprint=f"f{step}"))
                own[name][at] = f"d{step}"
            case "withdraw":
                asked = PartitionSet.ranged([("", 1, 2), ("AAPL", 0, 0)])
                gone = ledger.withdraw(name, "g/a", asked, name="me", reason="")
                assert gone == PartitionSet.of(view(name)) & asked
                own[name].update(dict.fromkeys(gone))
            case "point" if at in made:
                version_id = chance.choice(made[at])
                kind = chance.choice(["rollback", "release"])
                ledger.point(name, "g/a", at, version_id, kind=kind, name="me", reason="")
                own[name][at] = ledger.content(version_id).data_version
            case "promote" if parents[name] is not None:
                with ledger.state(name) as mine, ledger.state(parents[name]) as theirs:
                    was = {place: one.id for place, one in theirs.published("g/a").items()}
                    moves = {
                        place: Move(version_id=one.id, was=was.get(place))
                        for place, one in mine.published("g/a").items()
                    }
                assert ledger.promote(name, parents[name], {"g/a": moves}) is None
                own[parents[name]].update({place: view(name)[place] for place in moves})
            case "verify" if at in view(name):
                ledger.verify(name, [(here.published(at), clock.now)], "r1")
        past.append((clock.now, {each: view(each) for each in parents}))
        for each in parents:
            check(ledger, each, view(each), chance, places)
    for moment, views in past:
        for each, expected in views.items():
            check(ledger, each, expected, chance, places, as_of=moment)
    before = [rows(ledger, table) for table in ("pointers", "asset_state", "asset_slices", "environments")]
    ledger.rebuild()
    assert [
        rows(ledger, table) for table in ("pointers", "asset_state", "asset_slices", "environments")
    ] == before


def check(
    ledger: SqlLedger,
    environment: str,
    expected: dict[Partition, str],
    chance: random.Random,
    places: list[Partition],
    as_of: datetime | None = None,
) -> None:
    some = PartitionSet.of(chance.sample(places, chance.randrange(len(places))))
    since = chance.randrange(10)
    among = {at: data for at, data in expected.items() if at in some}
    with ledger.state(
        environment, ["g/a"], as_of=as_of
    ) as state:  # of a few partitions, before the whole is known
        assert state.shown("g/a", some) == PartitionSet.of(among)
        assert {at: one.data_version for at, one in state.published("g/a", some).items()} == among
        assert state.digest("g/a", some) == set_digest(among.items())
        assert state.summary("g/a").partitions == PartitionSet.of(expected)
    with ledger.state(environment, as_of=as_of) as state:
        summary = state.summary("g/a")
        assert summary.partitions == PartitionSet.of(expected)
        assert summary.digest == set_digest(expected.items())
        assert state.shown("g/a", some) == PartitionSet.of(among)
        assert state.digest("g/a", some) == set_digest(among.items())
        assert {at: one.data_version for at, one in state.published("g/a", some).items()} == among
        assert {at: one.data_version for at, one in state.published("g/a").items()} == expected
        assert not state.changed("g/a", since) or summary.sequence > since
        assert state.changed("g/a", summary.sequence) == EMPTY


def test_what_was_made_invisible_is_not_adopted_until_it_is_made_again(book: Any, clock: Any) -> None:
    def known(environment: str) -> str | None:
        with book.ledger.state(environment) as state:
            version = state.version_with("g/a", WHOLE, "f1")
        return version.id if version else None

    first = book.publish()
    book.ledger.create_environment("dev")
    book.ledger.create_environment("apart", parent=None)
    clock.tick()
    book.ledger.withdraw("main", "g/a", ONLY, name="ada", reason="wrong")
    assert (known("main"), known("dev"), known("apart")) == (None, None, first)
    clock.tick()
    second = book.publish()
    assert (known("main"), known("dev")) == (second, second)


# Who serves it, and what moves together


def test_several_partitions_are_rolled_back_in_one_transaction(book: Any) -> None:
    old = {Partition("", at): book.publish(at, "old") for at in (1, 2)}
    for at in (1, 2):
        book.publish(at, "new", fingerprint="f2")
    wrong = {**old, Partition("", 2): "nowhere"}
    with pytest.raises(LedgerError, match="no version 'nowhere'"):
        book.ledger.point_each("main", "g/a", wrong, kind="rollback", name="me", reason="")
    assert set(shown(book).values()) == {"new"}
    assert book.ledger.point_each("main", "g/a", old, kind="rollback", name="me", reason="") is None
    assert (set(shown(book).values()), pin(book, 1), pin(book, 2)) == ({"old"}, "f2", "f2")


def test_what_an_environment_has_of_its_own_is_told(dev: Any, book: Any) -> None:
    assert (dev.ledger.own_keys("dev"), dev.ledger.own_keys("main")) == (frozenset(), {"g/a"})
    dev.publish(key="g/b")
    assert (dev.ledger.own_keys("dev"), dev.ledger.own_keys("main")) == ({"g/b"}, {"g/a"})
    with pytest.raises(UnknownEnvironment):
        book.ledger.own_keys("nowhere")


def test_a_promotion_takes_pins_and_definitions_along(dev: Any, book: Any) -> None:
    old = dev.publish(7, "old")
    dev.publish(7, "new", fingerprint="f2")
    dev.ledger.point("dev", "g/a", Partition("", 7), old, kind="rollback", name="me", reason="")
    served = {"g/a": Definition(basis=Basis(code="c2"), checks="k2")}
    dev.ledger.record_definitions("dev", served, checkout="laptop", run_id="r1")
    dev.ledger.record_definitions(
        "main", {"g/a": Definition(basis=Basis(code="c1"), checks="k1")}, checkout="worker", run_id="r1"
    )
    assert dev.ledger.promote("dev", "main", move(dev, None, 7)) is None
    assert pin(book, 7) == "f2"
    found = book.ledger.definitions("main")["g/a"]
    assert (found.definition, found.checkout) == (served["g/a"], "laptop")


def test_definitions_of_another_checkout_are_not_replaced_unless_somebody_takes_over(book: Any) -> None:
    first = {"g/a": Definition(basis=Basis(code="c1"), checks="k1")}
    other = {**first, "g/a": Definition(basis=Basis(code="c2"), checks="k1")}
    record = partial(book.ledger.record_definitions, "main", run_id="r1")
    assert record(first, checkout="worker", take_over=False) == {}
    assert record(first, checkout="laptop", take_over=False) == {}
    assert book.ledger.definitions("main")["g/a"].checkout == "worker"
    refused = record({**other, "g/b": first["g/a"]}, checkout="laptop", take_over=False)
    assert {key: one.checkout for key, one in refused.items()} == {"g/a": "worker"}
    assert set(book.ledger.definitions("main")) == {"g/a"}
    assert record(other, checkout="worker", take_over=False) == {}
    assert record(first, checkout="laptop", take_over=True) == {}
    assert book.ledger.definitions("main")["g/a"].checkout == "laptop"
