"""What a plan decides, in a little world: assets with their upstream, a state, a clock that one can set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph import AssetGraph, Daily, Out, asset, build_graph, fresh_within, multi_asset, source
from graph.asset_graph import key_of
from graph.declare import Check
from graph.fingerprint import Basis, fingerprint
from graph.known import Known, checks_digest
from graph.partition_set import WHOLE, Partition
from graph.partitions import Horizon
from graph.plan import make_plan
from graph.plan_text import explain, from_json, to_json
from graph.reading import Reader
from graph.state import Attempt, MemoryState, Observed, Outcome, Version
from graph.steps import Plan, name_of

NOW = datetime(2024, 1, 5, 12, tzinfo=UTC)
REJECTED = "Hold: rejected before with the same code and inputs (no good); mend either, or use --force"
SKIPPED = "Hold: skipped until 2024-01-05 13:00 UTC: no good"


@dataclass
class World:
    """A graph whose published versions were made from exactly what is there now."""

    graph: AssetGraph
    bases: dict[str, Basis]
    seen: dict[str, Observed] = field(default_factory=dict)
    state: MemoryState = field(default_factory=MemoryState)
    now: datetime = NOW

    @classmethod
    def of(cls, declared: Iterable[Callable[..., Any]]) -> World:
        graph = build_graph(declared, roots=(__name__,))
        return cls(
            graph=graph,
            bases={key: Basis(code="code 1") for key in graph.assets},
            seen={key: Observed(data_version="seen 1") for key, one in graph.assets.items() if one.is_source},
        )

    def build(self, *names: str, days: Sequence[str] = ()) -> World:
        """Publish versions of the assets (of all, without names), from what is published upstream."""
        for key, one in self.graph.assets.items():
            if names and one.name not in names:
                continue
            for partition in map(one.partitions.partition, days) if one.partitions else [WHOLE]:
                self._publish(key, partition)
        return self

    def reader(self) -> Reader:
        return Reader(graph=self.graph, state=self.state, horizon=self.horizon())

    def horizon(self) -> Horizon:
        return Horizon(now=self.now, sessions=weekdays)

    def _publish(self, key: str, partition: Partition) -> None:
        one = self.graph[key]
        inputs = self.reader().reading(one, partition).inputs
        mark = fingerprint(self.bases[key], key_of(one, partition), inputs)
        version = Version(
            id=f"{key} {mark[:4]}",
            key=key,
            partition=partition,
            fingerprint=mark,
            basis=self.bases[key],
            inputs=inputs,
            data_version="seen 1" if one.is_source else f"data of {key}",
            made_at=self.now,
            as_of=self.now,
            checks=checks_digest(one.checks),
        )
        versions = {**self.state.versions, key: {**self.state.published(key), partition: version}}
        self.state = replace(self.state, versions=versions)

    def recode(self, name: str) -> World:
        self.bases[self.key(name)] = replace(self.bases[self.key(name)], code="code 2")
        return self

    def tried(self, name: str, outcome: Outcome, mark: str, until: datetime | None = None) -> World:
        attempt = Attempt(fingerprint=mark, outcome=outcome, ended_at=self.now, reason="no good", until=until)
        self.state = replace(self.state, tried={**self.state.tried, (self.key(name), WHOLE): attempt})
        return self

    def key(self, name: str) -> str:
        return next(key for key, one in self.graph.assets.items() if one.name == name)

    def plan(self, *targets: str, **options: bool) -> Plan:
        return make_plan(
            self.graph,
            selection=" or ".join(targets) or "*",
            targets=[self.key(name) for name in targets] or list(self.graph.assets),
            state=self.state,
            known=Known(
                bases=self.bases,
                observed=self.seen,
                checks={key: checks_digest(one.checks) for key, one in self.graph.assets.items()},
            ),
            horizon=self.horizon(),
            **options,
        )


def weekdays(calendar: str, first: date, last: date) -> list[date]:
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5]


def said(plan: Plan) -> dict[str, str]:
    """By the asset's name, what the plan does and why."""
    return {
        name_of(step).partition("/")[2]: f"{type(step).__name__}: {step.reason.text}" for step in plan.steps
    }


def chain() -> World:
    """a -> b -> c"""

    @asset
    def a() -> int:
        return 1

    @asset
    def b(a: int) -> int:
        return a

    @asset
    def c(b: int) -> int:
        return b

    return World.of([a, b, c])


def test_an_empty_ledger_builds_everything_in_order() -> None:
    assert list(said(chain().plan("c")).items()) == [
        ("a", "Materialize: never built"),
        ("b", "Materialize: never built"),
        ("c", "Materialize: never built"),
    ]


def test_what_is_up_to_date_is_kept() -> None:
    assert chain().build().plan("c").work() == ()


def test_upstream_that_is_not_needed_is_left_alone() -> None:
    assert list(said(chain().plan("b"))) == ["a", "b"]


def test_a_code_change_builds_that_asset_and_maybe_what_is_below() -> None:
    assert said(chain().build().recode("b").plan("c")) == {
        "a": "Keep: up to date",
        "b": "Materialize: its code changed",
        "c": "Materialize: if test_plan/b changes",
    }


def test_upstream_published_since_is_a_reason() -> None:
    world = chain().build()
    world.bases[world.key("a")] = Basis(code="code 2")
    moved = replace(
        world.state.published(world.key("a"))[WHOLE], data_version="data 2", basis=Basis(code="code 2")
    )
    world.build("a")
    world.state = replace(
        world.state,
        versions={
            **world.state.versions,
            moved.key: {
                WHOLE: replace(moved, fingerprint=world.state.published(moved.key)[WHOLE].fingerprint)
            },
        },
    )
    assert said(world.plan("c"))["b"] == "Materialize: upstream changed: test_plan/a"


def test_config_and_resources_are_told_by_name() -> None:
    world = chain()
    world.bases[world.key("a")] = Basis(
        code="1", config='{"window":20}', resources={"Feed": '{"provider":"x"}'}
    )
    world.build()
    world.bases[world.key("a")] = Basis(
        code="1", config='{"window":21}', resources={"Feed": '{"provider":"x"}'}
    )
    assert said(world.plan("a")) == {"a": "Materialize: its config changed: window 20 -> 21"}
    world.bases[world.key("a")] = Basis(
        code="1", config='{"window":20}', resources={"Feed": '{"provider":"y"}'}
    )
    assert said(world.plan("a")) == {"a": 'Materialize: Feed changed: provider "x" -> "y"'}


def test_force_reaches_the_selected_assets_only() -> None:
    assert said(chain().build().plan("b", "c", force=True)) == {
        "a": "Keep: up to date",
        "b": "Materialize: forced",
        "c": "Materialize: forced",
    }


def test_only_leaves_upstream_as_it_is() -> None:
    assert said(chain().build("a").recode("a").plan("b", only=True)) == {"b": "Materialize: never built"}
    assert said(chain().plan("b", only=True)) == {
        "b": "Hold: waits for test_plan/a, of which no version is published"
    }


@pytest.mark.parametrize(
    ("outcome", "until", "expected"),
    [
        pytest.param("rejected", None, REJECTED, id="rejected holds until something moves"),
        pytest.param("skipped", None, "Hold: skipped: no good", id="a final skip holds"),
        pytest.param("skipped", NOW + timedelta(hours=1), SKIPPED, id="a skip holds until its time"),
        pytest.param("skipped", NOW, "Materialize: never built", id="and not after it"),
        pytest.param("failed", None, "Materialize: never built", id="a failure does not hold who asks"),
    ],
)  # fmt: skip
def test_what_was_tried_with_the_same(outcome: Outcome, until: datetime | None, expected: str) -> None:
    world = chain()
    mark = fingerprint(world.bases[world.key("a")], None, {})
    assert said(world.tried("a", outcome, mark, until).plan("a"))["a"] == expected
    assert said(world.plan("a", force=True))["a"] == "Materialize: forced"
    assert said(world.recode("a").plan("a"))["a"] == "Materialize: never built"


def test_below_what_is_held_and_was_never_good_everything_waits() -> None:
    world = chain()
    world.tried("a", "rejected", fingerprint(world.bases[world.key("a")], None, {}))
    assert said(world.plan("c"))["c"] == "Hold: waits for test_plan/b, of which no version is published"


def test_below_what_is_held_the_last_good_version_is_kept() -> None:
    world = chain().build().recode("a")
    world.tried("a", "rejected", fingerprint(world.bases[world.key("a")], None, {}))
    assert [text.partition(":")[0] for text in said(world.plan("c")).values()] == ["Hold", "Keep", "Keep"]


def test_a_version_that_exists_is_adopted() -> None:
    world = chain().build()
    old = world.state.published(world.key("a"))[WHOLE]
    world.recode("a").build()
    world.bases[world.key("a")] = Basis(code="code 1")
    world.state = replace(world.state, others=[old])
    assert said(world.plan("a")) == {"a": "Adopt: its code changed; a version made from the same exists"}


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        pytest.param(timedelta(hours=25, minutes=59), "Keep: up to date", id="within its freshness"),
        pytest.param(
            timedelta(hours=26), "Materialize: due: its data are 26 h old", id="at its limit it is due"
        ),
        pytest.param(timedelta(days=9), "Materialize: due: its data are 9 days old", id="past its limit"),
    ],
)
def test_the_clock_makes_a_volatile_asset_due(age: timedelta, expected: str) -> None:
    @asset(volatile=True, freshness=fresh_within(timedelta(hours=26)))
    def prices() -> int:
        return 1

    world = World.of([prices]).build()
    world.now = NOW + age
    assert said(world.plan()) == {"prices": expected}


def test_data_that_have_ended_are_never_due() -> None:
    @asset(volatile=True, freshness=fresh_within(timedelta(hours=26)))
    def prices() -> int:
        return 1

    world = World.of([prices]).build()
    key = world.key("prices")
    world.state = replace(
        world.state, versions={key: {WHOLE: replace(world.state.published(key)[WHOLE], ends=True)}}
    )
    world.now = NOW + timedelta(days=1000)
    assert said(world.plan()) == {"prices": "Keep: up to date"}


def with_source() -> World:
    @source
    def holdings() -> int:
        return 1

    @asset
    def orders(holdings: int) -> int:
        return holdings

    return World.of([holdings, orders])


def test_a_source_is_observed_and_what_is_below_depends_on_what_it_shows() -> None:
    world = with_source()
    assert said(world.plan()) == {
        "holdings": "Observe: first observation",
        "orders": "Materialize: never built",
    }
    world.build()
    assert said(world.plan()) == {
        "holdings": "Observe: the data outside are unchanged",
        "orders": "Keep: up to date",
    }
    world.seen = {world.key("holdings"): Observed(data_version="seen 2")}
    assert said(world.plan())["orders"] == "Materialize: if test_plan/holdings changes"


def test_a_source_that_cannot_be_seen_is_held_and_its_last_version_served() -> None:
    world = with_source().build()
    world.seen = {world.key("holdings"): Observed(data_version=None, error="no network")}
    assert said(world.plan()) == {
        "holdings": "Hold: could not be observed: no network",
        "orders": "Keep: up to date",
    }


def daily() -> World:
    """bars (a weekday each) -> features (the same days) -> summary (all days)"""
    days = Daily(start="2024-01-01", calendar="XNYS")

    @asset(partitions=days)
    def bars() -> int:
        return 1

    @asset(partitions=days)
    def features(bars: int) -> int:
        return bars

    @asset
    def summary(features: int) -> int:
        return features

    return World.of([bars, features, summary])


def test_each_day_is_built_and_the_whole_reads_all_of_them() -> None:
    plan = daily().plan("summary")
    assert list(said(plan)) == [
        "bars@2024-01-01..2024-01-04",
        "features@2024-01-01..2024-01-04",
        "summary",
    ]
    assert [len(step.partitions) for step in plan.steps] == [4, 4, 1]
    assert plan.steps[1].needs == ("test_plan/bars@2024-01-01..2024-01-04",)


def test_only_the_day_that_is_missing_is_built() -> None:
    world = (
        daily().build("bars", "features", days=["2024-01-01", "2024-01-02", "2024-01-03"]).build("summary")
    )
    assert [name_of(step).partition("/")[2] for step in world.plan("summary").work()] == [
        "bars@2024-01-04",
        "features@2024-01-04",
        "summary",
    ]


def test_several_assets_from_one_function_are_one_step() -> None:
    @multi_asset(Out(name="train"), Out(name="test"))
    def split() -> dict[str, int]:
        return {"train": 1, "test": 2}

    @asset
    def model(test: int) -> int:
        return test

    plan = World.of([split, model]).plan("model")
    assert [step.key for step in plan.steps] == ["test_plan/train", "test_plan/model"]
    assert plan.steps[1].needs == ("test_plan/train",)


@dataclass(frozen=True)
class Promise:
    name: str = "a promise"
    severity: str = "error"
    digest: str = "1"
    function: None = None
    columns: tuple[str, ...] = ()
    only_columns: None = None
    needs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    compares: bool = False
    whole: bool = False

    def with_code(self, code: str) -> Check:
        return self


def test_changed_checks_judge_again_without_building() -> None:
    def declared(*checks: Check) -> World:
        @asset(checks=checks)
        def prices() -> int:
            return 1

        return World.of([prices])

    world, changed = declared().build(), declared(Promise())
    changed.state = world.state
    assert said(changed.plan()) == {"prices": "Check: its checks changed"}


def test_explain_says_what_is_done_and_why() -> None:
    text = explain(chain().build().recode("b").plan("c"))
    assert text == (
        "build       test_plan/b  its code changed\n"
        "maybe build test_plan/c  if test_plan/b changes\n"
        "keep        1 asset as published"
    )


@pytest.mark.parametrize("world", [chain(), chain().build().recode("a"), with_source(), daily()])
def test_a_plan_survives_being_written_down(world: World) -> None:
    assert from_json(to_json(world.plan())) == world.plan()


EDGES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20)


@given(edges=EDGES, changed=st.sets(st.integers(0, 7)))
def test_exactly_what_a_change_can_reach_is_planned(edges: list[tuple[int, int]], changed: set[int]) -> None:
    upstream: Mapping[int, set[int]] = {
        n: {min(e) for e in edges if max(e) == n and min(e) < n} for n in range(8)
    }

    def made(number: int) -> Callable[..., Any]:
        def compute(**values: int) -> int:
            return sum(values.values())

        parameters = ", ".join(f"n{up}" for up in sorted(upstream[number]))
        namespace: dict[str, Any] = {}
        exec(f"def n{number}({parameters}): return 1", namespace)  # parameters are made here
        return asset(namespace[f"n{number}"])

    graph_functions = [made(number) for number in range(8)]
    for function in graph_functions:
        function.__module__ = __name__
    world = World.of(graph_functions).build()
    assert world.plan().work() == ()
    for number in changed:
        world.recode(f"n{number}")
    reached = world.graph.descendants([world.key(f"n{number}") for number in changed])
    assert {step.key for step in world.plan().work()} == reached
