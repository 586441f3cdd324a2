"""What runs note of partitions that are up to date, and that the next plan decides the same without the note."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import check
from graph import Batch, Daily, Reads, Run, Skip, Window, asset
from graph.mappings import All, Overlap, PartitionMapping
from graph.partition_set import Partition, PartitionSet
from graph.partitions import Dynamic, Partitions
from graph.steps import Plan
from materializers import Workspace, in_memory, materialize, run_plan

DAYS = Daily(start="2024-01-01")
START = datetime(2024, 1, 9, 1, tzinfo=UTC)


@dataclass
class World:
    """One ledger under declarations that change: what the assets give is written here."""

    now: datetime = START
    offset: int = 0
    rejected: int = 99
    failing: int = 99
    skipped: int = 99
    factor: int = 1
    kept: Workspace | None = None

    def workspace(self) -> Workspace:
        made = in_memory(self.declared(), clock=lambda: self.now)
        if self.kept is not None:
            made.ledger, made.store = self.kept.ledger, self.kept.store
        self.kept = made
        return made

    def declared(self) -> Iterable[Callable[..., Any]]:
        offset, factor = self.offset, self.factor
        rejected, failing, skipped = self.rejected, self.failing, self.skipped

        @asset(name="g/bars", partitions=DAYS)
        def bars(window: Window) -> int:
            return window.day.day // 2 + offset

        @asset(name="g/doubled", partitions=DAYS, checks=[check(not_the(rejected), name="allowed")])
        def doubled(bars: int, window: Window) -> int | Skip:
            if window.day.day == failing:
                raise ValueError("no")
            return Skip("a holiday") if window.day.day == skipped else 2 * bars * factor

        @asset(name="g/mean", partitions=DAYS, upstream={"doubled": Overlap(start_offset=-2)})
        def mean(doubled: dict[str, int]) -> float:
            return sum(doubled.values()) / len(doubled)

        @asset(
            name="g/equity",
            partitions=DAYS,
            upstream={"before": Reads("g/equity", Overlap(start_offset=-1, end_offset=-1))},
        )
        def equity(bars: int, before: int | None) -> int:
            return bars + (before or 0)

        @asset(name="g/batched", partitions=DAYS, batch=Batch(size=3))
        def batched(equity: dict[str, int]) -> dict[str, int]:
            return {day: value + 1 for day, value in equity.items()}

        @asset(name="g/report")
        def report(mean: dict[str, float], batched: dict[str, int]) -> int:
            return len(mean) + len(batched)

        return [bars, doubled, mean, equity, batched, report]


def not_the(value: int) -> Callable[[int], bool]:
    def allowed(given: int) -> bool:
        return given != value

    return allowed


def decided(plan: Plan) -> dict[tuple[str, Partition], tuple[str, object]]:
    return {
        (step.key, partition): (type(step).__name__, getattr(step, "when", None))
        for step in plan.steps
        for partition in step.partitions
    }


def forget_settlements(workspace: Workspace) -> None:
    with workspace.ledger.database.writing() as db:  # a SqlLedger
        db.execute("DELETE FROM settlements")


def test_a_second_run_keeps_everything_and_looks_at_nothing() -> None:
    world = World()
    assert materialize("*", workspace=world.workspace()).counts() == {"published": 5 * 8 + 1}
    with world.workspace().ledger.state("main") as state:
        settled = {key: len(found.partitions) for key in KEYS if (found := state.settlement(key))}
    assert settled == dict.fromkeys(KEYS, 8)
    plan = world.workspace().plan("*")
    assert {kind for kind, _ in decided(plan).values()} == {"Keep"}


KEYS = ["g/bars", "g/doubled", "g/mean", "g/equity", "g/batched"]


def test_what_fails_or_is_rejected_is_not_settled_and_is_tried_or_held_again() -> None:
    world = World(failing=3, rejected=8)
    first = materialize("*", workspace=world.workspace())
    assert first.outcome == "failed"
    with world.workspace().ledger.state("main") as state:
        settlement = state.settlement("g/doubled")
        assert settlement is not None
        assert (
            sorted(one.ordinal for one in state.summary("g/doubled").partitions - settlement.partitions) == []
        )
        assert len(settlement.partitions) == 8 - 1 - 1  # the failed, and the day with the value 8
    world.failing = 99
    assert materialize("*", workspace=world.workspace()).outcome == "rejected"


def test_a_batch_publishes_its_good_partitions_and_rejects_the_others() -> None:
    @asset(name="g/made", partitions=DAYS, batch=Batch(), checks=[check(not_the(5), name="allowed")])
    def made(run: Run) -> dict[str, int]:
        return {day: int(day[-2:]) for day in run.partitions}

    workspace = in_memory([made], clock=lambda: START)
    result = materialize("*", workspace=workspace)
    assert result.counts() == {"published": 7, "rejected": 1}
    assert set(workspace.load("g/made").values()) == {1, 2, 3, 4, 6, 7, 8}
    with workspace.ledger.state("main") as state:
        assert len({version.made_at for version in state.published("g/made").values()}) == 1


@pytest.mark.parametrize("value", [{"2024-01-01": 1}, 7], ids=["a day is missing", "no mapping"])
def test_a_batch_that_does_not_give_its_partitions_fails_whole(value: object) -> None:
    @asset(name="g/made", partitions=DAYS, batch=Batch())
    def made() -> Any:
        return value

    result = materialize("*", workspace=in_memory([made], clock=lambda: START))
    assert result.counts() == {"failed": 8}
    assert (
        "a batch must return a mapping with a value for each of its 8 partitions" in result.results[0].reason
    )


@dataclass
class Wired:
    """What partitions read, written here: the code is the same whatever is declared."""

    mapping: PartitionMapping = field(default_factory=lambda: Overlap(start_offset=-1))
    reads: str = "g/one"
    days: Partitions = DAYS
    keys: tuple[str, ...] = ("a", "b")
    kept: Workspace | None = None

    def workspace(self) -> Workspace:
        made = in_memory(self.declared(), clock=lambda: START)
        if self.kept is not None:
            made.ledger, made.store = self.kept.ledger, self.kept.store
        made.ledger.add_dynamic("names", self.keys)
        made.ledger.remove_dynamic("names", {"a", "b"} - set(self.keys))
        self.kept = made
        return made

    def declared(self) -> Iterable[Callable[..., Any]]:
        @asset(name="g/one", partitions=self.days)
        def one(run: Run) -> int:
            return int((run.partition or "")[-2:])

        @asset(name="g/other", partitions=self.days)
        def other(run: Run) -> int:
            return -int((run.partition or "")[-2:])

        @asset(name="g/named", partitions=Dynamic("names"))
        def named(run: Run) -> str:
            return run.partition or ""

        @asset(name="g/down", partitions=DAYS, upstream={"given": Reads(self.reads, self.mapping)})
        def down(given: dict[str, int]) -> int:
            return sum(given.values())

        @asset(name="g/over", partitions=DAYS, upstream={"named": All()})
        def over(named: dict[str, str]) -> int:
            return len(named)

        return [one, other, named, down, over]


@pytest.mark.parametrize(
    ("key", "change"),
    [
        pytest.param("g/down", {"mapping": Overlap(start_offset=-2)}, id="another mapping"),
        pytest.param("g/down", {"reads": "g/other"}, id="another upstream"),
        pytest.param("g/down", {"days": Daily(start="2024-01-05")}, id="upstream begins later"),
        pytest.param("g/over", {"keys": ("a",)}, id="a key of a dynamic set upstream is removed"),
    ],
)
def test_what_is_read_is_looked_at_again_where_a_definition_says_it_otherwise(
    key: str, change: dict[str, Any]
) -> None:
    world = Wired()
    materialize("*", workspace=world.workspace())
    for name, value in change.items():
        setattr(world, name, value)
    noted = decided(world.workspace().plan("*"))
    assert "Materialize" in {kind for (name, _), (kind, _) in noted.items() if name == key}
    forget_settlements(world.workspace())
    assert noted == decided(world.workspace().plan("*"))


def test_what_comes_after_in_a_chain_is_outdated_where_only_its_middle_was_asked_for() -> None:
    world = World()
    materialize("equity", workspace=world.workspace())
    world.offset = 1
    materialize("equity", workspace=world.workspace(), partitions="2024-01-03")
    world.offset = 0
    materialize("bars", workspace=world.workspace())
    workspace = world.workspace()
    materialize("equity", workspace=workspace, partitions="2024-01-03")
    noted = decided(world.workspace().plan("equity"))
    forget_settlements(workspace)
    assert noted == decided(world.workspace().plan("equity"))


def test_a_final_skip_that_is_settled_still_lets_a_window_over_it_be_built_and_tells_its_reason() -> None:
    world = World(skipped=5)
    for _ in range(3):
        materialize("mean", workspace=world.workspace())
    result = materialize("mean", workspace=world.workspace(), force=True)
    assert result.outcome == "succeeded"
    assert {one.reason for one in result.results if one.outcome == "held"} >= {"skipped: a holiday"}
    assert len(world.workspace().published("g/mean")) == 8


def test_a_batch_gets_what_has_no_partitions_as_it_is() -> None:
    @asset(name="g/settings")
    def settings() -> dict[str, int]:
        return {"factor": 2}

    @asset(name="g/made", partitions=DAYS, batch=Batch())
    def made(settings: dict[str, int], run: Run) -> dict[str, int]:
        return dict.fromkeys(run.partitions, settings["factor"])

    workspace = in_memory([settings, made], clock=lambda: START)
    assert materialize("*", workspace=workspace).counts() == {"published": 9}


STORIES = st.lists(
    st.sampled_from(
        [
            "offset",
            "factor",
            "reject",
            "fail",
            "skip",
            "well",
            "tomorrow",
            "force",
            "part",
            "same",
            "code and back",
        ]
    ),
    min_size=1,
    max_size=6,
)


@given(STORIES)
def test_a_note_of_what_is_settled_changes_no_decision(story: list[str]) -> None:
    world = World()
    materialize("*", workspace=world.workspace())
    for number, what in enumerate(story):
        match what:
            case "offset":
                world.offset += 1
            case "factor":
                world.factor += 1
            case "reject":
                world.rejected = 4
            case "fail":
                world.failing = 3
            case "skip":
                world.skipped = 5
            case "well":
                world.rejected = world.failing = world.skipped = 99
            case "tomorrow":
                world.now += timedelta(days=1)
            case "code and back":
                world.factor += 1
                materialize("doubled", workspace=world.workspace())
                world.factor -= 1
            case "force" | "part" | "same":
                pass
        workspace = world.workspace()
        if what == "part":
            workspace.plan("mean", partitions="2024-01-04..2024-01-05")
        materialize("mean or bars" if number % 2 else "*", workspace=workspace, force=what == "force")
        noted = decided(world.workspace().plan("*"))
        forget_settlements(workspace)
        assert noted == decided(world.workspace().plan("*"))
        materialize("*", workspace=world.workspace())


def test_a_chain_is_forced_where_it_was_asked_for_and_what_follows_is_looked_at() -> None:
    world = World()
    materialize("*", workspace=world.workspace())
    plan = world.workspace().plan("equity", partitions="2024-01-05", force=True)
    (step,) = plan.work()
    assert (step.reason.kind, len(step.partitions)) == ("forced", 1)


def test_below_a_day_that_was_skipped_for_good_nothing_waits_even_where_upstream_is_left_alone() -> None:
    world = World(skipped=5)
    materialize("doubled", workspace=world.workspace())
    workspace = world.workspace()
    result = run_plan(workspace.plan("mean", only=True), workspace)
    assert result.counts() == {"published": 8}
    assert set(workspace.load("g/mean")) == {f"2024-01-0{day}" for day in range(1, 9)}


def test_new_code_over_what_is_missing_waits_as_without_a_note() -> None:
    world = World()
    materialize("*", workspace=world.workspace())
    world.workspace().ledger.withdraw(
        "main", "g/doubled", PartitionSet.of([DAYS.partition("2024-01-04")]), name="ada", reason="a test"
    )
    world.factor = 2  # of doubled; mean's own code is as it was
    noted = decided(world.workspace().plan("mean", only=True))
    forget_settlements(world.workspace())
    assert noted == decided(world.workspace().plan("mean", only=True))
