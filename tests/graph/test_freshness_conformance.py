"""Every freshness row of the shared table has the state that Dagster 1.13 gives, but for the deviation named here.

A materialization's ``as_of`` is its time. Rows of our own are in `tests/test_dagster_table.py`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from graph import asset
from graph.build import build_graph
from graph.fingerprint import Basis
from graph.freshness import FreshBy, Freshness, FreshWithin
from graph.freshness_states import StateName, freshness_states
from graph.partition_set import WHOLE
from graph.partitions import Horizon
from graph.reading import Reader
from graph.state import MemoryState, Version

ROOT = Path(__file__).parents[2]
TABLE = Path(
    os.environ.get("CONFORMANCE_TABLE") or ROOT.parent / "shared" / "conformance" / "dagster-semantics.jsonl"
)
STATES: Mapping[StateName, str] = {
    "fresh": "PASS",
    "due soon": "WARN",
    "overdue": "FAIL",
    "unknown": "UNKNOWN",
}


def policy_of(words: Mapping[str, Any]) -> Freshness:
    if words["type"] == "cron":
        return FreshBy(cron=words["cron"], timezone=words["tz"], not_before=timedelta(hours=words["lower_h"]))
    warn = None if words["warn_h"] is None else timedelta(hours=words["warn_h"])
    return FreshWithin(fail_after=timedelta(hours=words["fail_h"]), warn_after=warn)


def state_of(row: Mapping[str, Any]) -> StateName:
    now = datetime.fromisoformat(row["now"])
    policy = policy_of(row["policy"])
    assert policy.problems() == []

    @asset(name="g/a", freshness=policy)
    def a() -> int:
        return 1

    versions = {}
    if row["age_minutes"] is not None:
        at = now - timedelta(minutes=row["age_minutes"])
        versions["g/a"] = {
            WHOLE: Version(
                id="v",
                key="g/a",
                fingerprint="f",
                basis=Basis(code="c"),
                inputs={},
                data_version="d",
                made_at=at,
                as_of=at,
            )
        }
    reader = Reader(
        graph=build_graph([a]),
        state=MemoryState(versions=versions),
        horizon=Horizon(now=now, sessions=lambda *_: ()),
    )
    return freshness_states(reader, now)["g/a"].state


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """Where we differ from Dagster on purpose: a rule and its reason."""

    name: str
    reason: str
    explains: Callable[[Mapping[str, Any], StateName], bool]


def window_of_a_deadline_is_open(row: Mapping[str, Any], ours: StateName) -> bool:
    """Dagster passes until the deadline; from the window's opening on, we say that it is time."""
    return row["policy"]["type"] == "cron" and (ours, row["expected"]) == ("due soon", "PASS")


DEVIATIONS = (
    Deviation(
        name="a deadline warns",
        reason="from the opening of its window on there is time left to keep the promise",
        explains=window_of_a_deadline_is_open,
    ),
)


def freshness_rows() -> list[Any]:
    if not TABLE.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no conformance table at {TABLE}"))]
    rows = enumerate(map(json.loads, TABLE.read_text(encoding="utf-8").splitlines()), start=1)
    return [
        pytest.param(row, id=f"line {number}: {row['policy']['type']} {row['age_minutes']} min")
        for number, row in rows
        if row["kind"] == "freshness"
    ]


@pytest.mark.parametrize("row", freshness_rows())
def test_is_as_fresh_as_dagster_says(
    row: Mapping[str, Any], record_property: Callable[[str, object], None]
) -> None:
    ours = state_of(row)
    agrees = STATES[ours] == row["expected"]
    why = next((one.name for one in DEVIATIONS if one.explains(row, ours)), None)
    outcome = "agree" if agrees else "explained" if why else "unexplained"
    record_property("conformance", {"kind": "freshness", "counts": {outcome: 1}, "by": why})
    assert agrees or why, f"{row}: {ours}"


def test_every_deviation_is_told_in_the_documentation() -> None:
    page = (ROOT / "docs" / "dagster.md").read_text(encoding="utf-8")
    assert [one.name for one in DEVIATIONS if one.name not in page or one.reason not in page] == []
