"""Partitions in rows and columns, and what is said of each."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from checks import check
from deployments.answers import Answer
from deployments.command_error import CommandError
from deployments.partition_grid import State, grid_of, stretches
from deployments.partition_matrix import matrix_svg, matrix_text, partition_states, show_matrices
from graph import Daily, Skip, Window, asset
from graph.partition_set import Partition, PartitionSet
from graph.partitions import Cron, Horizon, Hourly, Monthly, Product, Static, Weekly
from materializers import Workspace, in_memory, run_plan

NOW = datetime(2024, 4, 1, tzinfo=UTC)
DAYS = Daily(start="2024-01-30")


def drawn(partitions: Any, now: datetime = NOW) -> list[str]:
    """The grid of all that exists, as published."""
    existing = Horizon(now=now, sessions=lambda name, first, last: []).existing(partitions)
    grid = grid_of(partitions, dict.fromkeys(existing, "published"))
    return [f"{label} {''.join('#' if cell else '.' for cell in cells)}" for label, cells in grid.rows]


@pytest.mark.parametrize(
    ("partitions", "rows"),
    [
        pytest.param(
            Daily(start="2024-01-30", end="2024-02-02"),
            [f"2024-01 {'.' * 29}##", f"2024-02 ##{'.' * 29}"],
            id="days stand in months",
        ),
        pytest.param(
            Hourly(start="2024-03-10-00:00", end="2024-03-10-04:00", timezone="America/New_York"),
            [f"2024-03-10 ##.##{'.' * 19}"],
            id="the hour that a clock skips is no cell",
        ),
        pytest.param(
            Hourly(start="2023-11-05-00:00", end="2023-11-05-02:00", timezone="America/New_York"),
            [f"2023-11-05 ###{'.' * 21}"],
            id="the hour that a clock repeats is one cell",
        ),
        pytest.param(
            Weekly(start="2023-12-31", end="2024-01-14"),
            [f"2023 {'.' * 51}#.", f"2024 ##{'.' * 51}"],
            id="weeks stand in the years of their calendar",
        ),
        pytest.param(
            Monthly(start="2023-12-01", end="2024-02-01"),
            ["2023 ...........#", "2024 ##.........."],
            id="months",
        ),
        pytest.param(
            Cron(cron="0 6,18 * * *", start="2024-03-30"),
            ["2024-03-30 ......#...........#.....", f"2024-03-31 ......#{'.' * 17}"],
            id="twice a day stands in days of hours",
        ),
        pytest.param(
            Product(day=Daily(start="2024-03-30", end="2024-03-31"), symbol=Static("A", "B")),
            ["A ##", "B ##"],
            id="slices are rows",
        ),
        pytest.param(
            Product(symbol=Static("A", "B"), model=Static("x", "y", "z")),
            ["A ###", "B ###"],
            id="the last dimension goes to the right",
        ),
        pytest.param(Static("A", "B"), ["A #", "B #"], id="keys stand below each other"),
    ],
)
def test_partitions_have_the_rows_that_people_expect(partitions: Any, rows: list[str]) -> None:
    assert drawn(partitions) == rows


@pytest.mark.parametrize(
    ("start", "columns"),
    [
        pytest.param("2024-02-15", 46, id="days as long as they are few"),
        pytest.param("2023-01-01", 15, id="then months"),
        pytest.param("1960-01-01", 65, id="then years"),
    ],
)
def test_many_days_of_slices_are_put_together(start: str, columns: int) -> None:
    partitions = Product(day=Daily(start=start), symbol=Static("A"))
    existing = Horizon(now=NOW, sessions=lambda name, first, last: []).existing(partitions)
    assert grid_of(partitions, dict.fromkeys(existing, "published")).columns == columns


def test_a_cell_of_several_shows_the_worst() -> None:
    partitions = Product(day=Daily(start="2023-01-01"), symbol=Static("A"))
    existing = Horizon(now=NOW, sessions=lambda name, first, last: []).existing(partitions)
    states: dict[Partition, State] = dict.fromkeys(existing, "published")
    states[Partition("A", date(2023, 2, 5).toordinal())] = "failed"
    ((_, cells),) = grid_of(partitions, states).rows
    assert [cell.state for cell in cells[:3] if cell] == ["published", "failed", "published"]


def test_stretches_of_one_state_are_one() -> None:
    days = PartitionSet.span(date(2024, 1, 30).toordinal(), date(2024, 2, 3).toordinal())
    words: list[State] = ["published", "published", "missing", "published", "published"]
    assert stretches(DAYS, dict(zip(days, words, strict=True))) == [
        ("published", "2024-01-30", "2024-01-31", 2),
        ("missing", "2024-02-01", "2024-02-01", 1),
        ("published", "2024-02-02", "2024-02-03", 2),
    ]


# States


def small(value: int) -> bool:
    """It is below 100."""
    return value < 100


class Farm:
    """One asset whose days end as they are told to."""

    def __init__(self) -> None:
        self.days: dict[int, str] = {}
        self.factor = 1
        self.checks: list[Any] = [check(small)]
        self.kept: Workspace | None = None

    def open(self) -> Workspace:
        days, factor = self.days, self.factor

        @asset(name="g/eggs", partitions=Daily(start="2024-01-01", end="2024-01-08"), checks=self.checks)
        def eggs(window: Window) -> Any:
            match days.get(window.day.day):
                case "fail":
                    raise ValueError("no hens")
                case "skip":
                    return Skip("holiday")
                case "reject":
                    return 1000
                case _:
                    return factor

        workspace = in_memory([eggs], clock=lambda: NOW)
        if self.kept is not None:
            workspace.ledger, workspace.store = self.kept.ledger, self.kept.store
        self.kept = workspace
        return workspace

    def run(self, partitions: str) -> Workspace:
        workspace = self.open()
        run_plan(workspace.plan("eggs", partitions=partitions), workspace)
        return workspace


def words(workspace: Workspace, **options: Any) -> list[str]:
    return list(partition_states(workspace, workspace.graph["g/eggs"], **options).values())


def test_each_end_has_its_state() -> None:
    farm = Farm()
    farm.days = {2: "fail", 3: "reject", 4: "skip"}
    workspace = farm.run("..2024-01-05")
    assert words(workspace) == [
        *("published", "failed", "rejected", "skipped", "published"),
        *("missing", "missing", "missing"),
    ]


def test_what_is_visible_still_is_told_by_its_newest_attempt() -> None:
    farm = Farm()
    farm.run("..2024-01-03")
    farm.days, farm.factor = {1: "fail", 2: "reject"}, 2
    assert words(farm.run("..2024-01-03"))[:3] == ["failed", "rejected", "published"]


def test_what_is_made_again_after_a_failure_is_published() -> None:
    farm = Farm()
    farm.days = {1: "fail"}
    farm.run("2024-01-01")
    farm.days = {}
    assert words(farm.run("2024-01-01"))[0] == "published"


def test_what_was_taken_away_is_missing() -> None:
    workspace = Farm().run("2024-01-01")
    first = PartitionSet.of([workspace.graph["g/eggs"].partitions.partition("2024-01-01")])  # it has some
    workspace.ledger.withdraw("main", "g/eggs", first, name="ada", reason="test")
    assert words(workspace)[0] == "missing"


def test_what_is_visible_and_fails_is_failing() -> None:
    farm = Farm()
    farm.run("..2024-01-02")
    farm.checks = [check(negative)]
    assert words(farm.run("..2024-01-02"))[:3] == ["failing", "failing", "missing"]


def negative(value: int) -> bool:
    """It is below 0."""
    return value < 0


def test_what_a_plan_would_build_is_outdated_where_that_is_asked() -> None:
    farm = Farm()
    farm.run("..2024-01-02")
    farm.factor = 2
    workspace = farm.open()
    assert words(workspace)[:3] == ["published", "published", "missing"]
    assert words(workspace, outdated=True)[:3] == ["outdated", "outdated", "missing"]


# What is said


@pytest.fixture
def farm() -> Workspace:
    farm = Farm()
    farm.days = {2: "fail", 3: "reject"}
    return farm.run("..2024-01-05")


def shown(workspace: Workspace, **options: Any) -> Answer:
    return show_matrices(workspace, "eggs", limit=0, **options)


def test_the_matrix_is_read_without_colours(farm: Workspace) -> None:
    assert shown(farm).text() == (
        "g/eggs: 3 of 8 partitions published, 1 failed, 1 rejected, 3 missing\n"
        "\n"
        "         1       5         10        15        20        25        30\n"
        "2024-01  ■ F x ■ ■ · · ·\n"
        "\n"
        "■ published   · missing   x rejected   F failed\n"
        "failed: 2024-01-02\n"
        "rejected: 2024-01-03\n"
        "missing: 2024-01-06..2024-01-08 (3)"
    )
    assert "\033[32m■\033[0m \033[31mF\033[0m" in shown(farm, colours=True).text()


def test_many_rows_are_bounded_to_the_newest() -> None:
    workspace = in_memory([long_], clock=lambda: NOW)
    text = matrix_text(
        long_asset := workspace.graph["g/long"], partition_states(workspace, long_asset), limit=3
    )
    assert text.splitlines()[3:7] == [
        "... 120 rows before; see --limit",
        f"2024-01  {' '.join('·' * 31)}",
        f"2024-02  {' '.join('·' * 29)}",
        f"2024-03  {' '.join('·' * 31)}",
    ]


@asset(name="g/long", partitions=Daily(start="2014-01-01"))
def long_() -> int:
    return 1


def test_programs_read_stretches(farm: Workspace) -> None:
    (document,) = shown(farm).document()  # a list
    assert document["partitions"] == 8
    assert document["counts"]["missing"] == 3
    assert document["stretches"][-1] == {
        "state": "missing",
        "first": "2024-01-06",
        "last": "2024-01-08",
        "partitions": 3,
    }


def test_the_picture_has_a_square_for_each_that_says_what_it_is(farm: Workspace) -> None:
    picture = ET.fromstring(
        matrix_svg(farm.graph["g/eggs"], partition_states(farm, farm.graph["g/eggs"]))
    )  # our own
    told = [one.text for one in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert told[:3] == ["2024-01-01: published", "2024-01-02: failed", "2024-01-03: rejected"]
    assert len(told) == 8


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        pytest.param("whole", "nothing of 'whole' has partitions", id="no partitions"),
        pytest.param("eggs or long", "--svg draws one asset", id="two in one picture"),
    ],
)
def test_what_cannot_be_drawn_is_told(tmp_path: Any, selection: str, message: str) -> None:
    @asset(name="g/whole")
    def whole() -> int:
        return 1

    farm = Farm()
    eggs = farm.open().graph["g/eggs"].function
    workspace = in_memory([whole, long_, eggs], clock=lambda: NOW)
    with pytest.raises(CommandError, match=message):
        show_matrices(workspace, selection, limit=0, svg=tmp_path / "x.svg")
