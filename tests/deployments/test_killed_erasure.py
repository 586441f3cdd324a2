"""An erasure that is killed (SIGKILL) at any moment leaves every version whole, and is gone on with by the next one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from materializers import find_project
from materializers.collecting import collect
from materializers.loading import open_ledger, open_project_store

ROOT = Path(__file__).resolve().parents[2]

CLINIC = """
from __future__ import annotations

from graph import Daily, Window, asset


@asset(partitions=Daily(start="2024-01-01", end="2024-02-09"))
def visits(window: Window) -> pa.Table:
    import pyarrow as pa

    return pa.table({"subject": ["x", "y"], "day": [window.day] * 2})
"""

CODE = "import sys; from deployments.cli import {name}; sys.exit({name}())"


def start(folder: Path, name: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CODE.format(name=name), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
    )


def subjects(folder: Path) -> tuple[set[str], set[str]]:
    """Who is in the versions that are on record, and who in any file of the store."""
    project = find_project(folder, environ={})
    ledger, store = open_ledger(project), open_project_store(project)
    named = [one.content.address for one in ledger.erasures.versions("clinic/visits")]
    assert len(named) == 40
    tables = {one: pq.read_table(pa.BufferReader(store.get(one, verify=True))) for one in store.addresses()}
    ledger.close()
    assert set(named) <= set(tables), "every version has its content"
    found = {one: set(table["subject"].to_pylist()) for one, table in tables.items()}
    return set().union(*(found[one] for one in named if one)), set().union(*found.values())


def collect_at_once(folder: Path) -> None:
    project = find_project(folder, environ={})
    ledger, store = open_ledger(project), open_project_store(project)
    with ledger.state("main") as state:
        collect(ledger, store, run_id="gc", now=state.now)
    ledger.close()


@pytest.mark.faults(small=2, full=40)
@pytest.mark.parametrize("who", ["the next erasure", "garbage collection"])
def test_killed_it_is_gone_on_with(tmp_path: Path, fault_seed: int, who: str) -> None:
    chance = random.Random(f"{fault_seed} {who}")
    (tmp_path / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["clinic"]\n')
    (tmp_path / "clinic.py").write_text(CLINIC)
    assert start(tmp_path, "materialize", "visits").communicate(timeout=60)[0]
    request = "erase", "visits", "--where", "subject = 'x'", "--by", "ada", "--reason", "request", "--yes"
    child = start(tmp_path, "assets", *request)
    threading.Event().wait(chance.uniform(0.2, 1.2))
    child.send_signal(signal.SIGKILL)
    child.communicate()
    named, anywhere = subjects(tmp_path)
    assert named in ({"x", "y"}, {"y"}), "in all versions or in none"
    if named == {"x", "y"}:
        ended = start(tmp_path, "assets", *request)
        told = ended.communicate(timeout=60)[1]
        assert ended.returncode == 0, told
    elif "x" in anywhere and who == "garbage collection":
        collect_at_once(tmp_path)
    else:
        assert start(tmp_path, "assets", *request).wait(timeout=60) == 0
    assert subjects(tmp_path) == ({"y"}, {"y"})
