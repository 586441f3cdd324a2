"""When an asset is due by itself: conditions that are composed, and say of which partitions they hold.

>>> weekday_mornings = on_cron("0 7 * * 1-5", timezone="Europe/Berlin") & ~any_upstream(overdue())
>>> patient = eager().replace(any_upstream_missing(), any_upstream(missing()).allow("market/*"))

A condition is a *state*, which holds or does not (``missing()``, ``in_progress()``), or an *occurrence*, which has its
moments (``newly_updated()``, ``cron_tick_passed(...)``, ``missing().newly_true()``). What is due is a state, computed
from the record and the clock alone, at whatever moment somebody asks; an occurrence becomes one by saying since when:

- ``a.since(b)``: ``a`` has happened later than ``b`` did last. States within ``a`` count as they are now, and
  ``since`` goes through ``&``, ``|`` and upstream: ``(a & b).since(c)`` is ``a.since(c) & b.since(c)``.
- ``a.since_last_handled()``: since the asset's own partition was last attempted, published or found up to date, or
  automation was switched on. An occurrence that stands alone means this.
- Nothing that happened before automation was switched on makes anything due.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache

from graph.conditions import (
    HANDLED,
    Condition,
    CronTick,
    FreshnessIs,
    Happened,
    Is,
    Latest,
    Missing,
    SwitchedOn,
    Upstream,
    WillBeRequested,
    cron_arguments,
)

# --- the words: operands ----------------------------------------------------------------------------------


@cache
def missing() -> Condition:
    """State: it has no visible version."""
    return Condition(Missing())


@cache
def in_progress() -> Condition:
    """State: a living run has claimed it."""
    return Condition(Is("in progress"))


@cache
def execution_failed() -> Condition:
    """State: the last attempt at it failed."""
    return Condition(Is("failed"))


@cache
def rejected() -> Condition:
    """State: the last attempt at it made a version that its checks did not let through."""
    return Condition(Is("rejected"))


@cache
def outdated() -> Condition:
    """State: its code, config, resources or data have moved since it was made. Costs what planning costs."""
    return Condition(Is("outdated"))


@cache
def code_changed() -> Condition:
    """State: what is visible was made by other code than today's."""
    return Condition(Is("code changed"))


@cache
def checks_failed() -> Condition:
    """State: what is visible fails an error check."""
    return Condition(Is("checks failed"))


@cache
def checks_passed() -> Condition:
    """State: something is visible, and passes every error check."""
    return (~missing() & ~checks_failed()).with_label("checks_passed()")


@cache
def fresh() -> Condition:
    """State: its data are as new as its freshness policy asks."""
    return Condition(FreshnessIs("fresh"))


@cache
def due_soon() -> Condition:
    """State: its data are still fresh, and will not be for long."""
    return Condition(FreshnessIs("due soon"))


@cache
def overdue() -> Condition:
    """State: its data are older than its freshness policy allows."""
    return Condition(FreshnessIs("overdue"))


def in_latest_window(lookback: timedelta | None = None) -> Condition:
    """State: it is the newest partition in time, or within ``lookback`` of its end; without time, everything is."""
    return Condition(Latest(lookback))


@cache
def will_be_requested() -> Condition:
    """State: this evaluation has found it due."""
    return Condition(WillBeRequested())


@cache
def newly_missing() -> Condition:
    """Occurrence: it came into being, or was wiped, and is missing."""
    return missing().newly_true().with_label("newly_missing()")


@cache
def newly_updated() -> Condition:
    """Occurrence: it was made, adopted, or found current again."""
    return Condition(Happened("updated"))


@cache
def data_version_changed() -> Condition:
    """Occurrence: its data became other than they were."""
    return Condition(Happened("data changed"))


@cache
def newly_requested() -> Condition:
    """Occurrence: an attempt at it began."""
    return Condition(Happened("requested"))


@cache
def handled() -> Condition:
    """Occurrence: it was attempted, published or found up to date, or automation of it was switched on."""
    return HANDLED


def cron_tick_passed(cron: str, timezone: str = "UTC") -> Condition:
    """Occurrence: a tick of ``cron`` in ``timezone``. It happens to the partitions that exist then."""
    return Condition(CronTick(cron, timezone))


@cache
def initial_evaluation() -> Condition:
    """Occurrence: automation was switched on. As a state: nothing has been done about it since then."""
    return Condition(SwitchedOn())


# --- the words: upstream ----------------------------------------------------------------------------------


def any_upstream(condition: Condition) -> Condition:
    """Where ``condition`` holds for something that is read, of any upstream asset."""
    return Condition(Upstream(condition, every=False))


def all_upstream(condition: Condition) -> Condition:
    """Where ``condition`` holds, for each upstream asset of which something is read, for some of it."""
    return Condition(Upstream(condition, every=True))


@cache
def any_upstream_updated() -> Condition:
    """Occurrence: the data of something that is read changed, or will be made again in this sweep."""
    return any_upstream(data_version_changed() | will_be_requested()).with_label("any_upstream_updated()")


@cache
def any_upstream_missing() -> Condition:
    """State: something that is read is missing, and will still be after this sweep."""
    return any_upstream(missing() & ~will_be_requested()).with_label("any_upstream_missing()")


@cache
def any_upstream_in_progress() -> Condition:
    """State: something that is read is being made."""
    return any_upstream(in_progress()).with_label("any_upstream_in_progress()")


@cache
def all_upstream_checks_passed() -> Condition:
    """State: nothing that is read fails an error check, or it will be made again in this sweep."""
    return (~any_upstream(checks_failed() & ~will_be_requested())).with_label("all_upstream_checks_passed()")


def all_upstream_updated_since_cron(cron: str, timezone: str = "UTC") -> Condition:
    """State: every upstream was updated after the last tick of ``cron``, or will be in this sweep."""
    updated = newly_updated().since(cron_tick_passed(cron, timezone))
    return all_upstream(updated | will_be_requested()).with_label(
        f"all_upstream_updated_since_cron({cron_arguments(cron, timezone)})"
    )


# --- the compositions -------------------------------------------------------------------------------------


@cache
def missed() -> Condition:
    """State: a partition that came into being after automation was switched on, was never handled, and is no longer
    the latest. A catch-up policy says how many of these are still made (`graph.catch_up`).
    """  # noqa: D205 - what a missed partition is takes one sentence
    return (missing() & ~in_latest_window() & newly_missing().since_last_handled()).with_label("missed()")


@cache
def eager() -> Condition:
    """Whenever the data of something upstream change, and for partitions that are new or were missed.

    Of partitions that were made before, only the latest follows upstream; nothing is made while anything that it reads
    is missing or in progress, or while it is itself.
    """
    trigger = (any_upstream_updated() | newly_missing()).since_last_handled()
    return (
        (in_latest_window() & trigger | missed())
        & ~any_upstream_missing()
        & ~any_upstream_in_progress()
        & ~in_progress()
    ).with_label("eager()")


@cache
def on_cron(cron: str, timezone: str = "UTC") -> Condition:
    """Once after each tick of ``cron``, as soon as every upstream was updated after the tick.

    This makes the latest partition, and those that were missed once what they read is there.
    """
    ticked = cron_tick_passed(cron, timezone).since_last_handled()
    return (
        in_latest_window() & ticked & all_upstream_updated_since_cron(cron, timezone)
        | missed() & ticked & ~any_upstream_missing()
    ).with_label(f"on_cron({cron_arguments(cron, timezone)})")


@cache
def on_missing() -> Condition:
    """Partitions that come into being after automation was switched on, as soon as what they read is there."""
    return (missing() & newly_missing().since_last_handled() & ~any_upstream_missing()).with_label(
        "on_missing()"
    )


__all__ = [
    "Condition",
    "all_upstream",
    "all_upstream_checks_passed",
    "all_upstream_updated_since_cron",
    "any_upstream",
    "any_upstream_in_progress",
    "any_upstream_missing",
    "any_upstream_updated",
    "checks_failed",
    "checks_passed",
    "code_changed",
    "cron_tick_passed",
    "data_version_changed",
    "due_soon",
    "eager",
    "execution_failed",
    "fresh",
    "handled",
    "in_latest_window",
    "in_progress",
    "initial_evaluation",
    "missed",
    "missing",
    "newly_missing",
    "newly_requested",
    "newly_updated",
    "on_cron",
    "on_missing",
    "outdated",
    "overdue",
    "rejected",
    "will_be_requested",
]
