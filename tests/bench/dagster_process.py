"""One measurement of Dagster, run by the peers' interpreter; prints figures as JSON.

``build ephemeral|persistent FOLDER``: materialize everything in this process.
``publish FOLDER``: record every asset as materialized, and take the first automation tick.
``tick FOLDER``: a later tick in a new process, in which nothing is due.

In FOLDER are the pipeline and ``home``, the DAGSTER_HOME of persistent instances.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor
from dagster_shared.serdes import deserialize_value, serialize_value

QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


def assets_in(folder: Path) -> Sequence[dg.AssetsDefinition]:
    sys.path.insert(0, str(folder))
    return dg.load_assets_from_modules([importlib.import_module("pipeline")])


def instance_in(folder: Path) -> dg.DagsterInstance:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return dg.DagsterInstance.from_config(str(home))


def build(kind: str, folder: Path) -> dict[str, float]:
    assets = assets_in(folder)
    instance = instance_in(folder) if kind == "persistent" else dg.DagsterInstance.ephemeral()
    started, before = time.perf_counter(), time.process_time()
    dg.materialize(assets, instance=instance, run_config=QUIET)
    return {"wall_s": time.perf_counter() - started, "cpu_s": time.process_time() - before}


def publish(folder: Path) -> dict[str, float]:
    assets = assets_in(folder)
    with instance_in(folder) as instance:
        for asset in assets:
            days = asset.partitions_def
            last = days.get_last_partition_key() if days is not None else None
            instance.report_runless_asset_event(dg.AssetMaterialization(asset.key, partition=last))
        first = dg.evaluate_automation_conditions(assets, instance)
    (folder / "cursor").write_text(serialize_value(first.cursor))
    return {"requested": first.total_requested}


def tick(folder: Path) -> dict[str, float]:
    assets = assets_in(folder)
    with instance_in(folder) as instance:
        cursor = deserialize_value((folder / "cursor").read_text(), AssetDaemonCursor)
        started = time.perf_counter()
        found = dg.evaluate_automation_conditions(assets, instance, cursor=cursor)
        wall_s = time.perf_counter() - started
    if found.total_requested:
        raise SystemExit(f"{found.total_requested} assets are due, and none should be")
    return {"wall_s": wall_s}


if __name__ == "__main__":
    task, *words = sys.argv[1:]
    place = Path(words[-1])
    found = build(words[0], place) if task == "build" else {"publish": publish, "tick": tick}[task](place)
    sys.stdout.write(json.dumps(found) + "\n")
