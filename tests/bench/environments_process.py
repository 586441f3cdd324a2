"""One measurement of an environment: ``environments_process.py FOLDER SELECTION KEY FIELD`` prints figures as JSON.

An environment is made, planned in, given one asset with another config, compared, promoted, and dropped.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from materializers import find_project, open_workspace, run_plan
from materializers.comparing import differences
from materializers.promoting import promote

T = TypeVar("T")


def timed(what: Callable[[], T]) -> tuple[float, T]:
    """How long something took, with what it answered."""
    started = time.perf_counter()
    answer = what()
    return time.perf_counter() - started, answer


def size(home: Path) -> int:
    """The bytes of all data files."""
    return sum(file.stat().st_size for file in (home / "data").rglob("*") if file.is_file())


def main(folder: Path, selection: str, key: str, field: str) -> None:
    """Measure, and print."""
    project = find_project(folder)
    main_one = open_workspace(project)
    name = f"dev{secrets.token_hex(4)}"
    before = size(project.home)
    create_s, _ = timed(lambda: main_one.ledger.create_environment(name))
    dev = replace(main_one, environment=name)
    plan_s, plan = timed(lambda: dev.plan(selection))
    written = size(project.home) - before
    number = 100 + secrets.randbelow(400)
    changed = replace(open_workspace(project, config={key: {field: number}}), environment=name)
    run_plan(changed.plan(selection), changed)
    diff_s, found = timed(lambda: differences(dev.ledger, name, "main", dev.graph.assets))
    promote_s, promotion = timed(lambda: promote(changed, name, "main", selection))
    moved = sum(len(one) for one in promotion.moved.values())
    if moved != sum(len(one) for one in found.values()):
        raise SystemExit(f"promoted {moved} of {sum(len(one) for one in found.values())}")
    back = open_workspace(project)
    run_plan(back.plan(selection), back)
    print(
        json.dumps(
            {
                "create_s": create_s,
                "bytes": written,
                "plan_s": plan_s,
                "kinds": sorted({type(step).__name__ for step in plan.steps}),
                "diff_s": diff_s,
                "promote_s": promote_s,
                "promoted": moved,
            }
        )
    )
    main_one.ledger.drop_environment(name)


main(Path(sys.argv[1]), *sys.argv[2:])
