"""Walk-forward weights: when they are decided, from what, and what is said of who is left out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.allocation.hrp import Variant, hrp
from assets.allocation.hrp_weights import HrpConfig, hrp_weights
from checks import evaluate
from graph.declare import declaration_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

START = date(2020, 1, 1)
SHORT = HrpConfig(lookback=40, minimum_sessions=20)


def sessions(count: int) -> list[date]:
    days = (START + timedelta(days=day) for day in range(count * 2))
    return [day for day in days if day.weekday() < 5][:count]


def table_of(values: NDArray[np.float64], names: str) -> pa.Table:
    days = sessions(len(values))
    return pa.table(
        {
            "symbol": pa.array([name for name in names for _ in days], pa.string()),
            "session": pa.array(days * len(names), pa.date32()),
            "return": pa.array(values.T.ravel(), pa.float64(), from_pandas=True),
        }
    )


def noise(count: int, assets: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, [0.01 * (n + 1) for n in range(assets)], (count, assets))


def test_are_decided_on_the_first_session_of_each_month_with_enough_history() -> None:
    found = hrp_weights(table_of(noise(90, 3), "ABC"), SHORT)
    assert sorted(set(found["session"].to_pylist())) == [
        date(2020, 2, 3),
        date(2020, 3, 2),
        date(2020, 4, 1),
        date(2020, 5, 1),
    ]


def test_use_the_lookback_up_to_and_including_the_session() -> None:
    values = noise(90, 3)
    found = hrp_weights(table_of(values, "ABC"), SHORT).to_pylist()
    at = sessions(90).index(date(2020, 4, 1))
    expected = hrp(values[at - 39 : at + 1], Variant())
    assert [row["weight"] for row in found if row["session"] == date(2020, 4, 1)] == expected.tolist()


def test_the_future_changes_nothing_before_it() -> None:
    values = noise(90, 4)
    changed = values.copy()
    changed[66:] = noise(24, 4, seed=9)
    cut = values[:66]
    day = sessions(90)[65]
    before = [
        hrp_weights(table_of(some, "ABCD"), SHORT).filter(pc.field("session") <= pa.scalar(day, pa.date32()))
        for some in (values, changed, cut)
    ]
    assert before[0].num_rows == 12
    assert before[0].equals(before[1])
    assert before[0].equals(before[2])


def test_who_is_left_out_has_weight_zero_and_a_reason() -> None:
    values = noise(60, 4)
    values[:50, 1] = np.nan  # listed late
    values[:, 2] = 0.0  # never moves
    values[40:, 3] = np.nan  # delisted
    rows = {
        row["symbol"]: row
        for row in hrp_weights(table_of(values, "ABCD"), SHORT).to_pylist()
        if row["session"] == date(2020, 3, 2)
    }
    assert [rows[name]["excluded"] for name in "ABCD"] == [
        None,
        "no return on the day",
        "no variance",
        "no return on the day",
    ]
    assert [rows[name]["weight"] for name in "ABCD"] == [1.0, 0.0, 0.0, 0.0]
    assert rows["A"]["sessions"] == 40


def test_a_newcomer_is_left_out_until_it_has_enough_history() -> None:
    values = noise(90, 3)
    values[:30, 2] = np.nan
    rows = [row for row in hrp_weights(table_of(values, "ABC"), SHORT).to_pylist() if row["symbol"] == "C"]
    assert [row["excluded"] for row in rows] == [
        "no return on the day",
        "short history: 14 of 20 sessions",
        None,
        None,
    ]


@pytest.mark.parametrize("count", [0, 5, 20])
def test_too_little_history_gives_no_rows(count: int) -> None:
    assert hrp_weights(table_of(noise(count, 2), "AB"), SHORT).num_rows == 0


def test_the_whole_history_is_used_without_a_lookback() -> None:
    values = noise(90, 3)
    found = hrp_weights(table_of(values, "ABC"), HrpConfig(lookback=None, minimum_sessions=20))
    assert found["sessions"].to_pylist()[-1] == sessions(90).index(date(2020, 5, 1)) + 1


def test_the_variant_is_pinned() -> None:
    config = HrpConfig()
    assert (config.lookback, config.minimum_sessions, config.rebalance) == (252, 60, "month")
    assert config.variant() == Variant(
        linkage="single", leaf_ordering="tree", risk="variance", two_assets="inverse_variance"
    )


def test_keep_their_promises() -> None:
    values = noise(90, 5)
    values[:40, 4] = np.nan
    found = hrp_weights(table_of(values, "ABCDE"), SHORT)
    declaration = declaration_of(hrp_weights)
    assert declaration is not None
    verdicts = evaluate(found, declaration.outputs[0].checks, now=datetime(2024, 1, 1, tzinfo=UTC))
    assert [verdict for verdict in verdicts if not verdict.passed] == []
