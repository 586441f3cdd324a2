"""Whether there is something to compute: the one answer that the plan gives beforehand and the step asks once more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

from graph.asset_graph import Asset, AssetGraph
from graph.fingerprint import digest
from graph.horizon import Horizon, Partitions
from graph.key_partitions import Dynamic
from graph.mappings import Identity
from graph.reasons import Reason, held_after
from graph.state import Attempt, Version

AGAIN = timedelta(minutes=15)
"""So long after a failure, an automatic run turns to the world outside again."""


def failures_hold(asset: Asset, *, automatic: bool) -> timedelta | None:
    """How long a failure holds back another try with the same inputs; None when somebody asks for it by hand."""
    if not automatic:
        return None
    return asset.execution.retry_after or (AGAIN if asset.volatile else timedelta.max)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What is to be done instead of computing.

    Args:
        what: ``keep`` what is published; ``check`` it again; ``hold``, for ``reason``; ``adopt`` the ``version``.
    """

    what: Literal["keep", "check", "hold", "adopt"]
    reason: Reason | None = None
    version: Version | None = None


def settle(
    published: Sequence[Version | None],
    checks: Sequence[str],
    mark: str,
    *,
    tried: Attempt | None,
    known: Callable[[], Version | None],
    now: datetime,
    unseen: bool,
    must: bool = False,
    pinned: Callable[[], bool] = lambda: False,
    failures_hold: timedelta | None = None,
) -> Settled | None:
    """What makes computing needless, or None when it is needed.

    Args:
        published: the visible version of each output of the function.
        checks: for each output, the digest of the checks that it has today.
        mark: the fingerprint of what would go in.
        tried: how the last attempt ended.
        known: answers a good version with this fingerprint, visible or not.
        unseen: it reads a world outside that nobody could look at, so that equal fingerprints mean little.
        must: the clock or a person asks for it: an equal fingerprint is no reason to keep.
        pinned: answers whether what would go in is what was rolled back.
        failures_hold: see `failures_hold`.
    """
    if not must and all(version is not None and version.fingerprint == mark for version in published):
        judged = [version.checks for version in published if version is not None]
        return Settled(what="keep" if judged == list(checks) else "check")
    if pinned():
        return Settled(what="hold", reason=Reason.rolled_back())
    held = held_after(tried, mark, checks, now, failures_hold) if tried is not None else None
    if held is not None and (not unseen or held.until is not None):
        return Settled(what="hold", reason=held)
    version = None if unseen or must or len(published) > 1 else known()
    return Settled(what="adopt", version=version) if version is not None else None


def standing(asset: Asset, graph: AssetGraph, checks: str, horizon: Horizon) -> str:
    """What a `Settlement` rests on besides its basis: the asset's checks, and which partitions read which.

    Of a dynamic set upstream its keys as well: one that is removed publishes nothing, and is not read any more.
    """
    parts = [checks, _text(asset.partitions)]
    for given in asset.edges:
        above = graph.assets[given.key].partitions
        parts += [given.parameter, given.key, repr(given.mapping), _text(above)]
        if above is not None and not isinstance(given.mapping, Identity):
            dynamic = (each for _, each in above.dimensions if isinstance(each, Dynamic))
            parts += [key for each in dynamic for key in horizon.dynamic(each.name)]
    return digest(*parts)


@lru_cache(maxsize=1024)
def _text(definition: Partitions | None) -> str:
    """A definition as text; equal ones have the same."""
    return repr(definition)


def is_final_skip(tried: Attempt) -> bool:
    """Whether an attempt decided for good that there is nothing to do: it fills its partition."""
    return tried.outcome == "skipped" and tried.until is None
