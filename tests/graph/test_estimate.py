"""What a plan will take, by what was measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from graph import Daily, asset, build_graph
from graph.declare import Batch, Reads
from graph.estimate import ZERO, Cost, Estimate, Measured, estimate
from graph.mappings import Overlap
from graph.partition_set import EMPTY, ONLY, PartitionSet
from graph.reasons import Reason
from graph.steps import Keep, Materialize, Plan, Step

DAYS = Daily(start="2024-01-01")
TEN = PartitionSet.span(1, 10)
SECOND = timedelta(seconds=1)


@asset(name="g/bars", partitions=DAYS)
def bars() -> int:
    return 1


@asset(name="g/batched", partitions=DAYS, batch=Batch(size=5))
def batched(bars: int) -> int:
    return bars


@asset(
    name="g/chain",
    partitions=DAYS,
    upstream={"before": Reads("g/chain", Overlap(start_offset=-1, end_offset=-1))},
)
def chain(before: int, bars: int) -> int:
    return bars


@asset(name="g/whole")
def whole(bars: dict) -> int:
    return 1


GRAPH = build_graph([bars, batched, chain, whole], roots=(__name__,))


def build(
    key: str, partitions: PartitionSet = TEN, *, needs: tuple[str, ...] = (), sure: bool = True
) -> Step:
    return Materialize(
        key=key,
        reason=Reason.never_built(),
        when="always" if sure else "if upstream changes",
        outputs=(key,),
        partitions=partitions,
        served=EMPTY,
        needs=needs,
    )


def took(seconds: float, size: int = 100, code: str = "new") -> Measured:
    return Measured(code=code, duration=seconds * SECOND, size=size)


def of(*steps: Step, jobs: int = 1, overhead: timedelta = ZERO, **measured: list[Measured]) -> Estimate:
    plan = Plan(
        selection="*",
        targets=(),
        environment="main",
        made_at=datetime(2024, 1, 1, tzinfo=UTC),
        sequence=0,
        steps=steps,
    )
    by_key = {f"g/{name}": found for name, found in measured.items()}
    code = dict.fromkeys(GRAPH.assets, "new")
    return estimate(plan, by_key, graph=GRAPH, code=code, jobs=jobs, overhead=overhead)


def test_a_step_is_the_median_times_its_partitions() -> None:
    found = of(build("g/bars"), bars=[took(1), took(2), took(60)])
    assert found.costs == {
        "g/bars": Cost(duration=20 * SECOND, size=1000, versions=3, same_code=True, certain=True)
    }
    assert (found.work, found.elapsed, found.size) == (20 * SECOND, 20 * SECOND, 1000)


@pytest.mark.parametrize(
    ("measured", "seconds", "same"),
    [
        pytest.param(
            [took(1), took(5, code="old"), took(5, code="old")], 10, True, id="today's code counts alone"
        ),
        pytest.param(
            [took(4, code="old"), took(6, code="older")], 50, False, id="other code where there is none"
        ),
    ],
)
def test_versions_of_todays_code_are_preferred(measured: list[Measured], seconds: int, same: bool) -> None:
    cost = of(build("g/bars"), bars=measured).costs["g/bars"]
    assert (cost.duration, cost.same_code) == (seconds * SECOND, same)


def test_what_was_never_made_is_unknown_and_not_nothing() -> None:
    found = of(build("g/bars"), build("g/whole", ONLY), whole=[took(1)])
    assert (found.unknown, found.work) == (("g/bars",), SECOND)


def test_what_is_not_built_costs_nothing() -> None:
    kept = Keep(key="g/bars", reason=Reason.up_to_date(failing=False))
    assert of(kept, bars=[took(1)]) == Estimate()


def test_what_may_not_run_is_marked() -> None:
    assert not of(build("g/bars", sure=False), bars=[took(1)]).costs["g/bars"].certain


@pytest.mark.parametrize(
    ("steps", "jobs", "elapsed"),
    [
        pytest.param([build("g/bars")], 4, 2.5, id="partitions side by side"),
        pytest.param([build("g/bars", ONLY)], 4, 1, id="one partition is made by one"),
        pytest.param([build("g/chain")], 4, 10, id="what reads itself goes one by one"),
        pytest.param([build("g/batched")], 4, 5, id="two batches of five take two"),
        pytest.param(
            [build("g/bars"), build("g/chain", needs=("g/bars",))], 2, 15, id="one step waits for another"
        ),
        pytest.param([build("g/bars"), build("g/batched")], 2, 10, id="independent steps share"),
    ],
)
def test_what_passes_depends_on_how_many_work(steps: list[Step], jobs: int, elapsed: float) -> None:
    each = {name: [took(1)] for name in ("bars", "chain", "batched")}
    assert of(*steps, jobs=jobs, **each).elapsed == elapsed * SECOND


def test_what_each_partition_takes_besides_is_not_shared() -> None:
    found = of(build("g/bars"), bars=[took(0)], jobs=8, overhead=SECOND)
    assert (found.work, found.elapsed) == (10 * SECOND, 10 * SECOND)
