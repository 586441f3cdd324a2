"""Copies of what is published in places outside: made when a version becomes visible, and made up for when they lag.

A copy follows the ledger and never leads it. Its place says which version it is of, so that a copy that was
interrupted, or whose place could not be reached, is seen by the next run, whether that builds anything or not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from graph.destination import Destination, Outside
from graph.errors import AssetGraphError
from graph.partition_set import WHOLE
from graph.reading import Reader
from materializers.destination import OutsideError
from materializers.workspace import Workspace

CopyState = Literal["copied", "current", "behind", "removed", "not published", "failed"]
_MOST_ROUNDS = 5
"""How often what is published may move while it is being copied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """How one asset's copy outside stands.

    Args:
        state: ``copied`` just now, or ``current`` before; ``behind``: another version, or none, is there;
            ``not published``: there is nothing to copy; ``failed``: see the reason.
    """

    key: str
    place: str
    state: CopyState
    data_version: str | None = None
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.key} -> {self.place}: {self.state}{f' ({self.reason})' if self.reason else ''}"


class Published(Protocol):
    """What is visible of an asset in one environment, now."""

    def version(self, key: str) -> str | None:
        """The data version, or the set digest of several partitions; None when nothing is published."""

    def value(self, key: str) -> object:
        """The value, of all partitions together."""


def copy_published(
    workspace: Workspace, keys: Iterable[str], *, verified: Collection[str] = ()
) -> tuple[Copy, ...]:
    """Bring the copies of some assets up to date; one that fails is told and stops no other.

    To be called when versions have become visible (a publication, an adoption, a promotion, a rollback), and at the
    end of each run for all that it looked at. Without assets that have a place outside it costs nothing.

    Args:
        verified: the keys that were found up to date just now, built or kept: of these, copies that expire are
            renewed.
    """
    published = InEnvironment(workspace)
    return _each(
        workspace,
        keys,
        lambda key, outside, place: bring_up(place, published, key, anew=outside.expires and key in verified),
    )


def look_at_copies(workspace: Workspace, keys: Iterable[str]) -> tuple[Copy, ...]:
    """How the copies of some assets stand; nothing is changed."""
    published = InEnvironment(workspace)

    def look(key: str, _: Outside, place: Destination) -> tuple[CopyState, str | None]:
        version = published.version(key)
        if version is None:
            return "not published", None
        return ("current" if place.current() == version else "behind"), version

    return _each(workspace, keys, look)


def remove_copies(workspace: Workspace, keys: Iterable[str]) -> tuple[Copy, ...]:
    """Take the copies of some assets away, when their environment is dropped."""

    def remove(key: str, _: Outside, place: Destination) -> tuple[CopyState, str | None]:
        place.remove()
        return "removed", None

    return _each(workspace, keys, remove)


def bring_up(
    destination: Destination, published: Published, key: str, *, anew: bool = False
) -> tuple[CopyState, str | None]:
    """Make a place show what is published, and say whether it did not before.

    What is published is asked for again afterwards. So of two runs that copy at once, the one that ends last leaves
    what is published, whichever they began with.

    Args:
        anew: copy even what is there.
    """
    state: CopyState = "current"
    for _ in range(_MOST_ROUNDS):
        version = published.version(key)
        if version is None:
            return "not published", None
        if destination.current() == version and not anew:
            return state, version
        value = published.value(key)
        if published.version(key) == version:
            destination.replace(value, version)
            state, anew = "copied", False
    raise OutsideError(
        f"asset '{key}' is published again and again while it is being copied; the next run goes on"
    )


@dataclass(frozen=True, slots=True)
class InEnvironment:
    """See `Published`. What a new environment only reads from its parent is not published in it."""

    workspace: Workspace

    def version(self, key: str) -> str | None:
        """See `Published`."""
        ledger, environment, graph = self.workspace.ledger, self.workspace.environment, self.workspace.graph
        if not ledger.publications(key, environment=environment, limit=1):
            return None
        with ledger.state(environment, [key]) as state:
            if graph[key].partitions is not None:
                reader = Reader(graph=graph, state=state, horizon=self.workspace.horizon())
                partitions = reader.visible(key)
                return state.digest(key, partitions) if partitions else None
            version = state.published(key).get(WHOLE)
            return version.data_version if version is not None else None

    def value(self, key: str) -> object:
        """See `Published`."""
        is_table = self.workspace.graph[key].stored_as == "table"
        value: object = self.workspace.load(key, as_type="pa.Table" if is_table else None)
        return value


def _each(
    workspace: Workspace,
    keys: Iterable[str],
    act: Callable[[str, Outside, Destination], tuple[CopyState, str | None]],
) -> tuple[Copy, ...]:
    def copies() -> Iterator[Copy]:
        chosen = frozenset(keys)
        for key, asset in workspace.graph.assets.items():
            if asset.outside is None or key not in chosen:
                continue
            place = asset.outside.place(workspace.environment)
            try:
                destination = _opened(workspace, asset.outside, key)
                state, version = act(key, asset.outside, destination)
                yield Copy(key=key, place=place, state=state, data_version=version)
            except AssetGraphError as error:
                yield Copy(key=key, place=place, state="failed", reason=workspace.hidden(str(error)))
            except Exception as error:  # noqa: BLE001  # a library that speaks with the outside: its trouble is one copy's
                reason = workspace.hidden(f"{type(error).__name__}: {error}")
                yield Copy(key=key, place=place, state="failed", reason=reason)

    return tuple(copies())


def _opened(workspace: Workspace, outside: Outside, key: str) -> Destination:
    connection = outside.connection
    made = workspace.resource(connection.__name__) if connection is not None else None
    return outside.open(made, key=key, environment=workspace.environment)
