"""Two processes that materialize the same at once do the work once, on one ledger."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ASSETS = """
import pathlib
import threading

from graph import asset

CALLS = pathlib.Path(__file__).with_name("calls.txt")


def called(name):
    with CALLS.open("a") as file:
        file.write(name + "\\n")
    threading.Event().wait(0.02)


@asset
def a0() -> int:
    called("a0")
    return 0
"""

TERMINAL = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from materializers import find_project, open_workspace, run_plan
workspace = open_workspace(find_project(Path({folder!r}), environ={{}}))
plan = workspace.plan("*")
print("planned", flush=True)
sys.stdin.readline()
print(run_plan(plan, workspace, jobs=2).outcome)
"""


def test_the_work_is_done_once(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["shared_chain"]\n')
    links = [
        f"@asset\ndef a{number}(a{number - 1}: int) -> int:\n    called('a{number}')\n    return a{number - 1} + 1\n"
        for number in range(1, 12)
    ]
    (tmp_path / "shared_chain.py").write_text("\n\n".join([ASSETS, *links]))
    code = TERMINAL.format(paths=[str(ROOT), str(tmp_path)], folder=str(tmp_path))
    terminals = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        for _ in range(2)
    ]
    for terminal in terminals:
        assert terminal.stdout is not None
        assert terminal.stdout.readline() == "planned\n"
    for terminal in terminals:  # both have planned everything before either starts
        assert terminal.stdin is not None
        terminal.stdin.write("go\n")
        terminal.stdin.flush()
    ends = [terminal.communicate(timeout=60) for terminal in terminals]
    assert [out for out, _ in ends] == ["succeeded\n", "succeeded\n"], ends
    calls = Counter((tmp_path / "calls.txt").read_text().split())
    assert calls == Counter(f"a{number}" for number in range(12))
