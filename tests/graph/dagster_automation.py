"""Makes `dagster_automation.jsonl`: random scenarios, and what Dagster itself requests in each.

Run it with a Python that has Dagster 1.13.27: ``python tests/graph/dagster_automation.py SCENARIOS > TABLE``. The form
is that of the `automation` rows of the shared table. Every second scenario has some assets with daily partitions:
``daily`` names them, ``cron`` is what ``on_cron`` means, a materialization is ``[key, partition]``, and ``requested``
has the partitions of each key.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import warnings
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

Row = dict[str, Any]

FIRST_DAY = "2024-01-01"
HALF_A_MINUTE = timedelta(seconds=30)
MINUTES, HOURS = (2, 11, 26), (2, 3, 5, 7, 30)


def scenario(seed: int) -> Row:
    """A graph, conditions, and what happens from outside."""
    chance = random.Random(seed)
    partitioned = seed % 2 == 1
    keys = [f"n{number}" for number in range(chance.randint(2, 4 if partitioned else 5))]
    graph = {key: [up for up in keys[:at] if chance.random() < 0.5] for at, key in enumerate(keys)}
    below, root = (
        (None, "eager", "eager", "on_cron", "on_missing"),
        (None, "on_cron", "on_cron", "on_missing"),
    )
    daily = [key for key in keys if partitioned and chance.random() < 0.7]
    at = datetime(2024, 1, 5, 0, 50, 30, tzinfo=UTC)
    steps: list[Row] = []
    for _ in range(7):
        steps.append(
            {"eval_at": at.isoformat(), "external_materializations": _outside(keys, daily, at, chance)}
        )
        at += timedelta(hours=chance.choice(HOURS)) if daily else timedelta(minutes=chance.choice(MINUTES))
    return {
        "kind": "automation",
        "graph": graph,
        "conditions": {key: chance.choice(below if graph[key] else root) for key in keys},
        "cron": chance.choice(("0 * * * *", "0 18 * * *")) if daily else "0 * * * *",
        "daily": daily,
        "requested_are": chance.choice(("materialize", "materialize", "ignore")),
        "steps": steps,
    }


def _outside(keys: Sequence[str], daily: Sequence[str], at: datetime, chance: random.Random) -> list[Any]:
    last = at.date() - timedelta(days=1)
    found: list[Any] = []
    for key in keys:
        if chance.random() >= 0.3:
            continue
        if key not in daily:
            found.append([key, None] if daily else key)
            continue
        days = [last if chance.random() < 0.7 else date(2024, 1, chance.randint(1, last.day))]
        if last.day == 4 and chance.random() < 0.6:  # all history
            days = [date(2024, 1, day) for day in range(1, 5)]
        found += [[key, day.isoformat()] for day in days]
    return found


def carry_out(row: Row) -> None:
    """Let Dagster evaluate the scenario, and write down what it requests."""
    import dagster as dg
    from dagster._core.test_utils import freeze_time

    words = {
        "eager": dg.AutomationCondition.eager,
        "on_missing": dg.AutomationCondition.on_missing,
        "on_cron": lambda: dg.AutomationCondition.on_cron(row["cron"]),
    }
    partitions = dg.DailyPartitionsDefinition(FIRST_DAY)
    assets = []
    for key, upstream in row["graph"].items():
        word = row["conditions"][key]

        @dg.asset(
            name=key,
            deps=list(upstream),
            automation_condition=words[word]() if word else None,
            partitions_def=partitions if key in row["daily"] else None,
        )
        def nothing() -> None: ...

        assets.append(nothing)
    definitions, instance, cursor = dg.Definitions(assets=assets), dg.DagsterInstance.ephemeral(), None
    for step in row["steps"]:
        at = datetime.fromisoformat(step["eval_at"])
        with freeze_time(at - HALF_A_MINUTE):
            for one in step["external_materializations"]:
                key, partition = (one, None) if isinstance(one, str) else one
                instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=partition))
        with freeze_time(at):
            found = dg.evaluate_automation_conditions(
                definitions, instance, cursor=cursor, evaluation_time=at
            )
        cursor = found.cursor
        asked = {key: found.get_requested_partitions(dg.AssetKey(key)) for key in row["graph"]}
        requested = {key: sorted(names, key=str) for key, names in asked.items() if names}
        step["requested"] = requested if row["daily"] else sorted(requested)
        if row["requested_are"] == "materialize":
            runs = defaultdict(list)
            for key, names in requested.items():
                for name in names:
                    runs[name].append(key)
            with freeze_time(at + HALF_A_MINUTE):
                for name, keys in runs.items():
                    dg.materialize(assets, instance=instance, selection=keys, partition_key=name)


def main() -> None:
    """Write one scenario a line."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    for seed in range(int(sys.argv[1])):
        row = scenario(seed)
        carry_out(row)
        print(json.dumps(row, sort_keys=True))


if __name__ == "__main__":
    main()
