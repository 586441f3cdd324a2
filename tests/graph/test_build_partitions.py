"""Partitions that cannot be are definition errors that name their asset."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from graph import Batch, Daily, DefinitionErrors, Static, asset, build_graph


@pytest.mark.parametrize(
    ("partitions", "told"),
    [
        pytest.param(Static(1), "has a partition key 1 that is no text", id="a key that is a number"),
        pytest.param(
            Daily(start=date(2024, 1, 1)),
            "has a partition start datetime.date(2024, 1, 1), which is no text; write it YYYY-MM-DD",
            id="a start that is a date",
        ),
        pytest.param(
            Daily, "which is no definition; write partitions=Daily(start=...)", id="the class itself"
        ),
        pytest.param(
            Daily(start="9999-12-31"), "time is counted from year 2 to year 9998", id="the last day"
        ),
        pytest.param(
            Daily(start="0001-01-01", timezone="Asia/Tokyo"),
            "time is counted from year 2",
            id="the first day",
        ),
    ],
)
def test_partitions_that_cannot_be(partitions: Any, told: str) -> None:
    @asset(name="g/a", partitions=partitions)
    def a() -> int:
        return 1

    @asset(name="g/b", partitions=Daily(start="2024-01-01"))
    def b(a: int) -> int:
        return a

    with pytest.raises(DefinitionErrors) as caught:
        build_graph([a, b])
    (problem,) = caught.value.problems
    assert problem.key == "g/a"
    assert told in problem.message


def test_a_batch_is_split_by_time_where_there_is_time() -> None:
    @asset(name="g/a", partitions=Static("x"), batch=Batch(by="at"))
    def a() -> int:
        return 1

    with pytest.raises(DefinitionErrors, match="its partitions have no time"):
        build_graph([a])
