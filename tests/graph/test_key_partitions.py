from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest

from graph.partitions import (
    BadPartition,
    Daily,
    Dynamic,
    Horizon,
    Monthly,
    Partition,
    Partitions,
    Product,
    Static,
    key_problem,
)

SYMBOLS = Static("AAPL", "MSFT")
DAYS = Daily(start="2024-03-01")
BOTH = Product(day=DAYS, symbol=SYMBOLS)
THREE = Product(symbol=SYMBOLS, month=Monthly(start="2024-01-01"), vintage=DAYS)
KEYS = Product(symbol=SYMBOLS, model=Static("ppo", "sac"))


def at(now: str, added: Sequence[str] = ()) -> Horizon:
    return Horizon(
        now=datetime.fromisoformat(now).replace(tzinfo=UTC),
        sessions=lambda *_: (),
        dynamic=lambda name: added if name == "symbols" else (),
    )


@pytest.mark.parametrize(
    ("partitions", "expected"),
    [
        pytest.param(SYMBOLS, ["AAPL", "MSFT"], id="static keys are always there"),
        pytest.param(Dynamic("symbols"), ["NVDA"], id="dynamic ones when they were added"),
        pytest.param(Dynamic("others"), [], id="to that set"),
        pytest.param(
            BOTH, ["2024-03-01|AAPL", "2024-03-02|AAPL", "2024-03-01|MSFT", "2024-03-02|MSFT"], id="a product"
        ),
        pytest.param(KEYS, ["AAPL|ppo", "AAPL|sac", "MSFT|ppo", "MSFT|sac"], id="a product without time"),
        pytest.param(
            Product(symbol=Dynamic("symbols"), vintage=DAYS, month=Monthly(start="2024-02-01")),
            ["NVDA|2024-03-01|2024-02-01", "NVDA|2024-03-02|2024-02-01"],
            id="a second dimension of time is a key",
        ),
        pytest.param(Product(day=DAYS, symbol=Dynamic("others")), [], id="a product with an empty dimension"),
    ],
)
def test_which_partitions_exist(partitions: Partitions, expected: list[str]) -> None:
    existing = at("2024-03-03", ["NVDA"]).existing(partitions)
    assert partitions.problems() == []
    assert [partitions.key(each) for each in existing] == expected
    assert [partitions.partition(key) for key in expected] == list(existing)
    assert all(partitions.declares(each) for each in existing)


@pytest.mark.parametrize(
    ("partitions", "key", "message"),
    [
        pytest.param(SYMBOLS, "APPL", "there is no partition 'APPL'. Did you mean 'AAPL'?", id="a near miss"),
        pytest.param(SYMBOLS, "x", "there is no partition 'x'. There are AAPL, MSFT.", id="nothing near"),
        pytest.param(
            BOTH, "2024-03-01", "'2024-03-01' is no partition: write day|symbol.", id="a dimension is missing"
        ),
        pytest.param(
            BOTH, "2024-03-01|APPL", "there is no partition 'APPL'. Did you mean 'AAPL'?", id="in a dimension"
        ),
        pytest.param(
            Dynamic("symbols"),
            "A|B",
            "the set of partitions 'symbols' has a partition key 'A|B' with '|' in it, by which choices of partitions "
            "are written.",
            id="a key that none can have",
        ),
    ],
)
def test_a_key_that_is_none_is_explained(partitions: Partitions, key: str, message: str) -> None:
    with pytest.raises(BadPartition) as refused:
        partitions.partition(key)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("partitions", "problem"),
    [
        pytest.param(Static(), "has static partitions without any key", id="no keys"),
        pytest.param(Static("a", "b", "a"), "has the partition key 'a' twice", id="a key twice"),
        pytest.param(
            Static(" a"),
            "has a partition key ' a' that is empty, or begins or ends with a space",
            id="spaces",
        ),
        pytest.param(Dynamic(""), "has dynamic partitions without a name", id="no name"),
        pytest.param(
            Product(day=DAYS), "has a product of fewer than two dimensions as partitions", id="one dimension"
        ),
        pytest.param(
            Product(day=Daily(start="never"), symbol=SYMBOLS),
            "has a dimension 'day' that has a partition start 'never' that is not a day written YYYY-MM-DD",
            id="a dimension's own",
        ),
        pytest.param(
            Product(both=BOTH, model=SYMBOLS),
            "has a dimension 'both' that is a product: name its dimensions themselves",
            id="products of products",
        ),
    ],
)
def test_a_definition_is_judged(partitions: Partitions, problem: str) -> None:
    assert partitions.problems() == [problem]


@pytest.mark.parametrize(
    ("key", "can"),
    [("AAPL", True), ("a b", True), ("a|b", False), ("a,b", False), ("a..b", False), ("", False)],
)
def test_some_texts_cannot_be_keys(key: str, can: bool) -> None:
    assert (key_problem(key) is None) == can


def test_a_dynamic_set_with_a_key_that_cannot_be_one_says_so() -> None:
    with pytest.raises(
        BadPartition, match=r"'symbols' has a partition key 'a,b' with ',' in it.*; remove it\."
    ):
        at("2024-03-03", ["a,b"]).existing(Dynamic("symbols"))


@pytest.mark.parametrize(
    ("partitions", "partition", "declared"),
    [
        pytest.param(SYMBOLS, Partition("AAPL"), True, id="a key"),
        pytest.param(SYMBOLS, Partition("NVDA"), False, id="another"),
        pytest.param(SYMBOLS, Partition("AAPL", 1), False, id="a key has no time"),
        pytest.param(Dynamic("symbols"), Partition("anything"), True, id="any key may be added"),
        pytest.param(BOTH, BOTH.partition("2031-01-01|AAPL"), True, id="whatever the time is"),
        pytest.param(
            BOTH, Partition("NVDA", date(2031, 1, 1).toordinal()), False, id="a key that is not there"
        ),
        pytest.param(BOTH, Partition("AAPL", 1), False, id="before the start"),
        pytest.param(BOTH, Partition("AAPL|ppo", date(2031, 1, 1).toordinal()), False, id="too many keys"),
    ],
)
def test_what_is_declared(partitions: Partitions, partition: Partition, declared: bool) -> None:
    assert partitions.declares(partition) == declared


def test_the_first_dimension_of_time_is_the_window() -> None:
    window = THREE.window(THREE.partition("AAPL|2024-02-01|2024-03-05"))
    assert window is not None
    assert (str(window.start), str(window.end)) == ("2024-02-01 00:00:00+00:00", "2024-03-01 00:00:00+00:00")
    assert SYMBOLS.window(Partition("AAPL")) is None
    assert KEYS.window(Partition("AAPL|ppo")) is None


def test_parts_and_combined_are_inverse() -> None:
    horizon = at("2024-03-04")
    for each in horizon.existing(THREE):
        parts = THREE.parts(each)
        assert list(THREE.combined([type(horizon.existing(THREE)).of([part]) for part in parts])) == [each]


def test_equal_definitions_are_one() -> None:
    assert Static("a", "b") == Static("a", "b")
    assert (
        len({Static("a", "b"), Static("a", "b"), Product(a=SYMBOLS, b=DAYS), Product(a=SYMBOLS, b=DAYS)}) == 2
    )
    assert Product(a=SYMBOLS, b=DAYS) != Product(b=DAYS, a=SYMBOLS)
