"""One call of an asset's function, and how it may go wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graph import Asset, AssetGraphError, Skip
from materializers.arguments import Taken

STOP_POLL_S = 0.05
"""How often somebody who waits looks whether the run was stopped."""


class NotDone(AssetGraphError):
    """The function did not give a value; the cause is chained."""


class TimedOut(NotDone):
    """The function took longer than its time-out allows; a result that comes later is discarded."""


class Stopped(Exception):
    """The run was stopped while the function ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of one function, whose arguments are loaded when they are needed.

    Args:
        partitions: the keys of the partitions that it makes; none for an asset without.
        taken: the versions that it reads.
        live: whether effects are performed.
    """

    asset: Asset
    outputs: tuple[Asset, ...]
    partitions: tuple[str, ...]
    arguments: Callable[[], Mapping[str, Any]]
    run_id: str
    number: int
    taken: Taken
    live: bool = True


def by_key(call: Call, value: object) -> Mapping[str, object] | Skip:
    """What a function returned, by asset; several assets come as a mapping from their names."""
    if isinstance(value, Skip):
        return value
    if not call.asset.several:
        return {call.asset.key: value}
    names = [output.output for output in call.outputs]
    if not isinstance(value, Mapping) or set(value) != set(names):
        got = sorted(value) if isinstance(value, Mapping) else type(value).__name__
        raise NotDone(f"it must return a mapping with the names {names}, and gave {got}")
    return {output.key: value[output.output] for output in call.outputs}
