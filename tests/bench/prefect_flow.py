"""What a compiled flow costs beside a hand-written one: the same graph, the same values, the same Prefect server.

Run alone: ``PREFECT_API_URL=http://127.0.0.1:4200/api python tests/bench/prefect_flow.py``.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from deployments.prefect_engine import require_server, run_with_prefect
from graph import asset, build_graph
from graph.digest import Digester
from materializers.sql_ledger import open_sqlite_ledger
from materializers.store import open_store
from materializers.workspace import Workspace

WIDTH = 4
JOBS = 4
SETTLE_S = 3.0
"""The server writes down what it was told of the last flow while the next one runs: it gets time to do so first."""


@dataclass(frozen=True)
class Cost:
    """What one flow run took: by the clock, with the server's part, and of this process's processor time alone."""

    wall_s: float
    cpu_s: float


def measure(tasks: int = 200, pairs: int = 5) -> dict[str, Any]:
    """Medians of interleaved runs against the server at ``PREFECT_API_URL``, in milliseconds a task.

    Three flows over a graph that is four assets wide, in which each asset reads two above it: the compiled one
    (claims, ledger, content-addressed storage, asset events); a hand-written one of plain tasks that write their
    numbers to files; and a hand-written one of ``@materialize`` tasks, which tells of its assets as well.
    """
    require_server()
    subjects: dict[str, Callable[[Path, int], Cost]] = {
        "compiled": compiled,
        "hand_written": hand_written,
        "hand_written_assets": hand_written_assets,
    }
    costs: dict[str, list[Cost]] = {name: [] for name in subjects}
    with quiet():
        for subject in subjects.values():
            in_new_folder(subject, 10)
        for number in range(pairs):
            for name in list(subjects)[:: -1 if number % 2 else 1]:
                time.sleep(SETTLE_S)
                costs[name].append(in_new_folder(subjects[name], tasks))
    wall = {name: [1000 * cost.wall_s / tasks for cost in found] for name, found in costs.items()}
    cpu = {name: [1000 * cost.cpu_s / tasks for cost in found] for name, found in costs.items()}
    return {
        "tasks": tasks,
        "pairs": pairs,
        "wall_ms_per_task": medians(wall),
        "cpu_ms_per_task": medians(cpu),
        "ratio": median(ours / theirs for ours, theirs in both(wall, "hand_written")),
        "ratio_assets": median(ours / theirs for ours, theirs in both(wall, "hand_written_assets")),
        "ms_more_per_task": median(ours - theirs for ours, theirs in both(wall, "hand_written")),
        "cpu_ms_more_per_task": median(ours - theirs for ours, theirs in both(cpu, "hand_written")),
        "every_wall_ms_per_task": wall,
    }


def both(found: dict[str, list[float]], peer: str) -> Iterator[tuple[float, float]]:
    """The pairs, in the order in which they were run."""
    return zip(found["compiled"], found[peer], strict=True)


def medians(found: dict[str, list[float]]) -> dict[str, float]:
    return {name: median(numbers) for name, numbers in found.items()}


def in_new_folder(subject: Callable[[Path, int], Cost], tasks: int) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        return subject(Path(folder), tasks)


def cost_of(call: Callable[[], object]) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return Cost(wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu)


def above(number: int) -> list[int]:
    """The numbers of the assets that one reads: two of the layer above."""
    layer, place = divmod(number, WIDTH)
    return [] if layer == 0 else sorted({(layer - 1) * WIDTH + (place + step) % WIDTH for step in (0, 1)})


def compiled(folder: Path, tasks: int) -> Cost:
    workspace = Workspace(
        graph=build_graph(declared(tasks)),
        ledger=open_sqlite_ledger(folder / "ledger.sqlite"),
        store=open_store(str(folder / "data")),
        digester=Digester(NoSources()),
    )
    plan = workspace.plan("*")
    cost = cost_of(lambda: run_with_prefect(plan, workspace, jobs=JOBS))
    outcomes = [attempt.outcome for attempt in workspace.ledger.attempts_of(workspace.ledger.runs()[0].id)]
    workspace.ledger.close()
    if outcomes != ["published"] * tasks:
        raise RuntimeError(f"the compiled flow did not publish {tasks} assets: {Counter(outcomes)}")
    return cost


class NoSources:
    """The assets are made here, not read from a file."""

    def text(self, module: str) -> str | None:
        return None


def declared(tasks: int) -> list[Callable[..., Any]]:
    """Assets that add one to what they read."""
    found = []
    for number in range(tasks):
        parameters = [f"n{one}" for one in above(number)]
        namespace: dict[str, Any] = {"__name__": "bench"}
        exec(f"def n{number}({', '.join(parameters)}): return {'+'.join([*parameters, '1'])}", namespace)
        found.append(asset(name=f"bench/n{number}")(namespace[f"n{number}"]))
    return found


def hand_written(folder: Path, tasks: int) -> Cost:
    from prefect import task

    return by_hand(folder, tasks, lambda number, function: task(function, **options(number)))


def hand_written_assets(folder: Path, tasks: int) -> Cost:
    from prefect.assets import materialize

    def made(number: int, function: Callable[[], None]) -> Any:
        upstream: list[Any] = [f"bench://n{one}" for one in above(number)]
        return materialize(f"bench://n{number}", asset_deps=upstream, **options(number))(function)

    return by_hand(folder, tasks, made)


def options(number: int) -> Any:
    from prefect.cache_policies import NO_CACHE

    return {
        "name": f"n{number}",
        "task_run_name": f"n{number}",
        "persist_result": False,
        "cache_policy": NO_CACHE,
    }


def by_hand(folder: Path, tasks: int, make: Callable[[int, Callable[[], None]], Any]) -> Cost:
    """The flow as one would write it: everything submitted in order, values in files."""
    from prefect import flow
    from prefect.task_runners import ThreadPoolTaskRunner

    def add_one(number: int) -> Callable[[], None]:
        def step() -> None:
            values = [int((folder / str(one)).read_text()) for one in above(number)]
            temporary = folder / f"{number}.tmp"
            temporary.write_text(str(sum(values) + 1))
            temporary.replace(folder / str(number))

        return step

    made = [make(number, add_one(number)) for number in range(tasks)]

    @flow(name="hand-written", task_runner=ThreadPoolTaskRunner(max_workers=JOBS))  # Prefect's own futures
    def everything() -> None:
        futures: list[Any] = []
        for number, one in enumerate(made):
            futures.append(one.submit(wait_for=[futures[upstream] for upstream in above(number)]))
        for future in futures:
            future.result()

    return cost_of(everything)


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing on the terminal; the server is told everything."""
    from prefect import flow  # noqa: F401  # the import sets the handlers up

    consoles = [(handler, handler.level) for handler in logging.getLogger().handlers]
    for handler, _ in consoles:
        handler.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for handler, level in consoles:
            handler.setLevel(level)


if __name__ == "__main__":
    if "PREFECT_API_URL" not in os.environ:
        sys.exit("set PREFECT_API_URL to the address of a running server")
    print(json.dumps(measure(*map(int, sys.argv[1:])), indent=1))
