"""The peers' own environment: Dagster, Hamilton and pandera, pinned, and never imported into a process of ours."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from functools import cache
from pathlib import Path

from measuring import BENCH, ROOT, CannotMeasure, Ended, Scale, clean_environment, run, say

FOLDER = ROOT / ".venv-peers"
PINS = BENCH / "peers.txt"


@cache
def _made_or_why() -> Path | CannotMeasure:
    """Asked once a run: what cannot be installed is not tried again for each figure."""
    try:
        return _made()
    except CannotMeasure as why:
        return why
    except (OSError, subprocess.CalledProcessError) as why:
        return CannotMeasure(f"{FOLDER.name} cannot be made: {why}")


def peer_python() -> Path:
    """The interpreter of the peers' environment, which is made on first use.

    Raises:
        CannotMeasure: it cannot be made, for example without a network.
    """
    found = _made_or_why()
    if isinstance(found, CannotMeasure):
        raise found
    return found


def _made() -> Path:
    python = FOLDER / "bin" / "python"
    stamp = FOLDER / ".made"
    wanted = hashlib.sha256(PINS.read_bytes() + sys.version.encode()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    say(f"making {FOLDER.name} with Dagster, Hamilton and pandera: a minute or two, once")
    venv.create(FOLDER, with_pip=True, clear=True)
    (FOLDER / ".gitignore").write_text("*\n")
    install = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
        PINS,
    ]
    done = subprocess.run(install, env=clean_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise CannotMeasure(f"the peers cannot be installed from {PINS.name}: {said[-1]}")
    stamp.write_text(wanted)
    return python


def measured_by(scale: Scale, script: str, *words: str | Path) -> Ended:
    """A peer's script, which prints figures as JSON."""
    return run([scale.peer_python(), BENCH / script, *words], scale.folder)
