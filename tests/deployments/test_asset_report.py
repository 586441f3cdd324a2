from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from checks import not_null, row_count
from deployments.answers import to_json
from deployments.asset_report import show_asset
from deployments.command_error import CommandError
from graph import Config, Execution, Labels, asset, fresh_within, resource
from graph.automation import eager
from graph.cadence import Cadence
from materializers import in_memory, run_plan
from materializers.workspace import Workspace

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


class Options(Config):
    window: int = 20
    words: tuple[str, ...] = ("a",)


class Feed:
    def identity(self) -> Mapping[str, str]:
        return {"provider": "sample"}


@resource
def feed() -> Feed:
    return Feed()


@asset(
    name="t/prices",
    volatile=True,
    freshness=fresh_within(timedelta(hours=26)),
    checks=[not_null("x"), row_count(10, severity="warn")],
    labels=Labels(tags={"tier": "gold"}, owners=("team:desk",)),
    run=Execution(retries=2, retry_delay=timedelta(seconds=60), timeout=timedelta(minutes=10)),
)
def prices(source: Feed) -> pa.Table:
    """Prices.

    By symbol.
    """
    return pa.table({"x": [1, 2]})


@asset(name="t/mean", after=["t/other"], unchecked="an example")
def mean(prices: pa.Table, config: Options) -> float:
    return 1.5


@asset(name="t/other", checks=[not_null("x")])
def other() -> pa.Table:
    return pa.table({"x": [1, None]})


@pytest.fixture
def workspace() -> Workspace:
    opened = in_memory(
        [feed, prices, mean, other],
        config={"t/mean": {"window": "5"}},
        clock=lambda: NOW - timedelta(hours=3),
    )
    run_plan(opened.plan("*"), opened, jobs=1)
    return opened


def shown(workspace: Workspace, name: str) -> str:
    text = show_asset(workspace, name, now=NOW).text()
    text = re.sub(r"/\S*test_asset_report\.py:\d+", "FILE:LINE", text)
    text = re.sub(r"\b\d{8}-\d{6}-[0-9a-f]{6}\b", "RUN", text)
    text = re.sub(r"\b[0-9a-f]{23,32}\b", "ID", text)
    text = re.sub(r"\d\d:\d\d [\w+-]+", "HH:MM TZ", text)
    return re.sub(r"\d+\.\d\d s|\d{3} B", "N", text)


def test_all_of_a_published_asset(workspace: Workspace):
    text = shown(workspace, "prices")

    for line in (
        "t/prices\n  Prices.\n\n  By symbol.\n\ndeclared      FILE:LINE, volatile\ngroup         t",
        "labels        tier=gold, team:desk",
        "downstream    t/mean",
        "runs with     2 retries after 1 min, time-out 10 min",
        "resource      Feed: provider=sample, code=",
        "code          ID",
        "freshness     fresh, 3 h old (less than 1 day 2 h old)",
        "published     ID, made 2026-03-03 HH:MM TZ in N",
        "value         table, 2 rows, N, data version t1-ID",
        "as of         2026-03-03 HH:MM TZ",
        "check         x is never null: holds",
        "check         the number of rows is at least 10 (warn only): row_count fails (observed 2)",
        "last attempt  published (2026-03-03 HH:MM TZ, run RUN)",
    ):
        assert line in text


def test_config_order_and_what_is_not_checked(workspace: Workspace):
    text = shown(workspace, "mean")

    assert "upstream      t/prices (as prices)\nupstream      t/other (order only)" in text
    assert 'config        window = 5\nconfig        words = ["a"] (default)' in text
    assert "freshness     no promise; unchecked: an example" in text


def test_a_rejected_version_shows_the_rows_that_failed(workspace: Workspace):
    text = shown(workspace, "other")

    assert "published     nothing; run: materialize t/other" in text
    assert "last attempt  rejected: not_null(x)" in text
    assert text.endswith("not_null(x) fails for 1 of 2 rows\n                row 1: x None")


def test_the_document_has_the_same(workspace: Workspace):
    found = json.loads(to_json(show_asset(workspace, "prices", now=NOW).document()))

    assert found["key"] == "t/prices"
    assert found["state"] == "fresh"
    assert found["published"]["rows"] == 2
    assert found["resource_identities"]["Feed"]["provider"] == "sample"
    assert [verdict["passed"] for verdict in found["verdicts"]] == [True, False]
    assert found["last_attempt"]["outcome"] == "published"


def test_a_resource_that_cannot_be_made_is_told_in_its_place(workspace: Workspace):
    @resource
    def broken() -> Feed:
        raise ValueError("MARKET_KEY is not set")

    opened = in_memory([broken, prices])

    text = show_asset(opened, "prices", now=NOW).text()
    assert "resources     the resource Feed" in text
    assert "MARKET_KEY is not set" in text


def test_it_tells_of_one_asset(workspace: Workspace):
    with pytest.raises(CommandError, match="'group:t' names 3 assets"):
        show_asset(workspace, "group:t", now=NOW)


def test_what_makes_it_by_itself_is_told():
    @asset(name="t/eager", automation=eager())
    def by_itself() -> int:
        return 1

    @asset(name="t/ticks", cadence=Cadence(every=timedelta(seconds=2), interval=timedelta(minutes=5)))
    def ticks() -> int:
        return 1

    opened = in_memory([by_itself, ticks])
    text = show_asset(opened, "eager", now=NOW).text()
    assert re.search(r"automation +eager\(\); assets why t/eager", text)
    text = show_asset(opened, "ticks", now=NOW).text()
    assert re.search(r"cadence +called each 2.0 s, summed up each 5 min", text)
    document: Any = show_asset(opened, "ticks", now=NOW).document()
    assert (document["automation"], document["cadence_s"]) == (None, 2.0)
