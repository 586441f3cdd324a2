"""Killed (SIGKILL) at any moment: the ledger and every published file are whole, and the next run completes."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from materializers import Project, open_workspace

ROOT = Path(__file__).resolve().parents[2]

CHILD = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from materializers import find_project, open_workspace, run_plan
workspace = open_workspace(find_project(Path({folder!r}), environ={{}}))
plan = workspace.plan("*")
print("planned", flush=True)
result = run_plan(plan, workspace, jobs=2)
print(result.outcome, flush=True)
"""


def write_pipeline(folder: Path, salt: int) -> None:
    """Four layers of six tables with different contents for each salt, so that every run has all to do."""
    (folder / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["layers"]\n')
    lines = ["from checks import not_null", "from graph import asset", "", ""]
    for layer in range(4):
        for column in range(6):
            parameters = f"t{layer - 1}{column}, t{layer - 1}{(column + 1) % 6}" if layer else ""
            lines += [
                '@asset(checks=[not_null("x")])',
                f"def t{layer}{column}({parameters}):",
                "    import pyarrow as pa",
                f"    return pa.table({{'x': list(range(2000)), 'y': [{salt + column}] * 2000}})",
                "",
            ]
    (folder / "layers.py").write_text("\n".join(lines))


def start(folder: Path) -> subprocess.Popen[str]:
    code = CHILD.format(paths=[str(ROOT), str(folder)], folder=str(folder))
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
    )


def whole(folder: Path) -> int:
    """Assert that ledger and files are whole; answers how many versions are visible."""
    ledger = folder / ".assets" / "ledger.sqlite"
    if not ledger.exists():
        return 0
    with sqlite3.connect(ledger) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        visible = db.execute(
            "SELECT p.asset, v.id, v.address, j.failing FROM pointers p"
            " LEFT JOIN versions v ON v.id = p.version_id LEFT JOIN judgements j ON j.id = p.judgement"
        ).fetchall()
    db.close()
    project = Project(root=folder, modules=("layers",), home=folder / ".assets")
    sys.modules.pop("layers", None)
    workspace = open_workspace(project)
    for key, version_id, address, failing in visible:
        assert version_id is not None, f"{key} points at no version"
        assert failing == 0, f"{key} is visible although its checks did not pass"
        workspace.store.get(address, verify=True)
        assert workspace.load(key).num_rows == 2000
    workspace.ledger.close()
    sys.modules.pop("layers", None)
    sys.path.remove(str(folder))
    return len(visible)


@pytest.mark.faults(small=3, full=50)
def test_killed_at_a_random_moment(tmp_path: Path, fault_seed: int) -> None:
    chance = random.Random(fault_seed)
    write_pipeline(tmp_path, salt=1)
    child = start(tmp_path)
    assert child.stdout is not None
    if chance.random() < 0.8:  # mostly while steps run; sometimes while it starts
        assert child.stdout.readline() == "planned\n"
        time.sleep(chance.uniform(0, 0.5))
    else:
        time.sleep(chance.uniform(0, 0.6))
    child.send_signal(signal.SIGKILL)
    child.communicate()
    before = whole(tmp_path)
    began = time.monotonic()
    again = start(tmp_path)
    out, errors = again.communicate(timeout=60)
    assert out.splitlines()[-1:] == ["succeeded"], errors
    assert time.monotonic() - began < 30, "the claims of a dead run are free at once"
    assert whole(tmp_path) == 24 >= before
    with sqlite3.connect(tmp_path / ".assets" / "ledger.sqlite") as db:
        doubled = db.execute(
            "SELECT asset, fingerprint, count(*) FROM versions GROUP BY asset, fingerprint HAVING count(*) > 1"
        ).fetchall()
        open_attempts = db.execute(
            "SELECT count(*) FROM attempts WHERE id NOT IN (SELECT attempt_id FROM attempt_ends)"
        ).fetchall()
    db.close()
    assert (json.dumps(doubled), open_attempts) == ("[]", [(0,)])
