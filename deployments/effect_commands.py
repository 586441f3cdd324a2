"""The commands of `assets effects`: options and help, nothing more."""

from __future__ import annotations

import click

from deployments.answers import Answer
from deployments.command_options import (
    as_json,
    by,
    colours,
    complete_keys,
    env,
    examples,
    limit,
    reason,
    selection,
)

_one_effect = click.argument("key", shell_complete=complete_keys)


@click.group(
    epilog=examples(
        "assets effects list --open",
        "assets effects show order_submission 2024-05-06",
        "assets effects reconcile",
        "assets effects resolve order_submission 2024-05-06 paper:KO:BUY --not-performed --by ada --reason asked",
        "assets effects reissue order_submission 2024-05-06 --by ada --reason 'all were cancelled there'",
        closing="An item in doubt holds its effect, and all effects below, until it is known whether it was performed.",
    )
)
def effects() -> None:
    """Look at what was done to the outside world, and settle what is in doubt."""


@effects.command(
    "list",
    epilog=examples("assets effects list", "assets effects list --open --json", "assets effects list mail"),
)
@selection(otherwise="*")
@click.option("--open", "open_only", is_flag=True, help="Only what is neither done nor given up.")
@limit(200)
@env
@as_json
def list_(selection: str, open_only: bool, limit: int, env: str | None) -> Answer:
    """List the items of effects, each with its state."""
    from deployments.effect_views import list_effects
    from deployments.opening import workspace_for

    return list_effects(workspace_for(env), selection, open_only=open_only, limit=limit, colours=colours())


@effects.command(
    epilog=examples(
        "assets effects show order_submission",
        "assets effects show order_submission 2024-05-06 paper:KO:BUY --json",
    )
)
@_one_effect
@click.argument("occasion", required=False)
@click.argument("item", required=False)
@env
@as_json
def show(key: str, occasion: str | None, item: str | None, env: str | None) -> Answer:
    """Tell what was to be done, all that happened to it, and the receipts."""
    from deployments.effect_views import show_effect
    from deployments.opening import workspace_for

    return show_effect(workspace_for(env), key, occasion, item, colours=colours())


@effects.command(
    epilog=examples(
        "assets effects reconcile",
        "assets effects reconcile order_submission --json",
        closing="Exit codes: 0 nothing is in doubt any more, 1 something still is.",
    )
)
@selection(otherwise="*")
@env
@as_json
def reconcile(selection: str, env: str | None) -> Answer:
    """Ask the outside world for every item in doubt.

    Nothing is performed; every run of an effect asks by itself before it does anything.
    """
    from deployments import effect_views
    from deployments.opening import workspace_for

    return effect_views.reconcile(workspace_for(env), selection, colours=colours())


@effects.command(
    epilog=examples(
        "assets effects resolve order_submission 2024-05-06 paper:KO:BUY --performed --by ada --reason 'seen there'",
        "assets effects resolve mail 2024-05-06 all --not-performed --by ada --reason 'nobody got one'",
    )
)
@_one_effect
@click.argument("occasion")
@click.argument("item")
@click.option("--performed/--not-performed", default=None, help="What became of it.")
@click.option("--receipt", metavar="JSON", help="The proof, if it was performed.")
@by
@reason
@env
@as_json
def resolve(
    *,
    key: str,
    occasion: str,
    item: str,
    performed: bool | None,
    receipt: str | None,
    name: str,
    reason: str,
    env: str | None,
) -> Answer:
    """Put on record what became of an item in doubt, where nobody can be asked or nobody answers.

    What was not performed is performed by the next run, under the same key.
    """
    from deployments import effect_views
    from deployments.opening import workspace_for

    if performed is None:
        raise click.UsageError("say what became of it: --performed or --not-performed")
    if receipt is not None and not performed:
        raise click.UsageError("--receipt is the proof of what was performed; remove it or --not-performed")
    return effect_views.resolve(
        workspace_for(env), key, occasion, item, performed=performed, receipt=receipt, by=name, reason=reason
    )


@effects.command(
    epilog=examples(
        "assets effects reissue order_submission 2024-05-06 --by ada --reason 'all were cancelled there'",
        "assets effects reissue order_submission 2024-05-06 paper:KO:BUY --by ada --reason 'it was rejected'",
        closing="The items get another key (attempt 2, 3, ...), so the world outside will do them once more.",
    )
)
@_one_effect
@click.argument("occasion")
@click.argument("items", metavar="[ITEM]...", nargs=-1)
@by
@reason
@env
@as_json
def reissue(
    *, key: str, occasion: str, items: tuple[str, ...], name: str, reason: str, env: str | None
) -> Answer:
    """Have items of an occasion performed once more, by the next run; without ITEM, all of it."""
    from deployments import effect_views
    from deployments.opening import workspace_for

    return effect_views.reissue(workspace_for(env), key, occasion, items, by=name, reason=reason)
