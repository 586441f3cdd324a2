"""What is to be done about an effect: the one function that decides it, as far as it can be known beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from graph.asset_graph import Asset
from graph.effects import Trouble
from graph.partition_set import EMPTY, PartitionSet
from graph.reasons import Reason, held_after
from graph.state import Attempt, Version
from graph.steps import Check, Hold, Keep, Materialize, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectFacts:
    """What is on record of an effect in an environment.

    Args:
        unfinished: by occasion, what is not settled of it, in words.
        in_doubt: nobody knows of some item whether it was performed.
        performed: the occasions of which something was done, or may have been.
        inherited: partitions of which a live environment sees what its parent did, which counts for nothing.
    """

    unfinished: Mapping[str, str] = field(default_factory=dict)
    in_doubt: bool = False
    performed: frozenset[str] = frozenset()
    inherited: PartitionSet = EMPTY

    def own(self, version: Version | None) -> Version | None:
        """What is visible, if it tells of something that was done in this environment."""
        return None if version is None or version.partition in self.inherited else version

    def told(self, tried: Attempt | None) -> Attempt | None:
        """What was tried last, unless it found out that another environment had performed it already."""
        elsewhere = tried is not None and tried.outcome == "held" and not self.performed
        return None if elsewhere else tried


def effect_step(
    asset: Asset,
    occasion: str | None,
    *,
    facts: EffectFacts,
    published: Version | None,
    mark: str,
    checks: str,
    tried: Attempt | None,
    moving: Sequence[str],
    sure: Reason | None,
    troubles: Iterable[Trouble],
    now: datetime,
) -> Step:
    """The step for one partition of an effect, or for all of it, read from top to bottom.

    Args:
        occasion: the partition's key; None for an effect whose function says the occasion.
        mark: the fingerprint; it means nothing while something upstream is moving.
        sure: why its inputs differ from those of the published receipts.
        troubles: what is wrong upstream and holds it.
    """
    open_ones = [text for name, text in facts.unfinished.items() if occasion in (None, name)]
    if open_ones:
        return _perform(asset, Reason.unfinished(open_ones))
    if moving and sure is None and published is not None:
        return Materialize(
            key=asset.key,
            reason=Reason.if_changed(moving),
            when="if upstream changes",
            outputs=(asset.key,),
            served=EMPTY,
        )
    if moving:
        return _perform(asset, sure or Reason.never_built())
    known = facts.own(published)
    if known is not None and known.fingerprint == mark:
        if known.checks != checks:
            return Check(key=asset.key, reason=Reason.checks_changed())
        return Keep(key=asset.key, reason=Reason.up_to_date(known.failing))
    tried = facts.told(tried)
    held = held_after(tried, mark, [checks], now) if tried is not None else None
    if held is not None:
        return Hold(key=asset.key, reason=held, served=EMPTY)
    if occasion in facts.performed:
        return Hold(key=asset.key, reason=Reason.already_performed(occasion or ""), served=EMPTY)
    wrong = tuple(troubles)
    if wrong:
        return Hold(key=asset.key, reason=Reason.in_trouble(map(str, wrong)), served=EMPTY)
    return _perform(asset, sure or Reason.never_built())


def _perform(asset: Asset, reason: Reason) -> Materialize:
    return Materialize(key=asset.key, reason=reason, when="always", outputs=(asset.key,), served=EMPTY)
