"""How old an asset's data may be, and when the clock makes a volatile asset due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshWithin:
    """Data are overdue at an age of ``fail_after``; from ``warn_after`` on they are due soon."""

    fail_after: timedelta
    warn_after: timedelta | None = None

    def problems(self) -> list[str]:
        """What is wrong with this policy, in words."""
        if self.fail_after <= timedelta(0):
            return [f"may not be fresh within {self.fail_after}: the age must be positive"]
        if self.warn_after is not None and not timedelta(0) < self.warn_after <= self.fail_after:
            return [f"warns at an age of {self.warn_after}, which must lie between 0 and {self.fail_after}"]
        return []

    def due_at(self, as_of: datetime) -> datetime:
        """The instant from which data of ``as_of`` should be renewed."""
        return as_of + (self.warn_after or self.fail_after)

    def overdue_at(self, as_of: datetime) -> datetime:
        """The instant from which data of ``as_of`` are overdue."""
        return as_of + self.fail_after


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshBy:
    """At each deadline of ``cron`` (in ``timezone``) the data must be newer than ``not_before`` before it."""

    cron: str
    timezone: str = "UTC"
    not_before: timedelta = timedelta(hours=24)

    def problems(self) -> list[str]:
        """What is wrong with this policy, in words."""
        from cronsim import CronSim, CronSimError

        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            return [f"names a time zone that does not exist: '{self.timezone}'"]
        try:
            CronSim(self.cron, datetime(2024, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            return [f"has a deadline '{self.cron}' that is not a cron expression: {error}"]
        if self.not_before <= timedelta(0):
            return [f"accepts data from {self.not_before} before a deadline: the span must be positive"]
        return []

    def due_at(self, as_of: datetime) -> datetime:
        """The instant from which data of ``as_of`` should be renewed: the next window's opening after them."""
        return self.overdue_at(as_of) - self.not_before

    def overdue_at(self, as_of: datetime) -> datetime:
        """The first deadline for which data of ``as_of`` are too old: of ``not_before`` before it, or older."""
        from cronsim import CronSim

        before = as_of + self.not_before - timedelta(microseconds=1)
        return next(CronSim(self.cron, before.astimezone(ZoneInfo(self.timezone)))).astimezone(UTC)


Freshness = FreshWithin | FreshBy


def due_at(policy: Freshness | None, as_of: datetime, ends: bool) -> datetime | None:
    """When the clock makes a volatile asset due; never without a policy, or when its data have ended."""
    return None if policy is None or ends else policy.due_at(as_of)


def fresh_within(fail_after: timedelta, *, warn_after: timedelta | None = None) -> FreshWithin:
    """Data may be ``fail_after`` old; from ``warn_after`` on they are due soon."""
    return FreshWithin(fail_after=fail_after, warn_after=warn_after)


def fresh_by(cron: str, *, timezone: str = "UTC", not_before: timedelta = timedelta(hours=24)) -> FreshBy:
    """At each deadline of ``cron`` the data must be from within the ``not_before`` that precedes it, or newer."""
    return FreshBy(cron=cron, timezone=timezone, not_before=not_before)
