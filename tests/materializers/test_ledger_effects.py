"""Effects on record: an item is done once, and whatever becomes of it is known."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from materializers.effect_records import Effect, EffectKey, NotToBePerformed
from materializers.ledger import LEASE, ClaimLost, LedgerError
from materializers.sql_ledger import SqlLedger

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = "2024-01-02"
ORDERS = {"AAPL buy": '{"qty":1}', "V sell": '{"qty":2}'}


def item(name: str = "AAPL buy", attempt: int = 1, environment: str = "main") -> EffectKey:
    return EffectKey(environment=environment, key="g/a", occasion=DAY, item=name, attempt=attempt)


def states(ledger: SqlLedger, environment: str = "main", **options: Any) -> dict[str, str]:
    return {one.key.item: one.state for one in ledger.effects.of(environment, "g/a", occasion=DAY, **options)}


@pytest.fixture
def attempt(book: Any) -> Any:
    """An attempt that has planned two orders."""
    begun = book.begin(5)
    book.ledger.effects.plan(begun, DAY, ORDERS)
    return begun


def again(book: Any, **options: Any) -> Any:
    """The next attempt at the same partition, after the one before came to an end."""
    begun = book.begin(5, **options)
    book.ledger.effects.plan(begun, DAY, ORDERS)
    return begun


def test_an_item_goes_from_plan_to_receipt(ledger: SqlLedger, attempt: Any, clock: Any) -> None:
    planned = ledger.effects.of("main")
    assert [(one.key, one.state, one.payload, one.run_id) for one in planned] == [
        (item(name), "planned", payload, "r1") for name, payload in ORDERS.items()
    ]
    later = clock.tick()
    (intended,) = ledger.effects.intend(attempt, [item()])
    assert (intended.state, intended.planned_at, intended.changed_at) == ("intended", START, later)
    assert states(ledger) == {"AAPL buy": "intended", "V sell": "planned"}
    accepted = ledger.effects.record(item(), "accepted", receipt='{"id":"x"}')
    assert (accepted.state, accepted.receipt) == ("accepted", '{"id":"x"}')
    assert ledger.effects.of("main")[0] == accepted
    assert states(ledger, open_only=True) == {"V sell": "planned"}
    assert [one.state for one in ledger.effects.history(item())] == ["planned", "intended", "accepted"]


def test_effects_of_other_occasions_and_assets_are_others(ledger: SqlLedger, attempt: Any, book: Any) -> None:
    ledger.effects.plan(attempt, "2024-01-03", {"AAPL buy": "{}"})
    ledger.effects.plan(book.begin(key="g/b"), DAY, {"AAPL buy": "{}"})
    assert len(ledger.effects.of("main")) == 4
    assert len(ledger.effects.of("main", "g/a")) == 3
    assert [one.key.key for one in ledger.effects.of("main", occasion=DAY)] == ["g/a", "g/a", "g/b"]


@pytest.mark.parametrize(
    ("happened", "why"),
    [
        pytest.param(["intended"], "it is intended", id="once is enough"),
        pytest.param(["intended", "accepted"], "it is accepted", id="what was accepted"),
        pytest.param(["intended", "in doubt"], "it is in doubt", id="what may have been accepted"),
        pytest.param(["intended", "refused"], "it is refused", id="what was refused for good"),
    ],
)
def test_only_what_is_planned_is_intended(
    ledger: SqlLedger, attempt: Any, happened: list[Any], why: str
) -> None:
    ledger.effects.intend(attempt, [item()])
    for outcome in happened[1:]:
        ledger.effects.record(item(), outcome)
    with pytest.raises(NotToBePerformed, match=f"'AAPL buy', attempt 1 must not be performed: {why}"):
        ledger.effects.intend(attempt, [item()])


def test_items_are_intended_together_or_not_at_all(ledger: SqlLedger, attempt: Any) -> None:
    ledger.effects.intend(attempt, [item("V sell")])
    with pytest.raises(NotToBePerformed):
        ledger.effects.intend(attempt, [item(), item("V sell")])
    assert states(ledger)["AAPL buy"] == "planned"


def test_whoever_lost_the_claim_plans_and_intends_nothing(
    ledger: SqlLedger, attempt: Any, book: Any, clock: Any
) -> None:
    clock.tick(LEASE)
    again(book, by="r2")
    with pytest.raises(ClaimLost):
        ledger.effects.intend(attempt, [item()])
    with pytest.raises(ClaimLost):
        ledger.effects.plan(attempt, DAY, {})
    assert states(ledger) == {"AAPL buy": "planned", "V sell": "planned"}


def test_a_claim_of_another_asset_does_not_count(ledger: SqlLedger, attempt: Any, book: Any) -> None:
    with pytest.raises(NotToBePerformed, match="the claim is one of asset 'g/b'"):
        ledger.effects.intend(book.begin(key="g/b"), [item()])


@pytest.mark.parametrize("end", ["lease", "run", "attempt"])
def test_what_was_intended_by_somebody_who_is_gone_is_in_doubt(
    ledger: SqlLedger, attempt: Any, book: Any, clock: Any, end: str
) -> None:
    ledger.effects.intend(attempt, [item()])
    assert states(ledger)["AAPL buy"] == "intended"
    match end:
        case "lease":
            clock.tick(LEASE)
        case "run":
            ledger.end_run("r1", "interrupted")
        case "attempt":
            ledger.finish(attempt, "failed")
    assert states(ledger) == {"AAPL buy": "in doubt", "V sell": "planned"}
    taken = again(book, by="r2")
    assert states(ledger) == {"AAPL buy": "in doubt", "V sell": "planned"}
    with pytest.raises(NotToBePerformed):
        ledger.effects.intend(taken, [item()])
    assert [one.state for one in ledger.effects.history(item())] == ["planned", "intended", "in doubt"]


def test_a_late_receipt_is_a_fact(ledger: SqlLedger, attempt: Any, book: Any, clock: Any) -> None:
    ledger.effects.intend(attempt, [item()])
    clock.tick(LEASE)
    taken = again(book, by="r2")
    ledger.effects.record(item(), "not performed", reason="not found there")
    assert states(ledger)["AAPL buy"] == "planned"
    ledger.effects.record(item(), "accepted", receipt="{}")  # by the first one, at last
    assert states(ledger)["AAPL buy"] == "accepted"
    with pytest.raises(NotToBePerformed):
        ledger.effects.intend(taken, [item()])


@pytest.mark.parametrize("found", ["accepted", "refused", "given up", "not performed"])
def test_what_is_in_doubt_is_reconciled(ledger: SqlLedger, attempt: Any, found: Any) -> None:
    ledger.effects.intend(attempt, [item()])
    ledger.effects.record(item(), "in doubt", reason="timed out")
    assert ledger.effects.of("main", open_only=True)[0].reason == "timed out"
    ledger.effects.record(item(), found, reason="asked")
    ledger.effects.plan(attempt, DAY, ORDERS)
    assert states(ledger)["AAPL buy"] == ("planned" if found == "not performed" else found)


def test_what_was_accepted_stays_so(ledger: SqlLedger, attempt: Any) -> None:
    ledger.effects.intend(attempt, [item()])
    first = ledger.effects.record(item(), "accepted", receipt="1")
    assert ledger.effects.record(item(), "accepted", receipt="2") == first
    for outcome in ("refused", "in doubt"):
        with pytest.raises(NotToBePerformed, match="it is accepted, and cannot become"):
            ledger.effects.record(item(), outcome)
    ledger.effects.plan(attempt, DAY, dict.fromkeys(ORDERS, "{}"))
    assert ledger.effects.of("main")[0] == first


def test_nothing_becomes_of_what_was_never_intended(ledger: SqlLedger, attempt: Any) -> None:
    for outcome in ("accepted", "refused", "in doubt"):
        with pytest.raises(NotToBePerformed, match=f"it is planned, and cannot become {outcome}"):
            ledger.effects.record(item(), outcome)
    with pytest.raises(LedgerError, match="is not on record; plan it first"):
        ledger.effects.record(item("nothing"), "accepted")


def test_a_new_plan_changes_only_what_was_not_done(ledger: SqlLedger, attempt: Any) -> None:
    ledger.effects.plan(attempt, DAY, {**ORDERS, "MSFT buy": "{}", "T buy": "{}"})
    ledger.effects.intend(attempt, [item(), item("T buy")])
    ledger.effects.record(item(), "accepted")
    ledger.effects.record(item("T buy"), "refused")
    found = ledger.effects.plan(attempt, DAY, {"V sell": "new", "AAPL buy": "new", "X buy": "new"})
    assert {one.key.item: (one.state, one.payload) for one in found} == {
        "AAPL buy": ("accepted", ORDERS["AAPL buy"]),
        "V sell": ("planned", "new"),
        "MSFT buy": ("dropped", "{}"),
        "T buy": ("refused", "{}"),
        "X buy": ("planned", "new"),
    }
    ledger.effects.plan(attempt, DAY, {"MSFT buy": "new"})
    assert states(ledger)["MSFT buy"] == "planned"


def test_a_group_waits_until_it_is_decided(ledger: SqlLedger, book: Any) -> None:
    attempt = book.begin(5)
    first = ledger.effects.plan(attempt, DAY, {"x:KO": "1"}, waiting={"y": "busy"})
    assert [(one.key.item, one.state, one.reason) for one in first] == [
        ("x:KO", "planned", ""),
        ("y", "waiting", "busy"),
    ]
    (planned,) = [one.key for one in first if one.state == "planned"]
    ledger.effects.intend(attempt, [planned])
    ledger.effects.record(planned, "accepted", receipt='"#1"')
    assert [one.key.item for one in ledger.effects.of("main", open_only=True)] == ["y"]
    with pytest.raises(NotToBePerformed, match="it is waiting"):
        ledger.effects.intend(attempt, [first[1].key])
    with pytest.raises(NotToBePerformed, match="it is waiting; it was not performed yet"):
        ledger.effects.reissue("main", "g/a", DAY, ["y"], name="ada", reason="again")
    ledger.effects.plan(attempt, DAY, {"y:KO": "2"}, waiting={"z": "late"})
    assert states(ledger) == {"x:KO": "accepted", "y": "dropped", "y:KO": "planned", "z": "waiting"}
    (decision,) = ledger.effects.unfinished("main")
    ledger.effects.drop(attempt, decision, "too late")
    assert [one.reason for one in ledger.effects.of("main") if one.state == "dropped"] == [
        "",
        "too late",
        "too late (late)",
    ]
    assert ledger.effects.of("main", open_only=True) == ()


def test_a_person_says_what_became_of_an_item(ledger: SqlLedger, attempt: Any) -> None:
    ledger.effects.intend(attempt, [item()])
    with pytest.raises(NotToBePerformed, match="the run 'r1' is performing it"):
        ledger.effects.record(item(), "refused", name="ada", reason="I looked")
    ledger.end_run("r1", "cancelled")
    found = ledger.effects.record(item(), "refused", name="ada", reason="I looked")
    assert (found.state, found.name, found.reason) == ("refused", "ada", "I looked")


def test_only_a_reissue_gives_another_key(ledger: SqlLedger, attempt: Any) -> None:
    for name in ORDERS:
        ledger.effects.intend(attempt, [item(name)])
    ledger.effects.record(item(), "accepted", receipt="1")
    with pytest.raises(NotToBePerformed, match="find out what became of it first"):
        ledger.effects.reissue("main", "g/a", DAY, ["V sell"], name="ada", reason="")
    with pytest.raises(LedgerError, match="has no item 'X' for 2024-01-02"):
        ledger.effects.reissue("main", "g/a", DAY, ["X"], name="ada", reason="")
    (new,) = ledger.effects.reissue(
        "main", "g/a", DAY, ["AAPL buy"], name="ada", reason="it was cancelled there"
    )
    assert (new.key, new.state, new.name, new.payload) == (
        item(attempt=2),
        "planned",
        "ada",
        ORDERS["AAPL buy"],
    )
    assert [one.key.attempt for one in ledger.effects.of("main")] == [1, 2], "the last attempt of each"
    ledger.effects.plan(attempt, DAY, {**ORDERS, "AAPL buy": "again"})
    (intended,) = ledger.effects.intend(attempt, [item(attempt=2)])
    assert intended.payload == "again"
    assert [one.receipt for one in ledger.effects.history(item())][-1] == "1"


def test_in_an_environment_that_is_not_live_everything_is_rehearsed(ledger: SqlLedger, book: Any) -> None:
    ledger.create_environment("dev")
    ledger.create_environment("paper", live=True)
    begun = book.within("dev").begin(5)
    (found,) = ledger.effects.plan(begun, DAY, {"AAPL buy": "{}"})
    assert (found.state, states(ledger)) == ("rehearsed", {})
    with pytest.raises(NotToBePerformed, match="it is rehearsed"):
        ledger.effects.intend(begun, [item(environment="dev")])
    assert states(ledger, "dev", open_only=True) == {}
    (found,) = ledger.effects.plan(begun, DAY, {"AAPL buy": "new"})
    assert (found.state, found.payload) == ("rehearsed", "new")
    (found,) = ledger.effects.plan(book.within("paper").begin(5, by="r2"), DAY, {"AAPL buy": "{}"})
    assert found.state == "planned"


def test_receipts_outlive_their_environment(ledger: SqlLedger, book: Any) -> None:
    ledger.create_environment("paper", live=True)
    paper = book.within("paper")
    begun = paper.begin(5)
    ledger.effects.plan(begun, DAY, {"AAPL buy": "{}"})
    ledger.effects.intend(begun, [item(environment="paper")])
    ledger.effects.record(item(environment="paper"), "accepted")
    ledger.drop_environment("paper")
    ledger.create_environment("paper", live=True)
    ledger.effects.plan(paper.begin(5, by="r2"), DAY, {"AAPL buy": "{}"})
    assert states(ledger, "paper") == {"AAPL buy": "accepted"}


@pytest.mark.parametrize("seed", range(3))
def test_however_it_is_interrupted_nothing_is_performed_twice_and_nothing_is_lost(
    book: Any, clock: Any, seed: int
) -> None:
    """A world that takes orders, and runs that die at every instant around the submission."""
    chance, ledger = random.Random(seed), book.ledger
    taken: list[str] = []

    def performed(one: Effect) -> None:
        """Submit an order; the run may die before the world takes it, after, or after the word of it was lost."""
        if chance.random() < 0.3:
            raise InterruptedError
        taken.append(f"{one.key.item} {one.key.attempt}")
        if chance.random() < 0.3:
            raise InterruptedError
        ledger.effects.record(one.key, "accepted", receipt="{}")

    for number in range(60):
        name = f"n{number}"
        ledger.begin_run(replace(ledger.run("r1"), id=name))
        clock.tick(timedelta(seconds=1))
        begun = book.begin(5, by=name)
        try:
            for one in ledger.effects.plan(begun, DAY, ORDERS):
                if one.state == "in doubt":  # ask the world before anything else
                    there = f"{one.key.item} {one.key.attempt}" in taken
                    ledger.effects.record(one.key, "accepted" if there else "not performed")
            for one in ledger.effects.plan(begun, DAY, ORDERS):
                if one.state == "planned":
                    performed(*ledger.effects.intend(begun, [one.key]))
            ledger.end_run(name, "success")
        except InterruptedError:
            clock.tick(LEASE)
    assert sorted(taken) == ["AAPL buy 1", "V sell 1"]
    assert set(states(ledger).values()) == {"accepted"}


def test_a_decision_is_unfinished_until_what_came_of_it_is_on_record(
    ledger: SqlLedger, attempt: Any, clock: Any
) -> None:
    until = START + timedelta(hours=8)
    clock.tick()
    ledger.effects.plan(attempt, DAY, ORDERS, made_from="{}", until=until)
    (decision,) = ledger.effects.unfinished("main")
    assert (decision.key, decision.occasion, decision.made_from, decision.until) == ("g/a", DAY, "{}", until)
    assert (decision.fingerprint, decision.run_id) == (attempt.fingerprint, "r1")
    assert ledger.effects.unfinished("main", "g/b") == ()
    ledger.effects.intend(attempt, [item()])
    assert ledger.effects.begun("main", "g/a") == {DAY}
    ledger.effects.record(item(), "accepted")
    ledger.effects.drop(attempt, decision, "too late")
    assert ledger.effects.unfinished("main") == (decision,)
    ledger.effects.finish(decision, "r1")
    assert ledger.effects.unfinished("main") == ()
    assert states(ledger) == {"AAPL buy": "accepted", "V sell": "dropped"}
    ledger.effects.reissue("main", "g/a", DAY, ["AAPL buy"], name="ada", reason="again")
    (again,) = ledger.effects.unfinished("main")
    assert (again.made_from, again.until, again.fingerprint) == ("{}", None, decision.fingerprint)


def test_what_was_only_planned_has_not_begun(ledger: SqlLedger, attempt: Any) -> None:
    assert ledger.effects.begun("main", "g/a") == frozenset()


def test_whoever_lost_the_claim_drops_nothing(ledger: SqlLedger, attempt: Any, book: Any, clock: Any) -> None:
    (decision,) = ledger.effects.unfinished("main")
    clock.tick(LEASE)
    book.begin(5, by="r2")
    with pytest.raises(ClaimLost):
        ledger.effects.drop(attempt, decision, "too late")
    assert states(ledger)["V sell"] == "planned"


def test_a_rehearsal_leaves_what_is_planned_in_earnest(ledger: SqlLedger, attempt: Any) -> None:
    found = ledger.effects.plan(attempt, DAY, {"AAPL buy": "other", "X buy": "{}"}, rehearse=True)
    assert {one.key.item: (one.state, one.payload) for one in found} == {
        "AAPL buy": ("planned", ORDERS["AAPL buy"]),
        "V sell": ("planned", ORDERS["V sell"]),
        "X buy": ("rehearsed", "{}"),
    }
    assert len(ledger.effects.unfinished("main")) == 1


def test_what_a_run_says_late_counts_only_if_it_was_accepted(
    ledger: SqlLedger, attempt: Any, book: Any, clock: Any
) -> None:
    ledger.effects.intend(attempt, [item()])
    clock.tick(LEASE)
    taken = book.begin(5, by="r2")
    ledger.effects.record(item(), "not performed", run_id="r2")
    ledger.effects.intend(taken, [item()])
    for outcome in ("not performed", "refused", "in doubt"):
        with pytest.raises(NotToBePerformed, match="the run 'r2' is performing it"):
            ledger.effects.record(item(), outcome, run_id="r1")
    assert ledger.effects.record(item(), "accepted", run_id="r1").state == "accepted"
