"""An effect happens once, wholly: whatever moves, fails or dies in between."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from checks import check, one_of
from graph import (
    Daily,
    Execution,
    Intents,
    Item,
    NotPerformed,
    Observation,
    Refused,
    Run,
    Skip,
    Troubles,
    asset,
    effect,
    fresh_within,
    source,
)
from graph import resource as provide
from graph.effects import group_of
from graph.plan_text import explain
from materializers import Workspace, in_memory
from materializers.ledger import LEASE
from materializers.runner import RunResult, run_plan
from materializers.sql_ledger import SqlLedger

MONDAY = datetime(2024, 5, 6, 12, tzinfo=UTC)


class Lost(Exception):
    """No answer came."""


class World:
    """The world outside, which does each key once, and what it answers next."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.asked: list[str] = []
        self.next: list[str] = []
        self.answers = True

    def perform(self, item: Item) -> Any:
        fault = self.next.pop(0) if self.next else "done"
        if fault in ("done", "lost after"):
            assert item.key not in self.done, f"{item.key} was performed twice"
            self.done.append(item.key)
        match fault:
            case "done":
                return {"id": f"#{len(self.done)}", "payload": item.payload}
            case "refused":
                raise Refused("not today")
            case "not performed":
                raise NotPerformed("the line is busy")
        raise Lost(fault)

    def reconcile(self, item: Item) -> Any:
        self.asked.append(item.key)
        if not self.answers:
            raise Lost("nobody answers")
        return {"id": "found"} if item.key in self.done else None

    def names(self) -> list[str]:
        return [key.split(":", 1)[1] for key in self.done]


def perform(item: Item, desk: Desk) -> Any:
    return desk.world.perform(item)


def reconcile(item: Item, desk: Desk) -> Any:
    return desk.world.reconcile(item)


class Desk:
    """What the assets of these tests give, the world, and one ledger under declarations that may change."""

    def __init__(self) -> None:
        self.orders: dict[str, Any] = {"a": 1, "b": 2}
        self.day = "monday"
        self.now = MONDAY
        self.until: datetime | None = None
        self.waiting: dict[str, str] = {}
        self.skip = ""
        self.calls = 0
        self.world = World()
        self.kept: Workspace | None = None

    def workspace(self, *declared: Callable[..., Any], environment: str = "main") -> Workspace:
        opened = in_memory([the_desk, *declared], clock=lambda: self.now)
        if self.kept is not None:
            opened.ledger, opened.store = self.kept.ledger, self.kept.store
        opened.environment = environment
        self.kept = opened
        return opened

    def run(
        self, *declared: Callable[..., Any], environment: str = "main", rehearse: bool = False, **plan: Any
    ) -> RunResult:
        workspace = self.workspace(*declared or self.declared(), environment=environment)
        return run_plan(workspace.plan("*", **plan), workspace, jobs=1, rehearse=rehearse)

    def plan(self, *declared: Callable[..., Any]) -> str:
        return explain(self.workspace(*declared or self.declared()).plan("*"))

    def declared(self, **options: Any) -> list[Callable[..., Any]]:
        """A source of orders, and the effect that sends them."""

        @source(name="desk/orders")
        def orders(desk: Desk) -> Observation:
            return Observation(value=dict(desk.orders), as_of=desk.now)

        given = {"perform": perform, "reconcile": reconcile} | options

        @effect(name="desk/sent", **given)
        def sent(orders: dict[str, Any], desk: Desk) -> Intents | Skip:
            desk.calls += 1
            if desk.skip:
                return Skip(desk.skip)
            items = {name: told for name, told in orders.items() if group_of(name) not in desk.waiting}
            return Intents(occasion=desk.day, items=items, waiting=desk.waiting, until=desk.until)

        return [orders, sent]

    def receipts(self) -> list[dict[str, Any]]:
        assert self.kept is not None
        return self.kept.load("desk/sent").to_pylist()

    def outcomes(self) -> dict[str, str]:
        return {row["item"]: row["outcome"] for row in self.receipts()}

    def states(self, environment: str = "main") -> dict[str, str]:
        assert self.kept is not None
        return {one.key.item: one.state for one in self.kept.ledger.effects.of(environment)}


_here: list[Desk] = []


@provide
def the_desk() -> Desk:
    """The desk of this test; what a resource holds is no part of anybody's code."""
    return _here[-1]


@pytest.fixture
def desk() -> Iterator[Desk]:
    _here.append(Desk())
    yield _here[-1]
    _here.pop()


def ended(result: RunResult, name: str = "sent") -> tuple[str, str]:
    (found,) = [one for one in result.results if one.name.rpartition("/")[2].startswith(name)]
    return found.outcome, found.reason


def test_it_is_performed_once_and_its_receipts_are_its_value(desk: Desk) -> None:
    assert ended(desk.run()) == ("published", "never built")
    assert desk.world.names() == ["monday:a:1", "monday:b:1"]
    first = desk.receipts()[0]
    assert (first["occasion"], first["item"], first["attempt"], first["outcome"]) == (
        "monday", "a", 1, "performed",
    )  # fmt: skip
    assert json.loads(first["receipt"]) == {"id": "#1", "payload": 1}
    assert first["at"] == MONDAY
    assert ended(desk.run())[0] == "kept"
    assert (desk.calls, len(desk.world.done)) == (1, 2)


def test_inputs_that_move_after_the_receipts_perform_nothing(desk: Desk) -> None:
    desk.run()
    desk.orders = {"a": 5, "c": 3}
    outcome, reason = ended(desk.run())
    assert (outcome, reason) == (
        "held",
        "already performed for monday; only `assets effects reissue` does it again",
    )
    assert "hold        desk/sent" in desk.plan()
    assert "already performed for monday" in desk.plan()
    assert desk.run().exit_code == 0
    assert (len(desk.world.done), desk.calls) == (2, 2), "the plan knows it the second time"
    desk.orders = {"a": 1, "b": 2}
    assert ended(desk.run())[0] == "kept"


def test_another_occasion_is_performed(desk: Desk) -> None:
    desk.run()
    desk.orders, desk.day = {"a": 2}, "tuesday"
    assert ended(desk.run())[0] == "published"
    assert desk.world.names() == ["monday:a:1", "monday:b:1", "tuesday:a:1"]
    assert desk.outcomes() == {"a": "performed"}


def test_other_code_and_force_do_not_perform_it_again(desk: Desk) -> None:
    desk.run()
    assert ended(desk.run(force=True))[0] == "kept"
    refactored = desk.declared(checks=[one_of("outcome", ["performed"])])

    @effect(name="desk/sent", perform=perform, reconcile=reconcile)
    def sent(orders: dict[str, Any]) -> Intents:
        return Intents(occasion="monday", items={**orders, "new": 1})

    outcome, reason = ended(desk.run(refactored[0], sent))
    assert (outcome, reason.partition(";")[0]) == ("held", "already performed for monday")
    assert ended(desk.run(refactored[0], sent, force=True))[0] == "held"
    assert len(desk.world.done) == 2


def test_perform_and_reconcile_are_in_the_code_digest(desk: Desk) -> None:
    workspace = desk.workspace(*desk.declared())
    code = workspace.code(workspace.graph["desk/sent"])
    assert {label.rpartition(":")[2] for label in code.reaches} >= {"perform", "reconcile"}


@pytest.mark.parametrize(
    ("fault", "asked", "done"),
    [
        pytest.param(
            "lost after", ["monday:a:1"], ["monday:a:1", "monday:b:1"], id="the word of it was lost"
        ),
        pytest.param("lost before", ["monday:a:1"], [], id="it was lost on its way"),
        pytest.param("not performed", [], [], id="it is known that nothing was done"),
    ],
)
def test_what_is_in_doubt_is_asked_for_at_once(
    desk: Desk, fault: str, asked: list[str], done: list[str]
) -> None:
    desk.world.next = [fault]
    outcome, reason = ended(desk.run())
    assert outcome == ("published" if done else "failed")
    assert [key.split(":", 1)[1] for key in desk.world.asked] == asked
    assert desk.world.names() == done
    if not done:
        assert reason.endswith("not finished: monday (2 planned)")
        assert "not finished: monday (2 planned)" in desk.plan()
        assert ended(desk.run())[0] == "published"
        assert desk.world.names() == ["monday:a:1", "monday:b:1"]


def test_what_stays_in_doubt_is_asked_for_before_anything_else(desk: Desk) -> None:
    desk.world.next, desk.world.answers = ["done", "lost after"], False
    outcome, reason = ended(desk.run())
    assert outcome == "failed"
    assert "b is in doubt: asking for it failed: Lost: nobody answers" in reason
    assert desk.run().exit_code == 1
    assert len(desk.world.done) == 2
    desk.world.answers = True
    assert ended(desk.run())[0] == "published"
    assert desk.world.names() == ["monday:a:1", "monday:b:1"]
    assert json.loads(desk.receipts()[1]["receipt"]) == {"id": "found"}


def test_a_retry_asks_first(desk: Desk) -> None:
    desk.world.next = ["lost before", "lost after"]
    run = Execution(retries=2, retry_delay=timedelta(0))
    assert ended(desk.run(*desk.declared(run=run)))[0] == "published"
    assert [key.split(":", 1)[1] for key in desk.world.asked] == ["monday:a:1", "monday:a:1"]
    assert desk.world.names() == ["monday:a:1", "monday:b:1"]


def test_a_refusal_is_final_and_a_receipt_of_its_own(desk: Desk) -> None:
    desk.world.next = ["refused"]
    assert ended(desk.run())[0] == "published"
    assert desk.outcomes() == {"a": "refused", "b": "performed"}
    assert desk.receipts()[0]["reason"] == "not today"
    assert ended(desk.run())[0] == "kept"


def test_receipts_are_checked_like_any_value(desk: Desk) -> None:
    desk.world.next = ["refused"]
    strict = desk.declared(checks=[one_of("outcome", ["performed"])])
    assert ended(desk.run(*strict))[0] == "rejected"
    assert ended(desk.run(*strict))[0] == "held"
    assert (len(desk.world.done), desk.calls) == (1, 1)


@pytest.mark.parametrize(
    ("doubt", "outcome", "done"),
    [
        pytest.param("at most once", {"a": "given up", "b": "performed"}, 2, id="at most once"),
        pytest.param("at least once", {"a": "performed", "b": "performed"}, 3, id="at least once"),
    ],
)
def test_where_nobody_can_be_asked_the_declaration_decides(
    desk: Desk, doubt: str, outcome: Mapping[str, str], done: int
) -> None:
    sent: list[str] = []

    def post(item: Item) -> str:
        sent.append(item.name)
        if sent == ["a"]:
            raise Lost("the line broke")
        return "posted"

    run = Execution(retries=1, retry_delay=timedelta(0))
    result = desk.run(*desk.declared(perform=post, reconcile=None, doubt=doubt, run=run))
    assert ended(result)[0] == "published"
    assert (desk.outcomes(), len(sent)) == (outcome, done)


def test_what_was_tried_stands_and_is_finished_as_it_was_decided(desk: Desk) -> None:
    desk.world.next = ["done", "not performed"]
    desk.run()
    desk.orders = {"b": 9, "c": 3}
    assert ended(desk.run())[0] == "published"
    assert desk.world.names() == ["monday:a:1", "monday:b:1"]
    assert {row["item"]: row["payload"] for row in desk.receipts()} == {"a": "1", "b": "2"}
    assert ended(desk.run())[1].startswith("already performed for monday")


def test_what_was_never_tried_is_decided_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = desk.workspace(*desk.declared())
    effects = workspace.ledger.effects
    with monkeypatch.context() as patch:
        patch.setattr(effects, "intend", _killed)
        with pytest.raises(KeyboardInterrupt):
            run_plan(workspace.plan("*"), workspace, jobs=1)
    desk.orders = {"b": 9, "c": 3}
    assert ended(desk.run())[0] == "published"
    assert desk.world.names() == ["monday:b:1", "monday:c:1"]
    assert {row["item"]: row["payload"] for row in desk.receipts()} == {"b": "9", "c": "3"}


def _killed(*_: object, **__: object) -> Any:
    raise KeyboardInterrupt


def test_what_was_not_begun_in_time_is_not_begun(desk: Desk) -> None:
    desk.until = MONDAY + timedelta(hours=1)
    desk.world.next = ["done", "not performed"]
    desk.run()
    desk.now += timedelta(hours=2)
    assert ended(desk.run())[0] == "published"
    assert desk.outcomes() == {"a": "performed", "b": "not performed"}
    assert desk.receipts()[1]["reason"] == "it was not begun before 2024-05-06 13:00 UTC"


def test_a_skip_performs_nothing(desk: Desk) -> None:
    desk.skip = "the market is closed"
    assert ended(desk.run()) == ("skipped", "the market is closed")
    assert desk.world.done == []


# Groups that wait


@pytest.fixture
def waiting(desk: Desk) -> Desk:
    """Two accounts, of which the second is not ready."""
    desk.orders = {"a:KO": 1, "b:KO": 2, "b:V": 3}
    desk.waiting = {"b": "it has open orders"}
    return desk


def test_a_group_that_waits_holds_no_other_and_is_decided_when_it_is_free(waiting: Desk) -> None:
    desk = waiting
    result = desk.run()
    assert ended(result)[0] == "published"
    assert [one.notes for one in result.results if one.name == "desk/sent"] == [
        ("b waits: it has open orders",)
    ]
    assert desk.outcomes() == {"a:KO": "performed", "b": "waiting"}
    assert "not finished: monday (1 waiting)" in desk.plan()
    again = desk.run()
    assert ended(again) == ("held", "performed for monday, but b waits: it has open orders")
    assert again.exit_code == 0
    desk.orders = {"a:KO": 9, "a:V": 9, "b:KO": 5}
    desk.waiting = {}
    assert ended(desk.run())[0] == "published"
    assert desk.world.names() == ["monday:a%3AKO:1", "monday:b%3AKO:1"]
    assert {row["item"]: (row["payload"], row["outcome"]) for row in desk.receipts()} == {
        "a:KO": ("1", "performed"),
        "b:KO": ("5", "performed"),
    }
    assert ended(desk.run())[0] == "kept"
    desk.orders = {"b:V": 1}
    assert ended(desk.run())[1].startswith("already performed for monday")


def test_why_it_waits_may_change(waiting: Desk) -> None:
    waiting.run()
    waiting.waiting = {"b": "it does not hold what it should"}
    assert ended(waiting.run())[0] == "published"
    assert waiting.receipts()[1]["reason"] == "it does not hold what it should"
    assert ended(waiting.run())[0] == "held"


def test_where_all_wait_it_is_a_skip(waiting: Desk) -> None:
    waiting.waiting = {"a": "closed", "b": "busy"}
    for _ in range(2):
        assert ended(waiting.run()) == ("skipped", "closed; busy")
    waiting.waiting = {}
    assert ended(waiting.run())[0] == "published"
    assert len(waiting.world.done) == 3


def test_what_waited_too_long_is_not_performed(waiting: Desk) -> None:
    waiting.until = MONDAY + timedelta(hours=1)
    waiting.run()
    waiting.now += timedelta(hours=2)
    waiting.waiting = {}
    assert ended(waiting.run())[0] == "published"
    assert waiting.outcomes() == {"a:KO": "performed", "b": "not performed"}
    assert waiting.receipts()[1]["reason"] == (
        "it was not begun before 2024-05-06 13:00 UTC (it has open orders)"
    )
    assert (ended(waiting.run())[0], len(waiting.world.done)) == ("kept", 1)


def test_what_waited_is_dropped_when_another_occasion_comes(waiting: Desk) -> None:
    waiting.run()
    waiting.day, waiting.orders = "tuesday", {"a:KO": 4}
    waiting.waiting = {}
    assert ended(waiting.run())[0] == "published"
    assert waiting.outcomes() == {"a:KO": "performed"}
    assert waiting.states() == {"a:KO": "accepted", "b": "dropped"}
    assert ended(waiting.run())[0] == "kept"


def test_what_waits_and_is_not_wanted_any_more_is_dropped(waiting: Desk) -> None:
    waiting.run()
    waiting.orders, waiting.waiting = {"a:KO": 4}, {}
    assert ended(waiting.run())[0] == "published"
    assert waiting.outcomes() == {"a:KO": "performed"}
    assert ended(waiting.run())[0] == "kept"


def test_a_skip_lets_it_wait_on(waiting: Desk) -> None:
    waiting.run()
    waiting.skip = "the market is closed"
    assert ended(waiting.run()) == ("held", "performed for monday, but b waits: the market is closed")
    waiting.skip, waiting.waiting = "", {}
    assert ended(waiting.run())[0] == "published"
    assert len(waiting.world.done) == 3


def test_what_is_in_doubt_comes_before_what_waits(waiting: Desk) -> None:
    waiting.world.next, waiting.world.answers = ["lost after"], False
    assert ended(waiting.run())[0] == "failed"
    assert "not finished: monday (1 in doubt, 1 waiting)" in waiting.plan()
    waiting.world.answers, waiting.waiting = True, {}
    assert ended(waiting.run())[0] == "published"
    assert waiting.world.names() == ["monday:a%3AKO:1", "monday:b%3AKO:1", "monday:b%3AV:1"]
    assert set(waiting.outcomes().values()) == {"performed"}


def test_what_is_issued_again_while_another_group_waits(waiting: Desk) -> None:
    waiting.run()
    assert waiting.kept is not None
    effects = waiting.kept.ledger.effects
    effects.reissue("main", "desk/sent", "monday", ["a:KO"], name="ada", reason="cancelled there")
    assert ended(waiting.run())[0] == "published"
    assert waiting.outcomes() == {"a:KO": "performed", "b": "waiting"}
    waiting.waiting = {}
    assert ended(waiting.run())[0] == "published"
    assert waiting.world.names()[:2] == ["monday:a%3AKO:1", "monday:a%3AKO:2"]
    assert len(waiting.world.done) == 4


def test_a_rehearsal_leaves_what_waits_and_elsewhere_it_waits_too(waiting: Desk) -> None:
    waiting.workspace(*waiting.declared()).ledger.create_environment("dev")
    assert ended(waiting.run(environment="dev"))[0] == "published"
    assert waiting.outcomes() == {"a:KO": "rehearsed", "b": "waiting"}
    waiting.waiting = {}
    assert ended(waiting.run(environment="dev"))[0] == "published"
    assert waiting.outcomes() == {"a:KO": "rehearsed", "b:KO": "rehearsed", "b:V": "rehearsed"}
    assert ended(waiting.run(environment="dev"))[0] == "kept"
    waiting.waiting = {"b": "it has open orders"}
    assert ended(waiting.run(rehearse=True))[1] == "rehearsed: would perform 1 for monday"
    waiting.run()
    assert "a rehearsal leaves that as it is" in ended(waiting.run(rehearse=True))[1]
    assert len(waiting.world.done) == 1


def test_of_a_partitioned_effect_what_waits_ends_with_its_partition(desk: Desk) -> None:
    @effect(name="desk/mail", partitions=Daily(start="2024-05-01"), perform=perform, reconcile=reconcile)
    def mail(desk: Desk) -> Intents:
        return Intents(items={"a": desk.day}, waiting=desk.waiting)

    desk.waiting = {"b": "not ready"}
    desk.run(mail)
    desk.now += timedelta(days=1)
    result = desk.run(mail)
    assert [one.outcome for one in result.results] == ["published", "published"]
    assert desk.world.names() == ["2024-05-05:a:1", "2024-05-06:a:1"]
    assert desk.kept is not None
    rows = desk.kept.load("desk/mail", partition="2024-05-05").to_pylist()
    assert rows[1]["reason"] == "its time has passed: there is a newer partition (not ready)"


@pytest.mark.parametrize(
    ("waits", "said"),
    [
        pytest.param({"a": "busy"}, "group 'a' waits and has items", id="it has items"),
        pytest.param({"b:KO": "busy"}, "a text without ':', not 'b:KO'", id="no group"),
        pytest.param({"b": ""}, "group 'b' waits for no reason", id="no reason"),
    ],
)
def test_what_waits_is_looked_at_before_anything_is_done(
    desk: Desk, waits: dict[str, str], said: str
) -> None:
    @effect(name="desk/sent", perform=perform, reconcile=reconcile)
    def sent() -> Intents:
        return Intents(occasion="monday", items={"a:KO": 1}, waiting=waits)

    outcome, reason = ended(desk.run(sent))
    assert (outcome, said in reason) == ("failed", True), reason
    assert desk.world.done == []


# Environments, rehearsals


def test_where_it_is_not_live_it_is_recorded_as_it_would_be(desk: Desk) -> None:
    desk.workspace(*desk.declared()).ledger.create_environment("dev")
    assert ended(desk.run(environment="dev"))[0] == "published"
    assert desk.outcomes() == {"a": "rehearsed", "b": "rehearsed"}
    assert (desk.world.done, desk.states("dev")) == ([], {"a": "rehearsed", "b": "rehearsed"})
    assert ended(desk.run(environment="dev"))[0] == "kept"
    desk.orders = {"x": 1}
    assert ended(desk.run(environment="dev"))[0] == "published"
    assert ended(desk.run())[0] == "published", "what was rehearsed elsewhere is performed here"
    assert desk.world.names() == ["monday:x:1"]


def test_a_live_environment_has_receipts_of_its_own(desk: Desk) -> None:
    desk.run()
    assert desk.kept is not None
    desk.kept.ledger.create_environment("second", live=True)
    desk.world.done.clear()  # another world, as it were
    assert ended(desk.run(environment="second"))[0] == "published"
    assert desk.world.names() == ["monday:a:1", "monday:b:1"]
    assert ended(desk.run(environment="second"))[0] == "kept"


def test_a_rehearsal_makes_nothing_visible(desk: Desk) -> None:
    result = desk.run(rehearse=True)
    assert ended(result) == ("held", "rehearsed: would perform 2 for monday")
    assert (result.exit_code, desk.world.done, desk.states()) == (0, [], {"a": "rehearsed", "b": "rehearsed"})
    assert ended(desk.run(rehearse=True))[1] == "rehearsed: would perform 2 for monday"
    assert ended(desk.run())[0] == "published"
    assert len(desk.world.done) == 2
    desk.orders = {"c": 1}
    assert ended(desk.run(rehearse=True))[1].startswith("already performed for monday")


def test_a_rehearsal_leaves_what_is_in_doubt(desk: Desk) -> None:
    desk.world.next, desk.world.answers = ["lost after"], False
    desk.run()
    asked = len(desk.world.asked)
    outcome, reason = ended(desk.run(rehearse=True))
    assert (outcome, reason) == (
        "held",
        "not finished: monday (1 in doubt, 1 planned); a rehearsal leaves that as it is",
    )
    assert len(desk.world.asked) == asked


# Two at once


def test_whoever_lost_the_claim_meanwhile_stops_and_the_receiver_saw_the_key_once(desk: Desk) -> None:
    """The first run is so slow that a second one takes over, asks, is told "not yet", and performs it."""
    slow = desk.world.perform

    def perform_slowly(item: Item) -> Any:
        desk.world.perform = slow  # only the first time
        desk.now += 2 * LEASE
        assert ended(desk.run())[0] == "published"
        if item.key in desk.world.done:
            raise Lost("the receiver knows this key")
        return slow(item)

    desk.world.perform = perform_slowly
    outcome, reason = ended(desk.run())
    assert outcome == "interrupted"
    assert reason.endswith("must not be performed: it is accepted, and cannot become in doubt")
    assert desk.world.names() == ["monday:a:1", "monday:b:1"]
    assert desk.outcomes() == {"a": "performed", "b": "performed"}


def test_it_is_the_same_on_every_ledger(desk: Desk, open_ledger: Callable[..., SqlLedger]) -> None:
    desk.workspace(*desk.declared()).ledger = open_ledger(clock=lambda: desk.now)
    desk.world.next, desk.world.answers = ["done", "lost after"], False
    assert ended(desk.run())[0] == "failed"
    desk.world.answers = True
    assert ended(desk.run())[0] == "published"
    assert desk.kept is not None
    desk.kept.ledger.effects.reissue("main", "desk/sent", "monday", ["a"], name="ada", reason="again")
    assert ended(desk.run())[0] == "published"
    desk.orders = {"c": 1}
    assert ended(desk.run())[1].startswith("already performed for monday")
    assert desk.world.names() == ["monday:a:1", "monday:b:1", "monday:a:2"]
    assert desk.states() == {"a": "accepted", "b": "accepted"}


def test_that_another_environment_performed_it_already_holds_nothing(desk: Desk) -> None:
    desk.run()
    desk.orders = {"c": 3}
    assert ended(desk.run())[1].startswith("already performed for monday")
    assert desk.kept is not None
    desk.kept.ledger.create_environment("second", live=True)
    assert ended(desk.run(environment="second"))[0] == "published"
    assert desk.world.names() == ["monday:a:1", "monday:b:1", "monday:c:1"]
    desk.kept.ledger.create_environment("dev")
    assert ended(desk.run(environment="dev"))[0] == "published"
    assert desk.states("dev") == {"c": "rehearsed"}


def test_why_it_was_asked_for_is_told(desk: Desk) -> None:
    desk.world.next = ["lost before"]
    assert ended(desk.run())[1].startswith(
        "a was not performed: the world outside does not know it (Lost: lost before); not finished"
    )


def test_a_function_is_told_whether_effects_are_performed(desk: Desk) -> None:
    @asset(name="desk/told", volatile=True)
    def told(run: Run) -> bool:
        return run.live

    values = []
    for environment, rehearse in (("main", False), ("main", True), ("dev", False)):
        workspace = desk.workspace(told, environment=environment)
        if environment == "dev":
            workspace.ledger.create_environment("dev")
        run_plan(workspace.plan("*", force=True), workspace, jobs=1, rehearse=rehearse)
        values.append(workspace.load("desk/told"))
    assert values == [True, False, False]


# By hand


def test_only_a_reissue_does_it_again(desk: Desk) -> None:
    desk.run()
    assert desk.kept is not None
    effects = desk.kept.ledger.effects
    effects.reissue("main", "desk/sent", "monday", ["b"], name="ada", reason="cancelled there")
    assert "not finished: monday (1 planned)" in desk.plan()
    assert ended(desk.run())[0] == "published"
    assert desk.world.names() == ["monday:a:1", "monday:b:1", "monday:b:2"]
    assert [(row["item"], row["attempt"]) for row in desk.receipts()] == [("a", 1), ("b", 2)]
    assert ended(desk.run())[0] == "kept"


def test_what_is_issued_again_wholly_is_done_again_though_the_inputs_have_moved(desk: Desk) -> None:
    desk.run()
    desk.orders = {"a": 10}
    assert ended(desk.run())[1].startswith("already performed for monday")
    assert desk.kept is not None
    effects = desk.kept.ledger.effects
    effects.reissue("main", "desk/sent", "monday", ["a", "b"], name="ada", reason="cancelled there")
    assert ended(desk.run())[0] == "published"
    assert desk.world.names() == ["monday:a:1", "monday:b:1", "monday:a:2", "monday:b:2"]
    assert ended(desk.run())[1].startswith("already performed for monday")


def test_what_a_person_says_became_of_it_is_taken_up(desk: Desk) -> None:
    desk.world.next, desk.world.answers = ["lost after"], False
    desk.run()
    assert desk.kept is not None
    (item,) = [one.key for one in desk.kept.ledger.effects.of("main") if one.state == "in doubt"]
    desk.kept.ledger.effects.record(item, "accepted", receipt='"seen"', name="ada", reason="I saw it")
    assert ended(desk.run())[0] == "published"
    assert desk.world.names() == ["monday:a:1", "monday:b:1"]
    assert desk.receipts()[0]["receipt"] == '"seen"'


def test_a_person_may_add_the_proof_of_what_was_performed(desk: Desk) -> None:
    desk.run()
    assert desk.kept is not None
    effects = desk.kept.ledger.effects
    (item,) = [one.key for one in effects.of("main") if one.key.item == "a"]
    effects.record(item, "accepted", name="ada", reason="it is there")
    assert ended(desk.run())[0] == "kept", "that is known"
    effects.record(item, "accepted", receipt='"#1 of the bank"', name="ada", reason="their number")
    assert ended(desk.run())[0] == "published"
    assert (desk.receipts()[0]["receipt"], len(desk.world.done)) == ('"#1 of the bank"', 2)
    assert ended(desk.run())[0] == "kept"


# Partitions


def daily(desk: Desk, **options: Any) -> Callable[..., Any]:
    given = {"perform": perform, "reconcile": reconcile} | options

    @effect(name="desk/mail", partitions=Daily(start="2024-05-01"), **given)
    def mail(desk: Desk) -> Intents:
        desk.calls += 1
        return Intents(items={"all": desk.orders})

    return mail


def test_of_a_partitioned_effect_only_the_newest_is_performed(desk: Desk) -> None:
    result = desk.run(daily(desk))
    assert [one.name for one in result.results] == ["desk/mail@2024-05-05"]
    assert desk.world.names() == ["2024-05-05:all:1"]
    desk.now += timedelta(days=2)
    assert ended(desk.run(daily(desk)), "mail@2024-05-07")[0] == "published"
    assert desk.world.names() == ["2024-05-05:all:1", "2024-05-07:all:1"], "catch-up is none"


def test_what_was_missed_is_not_performed_whoever_asks(desk: Desk) -> None:
    workspace = desk.workspace(daily(desk))
    plan = workspace.plan("*", partitions="2024-05-01..2024-05-05")
    assert [line.split() for line in explain(plan).splitlines()] == [
        ["build", "desk/mail@2024-05-05", "never", "built"],
        "left out desk/mail 4 partitions: an effect is performed for the newest one only".split(),
    ]
    run_plan(workspace.plan("*", partitions="2024-05-01..2024-05-02"), workspace, jobs=1)
    assert desk.world.done == []


def test_a_live_environment_performs_each_partition_itself(desk: Desk) -> None:
    desk.run(daily(desk))
    assert desk.kept is not None
    desk.kept.ledger.create_environment("second", live=True)
    for _ in range(2):
        desk.world.done.clear()  # another world, as it were
        assert ended(desk.run(daily(desk), environment="second"), "mail")[0] == "published"
        desk.now += timedelta(days=1)
        desk.world.done.clear()
        assert ended(desk.run(daily(desk)), "mail")[0] == "published"


def test_its_receipts_are_known_to_the_plan(desk: Desk) -> None:
    desk.run(daily(desk))

    @effect(
        name="desk/mail",
        partitions=Daily(start="2024-05-01"),
        perform=perform,
        reconcile=reconcile,
    )
    def mail() -> Intents:
        return Intents(items={"all": "other", "more": 1})

    assert "already performed for 2024-05-05" in desk.plan(mail)


def test_an_older_partition_in_doubt_is_asked_for_and_not_begun_any_more(desk: Desk) -> None:
    desk.orders = {}
    desk.world.next, desk.world.answers = ["lost after"], False
    assert ended(desk.run(daily(desk)), "mail")[0] == "failed"
    desk.now += timedelta(days=1)
    desk.world.answers = True
    result = desk.run(daily(desk))
    assert [one.outcome for one in result.results] == ["published", "published"]
    assert desk.world.names() == ["2024-05-05:all:1", "2024-05-06:all:1"]


# What is wrong upstream


def positive(value: dict[str, int]) -> bool:
    """All numbers are positive."""
    return all(number > 0 for number in value.values())


def chain(
    desk: Desk, *, fails: bool = False, freshness: Any = None, **options: Any
) -> list[Callable[..., Any]]:
    """A source, an asset with a check and one below it, then the effect."""
    orders, _ = desk.declared()

    if freshness is not None:

        @source(name="desk/orders", freshness=freshness)
        def dated(desk: Desk) -> Observation:
            return Observation(value=dict(desk.orders), as_of=MONDAY)

        orders = dated

    @asset(name="desk/weights", checks=[check(positive)])
    def weights(orders: dict[str, int]) -> dict[str, int]:
        if fails:
            raise ValueError("no weights")
        return orders

    @asset(name="desk/proposals")
    def proposals(weights: dict[str, int]) -> dict[str, int]:
        return dict(weights)

    given = {"perform": perform, "reconcile": reconcile} | options

    @effect(name="desk/sent", **given)
    def sent(proposals: dict[str, int] | None, troubles: Troubles, desk: Desk) -> Intents:
        found = {one.key.rpartition("/")[2]: one.kind for one in troubles.found}
        return Intents(occasion=desk.day, items={"mail": {"proposals": proposals, "troubles": found}})

    @effect(name="desk/sent", **given)
    def untold(proposals: dict[str, int], orders: dict[str, int], desk: Desk) -> Intents:
        return Intents(occasion=desk.day, items=proposals)

    return [orders, weights, proposals, sent if options.get("accepts") else untold]


def test_it_is_held_while_something_far_upstream_was_rejected(desk: Desk) -> None:
    desk.run(*chain(desk))
    desk.orders, desk.day = {"a": -1}, "tuesday"
    for _ in range(2):
        result = desk.run(*chain(desk))
        outcome, reason = ended(result)
        assert (outcome, result.exit_code) == ("held", 3)
        assert reason.startswith("held: desk/weights was rejected by its checks")
    assert len(desk.world.done) == 2
    desk.orders = {"a": 1}
    assert ended(desk.run(*chain(desk)))[0] == "published"
    assert desk.world.names()[2:] == ["tuesday:a:1"]


def test_it_is_held_while_something_far_upstream_fails(desk: Desk) -> None:
    desk.run(*chain(desk))
    desk.orders, desk.day = {"a": 3}, "tuesday"
    outcome, reason = ended(desk.run(*chain(desk, fails=True)))
    assert (outcome, reason) == ("held", "held: desk/weights failed (ValueError: no weights)")
    assert len(desk.world.done) == 2


def test_it_is_held_while_something_upstream_is_overdue(desk: Desk) -> None:
    declared = chain(desk, freshness=fresh_within(timedelta(hours=1)))
    desk.now += timedelta(hours=2)
    result = desk.run(*declared)
    assert ended(result) == ("held", "held: desk/orders is overdue (as of 2024-05-06 12:00 UTC)")
    assert result.exit_code == 3
    assert "hold        desk/sent" in desk.plan(*declared)
    assert desk.world.done == []


def test_it_is_held_while_an_effect_upstream_is_in_doubt(desk: Desk) -> None:
    second = World()

    @effect(name="desk/second", perform=second.perform, reconcile=second.reconcile, after=["desk/sent"])
    def after_it(orders: dict[str, Any]) -> Intents:
        return Intents(occasion="monday", items={"mail": 1})

    desk.world.next, desk.world.answers = ["lost after"], False
    result = desk.run(*desk.declared(), after_it)
    assert ended(result, "second")[0] == "held"
    assert "desk/sent is in doubt" in ended(result, "second")[1]
    assert second.done == []


@pytest.mark.parametrize(
    ("orders", "fails", "told"),
    [
        pytest.param({"a": 1}, False, {}, id="all is well"),
        pytest.param({"a": -1}, False, {"weights": "rejected", "proposals": "held"}, id="rejected above"),
        pytest.param({"a": 1}, True, {"weights": "failed", "proposals": "held"}, id="failed above"),
    ],
)
def test_what_it_accepts_it_is_told(
    desk: Desk, orders: dict[str, int], fails: bool, told: dict[str, str]
) -> None:
    desk.orders = orders
    result = desk.run(*chain(desk, fails=fails, accepts=["failed", "rejected", "held"]))
    assert ended(result)[0] == "published"
    payload = json.loads(desk.receipts()[0]["payload"])
    assert payload == {"proposals": None if told else orders, "troubles": told}


def test_an_ordinary_asset_may_accept_what_was_skipped_and_is_made_again_when_it_is_there(desk: Desk) -> None:
    desk.skip = "today"

    @source(name="d/book")
    def book(desk: Desk) -> Observation:
        return Observation(value=int(bool(desk.skip)))

    @asset(name="d/maybe")
    def maybe(book: int) -> int | Skip:
        return Skip("nothing to do") if book else 7

    @asset(name="d/report", accepts=["skipped"])
    def report(maybe: int | None, troubles: Troubles) -> str:
        return f"{maybe}: {troubles}"

    @asset(name="d/plain")
    def plain(maybe: int) -> int:
        return maybe

    declared = (book, maybe, report, plain)
    result = desk.run(*declared)
    assert ended(result, "report")[0] == "published"
    assert ended(result, "plain")[0] == "skipped"
    assert desk.kept is not None
    assert desk.kept.load("d/report") == "None: d/maybe was skipped (nothing to do)"
    assert ended(desk.run(*declared), "report")[0] == "kept"
    desk.skip = ""
    assert ended(desk.run(*declared), "report")[0] == "published"
    assert desk.kept.load("d/report") == "7: "


# What cannot be declared


def test_what_cannot_work_is_said_at_load(desk: Desk) -> None:
    from graph import DefinitionErrors, build_graph

    def no_item() -> None: ...

    def wants(item: Item, broker: Any) -> None: ...

    @effect(name="d/one", perform=no_item, accepts=["skiped"])  # the point
    def one(troubles: Troubles) -> Intents: ...

    @effect(
        name="d/two", perform=wants, reconcile=wants, doubt="at most once", run=Execution(isolation="process")
    )
    def two(troubles: Troubles) -> Intents: ...

    with pytest.raises(DefinitionErrors) as refused:
        build_graph([one, two])
    said = str(refused.value)
    for words in (
        "has a perform= that takes no item",
        "does not say what happens in doubt",
        "accepts 'skiped'",
        "Did you mean 'skipped'?",
        "parameter 'broker' is no resource",
        "so it needs no doubt=",
        "takes Troubles and accepts none",
        "remove isolation='process'",
    ):
        assert words in said


def test_an_effect_may_not_keep_a_secret_on_record(desk: Desk) -> None:
    workspace = desk.workspace(*desk.declared())
    workspace._secrets.add("hunter2")
    desk.orders = {"a": "hunter2"}
    result = run_plan(workspace.plan("*"), workspace, jobs=1)
    assert ended(result) == ("failed", "item 'a' contains a secret; leave it out, the ledger would keep it")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param(3, "an effect returns Intents(...) or Skip(...), and gave int", id="not intents"),
        pytest.param(Intents(items={}), "without partitions says its occasion", id="no occasion"),
        pytest.param(Intents(occasion="x", items={"": 1}), "the name of an item is a text", id="no name"),
        pytest.param(Intents(occasion="x", items={"a": object()}), "object is no JSON value", id="no JSON"),
    ],
)
def test_what_it_may_not_return(desk: Desk, value: object, words: str) -> None:
    @effect(name="d/one", perform=perform, reconcile=reconcile)
    def one() -> Any:
        return value

    outcome, reason = ended(desk.run(one), "one")
    assert outcome == "failed"
    assert words in reason
