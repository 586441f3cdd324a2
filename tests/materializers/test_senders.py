"""Ways to a subscriber: real HTTP and real Redis, signatures, and what is tried again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug import Request, Response

from materializers.events import Subscriber
from materializers.senders import NotDelivered, RedisChannel, Webhook, sender_of, signature, signed

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

AT = datetime(2024, 1, 5, tzinfo=UTC)
REDIS = "redis://127.0.0.1:6379/0"


def webhook(server: HTTPServer, secret: str | None = None) -> Webhook:
    return Webhook(url=server.url_for("/hook"), secret=secret, clock=lambda: AT)


def test_an_event_is_posted_with_its_id_and_signature(httpserver: HTTPServer) -> None:
    seen: list[Request] = []

    def hook(request: Request) -> Response:
        request.get_data()
        seen.append(request)
        return Response(status=204)

    httpserver.expect_request("/hook", method="POST").respond_with_handler(hook)
    webhook(httpserver, secret="hunter2").send(7, b'{"sequence":7}')
    (request,) = seen
    assert request.get_data() == b'{"sequence":7}'
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "7"
    assert request.headers["webhook-timestamp"] == str(int(AT.timestamp()))
    text = f"7.{int(AT.timestamp())}.".encode() + b'{"sequence":7}'
    mark = base64.b64encode(hmac.new(b"hunter2", text, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{mark}"


def test_the_signature_is_that_of_the_standard() -> None:
    """The example that libraries of the standard are tested with."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    made = signature("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}', secret)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_without_a_secret_nothing_is_signed() -> None:
    assert signed(7, b"", AT, None).keys() == {"webhook-id", "webhook-timestamp"}


@pytest.mark.parametrize(
    ("status", "again"),
    [
        pytest.param(500, True, id="its fault"),
        pytest.param(503, True, id="not now"),
        pytest.param(429, True, id="too many"),
        pytest.param(408, True, id="too slow"),
        pytest.param(400, False, id="not understood"),
        pytest.param(410, False, id="gone"),
        pytest.param(302, False, id="a redirect is no answer"),
    ],
)
def test_what_is_not_acknowledged_is_told_with_whether_to_try_again(
    httpserver: HTTPServer, status: int, again: bool
) -> None:
    elsewhere = {"Location": httpserver.url_for("/elsewhere")}
    httpserver.expect_request("/hook").respond_with_data("", status=status, headers=elsewhere)
    with pytest.raises(NotDelivered, match=f"^it answered {status}$") as caught:
        webhook(httpserver).send(7, b"{}")
    assert caught.value.again is again
    assert len(httpserver.log) == 1


def test_nobody_there_is_tried_again() -> None:
    with pytest.raises(NotDelivered, match="refused") as caught:
        Webhook(url="http://127.0.0.1:1/secret-path", clock=lambda: AT).send(7, b"{}")
    assert caught.value.again
    assert "secret-path" not in str(caught.value)


def test_a_message_is_published_on_a_channel() -> None:
    redis = pytest.importorskip("redis")
    client = redis.Redis.from_url(REDIS)
    try:
        client.ping()
    except redis.RedisError as error:
        pytest.skip(f"there is no Redis at {REDIS}: {error}")
    channel = f"outside-test-{uuid.uuid4().hex}"
    with client, client.pubsub(ignore_subscribe_messages=True) as listening:
        listening.subscribe(channel)
        listening.get_message(timeout=5)  # that it listens
        sender = RedisChannel(REDIS, None, channel)
        sender.send(7, b'{"sequence":7}')
        sender.close()
        heard: Any = None
        while heard is None:
            heard = listening.get_message(timeout=5)
    assert heard["data"] == b'{"sequence":7}'


def test_no_redis_is_tried_again_and_its_password_not_told() -> None:
    sender = RedisChannel("redis://127.0.0.1:1/0", "hunter2", "assets")
    with pytest.raises(NotDelivered) as caught:
        sender.send(7, b"{}")
    sender.close()
    assert caught.value.again
    assert "hunter2" not in str(caught.value)


def subscriber(**changes: Any) -> Subscriber:
    written: dict[str, Any] = {"kind": "webhook", "url": "https://x.example", "name": "x"}
    return Subscriber(**(written | {"keys": frozenset(), "environments": frozenset()} | changes))


def test_secrets_are_read_from_the_environment() -> None:
    sender = sender_of(
        subscriber(url="$URL", secret="KEY"), {"URL": "https://y.example", "KEY": "k" * 8}, lambda: AT
    )
    assert isinstance(sender, Webhook)
    assert (sender.url, sender.secret) == ("https://y.example", "k" * 8)
    assert "kkkk" not in repr(sender)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"secret": "KEY"}, "the variable KEY is not set", id="no secret"),
        pytest.param({"url": "$URL"}, "the variable URL is not set", id="no URL"),
        pytest.param(
            {"url": "$BAD"}, "the variable BAD has a url that does not begin with http", id="another URL"
        ),
    ],
)
def test_what_is_missing_in_the_environment_is_told(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(NotDelivered, match=re.escape(told)) as caught:
        sender_of(subscriber(**changes), {"BAD": "ftp://hunter2"}, lambda: AT)
    assert not caught.value.again
    assert "hunter2" not in str(caught.value)


def test_a_secret_that_is_no_base64_is_told() -> None:
    with pytest.raises(NotDelivered, match="is no base64"):
        signed(7, b"", AT, "whsec_?")
