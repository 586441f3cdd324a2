"""The commands of `assets effects`: options and help, nothing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from deployments.answers import Answer

F = TypeVar("F", bound=Callable[..., Any])

_json = click.option(
    "--json", "as_json", is_flag=True, expose_value=False, help="One JSON document on stdout."
)
_env = click.option("--env", metavar="NAME", help="The environment; otherwise the project's (main).")
_by = click.option("--by", metavar="NAME", required=True, help="Who says so.")
_reason = click.option("--reason", metavar="TEXT", required=True, help="Why; it stays on record.")
_selection = click.argument("words", metavar="[SELECTION]", nargs=-1)


def _examples(*lines: str, closing: str = "") -> str:
    examples = "\b\n" + "\n".join(f"  {line}" for line in lines)
    return "\n\n".join(filter(None, ["Examples:", examples, closing]))


@click.group(
    epilog=_examples(
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
    epilog=_examples("assets effects list", "assets effects list --open --json", "assets effects list mail"),
)
@_selection
@click.option("--open", "open_only", is_flag=True, help="Only what is neither done nor given up.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    metavar="N",
    help="Show at most so many; 0 for all.",
)
@_env
@_json
def list_(words: tuple[str, ...], open_only: bool, limit: int, env: str | None) -> Answer:
    """List the items of effects, each with its state."""
    from deployments.effect_views import list_effects

    return list_effects(_workspace(env), _text(words), open_only=open_only, limit=limit, colours=_colours())


@effects.command(
    epilog=_examples(
        "assets effects show order_submission",
        "assets effects show order_submission 2024-05-06 paper:KO:BUY --json",
    )
)
@click.argument("key")
@click.argument("occasion", required=False)
@click.argument("item", required=False)
@_env
@_json
def show(key: str, occasion: str | None, item: str | None, env: str | None) -> Answer:
    """Tell what was to be done, all that happened to it, and the receipts."""
    from deployments.effect_views import show_effect

    return show_effect(_workspace(env), key, occasion, item, colours=_colours())


@effects.command(
    epilog=_examples(
        "assets effects reconcile",
        "assets effects reconcile order_submission --json",
        closing="Exit codes: 0 nothing is in doubt any more, 1 something still is.",
    )
)
@_selection
@_env
@_json
def reconcile(words: tuple[str, ...], env: str | None) -> Answer:
    """Ask the outside world for every item in doubt.

    Nothing is performed; every run of an effect asks by itself before it does anything.
    """
    from deployments import effect_views

    return effect_views.reconcile(_workspace(env), _text(words), colours=_colours())


@effects.command(
    epilog=_examples(
        "assets effects resolve order_submission 2024-05-06 paper:KO:BUY --performed --by ada --reason 'seen there'",
        "assets effects resolve mail 2024-05-06 all --not-performed --by ada --reason 'nobody got one'",
    )
)
@click.argument("key")
@click.argument("occasion")
@click.argument("item")
@click.option("--performed/--not-performed", default=None, help="What became of it.")
@click.option("--receipt", metavar="JSON", help="The proof, if it was performed.")
@_by
@_reason
@_env
@_json
def resolve(
    *,
    key: str,
    occasion: str,
    item: str,
    performed: bool | None,
    receipt: str | None,
    by: str,
    reason: str,
    env: str | None,
) -> Answer:
    """Put on record what became of an item in doubt, where nobody can be asked or nobody answers.

    What was not performed is performed by the next run, under the same key.
    """
    from deployments import effect_views

    if performed is None:
        raise click.UsageError("say what became of it: --performed or --not-performed")
    if receipt is not None and not performed:
        raise click.UsageError("--receipt is the proof of what was performed; remove it or --not-performed")
    return effect_views.resolve(
        _workspace(env), key, occasion, item, performed=performed, receipt=receipt, by=by, reason=reason
    )


@effects.command(
    epilog=_examples(
        "assets effects reissue order_submission 2024-05-06 --by ada --reason 'all were cancelled there'",
        "assets effects reissue order_submission 2024-05-06 paper:KO:BUY --by ada --reason 'it was rejected'",
        closing="The items get another key (attempt 2, 3, ...), so the world outside will do them once more.",
    )
)
@click.argument("key")
@click.argument("occasion")
@click.argument("items", metavar="[ITEM]...", nargs=-1)
@_by
@_reason
@_env
@_json
def reissue(
    *, key: str, occasion: str, items: tuple[str, ...], by: str, reason: str, env: str | None
) -> Answer:
    """Have items of an occasion performed once more, by the next run; without ITEM, all of it."""
    from deployments import effect_views

    return effect_views.reissue(_workspace(env), key, occasion, items, by=by, reason=reason)


def _text(words: tuple[str, ...]) -> str:
    return " ".join(words) or "*"


def _workspace(env: str | None) -> Any:
    from deployments.opening import workspace_for

    return workspace_for(env)


def _colours() -> bool:
    import sys

    from deployments.text_table import shows_colours

    return shows_colours(sys.stdout)
