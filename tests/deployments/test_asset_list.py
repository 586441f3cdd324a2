from __future__ import annotations

import pytest

from deployments.asset_list import list_assets
from graph import Daily, Labels, Observation, UnknownAsset, asset, build_graph, source


@source(name="market/universe")
def universe() -> Observation:
    """What is traded."""
    return Observation(version="1")


@asset(name="market/prices", volatile=True, partitions=Daily(start="2024-01-01"))
def prices(universe: list[str]) -> int:
    """Daily bars.

    A second paragraph.
    """
    return 1


@asset(name="trading/orders", labels=Labels(tags={"tier": "gold"}, owners=("team:desk",), kinds=("python",)))
def orders(prices: int) -> int:
    return 1


GRAPH = build_graph([universe, prices, orders])


def test_each_asset_has_a_line_upstream_first():
    assert list_assets(GRAPH, "*", limit=0).text() == (
        "asset            kind                   what it is\n"
        "market/universe  source                 What is traded.\n"
        "market/prices    volatile, partitioned  Daily bars.\n"
        "trading/orders   python"
    )


def test_a_selection_names_some_of_them():
    assert [found["key"] for found in list_assets(GRAPH, "group:market", limit=0).document()] == [
        "market/universe",
        "market/prices",
    ]


def test_a_long_list_is_bounded_for_people_and_whole_for_machines():
    answer = list_assets(GRAPH, "*", limit=1)

    assert answer.text().splitlines()[1:] == [
        "market/universe  source                 What is traded.",
        "... and 2 more; see --limit",
    ]
    assert len(answer.document()) == 3


def test_the_document_says_what_a_declaration_says():
    (found,) = list_assets(GRAPH, "orders", limit=0).document()

    assert found["tags"] == {"tier": "gold"}
    assert found["owners"] == ["team:desk"]
    assert found["upstream"] == ["market/prices"]
    assert found["file"].endswith("test_asset_list.py")
    assert found["source"] is False


def test_a_selection_that_names_nothing_is_an_error():
    with pytest.raises(UnknownAsset):
        list_assets(GRAPH, "group:nowhere", limit=0)
