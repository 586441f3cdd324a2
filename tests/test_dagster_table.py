"""Scenarios that Dagster 1.13 was asked about, carried out here: what it does, what we do, and why they differ.

Rows for which no shared table has a kind: blocking checks, staleness, backfill, several assets of one function. Each
says both answers in the same words; where they are not equal, the deviation is named, and told in the documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from checks import check
from graph import Code, Config, Daily, Execution, Observation, Out, asset, fresh_within, multi_asset, source
from graph.automation import eager, on_cron, on_missing
from graph.build import build_graph
from graph.catch_up import catch_up_all
from graph.declare import Batch
from graph.errors import DefinitionErrors
from graph.freshness_states import freshness_states
from graph.partitions import Static
from graph.reading import Reader
from materializers import Workspace, in_memory, materialize
from materializers.runner import RunResult, run_plan
from materializers.sweeping import carry_out, sweep

ROOT = Path(__file__).parents[1]
NOW = datetime(2024, 1, 5, 0, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SAME = Code(version="1")
Kind = Literal["checks", "staleness", "automation", "freshness", "backfill", "several", "definitions"]


class Settings(Config):
    """A config."""

    factor: int = 1


@dataclass
class Bench:
    """A workspace with a clock; ``ran`` are the calls of functions, in order."""

    now: datetime = NOW
    ran: list[str] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    workspace: Workspace | None = None
    config: dict[str, dict[str, object]] = field(default_factory=dict)

    def of(self, *declared: Callable[..., Any]) -> Workspace:
        opened = in_memory(declared, clock=lambda: self.now)
        opened.config = self.config
        if self.workspace is not None:
            opened.ledger, opened.store = self.workspace.ledger, self.workspace.store
        self.workspace = opened
        return opened

    @property
    def there(self) -> Workspace:
        assert self.workspace is not None
        return self.workspace

    def make(self, selection: str = "*", **options: Any) -> RunResult:
        return materialize(selection, workspace=self.there, jobs=1, **options)

    def alone(self, selection: str) -> RunResult:
        return run_plan(self.there.plan(selection, only=True), self.there, jobs=1)

    def sweep(self, after: timedelta = timedelta(0)) -> str:
        """The assets that a sweep asks for, some time later."""
        self.now += after
        found = sweep(self.there)
        carry_out(found, self.there, jobs=1)
        asked = [key.removeprefix("g/") for key in found.due.partitions]
        return names(asked)

    def call(self, name: str, value: Any = 1) -> Any:
        self.ran.append(name)
        return self.constants.get(name, value)

    def visible(self) -> str:
        return names(key.removeprefix("g/") for key in self.there.graph.assets if self.there.published(key))


def names(found: Iterable[str]) -> str:
    return "{" + ", ".join(sorted(found)) + "}"


def refused(value: int) -> bool:
    return value < 0


BLOCKING = check(refused, name="refused")


def chain(bench: Bench, *, severity: str = "error", run: Execution | None = None) -> None:
    """``b`` reads ``a``, whose check fails; ``b2`` reads ``a`` as well."""

    @asset(
        name="g/a", code=SAME, checks=[check(refused, name="refused", severity=severity)], run=run
    )  # one of both
    def a() -> int:
        return int(bench.call("a"))

    @asset(name="g/b", code=SAME)
    def b(a: int) -> int:
        return int(bench.call("b"))

    @asset(name="g/b2", code=SAME)
    def b2(a: int) -> int:
        return int(bench.call("b2"))

    bench.of(a, b, b2)


def line(bench: Bench, *, version: str = "1", automation: Any = None) -> None:
    """``root``, ``child`` and ``grandchild``."""

    @asset(name="g/root", code=Code(version=version))
    def root() -> int:
        return int(bench.call("root"))

    @asset(name="g/child", code=SAME, automation=automation)
    def child(root: int) -> int:
        return root + int(bench.call("child", 0))

    @asset(name="g/grandchild", code=SAME, automation=automation)
    def grandchild(child: int) -> int:
        return child + int(bench.call("grandchild", 0))

    bench.of(root, child, grandchild)


def work(bench: Bench, selection: str = "*") -> str:
    """What a plan would build."""
    return names(step.key.removeprefix("g/") for step in bench.there.plan(selection).work())


# --- scenarios: each answers in the words of the table -----------------------------------------------------


def a_blocking_check_fails(bench: Bench) -> str:
    chain(bench)
    result = bench.make()
    return f"run {'ok' if result.exit_code == 0 else 'fails'}; ran {names(bench.ran)}"


def a_warning_check_fails(bench: Bench) -> str:
    chain(bench, severity="warn")
    result = bench.make()
    return f"run {'ok' if result.exit_code == 0 else 'fails'}; ran {names(bench.ran)}"


def downstream_alone_after_a_blocking_check(bench: Bench) -> str:
    chain(bench)
    bench.make()
    bench.ran.clear()
    bench.alone("b2")
    return f"ran {names(bench.ran)}"


def what_a_blocking_check_leaves_visible(bench: Bench) -> str:
    chain(bench)
    bench.make()
    return f"recorded {bench.visible()}"


def retries_with_a_blocking_check(bench: Bench) -> str:
    chain(bench, run=Execution(retries=2, retry_delay=timedelta(0)))
    bench.make("a")
    return f"{bench.ran.count('a')} execution"


def eager_below_a_blocking_check(bench: Bench) -> str:
    @asset(name="g/a", code=SAME, checks=[BLOCKING])
    def a() -> int:
        return int(bench.call("a", -1))

    @asset(name="g/d", code=SAME, automation=eager())
    def d(a: int) -> int:
        return a

    bench.of(a, d)
    bench.make()
    bench.sweep()
    bench.constants["a"] = 1
    bench.make("a", force=True)
    return f"requested {bench.sweep(HOUR)}"


def root_rerun_with_other_data(bench: Bench) -> str:
    line(bench)
    bench.make()
    bench.constants["root"] = 2
    bench.make("root", force=True)
    return f"stale {work(bench)}"


def root_rerun_with_the_same_data(bench: Bench) -> str:
    line(bench)
    bench.make()
    bench.make("root", force=True)
    return f"stale {work(bench)}"


def twice_unchanged(bench: Bench) -> str:
    line(bench)
    bench.make()
    bench.ran.clear()
    bench.make()
    return f"ran {names(bench.ran)}"


def config_changed(bench: Bench) -> str:
    @asset(name="g/a", code=SAME)
    def a(config: Settings) -> int:
        return config.factor

    bench.of(a)
    bench.make()
    bench.config = {"g/a": {"factor": 2}}
    bench.of(a)
    return f"stale {work(bench)}"


def first_tick_with_a_missing_child(bench: Bench) -> str:
    line(bench, automation=eager())
    bench.make("root")
    told = [bench.sweep(), bench.sweep(HOUR)]
    bench.constants["root"] = 2
    bench.make("root", force=True)
    return " then ".join([*told, bench.sweep(HOUR)])


def eager_chain(bench: Bench) -> str:
    line(bench, automation=eager())
    bench.make()
    bench.sweep()
    bench.constants["root"] = 2
    bench.make("root", force=True)
    return f"requested {bench.sweep(HOUR)}"


def an_old_partition_of_the_parent_changes(bench: Bench) -> str:
    days = Daily(start="2024-01-01")

    @asset(name="g/parent", code=SAME, partitions=days)
    def parent() -> int:
        return int(bench.call("parent"))

    @asset(name="g/child", code=SAME, partitions=days, automation=eager())
    def child(parent: int) -> int:
        return parent

    bench.of(parent, child)
    bench.make()
    bench.sweep()
    bench.constants["parent"] = 2
    bench.make("parent", force=True, partitions="2024-01-01")
    return f"requested {bench.sweep(HOUR)}"


def eager_over_a_history_with_gaps(bench: Bench) -> str:
    @asset(name="g/parent", code=SAME, partitions=Daily(start="2024-01-01"))
    def parent() -> int:
        return 1

    @asset(name="g/child", code=SAME, automation=eager())
    def child(parent: dict[str, int]) -> int:
        return len(parent)

    bench.of(parent, child)
    bench.sweep()
    bench.make("parent", partitions="latest")
    return f"requested {bench.sweep(HOUR)}"


def cron_root(bench: Bench) -> str:
    @asset(name="g/r", code=SAME, automation=on_cron("0 * * * *"))
    def r() -> int:
        return 1

    bench.of(r)
    told = [bench.sweep(), bench.sweep(HOUR), bench.sweep(), bench.sweep(5 * HOUR)]
    return " then ".join(told)


def missing_root(bench: Bench) -> str:
    @asset(name="g/r", code=SAME, automation=on_missing())
    def r() -> int:
        return 1

    bench.of(r)
    return " then ".join([bench.sweep(), bench.sweep(HOUR)])


def missing_days(bench: Bench) -> str:
    @asset(
        name="g/days",
        code=SAME,
        partitions=Daily(start="2024-01-01"),
        automation=on_missing(),
        catch_up=catch_up_all(),
    )
    def daily() -> int:
        return 1

    bench.of(daily)
    told = []
    for after in (timedelta(0), DAY, 3 * DAY):
        bench.now += after
        found = sweep(bench.there)
        carry_out(found, bench.there, jobs=1)
        days = found.due.partitions.get("g/days", ())
        told.append(names(f"01-{datetime.fromordinal(one.ordinal).day:02}" for one in days))
    return " then ".join(told)


def freshness_after_an_old_backfill(bench: Bench) -> str:
    @asset(name="g/days", code=SAME, partitions=Daily(start="2024-01-01"), freshness=fresh_within(DAY))
    def daily() -> int:
        return 1

    bench.of(daily)
    bench.make()
    bench.now += 3 * DAY
    told = [state(bench, "g/days")]
    bench.make(force=True, partitions="2024-01-01")
    return "; ".join([*told, state(bench, "g/days")])


def freshness_of_what_is_only_observed(bench: Bench) -> str:
    @source(name="g/s", freshness=fresh_within(DAY))
    def s() -> Observation:
        return Observation(version="v")

    bench.of(s)
    bench.make()
    return state(bench, "g/s")


def state(bench: Bench, key: str) -> str:
    with bench.there.ledger.state("main") as seen:
        reader = Reader(graph=bench.there.graph, state=seen, horizon=bench.there.horizon())
        found = freshness_states(reader, bench.now)[key].state
    return {"fresh": "PASS", "due soon": "WARN", "overdue": "FAIL", "unknown": "UNKNOWN"}[found]


def calls_of_a_range(bench: Bench, batch: Batch | None) -> str:
    @asset(name="g/days", code=SAME, partitions=Daily(start="2024-01-01"), batch=batch)
    def daily() -> Any:
        bench.ran.append("days")
        return {f"2024-01-0{day}": day for day in range(1, 5)} if batch else 1

    bench.of(daily)
    bench.make(partitions="2024-01-01..2024-01-04")
    return f"{len(bench.ran)} calls"


def a_range_one_by_one(bench: Bench) -> str:
    return calls_of_a_range(bench, None)


def a_range_in_one_call(bench: Bench) -> str:
    return calls_of_a_range(bench, Batch())


def a_failure_in_the_middle(bench: Bench) -> str:
    @asset(name="g/a", code=SAME)
    def a() -> int:
        return 1

    @asset(name="g/b", code=SAME)
    def b(a: int) -> int:
        raise RuntimeError("no")

    @asset(name="g/c", code=SAME)
    def c(b: int) -> int:
        return 1

    @asset(name="g/e", code=SAME)
    def e(a: int) -> int:
        return 1

    bench.of(a, b, c, e)
    bench.make()
    return f"recorded {bench.visible()}"


def one_key_of_several_is_asked_for(bench: Bench) -> str:
    @multi_asset(Out("g/x"), Out("g/y"), code=SAME)
    def both() -> dict[str, int]:
        return {"g/x": 1, "g/y": 2}

    bench.of(both)
    bench.make("x")
    return f"recorded {bench.visible()}"


def one_key_of_several_is_not_given(bench: Bench) -> str:
    @multi_asset(Out("g/x"), Out("g/y"), code=SAME)
    def both() -> dict[str, int]:
        return {"g/x": 1}

    bench.of(both)
    result = bench.make()
    return f"run {'ok' if result.exit_code == 0 else 'fails'}; recorded {bench.visible()}"


def defined(*declared: Callable[..., Any]) -> str:
    try:
        build_graph(declared)
    except DefinitionErrors:
        return "error"
    return "loads"


def order_after_nowhere(bench: Bench) -> str:
    @asset(name="g/a", after=("nowhere",))
    def a() -> int:
        return 1

    return defined(a)


def reads_nowhere(bench: Bench) -> str:
    @asset(name="g/a")
    def a(nowhere: int) -> int:
        return nowhere

    return defined(a)


def more_keys_than_upstream(bench: Bench) -> str:
    @asset(name="g/up", partitions=Static("a", "b"))
    def up() -> int:
        return 1

    @asset(name="g/down", partitions=Static("a", "b", "c"))
    def down(up: int) -> int:
        return up

    return defined(up, down)


def keys_under_days(bench: Bench) -> str:
    @asset(name="g/up", partitions=Static("a", "b"))
    def up() -> int:
        return 1

    @asset(name="g/down", partitions=Daily(start="2024-01-01"))
    def down(up: int) -> int:
        return up

    return defined(up, down)


# --- the table ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Row:
    """A scenario with Dagster's answer, ours, and the name of the deviation where they differ."""

    kind: Kind
    run: Callable[[Bench], str]
    dagster: str
    ours: str | None = None
    because: str | None = None


BLOCKS, FILLED, TRANSITIVE = "bad data are never visible", "gaps are filled", "being outdated is transitive"
ROWS = (
    Row(kind="checks", run=a_blocking_check_fails, dagster="run fails; ran {a}"),
    Row(kind="checks", run=a_warning_check_fails, dagster="run ok; ran {a, b, b2}"),
    Row(
        kind="checks",
        run=downstream_alone_after_a_blocking_check,
        dagster="ran {b2}",
        ours="ran {}",
        because=BLOCKS,
    ),
    Row(
        kind="checks",
        run=what_a_blocking_check_leaves_visible,
        dagster="recorded {a}",
        ours="recorded {}",
        because=BLOCKS,
    ),
    Row(kind="checks", run=retries_with_a_blocking_check, dagster="1 execution"),
    Row(
        kind="checks",
        run=eager_below_a_blocking_check,
        dagster="requested {d}",
        ours="requested {}",
        because=BLOCKS,
    ),
    Row(
        kind="staleness",
        run=root_rerun_with_other_data,
        dagster="stale {child}",
        ours="stale {child, grandchild}",
        because=TRANSITIVE,
    ),
    Row(kind="staleness", run=root_rerun_with_the_same_data, dagster="stale {}"),
    Row(
        kind="staleness",
        run=twice_unchanged,
        dagster="ran {child, grandchild, root}",
        ours="ran {}",
        because="nothing runs without a reason",
    ),
    Row(
        kind="staleness",
        run=config_changed,
        dagster="stale {}",
        ours="stale {a}",
        because="another window or another feed makes other data",
    ),
    Row(
        kind="automation", run=first_tick_with_a_missing_child, dagster="{} then {} then {child, grandchild}"
    ),
    Row(kind="automation", run=eager_chain, dagster="requested {child, grandchild}"),
    Row(kind="automation", run=an_old_partition_of_the_parent_changes, dagster="requested {}"),
    Row(kind="automation", run=eager_over_a_history_with_gaps, dagster="requested {}"),
    Row(kind="automation", run=cron_root, dagster="{} then {r} then {} then {r}"),
    Row(kind="automation", run=missing_root, dagster="{} then {}"),
    Row(
        kind="automation",
        run=missing_days,
        dagster="{} then {01-05} then {01-08}",
        ours="{} then {01-05} then {01-06, 01-07, 01-08}",
        because=FILLED,
    ),
    Row(
        kind="freshness",
        run=freshness_after_an_old_backfill,
        dagster="FAIL; PASS",
        ours="FAIL; FAIL",
        because="freshness is that of the data",
    ),
    Row(
        kind="freshness",
        run=freshness_of_what_is_only_observed,
        dagster="UNKNOWN",
        ours="PASS",
        because="freshness is that of the data",
    ),
    Row(kind="backfill", run=a_range_one_by_one, dagster="4 calls"),
    Row(kind="backfill", run=a_range_in_one_call, dagster="1 calls"),
    Row(kind="backfill", run=a_failure_in_the_middle, dagster="recorded {a, e}"),
    Row(
        kind="several",
        run=one_key_of_several_is_asked_for,
        dagster="error",
        ours="recorded {x, y}",
        because="what one function makes is made together",
    ),
    Row(
        kind="several",
        run=one_key_of_several_is_not_given,
        dagster="run ok; recorded {x, y}",
        ours="run fails; recorded {}",
        because="what was not made is not recorded",
    ),
    Row(
        kind="definitions",
        run=order_after_nowhere,
        dagster="loads",
        ours="error",
        because="a typo must not build an empty world",
    ),
    Row(kind="definitions", run=reads_nowhere, dagster="error"),
    Row(
        kind="definitions",
        run=more_keys_than_upstream,
        dagster="loads",
        ours="error",
        because="what can never work is told when it is written",
    ),
    Row(kind="definitions", run=keys_under_days, dagster="error"),
)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.run.__name__) for row in ROWS])
def test_what_is_done_is_what_the_table_says(
    row: Row, record_property: Callable[[str, object], None]
) -> None:
    outcome = "explained" if row.because else "agree"
    told = {"kind": f"own table, {row.kind}", "counts": {outcome: 1}, "by": row.because}
    record_property("conformance", told)
    assert row.run(Bench()) == (row.ours if row.because else row.dagster)
    assert (row.ours is None) == (row.because is None)


def test_every_deviation_is_told_in_the_documentation() -> None:
    page = (ROOT / "docs" / "dagster.md").read_text(encoding="utf-8")
    assert [row.because for row in ROWS if row.because and row.because not in page] == []
