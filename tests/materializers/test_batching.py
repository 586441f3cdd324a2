"""Which rows of a batch's table lie in which partition."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from graph import Batch, asset
from graph.partitions import Hourly
from materializers import in_memory, materialize

NOW = datetime(2024, 11, 4, tzinfo=UTC)
TWICE = Hourly(start="2024-11-03-00:00", end="2024-11-03-03:00", timezone="America/New_York")


@pytest.mark.parametrize(
    ("zone", "counts"),
    [
        pytest.param(
            "America/New_York", {"published": 5}, id="times with a zone tell both passes of an hour apart"
        ),
        pytest.param(None, {"failed": 5}, id="local times do not, which is said"),
    ],
)
def test_an_hour_that_the_clocks_show_twice(zone: str | None, counts: dict[str, int]) -> None:
    @asset(name="g/made", partitions=TWICE, batch=Batch(by="at"))
    def made() -> pa.Table:
        local = [datetime(2024, 11, 3, hour) for hour in range(4)]  # noqa: DTZ001  # local times
        aware = [datetime(2024, 11, 3, 4 + hour, tzinfo=UTC) for hour in range(5)]
        times = pa.array(aware if zone else local, pa.timestamp("us", zone))
        return pa.table({"at": times})

    result = materialize("*", workspace=in_memory([made], clock=lambda: NOW))
    assert result.counts() == counts
    if zone is None:
        assert "the clocks show the times of 2024-11-03-01:00 twice" in result.results[0].reason
