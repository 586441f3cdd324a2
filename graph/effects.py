"""Effects: what an asset does to the outside world, once. The nouns that its functions take, give and raise.

decided ──> Intents ──> one Item after the other ──> its receipt
├── NotPerformed   known to be not done: done later, under the same key
├── Refused        known to be not done, for good
└── anything else  in doubt: whoever goes on asks the outside world first
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from graph.errors import AssetGraphError

Doubt = Literal["at most once", "at least once"]
"""What becomes of an item of which nobody can ask whether it was performed: given up, or performed again."""

TroubleKind = Literal["skipped", "failed", "rejected", "overdue", "in doubt", "held"]
"""What may be wrong upstream; ``held`` could not run, because something above it is in trouble."""

LASTING: tuple[TroubleKind, ...] = ("failed", "rejected", "overdue", "in doubt")
"""What holds an effect wherever it is upstream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intents:
    """What is to be done, all of it, in this order.

    Args:
        occasion: what it happens once for, for example a trading day; of a partitioned effect it is the partition.
        items: by name, what `perform` is told of each, as JSON values.
        waiting: by group, why nothing of it is begun yet, while the rest is. A group is what the names of its items
            have before the first ``:``, for example an account. The next runs ask the function for it again, until
            ``until``.
        until: what has not begun by then (aware) is not begun any more.
    """

    items: Mapping[str, Any]
    occasion: str | None = None
    waiting: Mapping[str, str] = field(default_factory=dict)
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing to be done to the outside world.

    Args:
        effect: the key of the asset.
        occasion: what it happens once for.
        name: what tells it from the other items of its occasion.
        attempt: 1, and more only when somebody had it issued again.
        payload: what `Intents` said of it.
    """

    effect: str
    occasion: str
    name: str
    payload: Any
    attempt: int = 1

    @property
    def key(self) -> str:
        """The name under which the outside world does it once: the same text for the same item and attempt for ever.

        >>> Item(effect="trading/submission", occasion="2024-05-06", name="paper:KO", payload=None).key
        'trading/submission:2024-05-06:paper%3AKO:1'
        """
        parts = (self.effect, self.occasion, self.name, str(self.attempt))
        return ":".join(part.replace("%", "%25").replace(":", "%3A") for part in parts)


def group_of(name: str) -> str:
    """The group of an item.

    >>> group_of("paper:KO:BUY"), group_of("ada")
    ('paper', 'ada')
    """
    return name.partition(":")[0]


class NotPerformed(AssetGraphError):
    """Raised by a `perform` that knows that nothing was done: the item is performed later, under the same key.

    Args:
        why: in words.
        retry_after: how long to wait at least.
    """

    def __init__(self, why: str, *, retry_after: timedelta | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(why)


class Refused(AssetGraphError):
    """Raised by a `perform` that was told no: nothing was done, and nothing will be, unless it is issued again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """How an effect is carried out.

    Args:
        perform: ``perform(item, <resources>) -> receipt``, a JSON value.
        reconcile: ``reconcile(item, <resources>) -> receipt | None``: whether the outside world knows the item's key.
            None is "surely not"; what it raises is "still unknown".
        doubt: without a way to ask, what becomes of an item in doubt.
        resources: by function's parameter, the type of the resource that it gets; filled in by the graph.
    """

    perform: Callable[..., Any]
    reconcile: Callable[..., Any] | None = None
    doubt: Doubt | None = None
    resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """By role, the functions that there are."""
        found = {"perform": self.perform, "reconcile": self.reconcile}
        return {role: function for role, function in found.items() if function is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that is wrong upstream."""

    key: str
    kind: TroubleKind
    why: str = ""

    def __str__(self) -> str:
        return f"{self.key} {_WORDS[self.kind]}" + (f" ({self.why})" if self.why else "")


@dataclass(frozen=True, slots=True)
class Troubles:
    """What is wrong upstream and accepted (a parameter typed ``Troubles``); nothing, when all is well."""

    found: tuple[Trouble, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.found)

    def of(self, key: str) -> tuple[Trouble, ...]:
        """What is wrong with one asset."""
        return tuple(trouble for trouble in self.found if trouble.key == key)

    def __str__(self) -> str:
        return "; ".join(map(str, self.found))


_WORDS: Mapping[TroubleKind, str] = {
    "skipped": "was skipped",
    "failed": "failed",
    "rejected": "was rejected by its checks",
    "overdue": "is overdue",
    "in doubt": "is in doubt",
    "held": "was held",
}
