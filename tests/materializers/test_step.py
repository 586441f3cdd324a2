"""What one step does with what it finds: built, kept, rejected, skipped, adopted, retried, timed out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from checks import between, check, not_null, row_count
from graph import (
    Config,
    Daily,
    Execution,
    Observation,
    Out,
    Previous,
    Provenance,
    Run,
    Skip,
    Window,
    asset,
    fresh_within,
    multi_asset,
    source,
)
from graph import resource as provide
from materializers import SettingsError, Workspace, in_memory, load, materialize
from materializers.runner import RunResult


class Limits(Config):
    """A config for these tests."""

    cap: int = 2


class World:
    """Declared functions on an empty ledger, with a clock and a count of their calls."""

    def __init__(self, *declared: Callable[..., Any]) -> None:
        self.now = datetime(2024, 1, 5, tzinfo=UTC)
        self.workspace = in_memory(declared, clock=lambda: self.now)

    def run(self, selection: str = "*", *, force: bool = False) -> RunResult:
        return materialize(selection, workspace=self.workspace, force=force, jobs=1)

    def outcomes(self, selection: str = "*", *, force: bool = False) -> dict[str, str]:
        return outcomes(self.run(selection, force=force))

    def redeclare(self, *declared: Callable[..., Any]) -> World:
        """The same ledger and store under changed declarations."""
        changed = World(*declared)
        changed.workspace.ledger = self.workspace.ledger
        changed.workspace.store = self.workspace.store
        changed.now = self.now
        return changed

    def value(self, name: str) -> Any:
        return load(name, workspace=self.workspace)


def outcomes(result: RunResult) -> dict[str, str]:
    return {one.name.rpartition("/")[2]: one.outcome for one in result.results}


def numbers(values: Iterable[float]) -> Any:
    import pyarrow as pa

    return pa.table({"x": list(values)})


def test_values_flow_and_a_second_run_keeps_everything() -> None:
    @asset
    def a() -> int:
        return 2

    @asset
    def b(a: int) -> int:
        return a * 3

    world = World(a, b)
    assert world.outcomes() == {"a": "published", "b": "published"}
    assert world.value("b") == 6
    assert world.outcomes() == {"a": "kept", "b": "kept"}


def test_an_annotation_may_be_quoted_although_all_of_them_are_postponed() -> None:
    @asset(name="g/table")
    def table() -> Any:
        return numbers([1, 2])

    @asset(name="g/rows")
    def rows(table: "pa.Table") -> int:  # noqa: F821, UP037  # as one writes it who is used to quotes
        return int(table.num_rows)

    assert World(table, rows).outcomes() == {"table": "published", "rows": "published"}


def test_early_cutoff_keeps_what_is_below_when_the_value_came_out_equal() -> None:
    @asset
    def a() -> int:
        return 2

    @asset
    def b(a: int) -> int:
        return a

    world = World(a, b)
    world.run()
    assert world.outcomes("a", force=True) == {"a": "published"}
    result = world.run("b")
    assert outcomes(result) == {"a": "kept", "b": "kept"}

    @asset(name="a")
    def other_code() -> int:
        return int("2")

    changed = world.redeclare(other_code, b).run("b")
    assert outcomes(changed) == {"a": "published", "b": "kept"}


def test_a_rejected_version_is_not_seen_and_the_last_good_one_is_served() -> None:
    def a_with(*values: float) -> Callable[..., Any]:
        if values == (1.0,):

            @asset(name="a", checks=[between("x", 0, None)])
            def good() -> Any:
                return numbers([1.0])

            return good

        @asset(name="a", checks=[between("x", 0, None)])
        def bad() -> Any:
            return numbers([1.0, -1.0])

        return bad

    @asset
    def b(a: pa.Table) -> int:  # noqa: F821  # as text, as in a catalogue
        return int(a.num_rows)

    world = World(a_with(1.0), b)
    world.run()
    worse = world.redeclare(a_with(-1.0), b)
    result = worse.run()
    assert outcomes(result) == {"a": "rejected", "b": "kept"}
    assert result.exit_code == 3
    assert result.results[1].notes == (
        "reads the last good version of materializers/a; a newer one was rejected",
    )
    (verdict,) = result.results[0].verdicts[result.results[0].step.key]
    assert (verdict.failing, verdict.sample[0]["x"]) == (1, -1.0)
    assert worse.value("b") == 1
    again = worse.run()
    assert (outcomes(again)["a"], again.exit_code) == ("held", 3)


def test_below_a_version_that_was_never_good_everything_waits() -> None:
    @asset(checks=[row_count(minimum=1)])
    def a() -> Any:
        return numbers([])

    @asset
    def b(a: Any) -> int:
        return 1

    result = World(a, b).run()
    assert outcomes(result) == {"a": "rejected", "b": "held"}
    assert result.results[1].reason.startswith("waits for")


def test_a_warning_publishes_and_tells() -> None:
    @asset(checks=[not_null("x", severity="warn")])
    def a() -> Any:
        import pyarrow as pa

        return pa.table({"x": [1.0, None]})

    result = World(a).run()
    assert (outcomes(result), result.exit_code) == ({"a": "published"}, 0)
    assert not result.results[0].verdicts[result.results[0].step.key][0].passed


def test_changed_checks_judge_what_is_published_without_building_it() -> None:
    def a_with(*checks: Any) -> Callable[..., Any]:
        @asset(name="a", checks=checks)
        def a() -> Any:
            return numbers([1.0, -1.0])

        return a

    world = World(a_with())
    world.run()
    strict = world.redeclare(a_with(between("x", 0, None)))
    assert strict.run().results[0].reason.startswith("published, and its checks fail: between(x)")
    assert strict.value("a").num_rows == 2
    assert strict.outcomes() == {"a": "kept"}
    assert [
        one.outcome for one in strict.workspace.ledger.history("materializers/a", environment="main")
    ] == ["published"]


def test_a_check_of_ones_own_sees_the_value() -> None:
    @check
    def even(value: int) -> bool:
        return value % 2 == 0

    @asset(checks=[even])
    def a() -> int:
        return 3

    assert World(a).outcomes() == {"a": "rejected"}


def test_a_failure_stays_in_its_branch_and_is_retried_when_somebody_asks() -> None:
    calls: list[str] = []

    @asset
    def a() -> int:
        calls.append("a")
        raise OSError("no network")

    @asset
    def below(a: int) -> int:
        return a

    @asset
    def apart() -> int:
        return 1

    world = World(a, below, apart)
    result = world.run()
    assert outcomes(result) == {"a": "failed", "apart": "published", "below": "held"}
    assert (result.outcome, result.exit_code) == ("failed", 1)
    failed = result.results[0]
    assert failed.reason == "OSError: no network"
    assert "raise OSError" in failed.error
    assert world.outcomes("a") == {"a": "failed"}
    assert calls == ["a", "a"]


def test_retries_are_attempts_of_their_own() -> None:
    calls: list[int] = []

    @asset(run=Execution(retries=2, retry_delay=timedelta(0)))
    def flaky(run: Run) -> int:
        calls.append(run.attempt)
        run.log(f"attempt {run.attempt}")
        if run.attempt < 3:
            raise OSError("not yet")
        return 1

    world = World(flaky)
    result = world.run()
    assert (outcomes(result), calls) == ({"flaky": "published"}, [1, 2, 3])
    attempts = world.workspace.ledger.attempts_of(result.run_id)
    assert [(one.number, one.outcome, one.output) for one in attempts] == [
        (1, "failed", "attempt 1\n"),
        (2, "failed", "attempt 2\n"),
        (3, "published", "attempt 3\n"),
    ]


def test_a_time_out_fails_and_the_late_result_is_discarded() -> None:
    release = threading.Event()

    @asset(run=Execution(timeout=timedelta(milliseconds=50)))
    def slow() -> int:
        release.wait(10)
        return 1

    world = World(slow)
    result = world.run()
    release.set()
    assert result.results[0].reason == "timed out after 0.05 s"
    assert world.workspace.published(result.results[0].step.key) == {}


def test_a_skip_is_no_failure_and_moves_no_pointer() -> None:
    @asset
    def orders() -> int | Skip:
        return Skip("open orders exist")

    @asset
    def submission(orders: int) -> int:
        return orders

    @asset
    def fills(submission: int) -> int:
        return submission

    world = World(orders, submission, fills)
    result = world.run()
    assert outcomes(result) == {"orders": "skipped", "submission": "skipped", "fills": "skipped"}
    assert result.results[0].reason == "open orders exist"
    assert result.results[1].reason == "materializers/orders was skipped (open orders exist)"
    again = world.run()
    assert outcomes(again) == {"orders": "held", "submission": "held", "fills": "held"}
    assert (result.exit_code, again.exit_code) == (0, 0)


@asset
def capped(limits: Limits) -> int:
    return limits.cap


def test_config_is_part_of_what_goes_in() -> None:
    world = World(capped)
    world.run()
    (key,) = world.workspace.graph.assets
    changed = world.redeclare(capped)
    changed.workspace.config = {key: {"cap": "3"}}
    result = changed.run()
    assert result.results[0].reason == "its config changed: cap 2 -> 3"
    assert changed.value("capped") == 3


class Feed:
    """A resource whose outside world can be looked at."""

    def __init__(self, provider: str = "x", version: str = "1") -> None:
        self.provider, self.version = provider, version

    def identity(self) -> dict[str, str]:
        return {"provider": self.provider}

    def observe(self, now: datetime) -> Observation:
        return Observation(version=self.version, as_of=now, ends=True)


def test_a_volatile_asset_over_a_resource_that_can_be_seen_follows_what_it_shows() -> None:
    def world_of(feed: Feed, before: World | None = None) -> World:
        @provide
        def made() -> Feed:
            return feed

        @asset(volatile=True, freshness=fresh_within(timedelta(hours=1)))
        def prices(feed: Feed) -> str:
            return feed.version

        return before.redeclare(made, prices) if before else World(made, prices)

    world = world_of(Feed())
    world.run()
    world.now += timedelta(days=9)
    assert world.outcomes() == {"prices": "kept"}
    moved = world_of(Feed(version="2"), world).run()
    assert moved.results[0].reason == 'Feed changed: observed "1" -> "2"'
    other = world_of(Feed(provider="y", version="2"), world).run()
    assert other.results[0].reason == 'Feed changed: provider "x" -> "y"'


class Blind:
    """A resource whose outside world cannot be looked at."""

    def identity(self) -> dict[str, str]:
        return {}

    def observe(self, now: datetime) -> Observation:
        raise OSError("no such folder")


def test_what_reads_a_resource_that_cannot_be_seen_is_held_and_the_rest_runs() -> None:
    @provide
    def blind() -> Blind:
        return Blind()

    @asset(volatile=True)
    def prices(blind: Blind) -> int:
        return 1

    @asset
    def apart() -> int:
        return 1

    result = World(blind, prices, apart).run()
    assert (outcomes(result), result.exit_code) == ({"prices": "held", "apart": "published"}, 1)
    assert result.results[0].reason == "Blind could not be observed: OSError: no such folder"


def test_a_wrong_setting_is_told_without_its_value() -> None:
    world = World(capped)
    world.workspace.config = {"materializers/capped": {"cap": "hunter2"}}
    with pytest.raises(SettingsError) as caught:
        world.run()
    assert "cap: Input should be a valid integer" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_source_is_stored_as_it_was_seen() -> None:
    seen = [{"cash": 1}]

    @source
    def holdings() -> Observation:
        return Observation(value=seen[0])

    @asset
    def cash(holdings: dict[str, int]) -> int:
        return holdings["cash"]

    world = World(holdings, cash)
    assert world.outcomes("cash") == {"holdings": "published", "cash": "published"}
    assert world.outcomes("cash") == {"holdings": "kept", "cash": "kept"}
    seen[0] = {"cash": 5}
    assert world.outcomes("cash") == {"holdings": "published", "cash": "published"}
    assert world.value("cash") == 5


def test_a_source_that_cannot_be_seen_serves_its_last_version() -> None:
    seen: list[Any] = [1]

    @source
    def holdings() -> Observation:
        return Observation(value=seen[0])

    @asset
    def cash(holdings: int) -> int:
        return holdings

    world = World(holdings, cash)
    world.run("cash")
    seen.clear()
    result = world.run("cash")
    assert (outcomes(result), result.exit_code) == ({"holdings": "held", "cash": "kept"}, 1)
    assert "IndexError" in result.results[0].reason


def test_several_assets_from_one_function_are_checked_and_published_each() -> None:
    def world_of(number: int, before: World | None = None) -> World:
        @multi_asset(Out(name="train"), Out(name="test", checks=[check(positive)]), code=None)
        def split() -> dict[str, int]:
            return {"train": 1, "test": number}

        return before.redeclare(split) if before else World(split)

    world = world_of(2)
    world.run()
    assert (world.value("train"), world.value("test")) == (1, 2)
    assert world.outcomes() == {"train": "kept", "test": "kept"}
    result = world_of(-1, world).run()
    assert (outcomes(result), result.exit_code) == ({"train": "rejected"}, 3)
    assert world.value("test") == 2


def positive(value: int) -> bool:
    return value > 0


def test_a_function_that_gives_other_names_than_it_declares_fails() -> None:
    @multi_asset(Out(name="train"), Out(name="test"))
    def split() -> dict[str, int]:
        return {"train": 1}

    result = World(split).run()
    assert "it must return a mapping with the names ['train', 'test']" in result.results[0].reason


def test_days_are_built_one_by_one_and_read_as_a_whole() -> None:
    @asset(partitions=Daily(start="2024-01-02"))
    def bars(window: Window) -> Any:
        return numbers([window.day.day])

    @asset
    def total(bars: pa.Table) -> list[float]:  # noqa: F821  # as text
        return [float(x) for x in bars.column("x").to_pylist()]

    world = World(bars, total)
    assert list(world.outcomes("total")) == ["bars@2024-01-02", "bars@2024-01-03", "bars@2024-01-04", "total"]
    assert world.value("total") == [2.0, 3.0, 4.0]
    world.now += timedelta(days=1)
    assert [
        one.name.rpartition("/")[2] for one in world.run("total").results if one.outcome == "published"
    ] == [
        "bars@2024-01-05",
        "total",
    ]


def test_previous_is_what_was_published_last() -> None:
    @asset
    def log(previous: Previous) -> list[int]:
        return [*(previous.value or []), len(previous.value or [])]

    world = World(log)
    world.run()
    world.run(force=True)
    assert world.value("log") == [0, 1]


def test_provenance_names_every_ancestor_and_moves_with_their_verdicts() -> None:
    def world_of(low: int, before: World | None = None) -> World:
        @asset(name="a", checks=[between("x", low, None, name="bounds")])
        def a() -> Any:
            return numbers([1.0])

        @asset
        def b(a: Any) -> int:
            return 1

        @asset
        def report(b: int, made_from: Provenance) -> list[str]:
            return [
                f"{one.key.rpartition('/')[2]} {[verdict.passed for verdict in one.verdicts]}"
                for one in made_from.ancestors
            ]

        return before.redeclare(a, b, report) if before else World(a, b, report)

    world = world_of(0)
    world.run()
    assert world.value("report") == ["a [True]", "b []"]
    assert world.outcomes() == {"a": "kept", "b": "kept", "report": "kept"}
    failing = world_of(2, world)
    failing.run()
    assert failing.value("report") == ["a [False]", "b []"]


def test_what_cannot_be_stored_fails_by_name() -> None:
    @asset
    def a() -> object:
        return object()

    assert "asset 'materializers/a' returned" in World(a).run().results[0].reason


@pytest.mark.parametrize("outcome", ["published"])
def test_what_a_step_prints_is_kept_with_its_attempt(
    outcome: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @asset
    def talkative() -> int:
        print("hello")
        return 1

    world = World(talkative)
    result = world.run()
    (attempt,) = world.workspace.ledger.attempts_of(result.run_id)
    assert (attempt.outcome, attempt.output) == (outcome, "hello\n")
    assert capsys.readouterr().out == ""


def test_two_runs_at_once_do_the_work_once() -> None:
    calls: list[str] = []
    entered, release = threading.Event(), threading.Event()

    @asset
    def slow() -> int:
        calls.append("slow")
        entered.set()
        release.wait(10)
        return 1

    first = World(slow)
    second = first.redeclare(slow)
    plans = [first.workspace.plan("*"), second.workspace.plan("*")]
    results: list[RunResult] = []

    def carry_out(workspace: Workspace, number: int) -> None:
        from materializers import run_plan

        results.append(run_plan(plans[number], workspace, jobs=1))

    threads = [
        threading.Thread(target=carry_out, args=(world.workspace, number))
        for number, world in enumerate((first, second))
    ]
    threads[0].start()
    entered.wait(10)
    threads[1].start()
    release.set()
    for thread in threads:
        thread.join(10)
    assert calls == ["slow"]
    assert sorted(outcomes(result)["slow"] for result in results) == ["kept", "published"]
