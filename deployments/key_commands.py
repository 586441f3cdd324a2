"""The keys of dynamic partitions, which come and go: `assets keys`."""

from __future__ import annotations

import click

from deployments.answers import Answer
from deployments.command_options import as_json, examples


@click.group(epilog=examples("assets keys list symbols", "assets keys add symbols AAPL MSFT"))
def keys() -> None:
    """The keys of dynamic partitions. SET is the name in `Dynamic(...)`."""


@keys.command("list", epilog=examples("assets keys list symbols", "assets keys list symbols --json"))
@click.argument("name", metavar="SET")
@as_json
def list_keys(name: str) -> Answer:
    """List the keys of a set, in the order in which they came."""
    from deployments import dynamic_keys
    from deployments.opening import workspace_for

    return dynamic_keys.listed(workspace_for(None), name)


@keys.command("add", epilog=examples("assets keys add symbols AAPL MSFT"))
@click.argument("name", metavar="SET")
@click.argument("added", metavar="KEY...", nargs=-1, required=True)
@as_json
def add(name: str, added: tuple[str, ...]) -> Answer:
    """Add keys: each is a partition of every asset of the set from now on."""
    from deployments import dynamic_keys
    from deployments.opening import workspace_for

    return dynamic_keys.changed(workspace_for(None), name, added, present=True)


@keys.command("remove", epilog=examples("assets keys remove symbols MSFT"))
@click.argument("name", metavar="SET")
@click.argument("removed", metavar="KEY...", nargs=-1, required=True)
@as_json
def remove(name: str, removed: tuple[str, ...]) -> Answer:
    """Remove keys: nobody reads their partitions any more; what was published of them stays on record."""
    from deployments import dynamic_keys
    from deployments.opening import workspace_for

    return dynamic_keys.changed(workspace_for(None), name, removed, present=False)
