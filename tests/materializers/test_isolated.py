"""Computing in a process of its own: the same results, and a time-out that kills."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from materializers import Workspace, find_project, open_workspace, run_plan

MODULE = """
import os
import time
from datetime import timedelta

from graph import Execution, Run, Skip, asset

APART = Execution(isolation="process")


@asset
def here() -> int:
    return os.getpid()


@asset(run=APART)
def there(here: int, run: Run) -> dict:
    print("printed apart")
    return {"parent": here, "own": os.getpid(), "key": run.key}


@asset(run=APART)
def skips() -> int:
    return Skip("nothing to do")


@asset(run=APART)
def fails() -> int:
    raise ValueError("no")


@asset(run=APART)
def dies() -> int:
    os._exit(7)


@asset(run=Execution(isolation="process", timeout=timedelta(seconds=1.5)))
def hangs() -> int:
    time.sleep(60)
    return 1
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["apart_assets"]\n')
    (tmp_path / "apart_assets.py").write_text(MODULE)
    opened = open_workspace(find_project(tmp_path, environ={}))
    yield opened
    opened.ledger.close()
    sys.modules.pop("apart_assets", None)
    sys.path.remove(str(tmp_path))


def test_a_process_of_its_own_gives_the_same_and_can_be_killed(workspace: Workspace) -> None:
    result = run_plan(workspace.plan("*"), workspace, jobs=4)
    ended = {one.step.key.partition("/")[2]: (one.outcome, one.reason) for one in result.results}
    assert ended["there"][0] == "published"
    value = workspace.load("there")
    assert value["own"] != value["parent"]
    assert value["key"] == "apart_assets/there"
    assert ended["skips"] == ("skipped", "nothing to do")
    assert ended["fails"] == ("failed", "ValueError: no")
    assert ended["dies"] == ("failed", "its process ended with exit code 7 without an answer")
    assert ended["hangs"] == ("failed", "timed out after 1.5 s; its process was killed")
    outputs = {one.key.partition("/")[2]: one.output for one in workspace.ledger.attempts_of(result.run_id)}
    assert outputs["there"] == "printed apart\n"
