"""Places outside of the store that show what is published: what the graph knows of them, and what they promise."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable


class Destination(Protocol):
    """One place outside, opened for one asset in one environment: a table of a database, a key of a cache.

    It shows a copy of what is published, together with the data version that the copy is of.

    Laws:
        After ``replace(value, version)`` others find the value there, and ``current() == version``.
        Whoever reads the place finds the value before or the value after, whenever and however the writer is stopped;
        the version always belongs to the value.
        A place that holds what this asset did not put there is left as it is, and refused.
    """

    def current(self) -> str | None:
        """The data version of the copy; None where there is none of this asset."""

    def replace(self, value: object, data_version: str) -> None:
        """Put a value there, in the place of what was there before."""

    def remove(self) -> None:
        """Take this asset's copy away, if there is one."""


@runtime_checkable
class Outside(Protocol):
    """What ``stored_as=`` may say besides a format: the description of a place outside, the same in every process."""

    @property
    def connection(self) -> type | None:
        """The type of the resource that leads there; None where it needs none."""

    @property
    def format(self) -> Literal["table", "json", "file"] | None:
        """How the value is kept in the store; None where it decides itself."""

    @property
    def expires(self) -> bool:
        """Whether the copy goes away by itself, so that each run that finds the asset up to date renews it."""

    def problems(self) -> list[str]:
        """What is wrong with this description, in words; empty when nothing is."""

    def place(self, environment: str) -> str:
        """What it is called in an environment: no two environments share a place."""

    def open(self, connection: object, *, key: str, environment: str) -> Destination:
        """The place of one asset in one environment; ``connection`` is the resource."""
