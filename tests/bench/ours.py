"""Our own subjects: the real commands of this environment, and single measurements in processes of their own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from measuring import BENCH, ROOT, CannotMeasure, run

SIGKILL_CODE = -9


def materialize(selection: str, folder: Path, home: Path, *, saying: str) -> dict[str, float]:
    """What the command `materialize` takes in a folder; its summary has to contain ``saying``."""
    command = [Path(sys.executable).with_name("materialize"), selection]
    ended = run(command, folder, ASSETS_HOME=str(home))
    if saying not in ended.printed:
        raise CannotMeasure(f"it does not say '{saying}' but: {' '.join(ended.printed.split())[-300:]}")
    return ended.figures()


def in_process(task: str, folder: Path, home: Path) -> dict[str, Any]:
    """The figures that `in_process.py` prints; ``build`` ends by SIGKILL."""
    command = [sys.executable, BENCH / "in_process.py", task, folder]
    expect = SIGKILL_CODE if task == "build" else 0
    return run(command, folder, expect=expect, ASSETS_HOME=str(home), PYTHONPATH=str(ROOT)).document()


def built(folder: Path, home: Path, assets: int) -> dict[str, Any]:
    """The figures of a build that was killed when it had ended; everything that it published is there afterwards."""
    figures = in_process("build", folder, home)
    after = in_process("decide", folder, home)["counts"]
    if figures["counts"] != {"published": assets} or after != {"Keep": assets}:
        raise CannotMeasure(f"of {assets} assets: built {figures['counts']}, and after SIGKILL {after}")
    return figures
