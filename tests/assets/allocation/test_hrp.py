"""Hierarchical risk parity: the published answer, a plain implementation, and what incomplete histories do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.allocation.hrp import Variant, exclusions, hrp, moments

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]


def returns_of(assets: int, sessions: int, seed: int) -> Matrix:
    """Correlated returns of assets with different volatilities."""
    draw = np.random.default_rng(seed)
    market = draw.normal(0, 0.01, (sessions, 1))
    return market * draw.uniform(0.2, 1.5, assets) + draw.normal(0, 0.01, (sessions, assets)) * draw.uniform(
        0.5, 3, assets
    )


def plain_hrp(returns: Matrix, *, optimal: bool) -> Matrix:
    """The paper's three steps on pandas' moments and scipy's clustering."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    frame = pd.DataFrame(returns)
    covariance, correlation = frame.cov().to_numpy(), frame.corr().to_numpy()
    distance = squareform(np.sqrt(np.clip((1 - correlation) / 2, 0, 1)), checks=False)
    order = leaves_list(linkage(distance, "single", optimal_ordering=optimal)).tolist()

    def variance(cluster: list[int]) -> float:
        part = covariance[np.ix_(cluster, cluster)]
        weights = 1 / np.diag(part)
        weights /= weights.sum()
        return float(weights @ part @ weights)

    weights = np.ones(len(order))
    clusters = [order]
    while clusters:
        cluster = clusters.pop()
        if len(cluster) > 1:
            left, right = cluster[: len(cluster) // 2], cluster[len(cluster) // 2 :]
            share = 1 - variance(left) / (variance(left) + variance(right))
            weights[left] *= share
            weights[right] *= 1 - share
            clusters += [left, right]
    return weights


@pytest.mark.parametrize("ordering", ["tree", "optimal"])
@pytest.mark.parametrize("assets", [2, 3, 4, 7, 20])
def test_equals_a_plain_implementation(assets: int, ordering: str) -> None:
    for seed in range(3):
        returns = returns_of(assets, 252, seed)
        ours = hrp(returns, Variant(leaf_ordering=ordering))
        assert ours == pytest.approx(plain_hrp(returns, optimal=ordering == "optimal"), abs=1e-9)


def test_equals_a_plain_implementation_with_gaps() -> None:
    returns = returns_of(8, 300, seed=5)
    returns[:200, 0] = np.nan
    returns[50:90, 3] = np.nan
    assert hrp(returns, Variant()) == pytest.approx(plain_hrp(returns, optimal=False), abs=1e-9)


def test_gives_the_weights_that_pyportfolioopt_expects_for_twenty_stocks(shared_data: Path) -> None:
    prices = pd.read_csv(shared_data / "portfolio" / "stock_prices.csv", index_col=0)
    returns = prices.pct_change(fill_method=None).dropna(how="all")
    expected = pd.read_csv(shared_data / "portfolio" / "weights_hrp.csv", index_col=0)["0"]
    tree = pd.Series(hrp(returns.to_numpy(), Variant(leaf_ordering="tree")), returns.columns)
    pd.testing.assert_series_equal(tree.sort_index(), expected.sort_index(), rtol=1e-6, check_names=False)
    optimal = pd.Series(hrp(returns.to_numpy(), Variant(leaf_ordering="optimal")), returns.columns)
    assert (optimal / expected - 1).abs().max() > 0.5  # the leaf ordering is no detail


def test_the_step_that_is_replaced_for_speed_is_still_skfolios() -> None:
    from skfolio.optimization import HierarchicalRiskParity

    assert callable(HierarchicalRiskParity._risk)


@pytest.mark.parametrize("linkage", ["single", "complete", "average", "ward"])
@pytest.mark.parametrize("risk", ["variance", "standard_deviation"])
def test_every_variant_gives_weights(linkage: str, risk: str) -> None:
    weights = hrp(returns_of(6, 100, 7), Variant(linkage=linkage, risk=risk))
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-8)


def test_one_asset_takes_all() -> None:
    assert hrp(returns_of(1, 60, 0), Variant()).tolist() == [1.0]


def test_no_asset_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one asset"):
        hrp(np.empty((60, 0)), Variant())


@pytest.mark.parametrize(
    ("rule", "power"),
    [
        pytest.param("inverse_variance", 2, id="two assets by variance, as the bisection does"),
        pytest.param("inverse_volatility", 1, id="two assets by volatility"),
    ],
)
def test_two_assets(rule: str, power: int) -> None:
    returns = returns_of(2, 100, 1)
    inverse = 1 / returns.std(axis=0, ddof=1) ** power
    assert hrp(returns, Variant(two_assets=rule)) == pytest.approx(inverse / inverse.sum(), abs=1e-9)


def test_moments_without_gaps_are_the_ordinary_ones() -> None:
    returns = returns_of(6, 80, 2)
    covariance, correlation = moments(returns)
    assert covariance == pytest.approx(np.cov(returns, rowvar=False), rel=1e-12)
    assert correlation == pytest.approx(np.corrcoef(returns, rowvar=False), rel=1e-12)


def test_moments_with_gaps_are_those_of_pandas() -> None:
    returns = returns_of(6, 120, 3)
    returns[np.random.default_rng(0).random(returns.shape) < 0.3] = np.nan
    covariance, correlation = moments(returns)
    assert covariance == pytest.approx(pd.DataFrame(returns).cov().to_numpy(), rel=1e-9)
    assert correlation == pytest.approx(pd.DataFrame(returns).corr().to_numpy(), rel=1e-9)


NAN = float("nan")


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        pytest.param([0.01, -0.01, 0.02, 0.0, 0.01], None, id="a whole history is kept"),
        pytest.param([NAN, -0.01, 0.02, 0.0, 0.01], None, id="so is one that is just long enough"),
        pytest.param([NAN, NAN, 0.02, 0.0, 0.01], "short history: 3 of 4 sessions", id="too short"),
        pytest.param([0.01, -0.01, 0.02, 0.0, NAN], "no return on the day", id="not traded on the day"),
        pytest.param([0.01] * 5, "no variance", id="a constant return"),
        pytest.param([NAN] * 5, "no return on the day", id="never traded"),
    ],
)
def test_exclusion(column: list[float], reason: str | None) -> None:
    other = [0.02, 0.01, -0.03, 0.01, 0.0]
    found = exclusions(np.array([column, other]).T, ["A", "B"], minimum_sessions=4)
    assert found == ({} if reason is None else {"A": reason})


def test_of_two_that_share_too_few_sessions_the_shorter_history_goes() -> None:
    returns = returns_of(3, 20, 4)
    returns[:9, 0] = np.nan
    returns[11:19, 1] = np.nan
    found = exclusions(returns, ["A", "B", "C"], minimum_sessions=10)
    assert found == {"A": "shares 3 of 10 sessions with another"}


def test_a_late_listing_does_not_shorten_the_others() -> None:
    returns = returns_of(5, 252, 6)
    late = returns.copy()
    late[:180, 4] = np.nan
    for mixed, alone in zip(moments(late), moments(returns[:, :4]), strict=True):
        assert mixed[:4, :4] == pytest.approx(alone, rel=1e-12)
    assert hrp(late, Variant())[4] > 0


@given(st.integers(1, 8), st.integers(0, 10_000), st.floats(0, 0.4))
def test_weights_are_positive_and_sum_to_one(assets: int, seed: int, gaps: float) -> None:
    returns = returns_of(assets, 80, seed)
    returns[np.random.default_rng(seed).random(returns.shape) < gaps] = np.nan
    returns[-1] = 0.001
    names = [f"S{n}" for n in range(assets)]
    kept = [n for n, name in enumerate(names) if name not in exclusions(returns, names, minimum_sessions=10)]
    weights = hrp(returns[:, kept], Variant())
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-8)


def test_moments_that_do_not_belong_together_still_give_weights() -> None:
    # three pairs, each almost perfectly correlated on its own sessions, in ways that exclude each other
    draw = np.random.default_rng(8)
    returns = np.full((93, 3), np.nan)
    for block, (one, other, sign) in enumerate([(0, 1, 1), (1, 2, 1), (0, 2, -1)]):
        rows = slice(31 * block, 31 * (block + 1))
        returns[rows, one] = draw.normal(0, 0.01, 31)
        returns[rows, other] = sign * returns[rows, one] + draw.normal(0, 1e-4, 31)
    covariance, _ = moments(returns)
    assert np.linalg.eigvalsh(covariance).min() < 0
    weights = hrp(returns, Variant())
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-8)
