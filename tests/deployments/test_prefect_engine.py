"""The law of the two engines: the same plan leaves the same ledger rows in process and as a Prefect flow.

With a real server, on which the flow run, its task runs and its asset events are then looked for. One long file,
because all of it looks at the same four runs.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterName
from prefect.client.schemas.objects import FlowRun, TaskRun, TaskRunResult
from prefect.settings import PREFECT_API_URL, temporary_settings

from checks import check
from deployments.prefect_engine import NoPrefect, require_server, run_with_prefect
from graph import (
    Daily,
    Execution,
    Intents,
    Item,
    Observation,
    Out,
    Run,
    Skip,
    Troubles,
    Window,
    asset,
    effect,
    multi_asset,
    source,
)
from graph.declare import declared_in
from graph.plan_text import explain
from graph.steps import Plan, Step, name_of
from materializers import Workspace, in_memory, run_plan
from materializers.ledger import AttemptRecord, LedgerError
from materializers.runner import RunResult
from materializers.step import Result

NOW = datetime(2024, 1, 5, tzinfo=UTC)
WITHIN_S = 60
"""How long to wait for what the server has been told: it writes events down every five seconds."""

RETRIED = Execution(retries=2, retry_delay=timedelta(milliseconds=1))


def positive(value: list[int]) -> bool:
    """All numbers are positive."""
    return all(number > 0 for number in value)


@dataclass
class Book:
    """The world outside: what the source shows, and of when."""

    positions: list[int]
    as_of: datetime


BOOK = Book([], NOW)

# A graph in which each of the ways that a step can end is taken.


@source(name="book/positions")
def positions() -> Observation:
    return Observation(value=BOOK.positions, as_of=BOOK.as_of)


@asset(name="book/prices")
def prices(positions: list[int]) -> list[int]:
    print("asked for", positions)
    return [10 * number for number in positions]


@asset(name="book/left")
def left(prices: list[int]) -> int:
    return min(prices)


@asset(name="book/right")
def right(prices: list[int]) -> int:
    return max(prices)


@asset(name="book/joined")
def joined(left: int, right: int) -> list[int]:
    return [left, right]


@asset(name="book/failing", run=RETRIED)
def failing(prices: list[int]) -> int:
    raise ValueError(f"no bars for {{{prices[0]}}}")


@asset(name="book/below_failing")
def below_failing(failing: int, prices: list[int]) -> int:
    return failing


@asset(name="book/recovering", run=RETRIED)
def recovering(prices: list[int], run: Run) -> int:
    if run.attempt < 3:
        raise OSError(f"attempt {run.attempt}")
    return prices[0]


@asset(name="book/weights", checks=[check(positive)])
def weights(positions: list[int]) -> list[int]:
    return positions


@asset(name="book/orders")
def orders(weights: list[int], prices: list[int]) -> list[int]:
    return [*weights, *prices]


@asset(name="book/never_good", checks=[check(positive)])
def never_good(positions: list[int]) -> list[int]:
    return [-abs(positions[0])]


@asset(name="book/below_never_good")
def below_never_good(never_good: list[int]) -> int:
    return len(never_good)


@asset(name="book/skipped")
def skipped(positions: list[int]) -> int | Skip:
    return Skip("open {orders} exist")


@asset(name="book/below_skipped")
def below_skipped(skipped: int) -> int:
    return skipped


@asset(name="book/count")
def count(positions: list[int]) -> int:
    return len(positions)


@asset(name="book/below_count")
def below_count(count: int) -> int:
    return count + 1


@multi_asset(Out(name="book/good_half"), Out(name="book/bad_half", checks=[check(positive)]))
def halves(positions: list[int]) -> dict[str, list[int]]:
    return {"book/good_half": positions[:1], "book/bad_half": positions[1:]}


@asset(name="book/below_half")
def below_half(bad_half: list[int], good_half: list[int]) -> int:
    return len(bad_half) + len(good_half)


@asset(name="book/bars", partitions=Daily(start="2024-01-02", end="2024-01-04"))
def bars(positions: list[int], window: Window) -> list[int]:
    return [window.day.day, *positions[:1]]


@asset(name="book/day_count", partitions=Daily(start="2024-01-03", end="2024-01-04"))
def day_count(bars: list[int]) -> int:
    return len(bars)


def send(item: Item) -> dict[str, str]:
    """Half of it is lost on the way back."""
    if item.name == "lost":
        raise OSError("no answer")
    return {"sent": item.name}


def ask(item: Item) -> dict[str, str] | None:
    return {"found": item.name}


@effect(name="book/sent", perform=send, reconcile=ask)
def sent(prices: list[int]) -> Intents:
    return Intents(occasion=f"{len(prices)} prices", items={"first": prices[0], "lost": prices[-1]})


@effect(name="book/held_back", perform=send, reconcile=ask, accepts=["overdue"])
def held_back(weights: list[int], prices: list[int]) -> Intents:
    return Intents(occasion=f"{prices[-1]}", items={"first": weights[0]})


@asset(name="book/told", accepts=["skipped", "failed", "held"])
def told(below_failing: int | None, skipped: int | None, troubles: Troubles) -> list[str]:
    return [f"{one.key} {one.kind}" for one in troubles.found]


class Witness:
    """A listener that remembers which steps began and ended."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.ended: list[str] = []

    def run_started(self, run_id: str, plan: Plan, found: tuple[AttemptRecord, ...]) -> None: ...

    def step_started(self, step: Step) -> None:
        self.began.append(step.key)

    def step_waits(self, key: str, run_id: str) -> None: ...

    def step_progressed(self, step: Step, done: float, total: float) -> None: ...

    def step_ended(self, result: Result) -> None:
        self.ended.append(result.name)


@dataclass(frozen=True)
class Carried:
    """A workspace after its runs, with what each of them was told to do."""

    workspace: Workspace
    results: tuple[RunResult, ...]
    plans: tuple[str, ...]


def carried_out(engine: Callable[..., RunResult], days: list[list[int]]) -> Carried:
    """The whole graph materialized on a fresh ledger, once a day, as the source shows other positions."""
    BOOK.as_of = NOW
    workspace = in_memory(declared_in(globals()), clock=lambda: BOOK.as_of)
    results, plans = [], []
    for positions in days:
        BOOK.positions, BOOK.as_of = positions, BOOK.as_of + timedelta(days=1)
        plan = workspace.plan("*")
        plans.append(explain(plan, every=True))
        results.append(engine(plan, workspace, jobs=2))
    return Carried(workspace=workspace, results=tuple(results), plans=tuple(plans))


GOOD, SPOILT = [1, 2], [1, -2]
DAYS = [GOOD, SPOILT, GOOD, GOOD]  # built; rejected, with early cutoff; adopted again; kept and held


@pytest.fixture(scope="module")
def api(prefect_server: str) -> Iterator[str]:
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield prefect_server


@pytest.fixture(scope="module")
def on_prefect(api: str) -> Carried:
    return carried_out(run_with_prefect, DAYS)


@pytest.fixture(scope="module")
def in_process() -> Carried:
    return carried_out(run_plan, DAYS)


ROWS = {
    "attempts": "SELECT a.asset, a.slice, a.ordinal, a.label, a.number, a.fingerprint, a.token, e.outcome, e.reason,"
    " e.until, e.output"
    " FROM attempts a JOIN attempt_ends e ON e.attempt_id = a.id",
    "versions": "SELECT asset, slice, ordinal, fingerprint, code, config, resources, inputs, data_version, format,"
    " address, size, row_count, as_of, ends, rejected FROM versions",
    "judgements": "SELECT v.asset, v.slice, v.ordinal, v.fingerprint, j.checks, j.verdicts, j.failing"
    " FROM judgements j JOIN versions v ON v.id = j.version_id",
    "publications": "SELECT p.asset, p.slice, p.ordinal, p.kind, v.data_version"
    " FROM publications p JOIN versions v ON v.id = p.version_id",
    "verifications": "SELECT x.asset, x.slice, x.ordinal, x.as_of, v.data_version"
    " FROM verifications x JOIN versions v ON v.id = x.version_id",
    "pointers": "SELECT p.asset, p.slice, p.ordinal, p.as_of, v.data_version"
    " FROM pointers p JOIN versions v ON v.id = p.version_id",
    "run_ends": "SELECT outcome FROM run_ends",
    "claims": "SELECT asset, slice, ordinal, token, held FROM claims",
    "effect_events": "SELECT asset, occasion, item, attempt, state, payload, receipt, reason, name FROM effect_events",
    "effects": "SELECT asset, occasion, item, attempt, state FROM effects",
    "effect_decisions": "SELECT asset, occasion, fingerprint, until, f.decision_id IS NULL AS open"
    " FROM effect_decisions d LEFT JOIN effects_finished f ON f.decision_id = d.id",
    "settlements": "SELECT asset, code, config, resources, checks, partitions FROM settlements",
}


def rows(carried: Carried, table: str) -> list[tuple[object, ...]]:
    """The rows of a table, without ids, times and what they ran in."""
    found = carried.workspace.ledger.database.rows(ROWS[table])  # a SqlLedger
    return sorted((tuple(row[name] for name in row.keys()) for row in found), key=repr)  # noqa: SIM118  # no mapping


@pytest.mark.parametrize("table", ROWS)
def test_both_engines_write_the_same_rows(table: str, on_prefect: Carried, in_process: Carried) -> None:
    assert on_prefect.plans == in_process.plans
    assert rows(on_prefect, table) == rows(in_process, table)


def test_both_engines_answer_the_same_results(on_prefect: Carried, in_process: Carried) -> None:
    def told(carried: Carried) -> list[Any]:
        return [
            (one.name, one.outcome, one.reason, one.attempts, one.rows, one.size, one.notes)
            for run in carried.results
            for one in run.results
        ]

    assert told(on_prefect) == told(in_process)
    assert [run.exit_code for run in on_prefect.results] == [run.exit_code for run in in_process.results]


def test_the_law_is_tried_on_every_way_to_end(in_process: Carried) -> None:
    outcomes = {one.outcome for run in in_process.results for one in run.results}
    assert outcomes == {"published", "rejected", "failed", "skipped", "kept", "adopted", "held"}
    assert all(rows(in_process, table) for table in ROWS)
    numbers = {(row[0], row[4], row[7]) for row in rows(in_process, "attempts")}
    assert {("book/failing", 3, "failed"), ("book/recovering", 3, "published")} <= numbers
    kept = {one.name for one in in_process.results[1].results if one.outcome == "kept"}
    assert "book/below_count" in kept  # early cutoff
    assert outcome_of(in_process.results[1], "book/orders") == "published"  # from the last good weights
    sends = [outcome_of(run, "book/sent") for run in in_process.results]
    assert sends == ["published", "held", "kept", "kept"]  # once, whatever moves
    assert outcome_of(in_process.results[1], "book/held_back") == "held"  # something upstream was rejected
    assert {row[4] for row in rows(in_process, "effect_events")} >= {"intended", "in doubt", "accepted"}


def outcome_of(run: RunResult, name: str) -> str:
    (outcome,) = [one.outcome for one in run.results if one.name == name]
    return outcome


# What one sees on the server


@dataclass(frozen=True)
class Seen:
    """What the server knows of one flow run."""

    flow_run: FlowRun
    tasks: dict[str, TaskRun]
    events: list[dict[str, Any]]

    def materialized(self, key: str) -> list[dict[str, Any]]:
        return [
            event
            for event in self.events
            if event["resource"]["prefect.resource.id"] == f"assets://{key}"
            and event["event"].startswith("prefect.asset.materialization.")
        ]


@pytest.fixture(scope="module")
def seen(api: str, on_prefect: Carried) -> tuple[Seen, ...]:
    return tuple(seen_of(api, run) for run in on_prefect.results)


def seen_of(api: str, run: RunResult) -> Seen:
    """What the server knows of a run, once all of it has been written down."""
    work = len(run.plan.work())
    deadline = time.monotonic() + WITHIN_S
    with SyncPrefectClient(api) as client:
        (flow_run,) = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(name=FlowRunFilterName(like_=run.run_id))
        )
        of_it = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id]))
        while True:
            tasks = client.read_task_runs(flow_run_filter=of_it)
            events = asset_events(client, flow_run.id)
            ended = [task for task in tasks if task.state_name not in ("Pending", "Running")]
            told = {event["resource"]["prefect.resource.name"] for event in events}
            built = {key for one in run.results for key in one.versions if one.step.key != "book/positions"}
            if (len(ended) == work and told >= built) or time.monotonic() > deadline:
                return Seen(flow_run=flow_run, tasks={task.name: task for task in tasks}, events=events)
            threading.Event().wait(0.2)


def asset_events(client: SyncPrefectClient, flow_run_id: UUID) -> list[dict[str, Any]]:
    of_run = {"event": {"prefix": ["prefect.asset."]}, "related": {"id": [f"prefect.flow-run.{flow_run_id}"]}}
    answer = client.request("POST", "/events/filter", json={"filter": of_run, "limit": 50}).json()
    events: list[dict[str, Any]] = answer["events"]
    while answer["next_page"]:
        answer = client._client.get(answer["next_page"]).json()
        events += answer["events"]
    return events


def test_the_run_is_visible_with_a_task_run_a_step_named_as_the_asset(
    seen: tuple[Seen, ...], on_prefect: Carried
) -> None:
    for one, run in zip(seen, on_prefect.results, strict=True):
        names = {name_of(step) for step in run.plan.work()}
        assert set(one.tasks) == names
    assert {"book/prices", "book/bars@2024-01-02..2024-01-04", "book/good_half"} <= set(seen[0].tasks)


def test_a_task_runs_state_says_how_its_step_ended_and_why(seen: tuple[Seen, ...]) -> None:
    states = {
        name: (task.state.type.value, task.state.name, task.state.message)
        for name, task in seen[1].tasks.items()
        if task.state
    }
    assert states["book/prices"][:2] == ("COMPLETED", "Completed")
    assert states["book/below_count"][:2] == ("COMPLETED", "Kept")
    assert states["book/failing"] == ("FAILED", "Failed", "ValueError: no bars for {10}")
    assert states["book/weights"] == ("FAILED", "Rejected", "positive")
    assert states["book/below_failing"][:2] == ("PENDING", "NotReady")
    assert "book/failing" in str(states["book/below_failing"][2])
    assert seen[0].tasks["book/skipped"].state_name == "Skipped"


def test_a_task_run_comes_after_those_of_its_upstream(seen: tuple[Seen, ...]) -> None:
    tasks = seen[0].tasks
    inputs = {
        one.id for one in tasks["book/joined"].task_inputs["wait_for"] if isinstance(one, TaskRunResult)
    }
    assert inputs == {tasks["book/left"].id, tasks["book/right"].id}


def test_the_flow_run_ends_as_the_run_does(seen: tuple[Seen, ...], on_prefect: Carried) -> None:
    state = seen[0].flow_run.state
    assert state is not None
    assert state.is_failed()
    assert on_prefect.results[0].outcome == "failed"
    assert "2 skipped" in str(state.message)


def test_a_materialization_event_names_its_upstream_and_what_came_out(
    seen: tuple[Seen, ...], on_prefect: Carried
) -> None:
    (event,) = seen[0].materialized("book/joined")
    assert event["event"] == "prefect.asset.materialization.succeeded"
    related = {
        one["prefect.resource.id"] for one in event["related"] if one["prefect.resource.role"] == "asset"
    }
    assert related == {"assets://book/left", "assets://book/right"}
    roles = {one["prefect.resource.role"] for one in event["related"]}
    assert {"flow-run", "task-run", "flow"} <= roles
    ledger = on_prefect.workspace.ledger
    version = ledger.materialization(event["payload"]["version"]).version
    assert event["payload"] == {
        "outcome": "published",
        "reason": "never built",
        "attempts": 1,
        "data_version": version.data_version,
        "version": version.id,
        "bytes": 7,
    }


def test_what_failed_and_what_was_rejected_is_told_as_failed(seen: tuple[Seen, ...]) -> None:
    for key, reason in (("book/failing", "ValueError: no bars for {10}"), ("book/weights", "positive")):
        (event,) = seen[1].materialized(key)
        assert event["event"] == "prefect.asset.materialization.failed"
        assert event["payload"]["reason"] == reason


def test_of_several_assets_from_one_function_each_is_told_for_itself(seen: tuple[Seen, ...]) -> None:
    told = {
        key: [one["event"] for one in seen[1].materialized(f"book/{key}")]
        for key in ("good_half", "bad_half")
    }
    assert told == {
        "good_half": ["prefect.asset.materialization.succeeded"],
        "bad_half": ["prefect.asset.materialization.failed"],
    }


@pytest.mark.parametrize("key", ["below_count", "skipped", "below_failing", "positions"])
def test_what_was_kept_skipped_held_or_only_observed_is_no_materialization(
    key: str, seen: tuple[Seen, ...]
) -> None:
    assert seen[1].materialized(f"book/{key}") == []


def test_a_source_is_referenced_by_what_reads_it(seen: tuple[Seen, ...]) -> None:
    referenced = {
        event["resource"]["prefect.resource.name"]
        for event in seen[0].events
        if event["event"] == "prefect.asset.referenced"
    }
    assert referenced == {"book/positions"}


def test_partitions_are_one_asset_told_apart_by_the_payload(seen: tuple[Seen, ...]) -> None:
    days = sorted(event["payload"]["partition"] for event in seen[0].materialized("book/bars"))
    assert days == ["2024-01-02", "2024-01-03", "2024-01-04"]


# Other ways to run, and not to run


@pytest.mark.usefixtures("api")
def test_a_plan_with_nothing_to_do_costs_no_task_runs(api: str) -> None:
    @asset(name="a/one")
    def one() -> int:
        return 1

    workspace = in_memory([one])
    run_with_prefect(workspace.plan("*"), workspace)
    again = run_with_prefect(workspace.plan("*"), workspace)
    assert [result.outcome for result in again.results] == ["kept"]
    assert seen_of(api, again).tasks == {}
    assert workspace.ledger.runs()[0].engine == "prefect"


@pytest.mark.usefixtures("api")
def test_fail_fast_starts_nothing_after_a_failure_and_the_listener_hears_of_all() -> None:
    @asset(name="a/bad")
    def bad() -> int:
        raise ValueError("no")

    @asset(name="a/later", after=["a/bad"])
    def later() -> int:
        return 1

    workspace, witness = in_memory([bad, later]), Witness()
    run = run_with_prefect(workspace.plan("*"), workspace, fail_fast=True, listener=witness)
    assert [result.outcome for result in run.results] == ["failed", "cancelled"]
    assert (witness.began, witness.ended) == (["a/bad"], ["a/bad", "a/later"])


@pytest.mark.usefixtures("api")
def test_a_ledger_that_fails_ends_the_run_and_is_raised() -> None:
    @asset(name="a/one")
    def one() -> int:
        return 1

    workspace = in_memory([one])
    plan = workspace.plan("*")

    def broken(*_: object, **__: object) -> None:
        raise LedgerError("no space left")

    workspace.ledger.begin = broken  # a full disk
    with pytest.raises(LedgerError, match="no space left"):
        run_with_prefect(plan, workspace)
    (run,) = workspace.ledger.runs()
    assert run.outcome == "interrupted"


@pytest.mark.usefixtures("api")
def test_a_cancelled_run_stops_and_says_so() -> None:
    never = threading.Event()

    @asset(name="a/retried", run=Execution(retries=1_000_000))
    def retried() -> int:
        workspace.ledger.cancel_run(workspace.ledger.runs()[0].id)
        never.wait(0.01)
        raise OSError("again")

    @asset(name="a/later", after=["a/retried"])
    def later() -> int:
        return 1

    workspace = in_memory([retried, later])
    assert run_with_prefect(workspace.plan("*"), workspace).outcome == "cancelled"


@pytest.mark.usefixtures("api")
def test_ctrl_c_ends_the_run_at_once_and_what_comes_later_is_discarded() -> None:
    main = threading.main_thread().ident
    assert main is not None
    patience = threading.Event()

    @asset(name="a/late")
    def late() -> int:
        waited = 0
        while workspace.ledger.runs()[0].outcome is None:
            if (
                waited % 1000 == 0
            ):  # seldom, one is lost in Prefect's own threads: whoever waits presses again
                signal.pthread_kill(main, signal.SIGINT)
            waited += 1
            patience.wait(0.01)
        return 1

    workspace = in_memory([late])
    with pytest.raises(KeyboardInterrupt):
        run_with_prefect(workspace.plan("*"), workspace)
    (run,) = workspace.ledger.runs()
    assert run.outcome == "interrupted"
    assert [attempt.outcome for attempt in workspace.ledger.attempts_of(run.id)] == ["interrupted"]
    assert workspace.ledger.publications("a/late", environment="main") == ()


def test_without_an_address_the_remedies_are_named_and_nothing_is_started() -> None:
    with temporary_settings({PREFECT_API_URL: None}), pytest.raises(NoPrefect) as refused:
        require_server()
    assert "PREFECT_API_URL is not set: run 'prefect server start'" in str(refused.value)
    assert "--engine local" in str(refused.value)


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    nobody = {PREFECT_API_URL: "http://me:secret@127.0.0.1:9/api"}
    with temporary_settings(nobody), pytest.raises(NoPrefect) as refused:
        require_server()
    assert "http://127.0.0.1:9/api" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_without_prefect_the_engine_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['prefect'] = None\n"
        "from deployments.prefect_engine import NoPrefect, require_server\n"
        "try: require_server()\n"
        "except NoPrefect as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "install 'prefect', or use --engine local" in done.stdout
