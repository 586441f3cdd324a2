"""What a history of distributions lets one expect of the next: a band for its quantiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checks.anomalies import NORMAL, TooFew, limit, median, spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

QUANTILES = (0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Between what each of the quantiles is expected, both ends included."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    def holds(self, quantiles: Sequence[float]) -> bool:
        """Whether all quantiles lie within."""
        return all(
            low <= value <= high for low, value, high in zip(self.low, quantiles, self.high, strict=True)
        )


def expected_band(
    past: Sequence[Sequence[float]], *, false_alarms: float, warm_up: int, history: int
) -> Band | TooFew:
    """The band that the quantiles of the next value lie in, those of earlier ones being given, the oldest first.

    Each earlier value has its distance from all the others; their logarithms are as good as normal, and their median
    and median absolute deviation tell how large the next distance may be.
    """
    import numpy as np

    known = [one for one in past if len(one) == len(QUANTILES) and all(map(math.isfinite, one))][-history:]
    if len(known) < warm_up:
        return TooFew(there=len(known), needed=warm_up)
    seen = np.array(known, dtype=np.float64)
    away = [
        _distance(seen[n], *_center_and_spread(np.delete(seen, n, axis=0)))  # from the others
        for n in range(len(seen))
    ]
    far = [math.log(max(distance, 1e-9)) for distance in away]
    usual = median(far)
    reach = limit(len(far), 2 * false_alarms) * spread([one - usual for one in far])
    times = math.exp(min(usual + reach, 700))
    center, width = _center_and_spread(seen)
    return Band(low=tuple((center - times * width).tolist()), high=tuple((center + times * width).tolist()))


def _center_and_spread(seen: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The median of each quantile, and its spread; one that stands still has the smallest part of the whole span."""
    import numpy as np

    center = np.median(seen, axis=0)
    robust = NORMAL * np.median(np.abs(seen - center), axis=0)
    still = robust == 0
    robust[still] = seen[:, still].std(axis=0)
    return center, np.maximum(robust, 1e-9 * max(center[-1] - center[0], abs(center).max(), 1e-300))


def _distance(
    quantiles: NDArray[np.float64], center: NDArray[np.float64], width: NDArray[np.float64]
) -> float:
    """How many times its spread the quantile that is farthest off lies from its median."""
    import numpy as np

    return float(np.max(np.abs(quantiles - center) / width))
