"""What is wrong with the checks of resolved assets: found at load, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graph.aside import QUARANTINE
from graph.asset_graph import Asset
from graph.declare import Check
from graph.errors import near_miss


def problems_of_checks(
    asset: Asset, assets: Mapping[str, Asset], private: frozenset[str] = frozenset()
) -> Iterator[str]:
    """What is wrong with an asset's checks, beginning with a verb; ``private`` are the columns that are masked."""
    names = [check.name for check in asset.checks]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield f"has two checks named '{name}'; give one a name=."
    own = only_columns(asset)
    for check in asset.checks:
        if own is not None:
            yield from _missing_here(check, own)
        yield from _missing_upstream(check, asset, assets)
        if check.whole and asset.partitions is None:
            yield f"has the check '{check.name}' about all partitions, and has none; leave across_partitions out."
        if check.compares and (hidden := private.intersection(check.columns)):
            yield (
                f"has the check '{check.name}', which keeps figures of the column '{min(hidden)}' to compare with,"
                " and that is private; leave one of both out."
            )
    if (aside := next((c for c in asset.checks if c.severity == QUARANTINE), None)) and (
        why := _keeps_all(asset)
    ):
        yield f"has the check '{aside.name}' that moves rows aside, and {why}; make it an error or a warning."


def only_columns(asset: Asset) -> frozenset[str] | None:
    """The columns that an asset promises to have and no others; None where it does not say."""
    said = [
        check.only_columns
        for check in asset.checks
        if check.severity == "error" and check.only_columns is not None
    ]
    return frozenset(said[0]) if said else None


def _missing_here(check: Check, own: frozenset[str]) -> Iterator[str]:
    for column in check.columns:
        if column not in own:
            miss = near_miss(column, own)
            yield f"has the check '{check.name}' of a column '{column}', which its own schema lacks.{miss}"


def _missing_upstream(check: Check, asset: Asset, assets: Mapping[str, Asset]) -> Iterator[str]:
    read = {given.parameter: given.key for given in asset.edges}
    for parameter, columns in check.needs:
        if parameter not in read:
            yield (
                f"has the check '{check.name}' that compares with '{parameter}', which its function does not read."
                f"{near_miss(parameter, read)}"
            )
            continue
        there = only_columns(assets[read[parameter]])
        for column in columns:
            if there is not None and column not in there:
                yield (
                    f"needs the column '{column}' of '{read[parameter]}' (check '{check.name}'), whose schema lacks it."
                    f"{near_miss(column, there)}"
                )


def _keeps_all(asset: Asset) -> str:
    """Why no rows of an asset can be moved aside; empty where they can."""
    if asset.is_source:
        return "it is a source, whose data are others'"
    if asset.is_effect:
        return "it is an effect, whose receipts are all kept"
    return "it has a cadence, and publishes summaries" if asset.cadence is not None else ""
