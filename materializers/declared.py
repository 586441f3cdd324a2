"""What is declared of an asset besides its code, and makes other values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from graph import Asset
from graph.aside import QUARANTINE
from graph.asset_graph import Context
from graph.declare import Check
from graph.partition_text import clock_of

_BEGINS = ("minute_offset", "hour_offset", "day_offset", "cron")
"""The fields of partitions of time that say when a window begins, apart from the time zone."""


def declared(
    asset: Asset, together: Sequence[Asset], checks: Callable[[str], Sequence[Check]]
) -> Mapping[str, object]:
    """How its values are stored, which rows are moved out of them, and when a day begins.

    The same for all outputs of one function, which are made together.

    Args:
        together: the assets that the function makes.
        checks: by key, an asset's checks, knowing the code of their functions.
    """
    found: dict[str, object] = {}
    made = [one for one in together if one.aside_of is None]
    stored = {one.output: one.stored_as for one in made if one.stored_as is not None}
    if stored:
        found["(stored as)"] = stored
    moving = {
        one.output: sorted(check.digest for check in checks(one.key) if check.severity == QUARANTINE)
        for one in made
        if one.aside is not None
    }
    if moving:
        found["(moved aside by)"] = moving
    windows = any(isinstance(given, Context) and given.what == "Window" for given in asset.inputs)
    if asset.partitions is not None and (windows or (asset.batch is not None and asset.batch.by)):
        clock = clock_of(asset.partitions)
        found["(time zone)"] = clock.timezone if clock else ""
        begins = {name: value for name in _BEGINS if (value := getattr(clock, name, None))}
        if begins:
            found["(windows)"] = begins
    return found
