"""A backfill that is killed (SIGKILL) at any moment is gone on with: exactly the rest is made, nothing twice."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COUNT = 300

FARM = """
from __future__ import annotations

from graph import Daily, Window, asset
from graph.declare import Batch

DAYS = Daily(start="2023-01-01", end="2023-10-27")


@asset(partitions=DAYS{batch})
def eggs(window: Window) -> object:
    with open("calls.txt", "a") as calls:
        calls.write(window.start.date().isoformat() + "\\n")
    return {value}


@asset(partitions=DAYS)
def sold(eggs: int) -> int:
    return eggs
"""


def write_farm(folder: Path, *, batched: bool) -> None:
    (folder / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["farm"]\n')
    batch = ", batch=Batch(size=7)" if batched else ""
    days = "(window.start + timedelta(days=n)).date().isoformat()"
    value = (
        f"{{{days}: n for n in range((window.end - window.start).days)}}" if batched else "window.start.day"
    )
    text = FARM.replace("{batch}", batch).replace("{value}", value)
    (folder / "farm.py").write_text(
        text.replace(
            "\nfrom graph import Daily", "\nfrom datetime import timedelta\n\nfrom graph import Daily", 1
        )
    )


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    code = "import sys; from deployments.cli import materialize; sys.exit(materialize())"
    return subprocess.Popen(
        [sys.executable, "-c", code, "sold", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "PYTHONUNBUFFERED": "1"},
    )


def versions(folder: Path) -> dict[str, int]:
    """How many versions there are of each asset; no partition has two."""
    with sqlite3.connect(folder / ".assets" / "ledger.sqlite") as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        twice = db.execute(
            "SELECT asset, ordinal FROM versions GROUP BY asset, slice, ordinal HAVING count(*) > 1"
        ).fetchall()
        found = dict(db.execute("SELECT asset, count(*) FROM pointers GROUP BY asset").fetchall())
        made = dict(db.execute("SELECT asset, count(*) FROM versions GROUP BY asset").fetchall())
    db.close()
    assert (twice, found) == ([], made), "what was made is visible, once"
    return found


def kill_within(child: subprocess.Popen[str], chance: random.Random) -> None:
    """Kill it once it has planned, after a random number of milliseconds."""
    assert child.stderr is not None
    for line in child.stderr:
        if line.startswith("start "):
            break
    threading.Event().wait(chance.uniform(0.0, 0.6))
    child.send_signal(signal.SIGKILL)
    child.communicate()


@pytest.mark.faults(small=2, full=60)
def test_exactly_the_rest_is_made(tmp_path: Path, fault_seed: int) -> None:
    chance = random.Random(fault_seed)
    batched = bool(fault_seed % 2)
    write_farm(tmp_path, batched=batched)
    before: dict[str, int] = {}
    for _ in range(chance.choice([1, 2])):
        kill_within(start(tmp_path), chance)
        now = versions(tmp_path)
        assert all(now.get(key, 0) >= count for key, count in before.items()), "what was made stays"
        before = now
    made = sum(before.values())
    began = time.monotonic()
    last = start(tmp_path)
    out, told = last.communicate(timeout=120)
    assert last.returncode == 0, told
    assert time.monotonic() - began < 60, "the claims of a killed run are free at once"
    assert versions(tmp_path) == {"farm/eggs": COUNT, "farm/sold": COUNT}
    built = re.search(r"([\d,]+) built", out)
    done = 0 if built is None else int(built[1].replace(",", ""))
    assert done == 2 * COUNT - made, "the rest, and nothing twice"
    if not batched:
        calls = (tmp_path / "calls.txt").read_text().split()
        assert len(set(calls)) == COUNT
        assert len(calls) - COUNT <= 2 * 8, (
            "what was being made when it was killed is made again, and that alone"
        )
    nothing = start(tmp_path)
    assert nothing.communicate(timeout=60)[0].startswith("everything is up to date")
