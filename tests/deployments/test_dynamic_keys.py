"""`assets keys`: what comes and goes is a partition, and stays on record."""

from __future__ import annotations

import pytest

from deployments.command_error import CommandError
from deployments.dynamic_keys import changed, listed
from graph import Daily, Dynamic, Product, Run, asset
from materializers import Workspace, in_memory, materialize


@asset(name="g/by_symbol", partitions=Dynamic("symbols"))
def by_symbol(run: Run) -> str:
    return str(run.partition)


@asset(
    name="g/days", partitions=Product(day=Daily(start="2024-01-01", end="2024-01-01"), of=Dynamic("kinds"))
)
def days() -> int:
    return 1


@pytest.fixture
def workspace() -> Workspace:
    return in_memory([by_symbol, days])


def test_keys_that_are_added_are_built_and_those_that_went_are_read_no_more(workspace: Workspace) -> None:
    assert listed(workspace, "symbols").text() == "it has no keys yet"
    assert changed(workspace, "symbols", ["AAPL", "MSFT"], present=True).text() == "added 2 keys"
    assert changed(workspace, "symbols", ["AAPL"], present=True).text() == "added 0 keys; there already: AAPL"
    assert materialize("by_symbol", workspace=workspace).counts() == {"published": 2}
    assert workspace.load("g/by_symbol") == {"AAPL": "AAPL", "MSFT": "MSFT"}
    assert changed(workspace, "symbols", ["AAPL"], present=False).text() == "removed 1 key"
    assert listed(workspace, "symbols").document() == ["MSFT"]
    assert workspace.load("g/by_symbol") == {"MSFT": "MSFT"}


@pytest.mark.parametrize(
    ("name", "key", "told"),
    [
        pytest.param(
            "symbol", "A", "no asset has the dynamic set 'symbol'. Did you mean 'symbols'?", id="near"
        ),
        pytest.param("kinds", "a|b", "'|' in it", id="a key that cannot be one"),
    ],
)
def test_what_cannot_be_added_is_told(workspace: Workspace, name: str, key: str, told: str) -> None:
    with pytest.raises(CommandError) as caught:
        changed(workspace, name, [key], present=True)
    assert told in str(caught.value)
    assert workspace.ledger.dynamic_keys(name) == ()
