"""What is wrong with resolved declarations, apart from their parameters."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from graph.asset_graph import Asset, Context, Provider, Upstream
from graph.check_problems import problems_of_checks
from graph.declare import Format, Isolation
from graph.deeds import problems_of_acceptance
from graph.errors import Problem, near_miss
from graph.partitions import Partitions, Product, is_timed


def problems_of(asset: Asset, assets: Mapping[str, Asset], private: frozenset[str]) -> list[Problem]:
    """What is wrong with one resolved asset, apart from its parameters; ``private`` are its columns that are masked."""
    found: list[str] = []
    found.extend(_continuous_problems(asset, assets))
    found.extend(_partition_problems(asset))
    for policy in (asset.freshness, asset.catch_up, asset.cadence):
        found.extend(policy.problems() if policy else [])
    if asset.automation is not None:
        found.extend(f"has an automation that {problem}" for problem in asset.automation.problems())
    found.extend(problems_of_checks(asset, assets, private))
    if asset.partitions is None and any(isinstance(i, Context) and i.what == "Window" for i in asset.inputs):
        found.append("takes a Window but has no partitions; declare partitions=Daily(...).")
    if inspect.iscoroutinefunction(asset.function) or inspect.isasyncgenfunction(asset.function):
        found.append("is an async def; write a def, with asyncio.run(...) inside where it has to await.")
    if asset.stored_as is not None and asset.stored_as not in get_args(Format):
        found.append(_no_choice("stored_as", asset.stored_as, get_args(Format)))
    run = asset.execution
    if run.isolation not in get_args(Isolation):
        found.append(_no_choice("isolation", run.isolation, get_args(Isolation)))
    if run.retries < 0 or run.retry_delay.total_seconds() < 0:
        found.append("retries a negative number of times or after a negative delay.")
    if run.retry_after is not None and run.retry_after.total_seconds() <= 0:
        found.append(f"is tried again {run.retry_after} after a failure, which must be positive.")
    if run.timeout is not None and run.timeout.total_seconds() <= 0:
        found.append(f"has a time-out of {run.timeout}, which must be positive.")
    found.extend(
        f"has an owner '{owner}', which is neither an e-mail address nor team:name."
        for owner in asset.labels.owners
        if "@" not in owner and not owner.startswith("team:")
    )
    if asset.batch is not None:
        if asset.partitions is None:
            found.append("is made in batches of partitions, and has no partitions=.")
        if asset.batch.size is not None and asset.batch.size < 1:
            found.append(f"is made in batches of {asset.batch.size} partitions; it must be at least one.")
    found.extend(problems_of_acceptance(asset))
    for given in (*asset.edges, *(given for given in asset.order if given.key != asset.key)):
        above = assets[given.key]
        if not _partition_problems(asset) and not _partition_problems(above):
            problems = _mapping_problems(asset, given, above)
            found.extend(f"reads '{given.key}' and {problem}" for problem in problems)
    return [Problem(key=asset.key, where=asset.where, message=message) for message in found]


def _continuous_problems(asset: Asset, assets: Mapping[str, Asset]) -> list[str]:
    """What is wrong with a continuous asset."""
    if asset.cadence is None:
        return []
    found = []
    if asset.partitions is not None and not is_timed(asset.partitions):
        found.append("has a cadence, and partitions that are no windows of time; leave one of both out.")
    if asset.automation is not None:
        found.append("has a cadence and automation; a loop of its own calls it: leave automation= out.")
    if asset.batch is not None or asset.volatile:
        found.append("has a cadence, and batch= or volatile=, which mean nothing for it.")
    found.extend(
        f"has a cadence and partitions, and reads '{given.key}', which has partitions too; its own window is not over"
        " when it reads: leave partitions= out."
        for given in asset.edges
        if asset.partitions is not None and assets[given.key].partitions is not None
    )
    return found


def _partition_problems(asset: Asset) -> list[str]:
    """What is wrong with how an asset is partitioned."""
    partitions = asset.partitions
    if partitions is None:
        return []
    if isinstance(partitions, type) or not hasattr(partitions, "problems"):
        return [f"has partitions={partitions!r}, which is no definition; write partitions=Daily(start=...)"]
    try:
        found = partitions.problems()
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        return [f"has partitions that cannot be read, {partitions!r}: {error}"]
    if not found and asset.batch is not None and asset.batch.by is not None and not _has_time(partitions):
        found = [f"is split by the column '{asset.batch.by}', and its partitions have no time"]
    return found


def _has_time(partitions: Partitions) -> bool:
    return is_timed(partitions) or (isinstance(partitions, Product) and partitions.clock is not None)


def _mapping_problems(asset: Asset, given: Upstream, above: Asset) -> list[str]:
    """What is wrong with the partitions that an edge maps to each other."""
    if given.key != asset.key:
        return given.mapping.problems(asset.partitions, above.partitions)
    if asset.partitions is None or not given.mapping.goes_back:
        return [
            "so depends on itself; only what goes back in time may: Reads(..., Overlap(start_offset=...))"
        ]
    if asset.batch is not None:
        return ["makes it in batches; what reads its own earlier partitions is made one by one"]
    return given.mapping.problems(asset.partitions, above.partitions)


def problems_outside(assets: Iterable[Asset], providers: Mapping[str, Provider]) -> list[Problem]:
    """What is wrong with the places outside that assets are copied to."""
    found: list[Problem] = []
    owners: dict[tuple[type | None, str], str] = {}
    for asset in assets:
        if asset.outside is None:
            continue
        told = list(asset.outside.problems())
        connection, place = asset.outside.connection, asset.outside.place("main")
        name = connection.__name__ if connection is not None else None
        if name is not None and name not in providers:
            told.append(f"is copied over {name}, which no @resource returns.{near_miss(name, providers)}")
        owner = owners.setdefault((connection, place), asset.key)
        if owner != asset.key:
            told.append(f"is copied to {place}, and so is '{owner}'; give each a place of its own.")
        found.extend(Problem(key=asset.key, where=asset.where, message=message) for message in told)
    return found


def _no_choice(option: str, given: object, choices: Sequence[str]) -> str:
    """What is wrong with an option that is none of its choices."""
    known = ", ".join(f"'{choice}'" for choice in choices)
    return f"has {option}={given!r}, which is none of {known}.{near_miss(str(given), choices)}"
