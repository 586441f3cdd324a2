"""How fresh an asset's visible data are: against its own promise, and with what its upstream promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, assert_never

from deployments.amounts import span_text
from graph import Asset, AssetGraph, FreshBy, FreshWithin
from graph.reasons import age
from graph.state import State, Version

StateName = Literal["fresh", "due soon", "overdue", "unknown", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """One asset's state: ``unknown`` without a visible version, ``none`` without a promise.

    Args:
        as_of: the data's own time; of a partitioned asset, that of its newest partition. None for timeless data.
        due_at: from when on they should be renewed.
        overdue_at: until when the promise holds, the instant included.
        culprit: an upstream that breaks its own promise, which makes this one overdue too.
    """

    state: StateName
    as_of: datetime | None = None
    due_at: datetime | None = None
    overdue_at: datetime | None = None
    ends: bool = False
    culprit: str | None = None

    def text(self, now: datetime) -> str:
        """The state in words, with the reason.

        >>> Freshness(state="none").text(datetime.max)
        'no promise'
        """
        match self.state:
            case "none":
                return "no promise"
            case "unknown":
                return "unknown: nothing is published"
            case "overdue" if self.culprit:
                return f"overdue, because {self.culprit} is"
            case "fresh" if self.ends:
                return "fresh: nothing newer will come"
            case "fresh" if self.as_of is None:
                return "fresh: timeless"
        old = f"{age(now - self.as_of)} old" if self.as_of else ""
        return f"{self.state}, {old}"


def freshness_states(graph: AssetGraph, state: State, now: datetime) -> Mapping[str, Freshness]:
    """The state of every asset, upstream first. An overdue upstream makes what promises something below it overdue."""
    found: dict[str, Freshness] = {}
    culprits: dict[str, str] = {}
    for key, asset in graph.assets.items():
        versions = state.published(key)
        own = _own(asset, versions[max(versions)] if versions else None, now)
        above = next((culprits[up] for up in graph.upstream_of[key] if up in culprits), None)
        if above is not None and own.state in ("fresh", "due soon") and not own.ends:
            own = Freshness(
                state="overdue", as_of=own.as_of, due_at=own.due_at, overdue_at=own.overdue_at, culprit=above
            )
        found[key] = own
        if own.state == "overdue":
            culprits[key] = own.culprit or key
        elif above is not None and own.state == "none":
            culprits[key] = above
    return found


def _own(asset: Asset, version: Version | None, now: datetime) -> Freshness:
    """An asset's state by its own promise alone."""
    as_of = version.as_of if version else None
    policy = asset.freshness
    if policy is None:
        return Freshness(state="none", as_of=as_of)
    if version is None:
        return Freshness(state="unknown")
    if version.ends or as_of is None:
        return Freshness(state="fresh", as_of=as_of, ends=version.ends)
    due_at = policy.due_at(as_of)
    overdue_at = due_at + policy.not_before if isinstance(policy, FreshBy) else as_of + policy.fail_after
    state: StateName = "fresh"
    if now > overdue_at:
        state = "overdue"
    elif due_at <= now and due_at < overdue_at:
        state = "due soon"
    return Freshness(state=state, as_of=as_of, due_at=due_at, overdue_at=overdue_at)


def policy_text(policy: FreshWithin | FreshBy) -> str:
    """A promise of freshness in words.

    >>> from datetime import timedelta
    >>> policy_text(FreshWithin(fail_after=timedelta(hours=26), warn_after=timedelta(hours=24)))
    'at most 1 day 2 h old, due from 1 day on'
    """
    match policy:
        case FreshWithin(fail_after=fail_after, warn_after=warn_after):
            due = f", due from {span_text(warn_after)} on" if warn_after else ""
            return f"at most {span_text(fail_after)} old{due}"
        case FreshBy(cron=cron, timezone=timezone, not_before=not_before):
            return f"by each '{cron}' ({timezone}), from the {span_text(not_before)} before"
        case _:
            assert_never(policy)
