"""Who hears of what is published, and what they hear.

Subscribers are declared in the project's settings, by name:

    [tool.prefect-asset-graph.events.dashboard]
    kind = "webhook"
    url = "https://dashboard.example/published"
    secret = "DASHBOARD_SECRET"        # the variable that holds the key of the signature
    selection = "group:trading"        # otherwise every asset

    [tool.prefect-asset-graph.events.bus]
    kind = "redis"
    url = "$BUS_URL"                   # the variable that holds the URL, where that is a secret
    channel = "published"              # otherwise "assets"
    environments = ["main", "staging"] # otherwise "main" alone
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from graph import AssetGraph, AssetGraphError, near_miss
from graph.selection import parse
from materializers.project import TABLE, ProjectError
from materializers.settings_text import told

_SCHEMES = {"webhook": ("http", "https"), "redis": ("redis", "rediss", "unix")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A version became visible, or none is any more. ``sequence`` is its id, which never changes.

    Args:
        partition: as people name it; None for an asset without partitions.
        data_version: None when nothing is visible any more.
        kind: how it became so: published, promoted, rolled back, …
    """

    sequence: int
    environment: str
    key: str
    partition: str | None
    data_version: str | None
    kind: str
    at: datetime
    run_id: str | None

    def body(self) -> bytes:
        """The event as JSON: the same bytes whenever it is sent."""
        content = {
            "sequence": self.sequence,
            "environment": self.environment,
            "key": self.key,
            "partition": self.partition,
            "data_version": self.data_version,
            "kind": self.kind,
            "at": self.at.astimezone(UTC).isoformat(),
            "run_id": self.run_id,
        }
        return json.dumps(content, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Somebody who hears of what is published.

    Args:
        url: where; or ``$NAME``, the variable of the environment that says it.
        secret: the name of the variable with the key that signs (webhook), or the password (redis).
        keys: the assets that it hears of.
    """

    name: str
    kind: Literal["webhook", "redis"]
    url: str
    keys: frozenset[str]
    environments: frozenset[str]
    secret: str | None = None
    channel: str = "assets"

    def wants(self, environment: str, key: str) -> bool:
        """Whether it hears of an asset in an environment."""
        return environment in self.environments and key in self.keys


class _Settings(BaseModel):
    """One table of the settings."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["webhook", "redis"]
    url: str
    selection: str = "*"
    secret: str | None = None
    channel: str | None = None
    environments: list[str] = Field(default=["main"], min_length=1)


def subscribers(events: Mapping[str, Mapping[str, object]], graph: AssetGraph) -> tuple[Subscriber, ...]:
    """The subscribers that a project's settings declare, by name.

    Raises:
        ProjectError: a setting that is unknown or wrong, or a secret where everybody reads it.
    """
    return tuple(_subscriber(name, events[name], graph) for name in sorted(events))


def _subscriber(name: str, table: Mapping[str, object], graph: AssetGraph) -> Subscriber:
    place = f"[tool.{TABLE}.events.{name}]"
    for word in table:
        if word not in _Settings.model_fields:
            raise ProjectError(f"{place} has no '{word}'.{near_miss(word, _Settings.model_fields)}")
    try:
        settings = _Settings.model_validate(table)
    except ValueError as error:
        raise ProjectError(f"{place} is wrong: {told(error)}") from None
    if settings.channel is not None and settings.kind != "redis":
        raise ProjectError(f"{place} has a channel, which only kind = 'redis' knows; leave it out")
    if not settings.url.startswith("$"):
        check_scheme(settings.url, settings.kind, place)
        if "@" in urlsplit(settings.url).netloc:
            remedy = "name a variable that holds it: url = '$NAME'"
            raise ProjectError(
                f"{place} has a url with a user or a password, which everybody can read; {remedy}"
            )
    try:
        keys = parse(settings.selection).resolve(graph, sources=True)
    except AssetGraphError as error:
        raise ProjectError(f"{place} has a selection that cannot be: {error}") from error
    if not keys:
        raise ProjectError(f"{place} has a selection '{settings.selection}' that names no asset")
    return Subscriber(
        name=name,
        kind=settings.kind,
        url=settings.url,
        keys=frozenset(keys),
        environments=frozenset(settings.environments),
        secret=settings.secret,
        channel=settings.channel or "assets",
    )


def check_scheme(url: str, kind: Literal["webhook", "redis"], place: str) -> None:
    """Refuse a URL of another kind; it is not told, for it may be a secret.

    Raises:
        ProjectError: see above.
    """
    if urlsplit(url).scheme not in _SCHEMES[kind]:
        raise ProjectError(f"{place} has a url that does not begin with {' or '.join(_SCHEMES[kind])}://")
