"""The benchmark runs: one small figure of our own, without peers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_a_figure_is_measured_shown_and_saved(tmp_path: Path) -> None:
    saved = tmp_path / "results.json"
    words = ["--quick", "--only", "plan", "--json", str(saved)]
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "bench" / "run.py", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "### plan of 51 assets, 5 layers deep" in done.stdout
    (figure,) = json.loads(saved.read_text())["figures"]
    assert {line["subject"] for line in figure["lines"]} == {"plan, root changed", "plan, nothing changed"}
    assert figure["missing"] == {}
