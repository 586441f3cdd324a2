"""Who hears of what is published: read from the settings, and told when it cannot be."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from graph import AssetGraph, asset, build_graph
from materializers import ProjectError, find_project
from materializers.events import Event, Subscriber, subscribers

AT = datetime(2024, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def graph() -> AssetGraph:
    @asset(name="market/prices")
    def prices() -> int:
        return 1

    @asset(name="trading/orders")
    def orders(prices: int) -> int:
        return prices

    return build_graph([prices, orders])


def event(**changes: Any) -> Event:
    written: dict[str, Any] = {
        "sequence": 7,
        "environment": "main",
        "key": "market/prices",
        "partition": "2024-01-04",
        "data_version": "t1-0a",
        "kind": "publish",
        "at": AT,
        "run_id": "run",
    }
    return Event(**(written | changes))


def test_a_project_declares_its_subscribers(tmp_path: Path, graph: AssetGraph) -> None:
    (tmp_path / "pyproject.toml").write_text("""
[tool.prefect-asset-graph.events.dashboard]
kind = "webhook"
url = "https://dashboard.example/published"
secret = "DASHBOARD_SECRET"
selection = "group:trading"

[tool.prefect-asset-graph.events.bus]
kind = "redis"
url = "$BUS_URL"
channel = "published"
environments = ["main", "staging"]
""")
    assert subscribers(find_project(tmp_path, environ={}).events, graph) == (
        Subscriber(
            name="bus",
            kind="redis",
            url="$BUS_URL",
            keys=frozenset({"market/prices", "trading/orders"}),
            environments=frozenset({"main", "staging"}),
            channel="published",
        ),
        Subscriber(
            name="dashboard",
            kind="webhook",
            url="https://dashboard.example/published",
            keys=frozenset({"trading/orders"}),
            environments=frozenset({"main"}),
            secret="DASHBOARD_SECRET",
        ),
    )


HOOK = {"kind": "webhook", "url": "https://x.example"}
BUS = {"kind": "redis", "url": "redis://localhost"}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        pytest.param({}, "is wrong: kind: Field required; url: Field required", id="nothing"),
        pytest.param(
            HOOK | {"selecton": "*"}, "has no 'selecton'. Did you mean 'selection'?", id="a near miss"
        ),
        pytest.param(
            HOOK | {"kind": "mail"}, "kind: Input should be 'webhook' or 'redis'", id="another kind"
        ),
        pytest.param(
            HOOK | {"environments": []}, "environments: List should have at least 1", id="no environment"
        ),
        pytest.param(
            HOOK | {"url": "redis://x"}, "does not begin with http or https://", id="a URL of another kind"
        ),
        pytest.param(
            BUS | {"url": "http://x"}, "does not begin with redis or rediss or unix://", id="and of Redis"
        ),
        pytest.param(
            BUS | {"url": "redis://:pw@x"}, "a user or a password, which everybody can read", id="a password"
        ),
        pytest.param(HOOK | {"url": "https://me@x.example"}, "url = '$NAME'", id="a user"),
        pytest.param(
            HOOK | {"channel": "c"}, "has a channel, which only kind = 'redis' knows", id="a channel"
        ),
        pytest.param(
            HOOK | {"selection": "group:tradin"},
            "selection 'group:tradin' that names no asset",
            id="no such group",
        ),
        pytest.param(HOOK | {"selection": "a b ("}, "has a selection that cannot be", id="no selection"),
    ],
)
def test_a_wrong_table_is_told(graph: AssetGraph, table: dict[str, object], told: str) -> None:
    with pytest.raises(ProjectError, match=re.escape(told)) as caught:
        subscribers({"x": table}, graph)
    assert str(caught.value).startswith("[tool.prefect-asset-graph.events.x] ")


@pytest.mark.parametrize(
    ("environment", "key", "wants"),
    [
        pytest.param("main", "market/prices", True, id="an asset of its selection in its environment"),
        pytest.param("dev", "market/prices", False, id="another environment"),
        pytest.param("main", "trading/orders", False, id="another asset"),
    ],
)
def test_a_subscriber_hears_of_what_it_selected(
    graph: AssetGraph, environment: str, key: str, wants: bool
) -> None:
    (dashboard,) = subscribers({"x": HOOK | {"selection": "market/prices"}}, graph)
    assert dashboard.wants(environment, key) is wants


def test_an_event_is_the_same_bytes_wherever_it_is_sent() -> None:
    berlin = event(at=AT.astimezone(timezone(timedelta(hours=1))))
    assert berlin.body() == event().body()
    assert json.loads(event().body()) == {
        "sequence": 7,
        "environment": "main",
        "key": "market/prices",
        "partition": "2024-01-04",
        "data_version": "t1-0a",
        "kind": "publish",
        "at": "2024-01-05T12:00:00+00:00",
        "run_id": "run",
    }
