"""Environments: making one of everything, promoting and comparing it, by time and by bytes.

Each repetition is a process of its own (`environments_process.py`) on a ledger in which everything is published: the
portfolio slice of the catalogue, and a group of assets with daily partitions.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import ours
from measuring import BENCH, ROOT, CannotMeasure, Comparison, Goal, Scale, Subject, run, taking_turns

SLICE, PARTITIONED = "portfolio slice", "20 assets, 1,000 daily partitions each"
CREATE, BYTES = "create, wall, s", "create, bytes of data"
DIFF, PROMOTE, ROWS = "diff, wall, s", "promote, wall, s", "pointers promoted"
NOTHING = "materialize in it, nothing to do, wall, s"
REPORT = "analytics/portfolio_report"

_PROJECT = '[tool.prefect-asset-graph]\nmodules = ["days"]\n'
_ASSETS = """
from graph import Config, Daily, asset


class Number(Config):
    number: int = 0


def daily(name):
    def made(config: Number) -> int:
        return config.number

    made.__name__ = made.__qualname__ = name
    return asset(partitions=Daily(start="2020-01-01", end="{end}"))(made)


for number in range({assets}):
    globals()[f"days{{number}}"] = daily(f"days{{number}}")
"""


def measure(scale: Scale) -> Iterator[Comparison]:
    """One table: the slice, and many partitions."""
    homes = {name: scale.fresh("home") for name in (SLICE, PARTITIONED)}
    days = _days(scale)

    def sliced() -> Mapping[str, float]:
        home = homes[SLICE]
        if not any(home.iterdir()):
            ours.materialize(REPORT, ROOT, home, saying="built")
        return _figures(ROOT, home, f"+{REPORT}", "allocation/hrp_weights", "lookback")

    def partitioned() -> Mapping[str, float]:
        home = homes[PARTITIONED]
        if not any(home.iterdir()):
            ours.materialize("*", days, home, saying="built")
        return _figures(days, home, "*", "days/days0", "number")

    found = taking_turns(
        "environments",
        [
            Subject(name=SLICE, run=sliced, rounds=scale.of(3, 1), ours=True),
            Subject(name=PARTITIONED, run=partitioned, rounds=scale.of(3, 1), ours=True),
        ],
    )
    yield replace(
        found,
        goals=(
            Goal(
                text="a new one of the portfolio slice: 0.1 s",
                limit=0.1,
                measured=found.median(SLICE, CREATE),
            ),
            Goal(text="and 0 bytes", limit=0, measured=found.median(SLICE, BYTES)),
        ),
    )


def _days(scale: Scale) -> Path:
    folder = scale.fresh("days")
    (folder / "pyproject.toml").write_text(_PROJECT)
    assets, end = scale.of(20, 5), "2022-09-26" if not scale.quick else "2020-01-20"
    (folder / "days.py").write_text(_ASSETS.format(assets=assets, end=end))
    return folder


def _figures(folder: Path, home: Path, selection: str, key: str, field: str) -> Mapping[str, float]:
    command = [sys.executable, BENCH / "environments_process.py", folder, selection, key, field]
    document = run(command, folder, ASSETS_HOME=str(home), PYTHONPATH=str(ROOT)).document()
    if set(document["kinds"]) - {"Keep", "Observe", "Hold"}:
        raise CannotMeasure(f"a new environment has something to do: {document['kinds']}")
    return {
        CREATE: document["create_s"],
        BYTES: document["bytes"],
        NOTHING: document["plan_s"],
        DIFF: document["diff_s"],
        PROMOTE: document["promote_s"],
        ROWS: document["promoted"],
    }
