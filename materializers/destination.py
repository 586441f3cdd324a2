"""What every place outside needs: the mark that a copy carries, its errors, and a place in memory.

OutsideError
└── NotOurs      the place holds something that this asset did not put there

For what a `graph.destination.Destination` promises, see there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from graph.errors import AssetGraphError

if TYPE_CHECKING:
    from pydantic import SecretStr

_SIGN = "prefect-asset-graph "


class OutsideError(AssetGraphError):
    """A place outside that cannot be read or written."""


class NotOurs(OutsideError):
    """A place that holds something that this asset did not put there; it is left as it is."""

    def __init__(self, key: str, place: str, owner: str | None) -> None:
        self.key, self.place, self.owner = key, place, owner
        whose = f"a copy of asset '{owner}'" if owner else "something that was not put there by an asset"
        super().__init__(
            f"asset '{key}' cannot be copied to {place}, which holds {whose}: take that away, or name another place"
        )


class HasUrl(Protocol):
    """What the resource of a connection has: a URL, in which a password may stand."""

    @property
    def url(self) -> SecretStr: ...


def url_of(connection: object, place: str) -> SecretStr:
    """The URL of a connection's resource.

    Raises:
        OutsideError: it has none, or shows it openly.
    """
    url: SecretStr | None = getattr(connection, "url", None)
    if url is None or not hasattr(url, "get_secret_value"):
        kind = type(connection).__qualname__
        raise OutsideError(
            f"{place} is reached over {kind}, which has no url; give it an attribute url: SecretStr"
        )
    return url


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is kept beside a copy: whose it is, and which version."""

    key: str
    data_version: str

    def text(self) -> str:
        """The mark as it is written."""
        return _SIGN + json.dumps({"asset": self.key, "data_version": self.data_version})

    @classmethod
    def of(cls, text: str | None) -> Mark | None:
        """The inverse of `text`; None for what is no mark.

        >>> Mark.of(Mark(key="market/prices", data_version="t1-0a").text())
        Mark(key='market/prices', data_version='t1-0a')
        >>> Mark.of("closing prices, do not touch")
        """
        if text is None or not text.startswith(_SIGN):
            return None
        try:
            found = json.loads(text.removeprefix(_SIGN))
            return cls(key=str(found["asset"]), data_version=str(found["data_version"]))
        except (ValueError, KeyError, TypeError):
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlace:
    """A place in this process, for notebooks and tests: ``held`` has, by place, the mark and the value."""

    name: str = field(kw_only=False)
    held: dict[str, tuple[Mark | None, object]] = field(default_factory=dict, compare=False, repr=False)
    connection: None = None
    format: None = None
    expires: bool = False

    def problems(self) -> list[str]:
        """See `graph.destination.Outside`."""
        return [] if self.name else ["is copied to a place without a name."]

    def place(self, environment: str) -> str:
        """See `graph.destination.Outside`."""
        return self.name if environment == "main" else f"{self.name}@{environment}"

    def open(self, connection: object, *, key: str, environment: str) -> MemoryDestination:
        """See `graph.destination.Outside`."""
        return MemoryDestination(key=key, place=self.place(environment), held=self.held)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryDestination:
    """See `graph.destination.Destination`."""

    key: str
    place: str
    held: dict[str, tuple[Mark | None, object]]

    def current(self) -> str | None:
        """See `graph.destination.Destination`."""
        mark, _ = self.held.get(self.place, (None, None))
        return mark.data_version if mark is not None and mark.key == self.key else None

    def replace(self, value: object, data_version: str) -> None:
        """See `graph.destination.Destination`."""
        self._refuse_others()
        self.held[self.place] = Mark(key=self.key, data_version=data_version), value

    def remove(self) -> None:
        """See `graph.destination.Destination`."""
        if self.place in self.held:
            self._refuse_others()
            del self.held[self.place]

    def _refuse_others(self) -> None:
        if self.place in self.held:
            mark, _ = self.held[self.place]
            if mark is None or mark.key != self.key:
                raise NotOurs(self.key, self.place, mark.key if mark else None)
