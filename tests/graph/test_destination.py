"""A place outside is an option like a format: it is kept apart from it, and told when it cannot be."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from graph import DefinitionErrors, Out, asset, build_graph, multi_asset, resource
from graph.destination import Destination


class Warehouse:
    """The resource of a connection."""


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A description of a place, as `graph.destination.Outside` wants it."""

    name: str = field(kw_only=False)
    connection: type | None = None
    format: Literal["table"] = "table"
    expires: bool = False

    def problems(self) -> list[str]:
        return [] if self.name else ["is put on a shelf without a name."]

    def place(self, environment: str) -> str:
        return f"shelf {self.name}"

    def open(self, connection: object, *, key: str, environment: str) -> Destination:
        raise NotImplementedError


@resource
def warehouse() -> Warehouse:
    return Warehouse()


def made(stored_as: Any, name: str = "g/a") -> Any:
    @asset(name=name, stored_as=stored_as)
    def made() -> int:
        return 1

    return made


def test_a_place_is_apart_from_the_format() -> None:
    found = build_graph([made(Shelf("x", connection=Warehouse)), warehouse])["g/a"]
    assert (found.stored_as, found.outside) == ("table", Shelf("x", connection=Warehouse))


@pytest.mark.parametrize("stored_as", [None, "json", "file"])
def test_a_format_is_no_place(stored_as: Literal["json", "file"] | None) -> None:
    found = build_graph([made(stored_as)])["g/a"]
    assert (found.stored_as, found.outside) == (stored_as, None)


def test_each_of_several_outputs_has_its_own_place() -> None:
    @multi_asset(Out("g/a", stored_as=Shelf("a")), Out("g/b"), Out("g/c", stored_as=Shelf("c")))
    def several() -> dict[str, int]:
        return {}

    graph = build_graph([several])
    assert [graph[key].outside for key in ("g/a", "g/b", "g/c")] == [Shelf("a"), None, Shelf("c")]


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        pytest.param([made(Shelf("")), warehouse], "is put on a shelf without a name.", id="its own problem"),
        pytest.param([made(Shelf)], "has stored_as=<class", id="a class instead of one of it"),
        pytest.param([made(3)], "has stored_as=3, which is none of 'table', 'json', 'file'.", id="a number"),
        pytest.param(
            [made(Shelf("x", connection=Warehouse))],
            "is copied over Warehouse, which no @resource returns.",
            id="no connection",
        ),
        pytest.param(
            [made(Shelf("x")), made(Shelf("x"), "g/b")],
            "asset 'g/b'",
            id="two assets in one place",
        ),
    ],
)
def test_a_place_that_cannot_be_is_told(declared: list[Any], told: str) -> None:
    with pytest.raises(DefinitionErrors, match=re.escape(told)):
        build_graph(declared)


def test_two_places_of_one_name_behind_different_connections_are_two() -> None:
    build_graph([made(Shelf("x")), made(Shelf("x", connection=Warehouse), "g/b"), warehouse])
