"""What the ledger knows becomes a report: verdicts, trends, what was rejected and what is served instead."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from checks import Check, between, check, not_null, row_count
from checks.quality_report import AssetQuality
from deployments.command_error import CommandError
from deployments.gathering_quality import quality_report
from deployments.quality_files import write_report
from graph import Config, Daily, Run, asset, fresh_within
from graph.partition_set import WHOLE
from graph.selection_text import SelectionError
from materializers import Workspace, in_memory, run_plan
from materializers.ledger import Move

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
DAY = fresh_within(timedelta(hours=24))
GIVEN = not_null("x")


class Given(Config):
    x: tuple[int | None, ...] = (1, 2)


@check(severity="warn")
def even(values: pa.Table) -> bool:
    """There is an even number of rows."""
    return values.num_rows % 2 == 0


@check
def broken(values: pa.Table) -> bool:
    """It can be judged."""
    raise ValueError("no idea")


@asset(name="t/later", checks=[GIVEN])
def later() -> pa.Table:
    raise AssertionError("nobody builds it")


@asset(name="t/free", unchecked="a constant")
def free() -> int:
    return 1


@asset(name="t/daily", partitions=Daily(start="2026-02-27"), checks=[between("x", 0, None)])
def daily(run: Run) -> pa.Table:
    return pa.table({"x": [-1 if run.partition == "2026-03-01" else 1]})


def workspace_with(*checks: Check | Callable[..., Any], clock: datetime = NOON) -> Workspace:
    @asset(name="t/values", checks=list(checks), freshness=DAY)
    def values(config: Given) -> pa.Table:
        """What there is."""
        return pa.table({"x": pa.array(config.x, pa.int64())})

    return in_memory([values, later, free, daily], clock=lambda: clock)


def build(workspace: Workspace, selection: str = "values", *, x: list[int | None] | None = None) -> None:
    if x is not None:
        workspace.config = {"t/values": {"x": x}}
    run_plan(workspace.plan(selection), workspace, jobs=1)


def quality(workspace: Workspace, key: str = "t/values", *, history: int = 100) -> AssetQuality:
    (found,) = quality_report(workspace, key, now=NOON + timedelta(hours=3), history=history).assets
    return found


def test_what_was_never_built_is_not_judged() -> None:
    found = quality(workspace_with(GIVEN), "t/later")
    assert (found.built, found.published, found.standings) == (False, None, ("nothing published",))
    assert [(one.status, one.promise, one.columns) for one in found.checks] == [
        ("not judged", "x is never null", ("x",))
    ]


def test_what_is_published_has_its_verdicts_and_its_freshness() -> None:
    workspace = workspace_with(GIVEN, row_count(1, 5), even)
    build(workspace, x=[1, 2, 3])
    found = quality(workspace)
    assert (found.description, found.freshness, found.freshness_text) == (
        "What there is.",
        "fresh",
        "fresh: timeless",
    )
    assert found.published is not None
    assert found.published.made_at == NOON
    assert {one.name: one.status for one in found.checks} == {
        "not_null(x)": "passed",
        "row_count": "passed",
        "even": "failed",
    }
    assert found.standings == ("warning",)


def test_a_check_that_raises_cannot_be_judged() -> None:
    workspace = workspace_with(GIVEN, broken)
    build(workspace)
    found = quality(workspace)
    assert found.standings == ("rejected", "cannot be judged", "nothing published")
    assert found.checks[1].worst is not None
    assert found.checks[1].worst.verdict.error == "ValueError: no idea"


def test_a_rejected_version_is_told_with_what_is_served_instead() -> None:
    workspace = workspace_with(GIVEN)
    build(workspace)
    (good,) = workspace.published("t/values").values()
    build(workspace, x=[1, None])
    found = quality(workspace)
    (rejected,) = found.rejected
    (one,) = found.checks
    assert rejected.reason == "not_null(x): 1 row"
    assert rejected.served is not None
    assert rejected.served.version == good.id == found.published.version
    assert [(said.status, said.published) for said in one.said] == [("failed", False)]
    assert one.said[0].verdict.sample == ({"#": 1, "x": None},)
    assert (one.judged, one.fails_published, found.standings) == (2, False, ("rejected",))
    assert [(point.status, point.rejected) for point in one.trend] == [("passed", False), ("failed", True)]


def test_what_comes_after_a_rejection_ends_it() -> None:
    workspace = workspace_with(GIVEN)
    build(workspace, x=[None])
    assert quality(workspace).rejected[0].served is None
    build(workspace, x=[1])
    found = quality(workspace)
    assert (found.rejected, found.standings) == ((), ("sound",))
    assert [point.status for point in found.checks[0].trend] == ["failed", "passed"]


def test_what_is_published_by_hand_is_published_and_failing() -> None:
    workspace = workspace_with(GIVEN)
    build(workspace, x=[None])
    (rejected,) = quality(workspace).rejected
    workspace.ledger.point(
        "main", "t/values", WHOLE, rejected.version, kind="release", name="ada", reason="it is"
    )
    found = quality(workspace)
    assert (found.rejected, found.standings) == ((), ("failing",))
    assert found.checks[0].fails_published


def test_a_changed_check_is_not_judged_by_what_its_earlier_promise_said() -> None:
    workspace = workspace_with(row_count(1, 5))
    build(workspace)
    changed = replace(workspace, graph=workspace_with(row_count(3, 5)).graph, _checks={}, _bases={})
    (one,) = quality(changed).checks
    assert (one.status, one.changed, one.said) == ("not judged", True, ())
    assert [point.observed for point in one.trend] == [2]
    build(changed)
    (one,) = quality(changed).checks
    assert (one.status, one.fails_published, len(one.trend)) == ("failed", True, 2)


def test_partitions_are_told_by_their_keys() -> None:
    workspace = workspace_with(GIVEN)
    build(workspace, "daily")
    found = quality(workspace, "t/daily")
    (one,) = found.checks
    assert found.partitions == 3
    assert found.published is not None
    assert found.published.partition == "2026-03-02"
    assert [(one.partition, one.served) for one in found.rejected] == [("2026-03-01", None)]
    assert [(said.partition, said.status) for said in one.said] == [
        ("2026-03-02", "passed"),
        ("2026-03-01", "failed"),
    ]
    assert one.judged == 4
    assert len(one.trend) == 4


def test_the_history_is_as_long_as_asked_for() -> None:
    workspace = workspace_with(row_count(1, 9))
    for rows in range(1, 5):
        build(workspace, x=[1] * rows)
    assert [point.observed for point in quality(workspace, history=2).checks[0].trend] == [3, 4]


def test_an_environment_shows_what_it_reads_from_its_parent() -> None:
    workspace = workspace_with(GIVEN)
    build(workspace)
    workspace.ledger.create_environment("dev")
    found = quality(replace(workspace, environment="dev"))
    assert found.published == quality(workspace).published
    assert [one.status for one in found.checks] == ["passed"]


def test_a_promoted_version_keeps_what_was_said_of_it() -> None:
    workspace = workspace_with(GIVEN)
    workspace.ledger.create_environment("dev")
    dev = replace(workspace, environment="dev")
    build(dev)
    (version,) = dev.published("t/values").values()
    workspace.ledger.promote("dev", "main", {"t/values": {WHOLE: Move(version_id=version.id, was=None)}})
    (one,) = quality(workspace).checks
    assert (one.status, one.judged) == ("passed", 1)


# --- the files ---------------------------------------------------------------------------------------------


def write(workspace: Workspace, to: Path | None, *forms: Any, fail_on: Any = "never") -> Any:
    return write_report(workspace, "*", now=NOON, to=to, forms=forms, history=100, fail_on=fail_on)


def test_each_form_is_written_whole(tmp_path: Path) -> None:
    workspace = workspace_with(GIVEN)
    build(workspace, x=[None])
    answer = write(workspace, tmp_path / "out" / "q.html", "html", "junit", "json")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["q.html", "q.json", "q.xml"]
    assert (tmp_path / "out" / "q.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "out" / "q.xml").read_text().startswith("<?xml")
    assert json.loads((tmp_path / "out" / "q.json").read_text())["totals"]["assets"] == 4
    assert answer.exit_code == 0
    assert (
        answer.text()
        .splitlines()[0]
        .startswith("t/values: the version made 2026-03-03 12:00 UTC was rejected")
    )
    document = answer.document()
    assert [one["format"] for one in document["files"]] == ["html", "junit", "json"]
    assert (document["fails"], document["totals"]["standings"]["rejected"]) == (False, 1)
    assert list(document["troubles"]) == ["t/values"]


@pytest.mark.parametrize(
    ("checks", "x", "level", "code"),
    [
        pytest.param([GIVEN], [1], "warn", 0, id="all is well"),
        pytest.param([GIVEN], [None], "never", 0, id="a report is no judge"),
        pytest.param([GIVEN], [None], "error", 3, id="unless it is asked to be"),
        pytest.param([even], [1], "error", 0, id="a warning is no error"),
        pytest.param([even], [1], "warn", 3, id="but may count"),
    ],
)
def test_the_exit_code_is_what_was_asked_for(
    checks: list[Any], x: list[int | None], level: str, code: int, tmp_path: Path
) -> None:
    workspace = workspace_with(*checks)
    build(workspace, x=x)
    assert write(workspace, tmp_path / "q.json", fail_on=level).exit_code == code


def test_the_suffix_says_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    workspace = workspace_with(GIVEN)
    write(workspace, Path("a.xml"))
    write(workspace, Path("b.txt"), "json")
    write(workspace, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.xml", "b.txt", "quality.html"]
    assert (tmp_path / "a.xml").read_text().startswith("<?xml")
    assert json.loads((tmp_path / "b.txt").read_text())["format"] == 1


def test_what_cannot_be_written_or_is_not_there_is_an_error(tmp_path: Path) -> None:
    workspace = workspace_with(GIVEN)
    (tmp_path / "file").write_text("x")
    with pytest.raises(CommandError, match="cannot be written"):
        write(workspace, tmp_path / "file" / "q.html")
    with pytest.raises(SelectionError):
        quality_report(workspace, "valuse", now=NOON, history=1)
