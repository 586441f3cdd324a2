"""`make bench`: the figures that we hold up, side by side with their peers, on this machine, in one run.

    python tests/bench/run.py [--quick] [--only NAME ...] [--json FILE]

What cannot be measured says why, and the rest goes on; the exit code is 1 only where a subject of our own failed.
Goals are shown beside the figures, and are no tests.
"""

from __future__ import annotations

import argparse
import compileall
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import check_speed
import cold_start
import compiled_flow
import environments
import large_plan
import large_sweep
import machine
import main_job
import nothing_to_do
import overhead
from measuring import ROOT, Comparison, Scale, as_json, as_text, say
from peers import peer_python

FIGURES: dict[str, Callable[[Scale], Iterator[Comparison]]] = {
    "cold-start": cold_start.measure,
    "overhead": overhead.measure,
    "nothing-to-do": nothing_to_do.measure,
    "plan": large_plan.measure,
    "partitions": large_sweep.measure,
    "flow": compiled_flow.measure,
    "checks": check_speed.measure,
    "main-job": main_job.measure,
    "environments": environments.measure,
}
PACKAGES = ("assets", "checks", "deployments", "graph", "materializers")


def main() -> int:
    """Measures what is asked for, prints the tables, saves them, and answers the exit code."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help="small sizes, few repetitions")
    options.add_argument("--only", action="append", choices=list(FIGURES), help="may be repeated")
    options.add_argument(
        "--json", type=Path, metavar="FILE", help="where to save; else .bench/results-DATE.json"
    )
    given = options.parse_args()

    for package in PACKAGES:  # a cold start is measured with bytecode, as after an installation
        compileall.compile_dir(ROOT / package, quiet=2)
    started, now = time.monotonic(), datetime.now(UTC)
    described = machine.described() | {"date": f"{now:%Y-%m-%d %H:%M} UTC"}
    print("\n".join(f"- {name}: {text}" for name, text in described.items()), flush=True)
    if given.quick:
        print("- quick: small sizes, for which the goals are not meant", flush=True)
    found: list[Comparison] = []
    folder = Path(tempfile.mkdtemp(prefix="assets-bench-"))
    try:
        scale = Scale(quick=given.quick, folder=folder, peer_python=peer_python)
        for name in given.only or FIGURES:
            for comparison in measured(name, scale):
                found.append(comparison)
                print(f"\n{as_text(comparison)}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    file = given.json or results_file(now)
    figures = [as_json(comparison) for comparison in found]
    file.write_text(
        json.dumps({"machine": described, "quick": given.quick, "figures": figures}, indent=1) + "\n"
    )
    say(f"all of it in {time.monotonic() - started:.0f} s; saved in {file}")
    return 1 if any(comparison.failed for comparison in found) else 0


def measured(name: str, scale: Scale) -> Iterator[Comparison]:
    """The tables of one figure; what goes wrong outside of a subject costs that figure only."""
    try:
        yield from FIGURES[name](scale)
    except Exception as why:  # noqa: BLE001  # the other figures go on
        yield Comparison(title=name, missing={name: f"{type(why).__name__}: {why}"}, failed=(name,))


def results_file(now: datetime) -> Path:
    """Where a run is saved, outside of version control."""
    folder = ROOT / ".bench"
    folder.mkdir(exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    return folder / f"results-{now:%Y%m%d-%H%M%S}.json"


if __name__ == "__main__":
    sys.exit(main())
