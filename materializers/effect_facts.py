"""What is on record of effects, as far as deciding about them needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graph.effect_steps import EffectFacts
from graph.partition_set import EMPTY, PartitionSet
from materializers.effect_records import OPEN, Effect
from materializers.ledger import Ledger

_ALL = 1_000_000


def facts_of(ledger: Ledger, environment: str, keys: Iterable[str]) -> Mapping[str, EffectFacts]:
    """By key, what is on record of effects in an environment."""
    follows = any(one.name == environment and one.live and one.parent for one in ledger.environments())
    found = {}
    for key in keys:
        still = ledger.effects.of(environment, key, open_only=True)
        unfinished = {one.occasion for one in ledger.effects.unfinished(environment, key)}
        found[key] = EffectFacts(
            unfinished={
                occasion: told(occasion, [one for one in still if one.key.occasion == occasion])
                for occasion in sorted(unfinished)
            },
            in_doubt=any(one.state in ("in doubt", "intended") for one in still),
            performed=ledger.effects.begun(environment, key),
            inherited=_inherited(ledger, environment, key) if follows else EMPTY,
        )
    return found


def _inherited(ledger: Ledger, environment: str, key: str) -> PartitionSet:
    """The partitions of which nothing was published in the environment itself."""
    own = PartitionSet.of(
        one.partition for one in ledger.publications(key, environment=environment, limit=_ALL)
    )
    with ledger.state(environment, [key]) as state:
        return state.summary(key).partitions - own


def told(occasion: str, items: Iterable[Effect]) -> str:
    """What is open of an occasion, in words.

    >>> told("2024-05-06", [])
    '2024-05-06, whose receipts are not published'
    """
    by_state: dict[str, int] = {}
    for one in items:
        if one.state in OPEN:
            by_state[one.state] = by_state.get(one.state, 0) + 1
    if not by_state:
        return f"{occasion}, whose receipts are not published"
    counts = ", ".join(f"{count} {state}" for state, count in by_state.items())
    return f"{occasion} ({counts})"
