"""How an event reaches a subscriber: a signed POST, or a message on a channel of Redis.

Webhooks are signed as https://www.standardwebhooks.com says, for which there are libraries: the HMAC-SHA256 of
``id.timestamp.body``. The id is the event's sequence.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPException
from typing import Protocol
from urllib.error import URLError
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

from graph import AssetGraphError
from materializers.events import Subscriber, check_scheme
from materializers.project import ProjectError

_TIMEOUT_S = 10.0
_PASSING = frozenset({408, 425, 429})
"""Client errors that the same request may not meet again."""


class NotDelivered(AssetGraphError):
    """An event was not acknowledged.

    Attributes:
        again: whether the same may be taken in a moment.
    """

    def __init__(self, reason: str, *, again: bool) -> None:
        self.again = again
        super().__init__(reason)


class Sender(Protocol):
    """A way to one subscriber."""

    def send(self, sequence: int, body: bytes) -> None:
        """Send, and return when it was acknowledged. Raises NotDelivered."""

    def close(self) -> None:
        """Give up its connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Posts events; any answer of the 200s acknowledges. Redirects are not followed."""

    url: str
    secret: str | None = field(default=None, repr=False)
    clock: Callable[[], datetime]

    def send(self, sequence: int, body: bytes) -> None:
        """See `Sender`."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "prefect-asset-graph",
            **signed(sequence, body, self.clock(), self.secret),
        }
        opener = OpenerDirector()  # without the handlers that follow redirects and raise errors
        for handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler()):
            opener.add_handler(handler)
        try:
            request = Request(self.url, body, headers, method="POST")  # noqa: S310  # http or https, see check_scheme
            with opener.open(request, timeout=_TIMEOUT_S) as answer:
                status = answer.status
        except (OSError, HTTPException) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise NotDelivered(f"{type(error).__name__}: {reason}", again=True) from error
        if not 200 <= status < 300:
            raise NotDelivered(f"it answered {status}", again=status >= 500 or status in _PASSING)

    def close(self) -> None:
        """See `Sender`."""


def signed(sequence: int, body: bytes, at: datetime, secret: str | None) -> dict[str, str]:
    """The headers that name a message and, with a secret, sign it."""
    identity, sent_at = str(sequence), str(int(at.timestamp()))
    headers = {"webhook-id": identity, "webhook-timestamp": sent_at}
    if secret is not None:
        headers["webhook-signature"] = signature(identity, sent_at, body, secret)
    return headers


def signature(identity: str, sent_at: str, body: bytes, secret: str) -> str:
    """The signature of a message. A secret ``whsec_...`` is base64; any other is taken as it is.

    Source: the Standard Webhooks specification, section "Symmetric Signature".
    """
    mark = hmac.new(_key(secret), f"{identity}.{sent_at}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(mark).decode()}"


def _key(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise NotDelivered("its secret begins with whsec_ and is no base64", again=False) from error


class RedisChannel:
    """Publishes events on a channel. Redis acknowledges; it keeps nothing for who does not listen."""

    def __init__(self, url: str, password: str | None, channel: str) -> None:
        try:
            import redis
        except ImportError as error:
            remedy = "redis is not installed; pip install 'prefect-asset-graph[redis]'"
            raise NotDelivered(remedy, again=False) from error
        secret = {} if password is None else {"password": password}  # else the one of the URL
        self._channel = channel
        self._errors = redis.RedisError
        self._client = redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, **secret
        )

    def send(self, sequence: int, body: bytes) -> None:
        """See `Sender`."""
        try:
            self._client.publish(self._channel, body)
        except self._errors as error:
            raise NotDelivered(" ".join(str(error).split()), again=True) from error

    def close(self) -> None:
        """See `Sender`."""
        self._client.close()


def sender_of(subscriber: Subscriber, environ: Mapping[str, str], clock: Callable[[], datetime]) -> Sender:
    """The way to a subscriber.

    Raises:
        NotDelivered: a variable that it names is not set, or what it says is no such URL.
    """
    url = subscriber.url
    if url.startswith("$"):
        url = _variable(url[1:], environ)
        try:
            check_scheme(url, subscriber.kind, f"the variable {subscriber.url[1:]}")
        except ProjectError as error:
            raise NotDelivered(str(error), again=False) from error
    secret = _variable(subscriber.secret, environ) if subscriber.secret is not None else None
    match subscriber.kind:
        case "webhook":
            return Webhook(url=url, secret=secret, clock=clock)
        case "redis":
            return RedisChannel(url, secret, subscriber.channel)


def _variable(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name)
    if not value:
        raise NotDelivered(f"the variable {name} is not set; set it", again=False)
    return value
