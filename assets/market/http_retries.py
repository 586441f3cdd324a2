"""How long a web service is waited for, and how often it is asked again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from urllib3.util import Retry

RETRIED = (429, 500, 502, 503, 504)
"""Answers that may be others a moment later: too many requests, and trouble on the other side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Time-outs and attempts; a ``Retry-After`` of the service goes before our own waiting.

    Args:
        timeout_s: of one answer, in seconds.
        attempts: requests that are made before it counts as failed.
        first_wait_s: before the second repetition, in seconds (the first is made at once); each wait is twice the
            one before. The default of six attempts lasts a minute, as limits per minute want.
        longest_wait_s: of one wait, whoever asks for it.
    """

    timeout_s: float = 20.0
    attempts: int = 6
    first_wait_s: float = 4.0
    longest_wait_s: float = 90.0

    def policy(self) -> Retry:
        """The same for what is built on urllib3; it raises when the attempts are used up."""
        from urllib3.util import Retry

        return Retry(
            total=self.attempts - 1,
            status_forcelist=RETRIED,
            allowed_methods=("GET",),
            backoff_factor=self.first_wait_s / 2,
            backoff_max=self.longest_wait_s,
            retry_after_max=int(self.longest_wait_s),
        )

    def wait_s(self, failures: int, retry_after: str | None, now: datetime) -> float:
        """How long to wait after ``failures`` failures in a row, the last of which came with ``retry_after``.

        >>> from datetime import UTC
        >>> [Patience().wait_s(n, None, datetime(2024, 1, 1, tzinfo=UTC)) for n in (1, 2, 3, 9)]
        [0.0, 4.0, 8.0, 90.0]
        """
        asked = _seconds(retry_after, now)
        if asked is None:
            asked = 0.0 if failures < 2 else self.first_wait_s * 2.0 ** (failures - 2)
        return min(asked, self.longest_wait_s)


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    """Of a ``Retry-After`` header: a number of seconds or a date (RFC 9110, 10.2.3); None if it is neither."""
    if not retry_after:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - now).total_seconds())
    except (TypeError, ValueError):  # no date, or one without a zone
        return None
