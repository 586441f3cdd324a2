"""Freshness in words: a state with its reason, and a promise."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from deployments.amounts import span_text
from graph import FreshBy, FreshWithin
from graph.freshness_states import Freshness
from graph.reasons import age


def state_text(freshness: Freshness, now: datetime) -> str:
    """A state in words, with the reason.

    >>> state_text(Freshness(state="none"), datetime.max)
    'no promise'
    """
    match freshness.state:
        case "none":
            return "no promise"
        case "unknown":
            return "unknown: nothing is published"
        case "overdue" if freshness.culprit:
            return f"overdue, because {freshness.culprit} is"
        case "fresh" if freshness.ends:
            return "fresh: nothing newer will come"
        case "fresh" if freshness.as_of is None:
            return "fresh: timeless"
    old = f"{age(now - freshness.as_of)} old" if freshness.as_of else ""
    return f"{freshness.state}, {old}"


def slack_text(freshness: Freshness, now: datetime) -> str:
    """How long a promise still holds, or since when it is broken.

    >>> from datetime import UTC, timedelta
    >>> noon = datetime(2026, 3, 3, 12, tzinfo=UTC)
    >>> slack_text(Freshness(state="overdue", overdue_at=noon - timedelta(hours=3)), noon)
    'since 3 h'
    """
    left = freshness.slack(now)
    if left is None:
        return "-"
    return f"{span_text(left)} left" if left.total_seconds() > 0 else f"since {span_text(-left)}"


def policy_text(policy: FreshWithin | FreshBy) -> str:
    """A promise of freshness in words.

    >>> from datetime import timedelta
    >>> policy_text(FreshWithin(fail_after=timedelta(hours=26), warn_after=timedelta(hours=24)))
    'less than 1 day 2 h old, due from 1 day on'
    """
    match policy:
        case FreshWithin(fail_after=fail_after, warn_after=warn_after):
            due = f", due from {span_text(warn_after)} on" if warn_after else ""
            return f"less than {span_text(fail_after)} old{due}"
        case FreshBy(cron=cron, timezone=timezone, not_before=not_before):
            return f"by each '{cron}' ({timezone}), from the {span_text(not_before)} before"
        case _:
            assert_never(policy)
