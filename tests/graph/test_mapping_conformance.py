"""Every mapping of the shared table reads what Dagster 1.13 reads: no deviation, none explained."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from graph.mappings import Overlap
from graph.partitions import (
    Cron,
    Daily,
    Horizon,
    Hourly,
    Monthly,
    Partition,
    PartitionSet,
    TimePartitions,
    Weekly,
)

TABLE = Path(
    os.environ.get("CONFORMANCE_TABLE")
    or Path(__file__).parents[3] / "shared" / "conformance" / "dagster-semantics.jsonl"
)
KINDS = {"hourly": Hourly, "daily": Daily, "weekly": Weekly, "monthly": Monthly, "cron": Cron}
OPTIONS = {"start": "start", "tz": "timezone", "cron": "cron"}


def partitions_of(words: dict[str, Any]) -> TimePartitions:
    options = {OPTIONS[name]: value for name, value in words.items() if name != "type"}
    return KINDS[words["type"]](**options)


def told(found: PartitionSet, partitions: TimePartitions) -> list[Any]:
    """A set as the table tells it: how many, the first and the last key."""
    members = [min(found), max(found)] if found else []
    keys = [key_of(partitions, each) for each in members]
    return [len(found), keys[:1], keys[1:]]


def key_of(partitions: TimePartitions, partition: Partition) -> str:
    """A key in the form of the table: that of a cron always has the time, after a space."""
    key = partitions.key(partition)
    if not isinstance(partitions, Cron):
        return key
    offset = key[16:]  # of the second pass of an hour that passes twice
    return f"{partitions.window(partition).start:%Y-%m-%d %H:%M}{offset}"


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
def test_reads_what_dagster_reads(
    row: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    record_property("conformance", {"kind": "mapping"})
    down, up = partitions_of(row["down"]), partitions_of(row["up"])
    horizon = Horizon(now=datetime.fromisoformat(row["now"]), sessions=lambda *_: ())
    start, end = row["offset"]
    mapping = Overlap(start_offset=start, end_offset=end)
    assert down.problems() + up.problems() + mapping.problems(down, up) == []
    partition = down.partition(row["down_key"])
    assert partition in horizon.existing(down)
    mapped = mapping.upstream(PartitionSet.of([partition]), down, up, horizon)
    assert told(mapped.read, up) == row["expected_up"]
    assert told(mapped.absent, up) == row["nonexistent"]
