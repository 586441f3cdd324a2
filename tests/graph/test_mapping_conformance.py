"""Every mapping of the shared table reads what Dagster 1.13 reads: no deviation, none explained."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from graph.mappings import Overlap
from graph.partitions import Cron, Daily, Horizon, Hourly, Monthly, PartitionSet, TimePartitions, Weekly

TABLE = Path(
    os.environ.get("CONFORMANCE_TABLE")
    or Path(__file__).parents[3] / "shared" / "conformance" / "dagster-semantics.jsonl"
)
KINDS = {"hourly": Hourly, "daily": Daily, "weekly": Weekly, "monthly": Monthly, "cron": Cron}
OPTIONS = {"start": "start", "end": "end", "tz": "timezone", "cron": "cron", "end_offset": "end_offset"}


def partitions_of(words: dict[str, Any]) -> TimePartitions:
    options = {OPTIONS[name]: value for name, value in words.items() if name != "type"}
    return KINDS[words["type"]](**options)


def told(found: PartitionSet, partitions: TimePartitions, form: str) -> list[Any]:
    """A set as the table tells it: how many, the first and the last key; a cron's keys in the form of its start."""
    members = [min(found), max(found)] if found else []
    keys = [
        format(partitions.window(each).start, form) if isinstance(partitions, Cron) else partitions.key(each)
        for each in members
    ]
    return [len(found), keys[:1], keys[1:]]


def mapping_rows() -> list[Any]:
    if not TABLE.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no conformance table at {TABLE}"))]
    numbered = enumerate(map(json.loads, TABLE.read_text(encoding="utf-8").splitlines()), start=1)
    return [
        pytest.param(row, id=f"line {number}: {row['down']['type']} reads {row['up']['type']}")
        for number, row in numbered
        if row["kind"] == "mapping"
    ]


@pytest.mark.parametrize("row", mapping_rows())
def test_reads_what_dagster_reads(row: dict[str, Any]) -> None:
    down, up = partitions_of(row["down"]), partitions_of(row["up"])
    horizon = Horizon(now=datetime.fromisoformat(row["now"]), sessions=lambda *_: ())
    start, end = row["offset"]
    mapping = Overlap(start_offset=start, end_offset=end)
    assert down.problems() + up.problems() + mapping.problems(down, up) == []
    partition = down.partition(row["down_key"])
    assert partition in horizon.existing(down)
    mapped = mapping.upstream(PartitionSet.of([partition]), down, up, horizon)
    form = "%Y-%m-%d %H:%M" if " " in row["up"]["start"] else "%Y-%m-%d"
    assert told(mapped.read, up, form) == row["expected_up"]
    assert told(mapped.absent, up, form) == row["nonexistent"]
