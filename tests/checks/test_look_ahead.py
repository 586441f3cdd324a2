"""The look-ahead probe: it sees functions that know the future, and no others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from checks import Beside, InvalidCheck, Verdict, evaluate, no_look_ahead

if TYPE_CHECKING:
    import pandas as pd

NOW = datetime(2024, 1, 2, tzinfo=UTC)
DAYS = [date(2024, 1, 1) + timedelta(days=n) for n in range(60)]
PRICES = pa.table({"day": DAYS, "close": np.random.default_rng(7).uniform(50, 60, 60)})


def frame(change: Callable[[pd.DataFrame], pd.Series[float]]) -> Callable[[pa.Table], pa.Table]:
    """A function of prices that makes one column out of them."""

    def made(prices: pa.Table) -> pa.Table:
        known = prices.to_pandas().sort_values("day")
        return pa.table({"day": pa.array(known["day"]), "x": np.asarray(change(known), dtype=float)})

    return made


def probed(function: Callable[[pa.Table], Any], **options: Any) -> Verdict:
    beside = Beside(
        upstream={"prices": lambda: PRICES}, remake=lambda changed: function(changed.get("prices", PRICES))
    )
    promise = no_look_ahead("day", prices="day", **options)
    (verdict,) = evaluate(function(PRICES), [promise], now=NOW, beside=beside)
    return verdict


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda f: f["close"].rolling(5).mean(), id="rolling mean"),
        pytest.param(lambda f: f["close"].pct_change(), id="returns, null first"),
        pytest.param(lambda f: f["close"].ewm(span=9).mean(), id="exponential mean"),
        pytest.param(lambda f: f["close"].expanding().std(), id="expanding"),
    ],
)
def test_who_looks_back_passes(change: Any) -> None:
    verdict = probed(frame(change), cuts=4)
    assert (verdict.passed, verdict.failing, verdict.error) == (True, 0, None)
    assert verdict.counted == 12 + 24 + 36 + 48


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda f: f["close"].shift(-1), id="tomorrow's close"),
        pytest.param(lambda f: f["close"] / f["close"].mean(), id="the mean of all"),
        pytest.param(lambda f: f["close"].rolling(5, center=True).mean(), id="a centred window"),
        pytest.param(lambda f: f["close"].mask(f.index % 2 == 1).bfill(), id="filled backwards"),
        pytest.param(lambda f: (f["close"] - f["close"].min()) / np.ptp(f["close"]), id="scaled by all"),
    ],
)
def test_who_looks_ahead_fails(change: Any) -> None:
    verdict = probed(frame(change), cuts=5)
    assert not verdict.passed
    assert verdict.error is None
    assert "depend on what comes later" in str(verdict.observed)
    assert verdict.sample


def test_what_cannot_be_probed_is_told() -> None:
    def told(verdict: Verdict, words: str) -> None:
        assert not verdict.passed
        assert words in (verdict.error or "")

    (verdict,) = evaluate(PRICES, [no_look_ahead("day", prices="day")], now=NOW)
    told(verdict, "cannot be made again")
    told(probed(lambda prices: 1 if prices is not PRICES else PRICES), "is no table, but of type int")
    told(probed(lambda prices: PRICES if prices is PRICES else 1 / 0), "ZeroDivisionError")
    other = PRICES.rename_columns(["day", "y"])
    told(probed(lambda prices: PRICES if prices is PRICES else other), "other columns")
    told(probed(lambda prices: prices.rename_columns(["d", "close"])), "column 'day' is missing")


def test_there_may_be_nothing_to_compare() -> None:
    verdict = probed(lambda prices: PRICES.slice(0, 1))
    assert (verdict.passed, verdict.counted) == (True, 0)


def test_whole_numbers_change_where_there_are_no_others() -> None:
    counts = pa.table({"day": DAYS, "n": list(range(60))})
    beside = Beside(upstream={"counts": lambda: counts}, remake=lambda changed: total(changed["counts"]))

    def total(table: pa.Table) -> pa.Table:
        return table.append_column("all", [[sum(table["n"].to_pylist())] * table.num_rows])

    (verdict,) = evaluate(total(counts), [no_look_ahead("day", counts="day")], now=NOW, beside=beside)
    assert not verdict.passed


@pytest.mark.parametrize(
    ("options", "said"), [({}, "names no upstream"), ({"prices": "day", "cuts": 0}, "at least 1")]
)
def test_a_declaration_that_cannot_work_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidCheck, match=said):
        no_look_ahead("day", **options)
