from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pyarrow as pa

from checks import between, not_null, row_count
from deployments.answers import to_json
from deployments.run_summary import summary_document, summary_text
from graph import Daily, Execution, Intents, Skip, asset, effect
from materializers import in_memory, run_plan
from materializers.runner import RunResult
from materializers.workspace import Workspace


@asset(name="t/good", checks=[row_count(10, severity="warn")])
def good() -> pa.Table:
    return pa.table({"x": [1, 2]})


@asset(name="t/spoiled", checks=[not_null("item"), between("x", 0, 10)])
def spoiled() -> pa.Table:
    return pa.table({"item": ["a", None, "c"], "x": [1, 2, 30]})


@asset(name="t/below")
def below(spoiled: pa.Table) -> int:
    return spoiled.num_rows


@asset(name="t/boom", run=Execution(retries=1, retry_delay=timedelta(0)))
def boom() -> int:
    return 1 // 0


@asset(name="t/idle")
def idle() -> Skip:
    return Skip("the market is closed")


def run(workspace: Workspace, selection: str = "*") -> RunResult:
    return run_plan(workspace.plan(selection), workspace, jobs=1)


def text_of(result: RunResult, files: tuple[Path, ...] = ()) -> str:
    text = summary_text(result, files, timedelta(seconds=4.2))
    text = re.sub(r"\d+\.\d\d s", "0.00 s", text.replace(result.run_id, "RUN"))
    text = re.sub(r"\d{3} B", "999 B", text)
    return re.sub(r'File ".*", line \d+', 'File "F", line N', text)


def test_of_a_plan_without_a_step_it_is_told_what_was_left_out():
    @effect(
        name="t/mail",
        perform=lambda item: {"sent": item.name},
        doubt="at most once",
        partitions=Daily(start="2024-01-01", end="2024-01-03"),
    )
    def mail() -> Intents:
        return Intents(items={"all": 1})

    workspace = in_memory([mail])
    result = run_plan(workspace.plan("mail", partitions="2024-01-01..2024-01-02"), workspace)
    assert text_of(result) == (
        "nothing to do\nleft out: 2 partitions of t/mail (an effect is performed for the newest one only)"
    )


def test_rejected_and_failed_steps_are_explained_below_the_list():
    result = run(in_memory([good, spoiled, below, boom, idle]))

    assert text_of(result) == (
        "built     t/good     2 rows  999 B  0.00 s  never built\n"
        "rejected  t/spoiled  3 rows  999 B  0.00 s  not_null(item): 1 row, between(x): 1 row\n"
        "failed    t/boom                    0.00 s  ZeroDivisionError: integer division or modulo by zero\n"
        "skipped   t/idle                            the market is closed\n"
        "held      t/below                           waits for t/spoiled, of which no version is published\n"
        "\n"
        "built t/good\n"
        "  warning: row_count fails (observed 2)\n"
        "\n"
        "rejected t/spoiled\n"
        "  not_null(item) fails for 1 of 3 rows\n"
        "    row 1: item None, x 2\n"
        "  between(x) fails for 1 of 3 rows (observed 1 to 30)\n"
        "    row 2: x 30, item 'c'\n"
        "  no version was ever good, so what is made from it waits\n"
        "\n"
        "failed t/boom (attempt 2)\n"
        '  File "F", line N, in boom\n'
        "    return 1 // 0\n"
        "  ZeroDivisionError: integer division or modulo by zero\n"
        "  all of it: assets runs logs RUN t/boom\n"
        "\n"
        "1 built, 1 rejected, 1 failed, 1 held, 1 skipped in 4.2 s; run RUN"
    )


def test_when_nothing_was_to_do_one_line_says_so():
    workspace = in_memory([good])
    run(workspace)

    assert text_of(run(workspace)) == "everything is up to date (1 asset)"


def test_readable_paths_come_last():
    workspace = in_memory([good])
    built = run(workspace)
    page = Path.cwd() / ".assets" / "latest" / "t" / "page.html"

    assert text_of(built, (page,)).splitlines()[-1] == ".assets/latest/t/page.html"
    assert text_of(run(workspace), (Path("/elsewhere/page.html"),)).splitlines() == [
        "everything is up to date (1 asset)",
        "/elsewhere/page.html",
    ]


def test_what_was_rejected_before_says_where_the_rows_are():
    workspace = in_memory([spoiled])
    run(workspace)

    text = text_of(run(workspace))
    assert text.startswith("held  t/spoiled")
    assert "the rows that failed: assets show t/spoiled" in text


def test_a_long_list_is_bounded_and_says_where_the_rest_is():
    many = [asset(name=f"t/a{number:03}")(lambda: 1) for number in range(60)]

    lines = text_of(run(in_memory(many))).splitlines()

    assert lines[39].startswith("built  t/a039")
    assert lines[40] == "... and 20 more; see: assets runs show RUN"
    assert lines[-1] == "60 built in 4.2 s; run RUN"


def test_the_document_has_every_step_with_its_checks_and_errors():
    result = run(in_memory([spoiled, below, boom]))

    document = json.loads(to_json(summary_document(result, {}, timedelta(seconds=2), "local")))

    assert document["outcome"] == "failed"
    assert document["exit_code"] == 1
    assert document["counts"] == {"rejected": 1, "failed": 1, "held": 1}
    steps = {step["key"]: step for step in document["steps"]}
    assert steps["t/spoiled"]["reason"] == {
        "kind": "never built",
        "text": "not_null(item): 1 row, between(x): 1 row",
    }
    assert steps["t/spoiled"]["rows"] == 3
    assert steps["t/spoiled"]["checks"]["t/spoiled"][0] == {
        "check": "not_null(item)",
        "kind": "not_null",
        "promise": "item is never null",
        "severity": "error",
        "passed": False,
        "blocks": True,
        "failing": 1,
        "counted": 3,
        "rows": 3,
        "moved_aside": None,
        "observed": None,
        "sample": [{"#": 1, "item": None, "x": 2}],
        "error": None,
    }
    assert steps["t/boom"]["attempts"] == 2
    assert "ZeroDivisionError" in steps["t/boom"]["error"]
    assert steps["t/below"]["outcome"] == "held"
