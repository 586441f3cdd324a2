from __future__ import annotations

from datetime import UTC, datetime

import pytest

from graph.mappings import All, Along, Dimensions, Identity, Last, Overlap, PartitionMapping, Table
from graph.partition_text import chosen, described
from graph.partitions import Daily, Horizon, Monthly, Partitions, Product, Static, Weekly

HORIZON = Horizon(now=datetime(2024, 3, 20, 12, tzinfo=UTC), sessions=lambda *_: ())
DAILY, WEEKLY = Daily(start="2024-03-01"), Weekly(start="2024-02-25")
REGIONS, COUNTRIES = Static("eu", "us"), Static("de", "fr", "us")
DOWN = Product(day=DAILY, region=REGIONS)
WEEKS = Product(region=REGIONS, week=WEEKLY)
THREE = Product(day=DAILY, region=REGIONS, model=Static("ppo", "sac"))
EARLIER = Overlap(start_offset=-1, end_offset=-1)


@pytest.mark.parametrize(
    ("mapping", "down", "key", "up", "read", "absent"),
    [
        pytest.param(
            Dimensions(day=Overlap(start_offset=-1), region=Identity()),
            DOWN,
            "2024-03-05|eu",
            DOWN,
            "eu: 2024-03-04..2024-03-05 (2)",
            "none",
            id="each dimension its own way",
        ),
        pytest.param(
            Dimensions(day=Along("week", Overlap()), region=Identity()),
            DOWN,
            "2024-03-05|eu",
            WEEKS,
            "eu: 2024-03-03",
            "none",
            id="a dimension of another name, at another place",
        ),
        pytest.param(
            Dimensions(day=Identity()),
            DOWN,
            "2024-03-05|eu",
            DOWN,
            "eu, us: 2024-03-05",
            "none",
            id="one not named is whole",
        ),
        pytest.param(
            Dimensions(day=Identity()),
            DAILY,
            "2024-03-05",
            DOWN,
            "eu, us: 2024-03-05",
            "none",
            id="one dimension over two",
        ),
        pytest.param(
            Dimensions(day=Identity()), DOWN, "2024-03-05|eu", DAILY, "2024-03-05", "none", id="two over one"
        ),
        pytest.param(
            Dimensions(region=Identity()), DOWN, "2024-03-05|eu", REGIONS, "eu", "none", id="over a key"
        ),
        pytest.param(
            Dimensions(region=Table({"eu": ["de", "fr"]}), day=Last()),
            DOWN,
            "2024-03-05|eu",
            Product(region=COUNTRIES, day=DAILY),
            "de, fr: 2024-03-19",
            "none",
            id="a table and the newest",
        ),
        pytest.param(
            Dimensions(day=Overlap(), region=Identity()),
            DOWN,
            "2024-03-05|eu,2024-03-12|us",
            Product(day=Daily(start="2024-03-10"), region=REGIONS),
            "us: 2024-03-12",
            "eu: 2024-03-05",
            id="absent where a dimension is",
        ),
        pytest.param(
            Dimensions(day=EARLIER, region=Identity(), model=All()),
            THREE,
            "2024-03-05|eu|ppo",
            THREE,
            "eu|ppo, eu|sac: 2024-03-04",
            "none",
            id="three dimensions",
        ),
        pytest.param(
            Dimensions(month=Overlap(), day=Identity()),
            Product(day=DAILY, month=Monthly(start="2024-01-01")),
            "2024-03-05|2024-02-01",
            Product(month=Monthly(start="2024-01-01"), day=DAILY),
            "2024-03-05: 2024-02-01",
            "none",
            id="two dimensions of time, the other one first",
        ),
    ],
)
def test_what_a_partition_reads(
    mapping: PartitionMapping, down: Partitions, key: str, up: Partitions, read: str, absent: str
) -> None:
    assert mapping.problems(down, up) == []
    of = chosen(key, down, HORIZON.existing(down))
    mapped = mapping.upstream(of, down, up, HORIZON)
    assert (described(mapped.read, up), described(mapped.absent, up)) == (read, absent)


@pytest.mark.parametrize(
    ("mapping", "down", "up", "problem"),
    [
        pytest.param(
            Dimensions(day=Identity()),
            DAILY,
            REGIONS,
            "goes by dimensions, but daily windows and static keys have none",
            id="none",
        ),
        pytest.param(
            Dimensions(day=Identity()),
            DOWN,
            None,
            "goes by dimensions, but one of both has no partitions",
            id="no partitions",
        ),
        pytest.param(
            Dimensions(day=Identity(), region=Identity()),
            DOWN,
            DAILY,
            "names 2 dimensions, but one side has only one",
            id="too many",
        ),
        pytest.param(
            Dimensions(regoin=Identity()),
            DOWN,
            REGIONS,
            "names a dimension 'regoin' that the asset does not have. Did you mean 'region'?",
            id="a slip",
        ),
        pytest.param(
            Dimensions(day=Overlap()),
            DOWN,
            WEEKS,
            "names a dimension 'day' that upstream does not have.",
            id="upstream's",
        ),
        pytest.param(
            Dimensions(day=Along("week", Overlap()), region=Along("week")),
            DOWN,
            WEEKS,
            "reads the dimension 'week' twice",
            id="twice",
        ),
        pytest.param(
            Dimensions(region=Identity()),
            Product(day=DAILY, region=COUNTRIES),
            REGIONS,
            "in 'region' pairs equal keys, but upstream has no 'de', 'fr'",
            id="within a dimension",
        ),
    ],
)
def test_a_mapping_that_cannot_work_says_why(
    mapping: PartitionMapping, down: Partitions | None, up: Partitions | None, problem: str
) -> None:
    assert problem in mapping.problems(down, up)
