"""Declarations become a graph, or every definition error at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest

from graph import (
    AssetGraph,
    Config,
    Daily,
    DefinitionErrors,
    Execution,
    Out,
    Window,
    asset,
    build_graph,
    multi_asset,
    source,
)
from graph import resource as provide
from graph.asset_graph import Context, FromConfig, FromResource, Upstream
from graph.build import group_of
from graph.declare import Labels, declared_in
from graph.mappings import All


class Feed:
    """A resource for these tests."""

    def identity(self) -> dict[str, str]:
        return {"provider": "none"}


class Limits(Config):
    cap: float = 0.2


def graph_of(declared: Iterable[Callable[..., Any]], project_root: str = "") -> AssetGraph:
    return build_graph(declared, roots=(__name__,), project_root=project_root)


def test_a_parameter_named_after_an_asset_is_its_upstream() -> None:
    @asset
    def prices() -> int:
        return 1

    @asset
    def returns(prices: int) -> int:
        return prices

    graph = graph_of([returns, prices])
    assert list(graph.assets) == ["test_build/prices", "test_build/returns"]
    assert graph.upstream_of["test_build/returns"] == ("test_build/prices",)
    assert graph.downstream_of["test_build/prices"] == ("test_build/returns",)
    assert (graph.roots(), graph.sinks()) == (("test_build/prices",), ("test_build/returns",))


def test_the_own_group_comes_before_any_other() -> None:
    def made(name: str) -> Callable[..., Any]:
        @asset(name=name)
        def one() -> int:
            return 1

        return one

    @asset(name="trading/orders")
    def orders(prices: int) -> int:
        return prices

    graph = graph_of([made("market/prices"), made("trading/prices"), orders])
    assert graph["trading/orders"].upstream == ("trading/prices",)


def test_parameters_get_resources_configs_and_context_by_type() -> None:
    @provide
    def feed() -> Feed:
        return Feed()

    @asset(partitions=Daily(start="2024-01-01"))
    def bars(feed: Feed, limits: Limits, window: Window, depth: int = 3) -> int:
        return depth

    (given, config, window) = graph_of([feed, bars])["test_build/bars"].inputs
    assert given == FromResource(parameter="feed", resource="Feed")
    assert config == FromConfig(parameter="limits", config=Limits)
    assert window == Context(parameter="window", what="Window", annotation="int")


def test_upstream_says_which_asset_a_parameter_is() -> None:
    @asset(name="market/prices")
    def prices() -> int:
        return 1

    @asset(name="eta/prices")
    def other() -> int:
        return 2

    @asset(name="trading/orders", upstream={"quotes": "market/prices"})
    def orders(quotes: int) -> int:
        return quotes

    (given,) = graph_of([prices, other, orders])["trading/orders"].inputs
    assert given == Upstream(parameter="quotes", key="market/prices", annotation="int", mapping=All())


def test_several_assets_from_one_function_share_their_producer() -> None:
    @multi_asset(Out(name="train"), Out(name="test"))
    def split() -> dict[str, int]:
        return {"train": 1, "test": 2}

    graph = graph_of([split])
    assert graph.siblings("test_build/test") == ("test_build/train", "test_build/test")


def test_a_family_made_in_a_loop_is_whole() -> None:
    namespace: dict[str, Any] = {"__name__": "families"}
    exec(  # a module is written here as text
        "from graph import asset\n"
        "for number in range(3):\n"
        "    @asset(name=f'member_{number}')\n"
        "    def member(number=number):\n"
        "        return number\n",
        namespace,
    )
    graph = build_graph(declared_in(namespace))
    assert list(graph.assets) == [f"families/member_{number}" for number in range(3)]


@pytest.mark.parametrize(
    ("module", "roots", "group"),
    [
        pytest.param("assets.market.prices", ("assets",), "market", id="the package below the root"),
        pytest.param("assets.market.feeds.alpaca", ("assets",), "market", id="not the package in it"),
        pytest.param("acme.data.daily", ("acme.data",), "data", id="a module of the root itself"),
        pytest.param("pipeline", ("pipeline",), "pipeline", id="a root that is one module"),
        pytest.param("__main__", ("assets",), "main", id="a script"),
    ],
)
def test_the_group_follows_from_the_module(module: str, roots: tuple[str, ...], group: str) -> None:
    assert group_of(module, roots) == group


def ten_wrong_declarations() -> list[Callable[..., Any]]:
    """Ten declarations, each with one thing wrong, and one that is right."""

    @asset
    def prices() -> int:
        return 1

    @asset
    def unknown_upstream(price: int) -> int:
        return price

    @asset
    def loop_a(loop_b: int) -> int:
        return loop_b

    @asset
    def loop_b(loop_a: int) -> int:
        return loop_a

    @asset(name="prices")
    def declared_twice() -> int:
        return 2

    @asset(partitions=Daily(start="2024-01-01", timezone="Mars/Olympus"))
    def no_such_zone() -> int:
        return 1

    @asset(upstream={"pricez": "prices"})
    def no_such_parameter(prices: int) -> int:
        return prices

    @asset(name="bad key/x y")
    def bad_key() -> int:
        return 1

    @asset
    def window_without_partitions(window: Window) -> int:
        return window.start.year

    @source
    def source_with_upstream(prices: int) -> int:
        return prices

    @asset(run=Execution(timeout=timedelta(0)))
    def no_time() -> int:
        return 1

    @asset(labels=Labels(owners=("nobody",)))
    def no_owner() -> int:
        return 1

    return [
        prices,
        unknown_upstream,
        loop_a,
        loop_b,
        declared_twice,
        no_such_zone,
        no_such_parameter,
        bad_key,
        window_without_partitions,
        source_with_upstream,
        no_time,
        no_owner,
    ]


def test_ten_wrong_definitions_are_one_report_with_ten_errors() -> None:
    with pytest.raises(DefinitionErrors) as caught:
        graph_of(ten_wrong_declarations(), project_root=__file__.rpartition("/")[0])
    problems = caught.value.problems
    assert len(problems) == 10
    assert all(problem.where is not None and problem.where.file == "test_build.py" for problem in problems)
    text = str(caught.value)
    for part in (
        "10 definition errors:",
        "asset 'test_build/unknown_upstream' (test_build.py:",
        "depends on 'price', which is not declared. Did you mean 'prices'?",
        "asset 'test_build/prices'",
        "is declared twice; first at test_build.py:",
        "depends on itself in a loop: test_build/loop_a -> test_build/loop_b -> test_build/loop_a",
        "names a time zone that does not exist: 'Mars/Olympus'",
        "'pricez' that the function does not have. Did you mean 'prices'?",
        "has a key that is not written group/name",
        "takes a Window but has no partitions",
        "is a source and takes 'prices'",
        "has a time-out of 0:00:00, which must be positive",
        "has an owner 'nobody'",
    ):
        assert part in text


def test_an_ambiguous_name_is_an_error_that_names_both() -> None:
    @asset(name="market/prices")
    def one() -> int:
        return 1

    @asset(name="eta/prices")
    def other() -> int:
        return 2

    @asset(name="trading/orders")
    def orders(prices: int) -> int:
        return prices

    with pytest.raises(DefinitionErrors, match="may be eta/prices or market/prices"):
        graph_of([one, other, orders])


def test_networkx_sees_the_same_graph() -> None:
    @asset
    def up() -> int:
        return 1

    @asset
    def down(up: int) -> int:
        return up

    graph = graph_of([up, down]).networkx()
    assert list(graph.edges) == [("test_build/up", "test_build/down")]


def wrong_options() -> Iterable[object]:
    """Rows of a declaration with one wrong option each, and what is said of it."""

    @asset(run=Execution(isolation="proces"))  # wrong on purpose
    def isolation() -> int:
        return 1

    @asset(stored_as="tabel")  # wrong on purpose
    def stored_as() -> int:
        return 1

    @multi_asset(Out(name="one", stored_as="jsn"), Out(name="two"))  # wrong on purpose
    def several() -> dict[str, int]:
        return {}

    @asset
    async def later() -> int:
        return 1

    yield pytest.param(
        isolation,
        "has isolation='proces', which is none of 'thread', 'process'. Did you mean 'process'?",
        id="isolation",
    )
    yield pytest.param(
        stored_as,
        "has stored_as='tabel', which is none of 'table', 'json', 'file'. Did you mean 'table'?",
        id="stored_as",
    )
    yield pytest.param(several, "has stored_as='jsn'", id="stored_as of one output")
    yield pytest.param(later, "is an async def; write a def", id="an async def")


@pytest.mark.parametrize(("declared", "message"), list(wrong_options()))
def test_a_wrong_option_is_told(declared: Callable[..., Any], message: str) -> None:
    with pytest.raises(DefinitionErrors) as caught:
        graph_of([declared])
    (problem,) = caught.value.problems
    assert message in str(problem)


def test_a_default_hides_no_asset() -> None:
    @asset(name="market/x")
    def x() -> int:
        return 1

    @asset(name="trading/y")
    def y(x: int | None = None) -> int | None:
        return x

    with pytest.raises(
        DefinitionErrors, match="'x' with a default, so it does not read the asset 'market/x'; rem"
    ):
        graph_of([x, y])


def test_a_default_that_is_no_asset_s_name_stays_one() -> None:
    @asset
    def prices(prices: int = 1, depth: int = 3) -> int:
        return prices + depth

    @asset(upstream={"quotes": "prices"})
    def orders(quotes: int = 0) -> int:
        return quotes

    @source
    def feed(prices: int = 1) -> Any:
        return prices

    graph = graph_of([prices, orders, feed])
    assert graph["test_build/prices"].inputs == ()
    assert graph["test_build/orders"].upstream == ("test_build/prices",)


def tangle(edges: str) -> list[Callable[..., Any]]:
    """Assets by one letter each; ``ab`` means that b reads a."""

    def made(name: str, upstream: list[str]) -> Callable[..., Any]:
        @asset(name=name, after=upstream)
        def one() -> int:
            return 1

        return one

    words = edges.split()
    return [made(name, [w[0] for w in words if w[1] == name]) for name in sorted(set("".join(words)))]


@pytest.mark.parametrize(
    ("edges", "loops"),
    [
        pytest.param("ab bc", [], id="no loop"),
        pytest.param("aa", ["a a"], id="an asset that reads itself"),
        pytest.param("ab ba bc cd", ["a b a"], id="what is below a loop is none"),
        pytest.param("ab ba cd dc", ["a b a", "c d c"], id="two apart"),
        pytest.param("ab ba ac ca", ["a b a", "a c a"], id="two that share an asset"),
        pytest.param("ab bc ca bd da", ["a b c a", "a b d a"], id="two that share an edge"),
        pytest.param("ab ba bc cb ca ac", ["a b a", "a c a", "b c b"], id="a tangle"),
    ],
)
def test_each_loop_that_is_left_when_another_is_mended_is_told(edges: str, loops: list[str]) -> None:
    declared = tangle(edges)
    if not loops:
        assert len(graph_of(declared)) == len(declared)
        return
    with pytest.raises(DefinitionErrors) as caught:
        graph_of(declared)
    told = [
        problem.message.rpartition(": ")[2].replace("test_build/", "") for problem in caught.value.problems
    ]
    assert sorted(told) == [loop.replace(" ", " -> ") for loop in loops]


def test_a_dense_tangle_ends() -> None:
    letters = "abcdefghijklmnopqrst"
    with pytest.raises(DefinitionErrors) as caught:
        graph_of(tangle(" ".join(a + b for a in letters for b in letters)))
    assert len(caught.value.problems) == 100


def test_a_function_of_no_module_can_be_declared() -> None:
    def one() -> int:
        return 1

    one.__module__ = None  # as code made from text may leave it
    assert list(build_graph([asset(one)]).assets) == ["main/one"]
