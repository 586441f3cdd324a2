"""What a build must not do: publish unchecked, serve what is gone, end the run, tell a secret, forget the time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from checks import between, check
from graph import (
    Batch,
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
from graph.partition_set import WHOLE
from graph.partitions import Partitions, Product, Static
from materializers import Workspace, in_memory, materialize
from materializers.runner import RunResult

NOW = datetime(2024, 1, 5, tzinfo=UTC)


class Shop:
    """One ledger and store under declarations that change, with a clock."""

    def __init__(self) -> None:
        self.now = NOW
        self.kept: Workspace | None = None

    def run(
        self, *declared: Callable[..., Any], selection: str = "*", force: bool = False, jobs: int = 1
    ) -> RunResult:
        workspace = self.of(declared)
        return materialize(selection, workspace=workspace, force=force, jobs=jobs)

    def of(self, declared: Iterable[Callable[..., Any]]) -> Workspace:
        workspace = in_memory(declared, clock=lambda: self.now)
        if self.kept is not None:
            workspace.ledger, workspace.store = self.kept.ledger, self.kept.store
        self.kept = workspace
        return workspace

    def value(self, key: str) -> Any:
        assert self.kept is not None
        return self.kept.load(key)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def outcomes(result: RunResult) -> dict[str, str]:
    return {one.name.rpartition("/")[2]: one.outcome for one in result.results}


def number(value: int, limit: int | None = None) -> Callable[..., Any]:
    """An asset ``x`` that gives a number, perhaps with a limit as its check."""
    checks = [check(_at_most(limit), name="limit")] if limit is not None else []

    @asset(name="g/x", checks=checks)
    def x() -> int:
        return value

    return x


def _at_most(limit: int) -> Callable[[int], bool]:
    def at_most(value: int) -> bool:
        return value <= limit

    return at_most


@pytest.mark.parametrize("timeout", [None, timedelta(seconds=5)], ids=["", "with a time-out"])
@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt(), GeneratorExit()])
def test_what_a_function_raises_ends_its_step_and_no_more(
    shop: Shop, error: BaseException, timeout: timedelta | None
) -> None:
    @asset(run=Execution(timeout=timeout))
    def a() -> int:
        raise error

    @asset
    def b() -> int:
        return 1

    result = shop.run(a, b)
    assert (outcomes(result), result.exit_code) == ({"a": "failed", "b": "published"}, 1)


def test_a_version_that_todays_checks_have_not_passed_is_not_adopted(shop: Shop) -> None:
    shop.run(number(10, limit=50))
    shop.run(number(2, limit=50))
    shop.run(number(2, limit=5))
    result = shop.run(number(10, limit=5))
    assert (outcomes(result), result.exit_code) == ({"x": "rejected"}, 3)
    assert shop.value("g/x") == 2


def test_a_version_whose_value_is_gone_is_made_again(shop: Shop) -> None:
    first = shop.run(number(1))
    assert shop.kept is not None
    (version,) = first.results[0].versions.values()
    shop.run(number(2))
    shop.kept.store.delete(str(shop.kept.ledger.content(version).address))
    assert outcomes(shop.run(number(1))) == {"x": "published"}
    assert shop.value("g/x") == 1


def test_a_rejected_version_is_tried_again_when_its_check_was_mended(shop: Shop) -> None:
    assert outcomes(shop.run(number(10, limit=5))) == {"x": "rejected"}
    assert outcomes(shop.run(number(10, limit=5))) == {"x": "held"}
    assert outcomes(shop.run(number(10, limit=50))) == {"x": "published"}


def test_what_fails_its_changed_check_says_so_each_time(shop: Shop) -> None:
    shop.run(number(10))
    assert [shop.run(number(10, limit=5)).exit_code for _ in range(3)] == [3, 3, 3]
    assert shop.value("g/x") == 10


def test_force_on_any_of_several_outputs_builds_them(shop: Shop) -> None:
    calls: list[str] = []

    @multi_asset(Out(name="a"), Out(name="b"))
    def both() -> dict[str, int]:
        print("called")
        return {"a": 1, "b": 2}

    shop.run(both)
    result = shop.run(both, selection="b", force=True)
    assert (outcomes(result), calls) == ({"a": "published"}, [])


def test_below_a_sibling_that_has_a_step_of_its_own_one_waits_for_it(shop: Shop) -> None:
    def family(value: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
        @multi_asset(Out(name="a", checks=[check(_at_most(5), name="limit")]), Out(name="b"))
        def both() -> dict[str, int]:
            return {"a": value, "b": value}

        @asset
        def down(b: int) -> int:
            return b

        return both, down

    workspace = shop.of(family(1))
    plan = workspace.plan("*")
    assert {step.key.rpartition("/")[2]: step.needs for step in plan.steps}["down"] == (plan.steps[0].key,)


def test_days_that_are_no_longer_declared_are_not_read(shop: Shop) -> None:
    def days(start: str) -> Callable[..., Any]:
        @asset(name="g/bars", partitions=Daily(start=start))
        def bars(window: Window) -> Any:
            import pyarrow as pa

            return pa.table({"day": [window.day.day]})

        return bars

    @asset(name="g/all")
    def every(bars: pa.Table) -> list[int]:  # noqa: F821  # as text
        return [int(day) for day in bars.column("day").to_pylist()]

    @asset(name="g/bars")
    def undivided() -> Any:
        import pyarrow as pa

        return pa.table({"day": [99]})

    shop.run(days("2024-01-02"), every)
    assert shop.value("g/all") == [2, 3, 4]
    shop.run(days("2024-01-03"), every)
    assert shop.value("g/all") == [3, 4]
    shop.run(undivided, every)
    assert shop.value("g/all") == [99]
    assert shop.value("g/bars").num_rows == 1


def test_the_clock_renews_the_newest_day_only(shop: Shop) -> None:
    @asset(partitions=Daily(start="2024-01-02"), volatile=True, freshness=fresh_within(timedelta(hours=20)))
    def bars(window: Window) -> int:
        return window.day.day

    shop.run(bars)
    shop.now += timedelta(hours=23)
    assert outcomes(shop.run(bars)) == {
        "bars@2024-01-02..2024-01-03": "kept",
        "bars@2024-01-04": "published",
    }


NEW = {"start": "2024-01-03", "end": "2024-01-03"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(Daily(**NEW), Daily(**NEW, timezone="Asia/Tokyo"), id="another time zone"),
        pytest.param(Daily(**NEW), Daily(**NEW, hour_offset=5), id="another hour"),
        pytest.param(
            Product(day=Daily(**NEW), s=Static("x")),
            Product(day=Daily(**NEW, timezone="Asia/Tokyo"), s=Static("x")),
            id="another time zone of a product",
        ),
    ],
)
@pytest.mark.parametrize("by", [None, "at"], ids=["given as a Window", "splits a batch"])
def test_when_a_window_begins_goes_in(
    shop: Shop, before: Partitions, after: Partitions, by: str | None
) -> None:
    def bars_of(partitions: Partitions) -> Callable[..., Any]:
        if by is None:

            @asset(name="g/bars", partitions=partitions)
            def bars(window: Window) -> str:
                return window.start.isoformat()

            return bars

        @asset(name="g/bars", partitions=partitions, batch=Batch(by=by))
        def split() -> pa.Table:  # noqa: F821  # as text
            import pyarrow as pa

            return pa.table({"at": pa.array([], pa.timestamp("us", "UTC"))})

        return split

    shop.run(bars_of(before))
    again = shop.run(bars_of(after))
    assert {(one.outcome, one.step.reason.kind) for one in again.results} == {("published", "config changed")}


def test_a_previous_value_that_cannot_be_read_is_none(shop: Shop) -> None:
    @asset(name="g/log")
    def as_json(previous: Previous) -> dict[str, int]:
        return {"runs": 1}

    @asset(name="g/log")
    def as_table(previous: Previous) -> pa.Table:  # noqa: F821  # as text
        import pyarrow as pa

        return pa.table({"runs": [1 if previous.value is None else 2]})

    shop.run(as_json)
    assert outcomes(shop.run(as_table)) == {"log": "published"}
    assert shop.value("g/log").column("runs").to_pylist() == [1]


class Feed:
    """A resource that shows what it was told to."""

    def __init__(self) -> None:
        self.shown: list[Observation] = []

    def identity(self) -> dict[str, str]:
        return {}

    def observe(self, now: datetime) -> Observation:
        return self.shown[-1]


THE_FEED = Feed()
SHOWN = THE_FEED.shown


@provide
def feed() -> Feed:
    return THE_FEED


@asset(name="g/prices", volatile=True, freshness=fresh_within(timedelta(hours=1)))
def prices(feed: Feed) -> str:
    return str(feed.shown[-1].version)


@asset(name="g/report")
def report(prices: str) -> str:
    return prices


def test_the_world_is_looked_at_anew_for_each_plan(shop: Shop) -> None:
    SHOWN[:] = [Observation(version="1", as_of=NOW)]
    workspace = shop.of([feed, prices, report])
    materialize("*", workspace=workspace)
    SHOWN.append(Observation(version="2", as_of=NOW))
    materialize("*", workspace=workspace)
    assert shop.value("g/report") == "2"


def test_a_look_at_an_unmoved_world_advances_the_age(shop: Shop) -> None:
    SHOWN[:] = [Observation(version="1", as_of=NOW)]
    shop.run(feed, prices, report)
    SHOWN.append(Observation(version="1", as_of=NOW + timedelta(days=9), ends=True))
    assert outcomes(shop.run(feed, prices, report)) == {"prices": "kept", "report": "kept"}
    assert shop.kept is not None
    version = shop.kept.published("g/prices")[WHOLE]
    assert (version.as_of, version.ends) == (NOW + timedelta(days=9), True)


def test_a_resource_that_shows_no_version_leaves_it_to_the_clock(shop: Shop) -> None:
    SHOWN[:] = [Observation(value=None, as_of=NOW)]
    shop.run(feed, prices)
    shop.now += timedelta(days=9)
    assert shop.run(feed, prices).results[0].reason.startswith("due")


def test_the_age_reaches_the_end_of_a_chain_in_one_run(shop: Shop) -> None:
    @source(name="g/till")
    def till() -> Observation:
        return Observation(value=1, as_of=shop.now)

    @asset(name="g/a1")
    def a1(till: int) -> int:
        return till

    @asset(name="g/a2")
    def a2(a1: int) -> int:
        return a1

    @asset(name="g/a3")
    def a3(a2: int) -> int:
        return a2

    workspace = shop.of([till, a1, a2, a3])
    materialize("*", workspace=workspace)
    shop.now += timedelta(hours=5)
    assert set(outcomes(materialize("*", workspace=workspace)).values()) == {"kept"}
    assert {workspace.published(f"g/a{n}")[WHOLE].as_of for n in (1, 2, 3)} == {shop.now}


def test_a_skip_of_one_day_says_nothing_of_another(shop: Shop) -> None:
    days = Daily(start="2024-01-03")

    @asset(name="g/p", partitions=days)
    def p(window: Window) -> int | Skip:
        if window.day.day == 3:
            return Skip("holiday")
        raise OSError("no network")

    @asset(name="g/q", partitions=days)
    def q(p: int) -> int:
        return p

    assert outcomes(shop.run(p, q)) == {
        "p@2024-01-03": "skipped",
        "p@2024-01-04": "failed",
        "q@2024-01-03": "skipped",
        "q@2024-01-04": "held",
    }


def test_a_skip_until_a_time_holds_a_volatile_asset_as_well(shop: Shop) -> None:
    @asset(name="g/p", volatile=True)
    def p() -> Skip:
        return Skip("closed", until=NOW + timedelta(hours=1))

    assert outcomes(shop.run(p)) == {"p": "skipped"}
    assert outcomes(shop.run(p)) == {"p": "held"}
    shop.now += timedelta(hours=1)
    assert outcomes(shop.run(p)) == {"p": "skipped"}


def test_values_of_several_days_come_by_their_key(shop: Shop) -> None:
    @asset(name="g/p", partitions=Daily(start="2024-01-03"))
    def p(window: Window) -> int:
        return window.day.day

    @asset(name="g/all")
    def every(p: dict[str, int]) -> int:
        return sum(p.values())

    shop.run(p, every)
    assert shop.value("g/p") == {"2024-01-03": 3, "2024-01-04": 4}
    assert shop.value("g/all") == 7


class Keys(BaseSettings):
    """Settings with a secret, as a broker has them."""

    token: SecretStr = SecretStr("hunter2-abc")


class Broker:
    """A resource with a secret that it tells in its errors."""

    def __init__(self, keys: Keys) -> None:
        self.token = keys.token.get_secret_value()

    def identity(self) -> dict[str, str]:
        return {}


@provide
def broker(keys: Keys) -> Broker:
    return Broker(keys)


@asset(name="g/orders")
def orders(broker: Broker, run: Run) -> int:
    run.log(f"asking with {broker.token}")
    print(f"token {broker.token}", file=sys.stderr)
    raise ConnectionError(f"401 for https://example.test/?key={broker.token}")


def test_a_secret_is_in_no_row_of_the_ledger(shop: Shop) -> None:
    result = shop.run(broker, orders)
    assert result.results[0].reason == "ConnectionError: 401 for https://example.test/?key=**********"
    assert shop.kept is not None
    (attempt,) = shop.kept.ledger.attempts_of(result.run_id)
    assert attempt.output == "asking with **********\ntoken **********\n"
    assert "hunter2" not in repr((result, attempt))


def test_early_cutoff_asks_the_checks_that_have_changed(shop: Shop) -> None:
    def pair(*checks: Any, salt: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
        @asset(name="g/up", volatile=True)
        def up() -> Any:
            import pyarrow as pa

            return pa.table({"x": [salt * 0 + 1]})

        @asset(name="g/down", checks=checks)
        def down(up: Any) -> Any:
            return up

        return up, down

    shop.run(*pair(salt=1))
    result = shop.run(*pair(between("x", 5, None), salt=2))
    assert outcomes(result) == {"up": "published", "down": "rejected"}
    assert result.results[1].reason == "published, and its checks fail: between(x): 1 row"


def test_what_tells_its_provenance_is_held_while_its_inputs_do_not_belong_together(shop: Shop) -> None:
    def world(value: int) -> list[Callable[..., Any]]:
        @asset(name="g/left", checks=[check(_at_most(5), name="limit")])
        def left() -> int:
            return value

        @asset(name="g/right")
        def right() -> int:
            return value

        @asset(name="g/page")
        def page(left: int, right: int, made_from: Provenance) -> list[int]:
            return [left, right]

        return [left, right, page]

    shop.run(*world(1))
    result = shop.run(*world(9))
    assert outcomes(result) == {"left": "rejected", "right": "published", "page": "held"}
    assert result.results[2].reason.startswith(
        "its inputs do not belong together: reads the last good version"
    )
    assert shop.value("g/page") == [1, 1]


def test_what_was_planned_as_perhaps_says_afterwards_what_has_changed(shop: Shop) -> None:
    def pair(value: int) -> list[Callable[..., Any]]:
        @asset(name="g/up")
        def up() -> int:
            return value

        @asset(name="g/down")
        def down(up: int) -> int:
            return up

        return [up, down]

    shop.run(*pair(1))
    assert shop.run(*pair(2)).results[1].reason == "upstream changed: g/up"


def test_outputs_that_are_stored_differently_are_kept_together(shop: Shop) -> None:
    @multi_asset(Out("g/a", stored_as="json"), Out("g/b"))
    def both() -> dict[str, int]:
        return {"g/a": 1, "g/b": 2}

    shop.run(both)
    assert outcomes(shop.run(both)) == {"a": "kept", "b": "kept"}
    assert shop.of([both]).plan("*").work() == ()


def test_below_any_output_of_a_function_that_skips_one_is_skipped(shop: Shop) -> None:
    @multi_asset(Out("g/a"), Out("g/b"))
    def both() -> Skip:
        return Skip("closed")

    @asset(name="g/down")
    def down(b: int) -> int:
        return b

    first, second = shop.run(both, down), shop.run(both, down)
    assert outcomes(first) == {"a": "skipped", "down": "skipped"}
    assert (first.exit_code, second.exit_code) == (0, 0)
