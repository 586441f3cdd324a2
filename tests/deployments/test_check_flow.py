"""A check job: on a real server, a schedule lets a served flow judge what is published; nothing is built."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowFilterName

from materializers import Workspace, check_published, find_project, materialize, open_workspace

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

WITHIN_S = 90
"""A process that serves has to import Prefect first, and starts another one for each flow run."""

MILL = """\
from checks import between
from graph import asset


@asset(checks=[between("n", 0, LIMIT)])
def flour():
    import pyarrow as pa

    return pa.table({"n": [1, 7]})


@asset(unchecked="never built")
def bread() -> int:
    raise AssertionError("nothing is built by a check")
"""

SERVE = """\
from datetime import timedelta
from deployments.check_flow import check_published

check_published.serve(
    name="nightly", interval=timedelta(seconds=2), parameters={"selection": "millstone/*"}, limit=1
)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["millstone"]\n')
    (tmp_path / "millstone.py").write_text(MILL.replace("LIMIT", "10"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("millstone", None)


def opened() -> Workspace:
    sys.modules.pop("millstone", None)
    return open_workspace(find_project())


def test_published_data_are_judged_on_a_schedule(project: Path, prefect_server: str) -> None:
    materialize("flour", workspace=opened())
    (project / "millstone.py").write_text(MILL.replace("LIMIT", "5"))
    path = [str(project), *filter(None, [os.environ.get("PYTHONPATH")])]
    serving = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        cwd=project,
        env={**os.environ, "PREFECT_API_URL": prefect_server, "PYTHONPATH": os.pathsep.join(path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        run = _first_ended(prefect_server, serving)
    finally:
        serving.terminate()
        serving.wait(timeout=60)
    assert run.state is not None
    assert (run.state.name, run.state.message) == ("Rejected", "1 rejected")
    workspace = opened()
    said = workspace.ledger.judgements("millstone/flour", environment="main")
    assert [one.judgement.failing for one in said][:2] == [False, True]
    assert len(workspace.published("millstone/flour")) == 1
    assert not workspace.published("millstone/bread")


def _first_ended(url: str, serving: subprocess.Popen[bytes]) -> FlowRun:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline and serving.poll() is None:
        with SyncPrefectClient(api=url) as client:
            runs = client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=["check-published"]))
            )
        for run in runs:
            if run.state is not None and run.state.is_final():
                return run
        time.sleep(0.5)
    pytest.fail(
        f"no scheduled run ended within {WITHIN_S} s; the server's process ended with {serving.poll()}"
    )


def test_the_same_from_python(project: Path) -> None:
    materialize("flour", workspace=opened())
    assert check_published(workspace=opened()).outcome == "succeeded"
    (project / "millstone.py").write_text(MILL.replace("LIMIT", "5"))
    run = check_published("flour", workspace=opened())
    assert (run.outcome, run.exit_code) == ("rejected", 3)
    assert run.results[0].verdicts["millstone/flour"][0].failing == 1
