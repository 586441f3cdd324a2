"""What can be declared is a function, once; anything else is told where it is written."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from graph import Config, DefinitionErrors, Out, asset, build_graph, multi_asset, resource, source
from graph.asset_graph import FromConfig


def fit(x: int = 1) -> int:
    return x


class Fit:
    def __call__(self) -> int:
        return 1

    def method(self) -> int:
        return 1


class Depth(Config):
    days: int = 20


@pytest.mark.parametrize(
    ("thing", "named"),
    [
        pytest.param(functools.partial(fit, 2), "'partial'", id="a partial"),
        pytest.param(Fit(), "'Fit'", id="a callable instance"),
        pytest.param(Fit().method, "'method'", id="a bound method"),
        pytest.param(Fit, "'type'", id="a class"),
        pytest.param(len, "'builtin_function_or_method'", id="a function that is built in"),
        pytest.param("prices", "'str'", id='a name, as in @asset("prices")'),
    ],
)
@pytest.mark.parametrize(
    "declare",
    [
        pytest.param(asset, id="asset"),
        pytest.param(asset(name="x"), id="asset with options"),
        pytest.param(source, id="source"),
        pytest.param(multi_asset(Out(name="x")), id="multi_asset"),
        pytest.param(resource, id="resource"),
    ],
)
def test_what_is_no_function_is_refused_where_it_is_declared(
    declare: Callable[[Any], Any], thing: object, named: str
) -> None:
    with pytest.raises(DefinitionErrors, match=f"is declared with a {named}, which is no function") as caught:
        declare(thing)
    (problem,) = caught.value.problems
    assert problem.where is not None
    assert problem.where.file == __file__


def test_a_function_that_wraps_another_is_one() -> None:
    @asset
    @functools.lru_cache
    def kept(depth: Depth) -> int:
        return depth.days

    (given,) = build_graph([kept])["graph/kept"].inputs
    assert given == FromConfig(parameter="depth", config=Depth)


def test_one_function_declared_in_a_loop_is_refused_at_its_line() -> None:
    def one() -> int:
        return 1

    def declared() -> None:
        for name in ("a", "b"):
            asset(name=name)(one)

    with pytest.raises(
        DefinitionErrors, match="is declared again, after 'a'; write the def inside"
    ) as caught:
        declared()
    line = declared.__code__.co_firstlineno + 2
    assert str(caught.value.problems[0].where) == f"{__file__}:{line}"


def test_what_wraps_a_declared_function_may_be_declared() -> None:
    @asset
    def one() -> int:
        return 1

    @asset(name="two")
    @functools.wraps(one)
    def two() -> int:
        return one() + 1

    assert (one(), two()) == (1, 2)
