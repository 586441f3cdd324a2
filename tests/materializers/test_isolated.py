"""Computing in a process of its own: the same results, and a time-out that kills."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from graph.partition_set import ONLY, WHOLE
from materializers import Workspace, find_project, open_workspace, run_plan
from materializers.arguments import Taken
from materializers.call import Call, Stopped
from materializers.isolated import compute_apart
from materializers.output import Output

MODULE = '''
import os
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

from graph import Config, Execution, Previous, Run, Skip, asset

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


class Dates(Config):
    first: date = date(2000, 1, 1)
    folder: str = ""
    any: dict[str, object] = {}


@asset(run=APART)
def dated(config: Dates) -> str:
    return f"{config.first} {type(config.any.get('day')).__name__}"


@asset
def number() -> int:
    return int(Path("number.txt").read_text())


@asset(run=APART)
def counts(number: int, before: Previous) -> list:
    return [number, before.value]


OTHER = """
import fcntl, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
file = (folder / "lock").open("w")
fcntl.flock(file, fcntl.LOCK_EX)
(folder / "locked").touch()
time.sleep(20)
(folder / "survived").touch()
"""


@asset(run=APART)
def parent_of_another(config: Dates) -> int:
    return subprocess.run([sys.executable, "-c", OTHER, config.folder]).returncode
'''


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
    result = run_plan(workspace.plan("here or there or skips or fails or dies or hangs"), workspace, jobs=4)
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


def test_a_project_given_by_hand_is_the_childs_too(workspace: Workspace, tmp_path: Path) -> None:
    assert workspace.project is not None
    day = date(2024, 2, 3)
    project = replace(
        workspace.project,
        home=tmp_path / "elsewhere",
        config={"apart_assets/dated": {"first": day, "any": {"day": datetime(2024, 1, 1, tzinfo=UTC)}}},
    )
    other = open_workspace(project)
    (result,) = run_plan(other.plan("dated"), other).results
    assert (result.outcome, result.reason) == ("published", "never built")
    assert other.load("dated") == "2024-02-03 datetime"
    assert not (workspace.project.home / "data").exists()
    other.ledger.close()


def test_the_child_reads_the_versions_that_the_parent_names(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "number.txt").write_text("1")
    run_plan(workspace.plan("counts"), workspace)
    named = workspace.published("apart_assets/number")[WHOLE]
    (tmp_path / "number.txt").write_text("2")
    run_plan(workspace.plan("number", force=True), workspace)
    assert workspace.load("number") == 2
    asset = workspace.graph["apart_assets/counts"]
    call = Call(
        asset=asset,
        outputs=(asset,),
        partitions=(),
        arguments=dict,
        run_id="r",
        number=1,
        taken=Taken(
            partitions=ONLY,
            versions={"number": {WHOLE: named}},
            previous=workspace.published("apart_assets/counts")[WHOLE],
        ),
    )
    assert compute_apart(call, workspace, threading.Event(), Output()) == {asset.key: [1, [1, None]]}


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX's")
def test_what_a_step_started_ends_with_it(workspace: Workspace, tmp_path: Path) -> None:
    import fcntl

    class WhenLocked(threading.Event):
        def is_set(self) -> bool:
            return (tmp_path / "locked").exists()

    asset = workspace.graph["apart_assets/parent_of_another"]
    workspace.config = {asset.key: {"folder": str(tmp_path)}}
    call = Call(
        asset=asset,
        outputs=(asset,),
        partitions=(),
        arguments=dict,
        run_id="r",
        number=1,
        taken=Taken(partitions=ONLY, versions={}),
    )
    with pytest.raises(Stopped):
        compute_apart(call, workspace, WhenLocked(), Output())
    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # waits until the other process has ended, however it did
    assert not (tmp_path / "survived").exists()
