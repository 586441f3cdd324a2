"""Hierarchical risk parity for assets whose histories differ in length.

skfolio does the clustering and the recursive bisection. What is ours is how moments are made of incomplete histories:
every variance, covariance and correlation is taken over all the sessions that the asset, or the pair, has; nobody's
history is cut to the shortest.

Source: Lopez de Prado (2016), Building Diversified Portfolios that Outperform Out-of-Sample, Journal of Portfolio
Management 42(4). The distance is sqrt((1 - correlation) / 2) itself, not the paper's distance of distances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from skfolio.optimization import HierarchicalRiskParity

    Matrix = NDArray[np.float64]

Linkage = Literal["single", "complete", "average", "ward"]
LeafOrdering = Literal["tree", "optimal"]
Risk = Literal["variance", "standard_deviation"]
TwoAssets = Literal["inverse_variance", "inverse_volatility"]

_DECIMALS = 10
"""Weights are rounded to this, so that processors that add in another order agree on the data version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Which hierarchical risk parity: libraries differ by up to 0.09 in single weights.

    Args:
        linkage: how the distance between clusters is taken.
        leaf_ordering: ``tree`` takes the leaves as the clustering left them (the paper's quasi-diagonalisation, and
            PyPortfolioOpt's); ``optimal`` turns branches so that neighbours are near (skfolio's default).
        risk: what the bisection balances.
        two_assets: the rule for exactly two; ``inverse_variance`` is what the bisection itself gives.
    """

    linkage: Linkage = "single"
    leaf_ordering: LeafOrdering = "tree"
    risk: Risk = "variance"
    two_assets: TwoAssets = "inverse_variance"


def exclusions(returns: Matrix, symbols: Sequence[str], minimum_sessions: int) -> dict[str, str]:
    """The symbols that cannot be weighted from this window, each with the reason.

    Args:
        returns: simple returns, sessions x symbols, the last row being the day of the decision; NaN is none.
        symbols: the names of the columns.
        minimum_sessions: how many returns a symbol must have, and share with each of the others.
    """
    import numpy as np

    present = np.isfinite(returns)
    counts = present.sum(axis=0)
    reasons: dict[str, str] = {}
    for column, symbol in enumerate(symbols):
        own = returns[present[:, column], column]
        if not present[-1, column]:
            reasons[symbol] = "no return on the day"
        elif own.size < minimum_sessions:
            reasons[symbol] = f"short history: {own.size} of {minimum_sessions} sessions"
        elif own.min() == own.max():
            reasons[symbol] = "no variance"
    kept = [column for column, symbol in enumerate(symbols) if symbol not in reasons]
    shared = present.astype(np.int64).T @ present
    while kept:
        least = shared[np.ix_(kept, kept)].min(axis=1)
        if least.min() >= minimum_sessions:
            break
        # of the pair that shares least, the one with the shorter history goes; by name where they are equal
        worst = min(kept, key=lambda column: (shared[column, kept].min(), counts[column], symbols[column]))
        sessions = shared[worst, kept].min()
        reasons[symbols[worst]] = f"shares {sessions} of {minimum_sessions} sessions with another"
        kept.remove(worst)
    return reasons


def moments(returns: Matrix) -> tuple[Matrix, Matrix]:
    """Covariance and correlation (sample, divided by n - 1) over the sessions that each pair has in common.

    Without gaps these are the ordinary ones. With gaps the correlation of a pair uses both variances over the common
    sessions, so it stays within -1 and 1, and differs from the covariance divided by the full-history deviations.
    A pair without variance in common has correlation 0.
    """
    import numpy as np

    present = np.isfinite(returns)
    centred = np.where(present, returns - np.nanmean(returns, axis=0), 0.0)
    seen = present.astype(np.float64)
    count = seen.T @ seen
    total = centred.T @ seen  # [i, j]: the sum of i over the sessions that j has too
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = (centred.T @ centred - total * total.T / count) / (count - 1)
        variance = ((centred**2).T @ seen - total**2 / count) / (count - 1)
        correlation = covariance / np.sqrt(variance * variance.T)
    correlation = np.clip(np.nan_to_num(correlation, posinf=0.0, neginf=0.0), -1, 1)
    np.fill_diagonal(correlation, 1)
    return (covariance + covariance.T) / 2, (correlation + correlation.T) / 2


def hrp(returns: Matrix, variant: Variant) -> Matrix:
    """Weights (fractions that sum to 1) for assets that `exclusions` has nothing against.

    Args:
        returns: simple returns, sessions x assets; NaN where an asset has none.
        variant: see `Variant`.

    Raises:
        ValueError: there is no asset.
    """
    import numpy as np

    assets = returns.shape[1]
    if assets == 0:
        raise ValueError("hierarchical risk parity needs at least one asset with enough history")
    if assets == 1:
        return np.ones(1)
    if assets == 2 and variant.two_assets == "inverse_volatility":
        inverse = 1 / np.nanstd(returns, axis=0, ddof=1)
        weights = inverse / inverse.sum()
    else:
        weights = _estimator(variant).fit(returns).weights_
    rounded: Matrix = np.round(weights, _DECIMALS)
    return rounded


def _estimator(variant: Variant) -> HierarchicalRiskParity:
    """skfolio's estimator with pairwise moments."""
    import numpy as np
    from skfolio import RiskMeasure
    from skfolio.cluster import HierarchicalClustering, LinkageMethod
    from skfolio.distance import BaseDistance
    from skfolio.optimization import HierarchicalRiskParity
    from skfolio.prior import BasePrior, ReturnDistribution
    from skfolio.seriation import HierarchicalSeriation
    from skfolio.utils.stats import cov_nearest

    class PairwisePrior(BasePrior):  # type: ignore[misc]  # skfolio's bases are untyped
        def __init__(self) -> None: ...

        def fit(self, X: Matrix, y: None = None) -> PairwisePrior:  # noqa: N803  # scikit-learn's name
            covariance, _ = moments(X)
            # pairwise moments need not belong together; the nearest that do keep every variance
            self.return_distribution_ = ReturnDistribution(
                mu=np.nanmean(X, axis=0), covariance=cov_nearest(covariance), returns=np.nan_to_num(X)
            )
            return self

    class PairwiseDistance(BaseDistance):  # type: ignore[misc]  # skfolio's bases are untyped
        def __init__(self) -> None: ...

        def fit(self, X: Matrix, y: None = None) -> PairwiseDistance:  # noqa: N803  # scikit-learn's name
            _, self.codependence_ = moments(X)
            self.distance_ = np.sqrt((1 - self.codependence_) / 2)
            return self

    class RiskParity(HierarchicalRiskParity):  # type: ignore[misc]  # skfolio's bases are untyped
        def _risk(self, weights: Matrix, return_distribution: ReturnDistribution) -> float:
            # What skfolio's own does by way of a whole Portfolio object, 58 of them for twenty assets. Should skfolio
            # rename it, its own is used again: the same weights, four times as slowly.
            variance = float(weights @ return_distribution.covariance @ weights)
            return variance if variant.risk == "variance" else variance**0.5

    return RiskParity(
        risk_measure=RiskMeasure[variant.risk.upper()],
        prior_estimator=PairwisePrior(),
        distance_estimator=PairwiseDistance(),
        distance_from_prior=False,
        seriation_estimator=HierarchicalSeriation(
            optimal_ordering=variant.leaf_ordering == "optimal",
            hierarchical_clustering_estimator=HierarchicalClustering(
                linkage_method=LinkageMethod[variant.linkage.upper()],
                max_clusters=1,  # the cut of the tree is not used here, and finding the best one takes time
            ),
        ),
    )
