"""How long is waited, and when it ends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from assets.market.http_retries import RETRIED, Patience

NOW = datetime(2024, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failures", "retry_after", "wait_s"),
    [
        pytest.param(1, None, 0, id="the first repetition is made at once"),
        pytest.param(2, None, 4, id="the second waits"),
        pytest.param(4, None, 16, id="each twice as long"),
        pytest.param(9, None, 90, id="to a limit"),
        pytest.param(1, "7", 7, id="the service says how long"),
        pytest.param(1, "Tue, 02 Jan 2024 12:00:30 GMT", 30, id="or until when"),
        pytest.param(1, "Tue, 02 Jan 2024 11:00:00 GMT", 0, id="which may be past"),
        pytest.param(1, "3600", 90, id="but not for ever"),
        pytest.param(2, "soon", 4, id="what is neither number nor date says nothing"),
    ],
)
def test_waits(failures: int, retry_after: str | None, wait_s: float) -> None:
    assert Patience().wait_s(failures, retry_after, NOW) == wait_s


def test_the_policy_of_urllib3_is_the_same() -> None:
    patience, policy = Patience(), Patience().policy()
    waits = []
    for failures in range(1, patience.attempts):
        policy = policy.increment("GET", "/", error=None)
        waits.append((policy.get_backoff_time(), patience.wait_s(failures, None, NOW)))
    assert all(theirs == ours for theirs, ours in waits), waits
    assert sum(ours for _, ours in waits) == 60
    assert all(policy.is_retry("GET", status) for status in RETRIED)
    assert not policy.is_retry("GET", 401)


def test_the_policy_of_urllib3_ends_after_the_attempts() -> None:
    from urllib3.exceptions import MaxRetryError

    policy = Patience(attempts=2).policy().increment("GET", "/")
    with pytest.raises(MaxRetryError):
        policy.increment("GET", "/")


def test_the_policy_of_urllib3_heeds_retry_after() -> None:
    from urllib3 import HTTPResponse

    policy = Patience().policy()
    assert policy.get_retry_after(HTTPResponse(headers={"Retry-After": "7"}, status=429)) == 7
    assert policy.get_retry_after(HTTPResponse(headers={"Retry-After": "3600"}, status=429)) == 90
