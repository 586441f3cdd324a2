"""Effects on record: what was to be done to the outside world, whether it was, and the proof.

An item of an effect is known by its asset, its occasion, its name and the number of the attempt; that is the key with
which the outside world is asked to do it once. Its states:

    planned ──> intended ──> accepted          with a receipt, for good
       ^            ├──────> refused           for good: the outside world said no
       └────────────┤           ^
       ^            └──────> in doubt ──> accepted, refused, or given up: nobody knows, and nobody will try again
       └────────────────────────┘              known not to be performed: planned again under the same key

What is decided for an occasion is one `Decision`, which stays unfinished until all of its items are settled and what
came of it is on record. A group of items that is not decided yet is recorded under the name of the group as
``waiting``; when it is decided, its items take that one's place.

An item that is intended by somebody who no longer holds the claim is in doubt: nobody knows whether it was done. In an
environment that is not live, items are recorded as ``rehearsed`` and never intended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from materializers.records import LedgerError, StartedAttempt

EffectState = Literal[
    "planned", "waiting", "intended", "accepted", "refused", "in doubt", "given up", "dropped", "rehearsed"
]
Outcome = Literal["accepted", "refused", "in doubt", "given up", "not performed"]
"""What became of an intended item; what was not performed is planned again."""
OPEN: frozenset[EffectState] = frozenset({"planned", "waiting", "intended", "in doubt"})
"""States in which an item is neither done nor given up."""
BEGUN: frozenset[EffectState] = frozenset({"intended", "accepted", "refused", "in doubt", "given up"})
"""States in which something was done, or may have been, or was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectKey:
    """What the outside world is asked to do once: asset, occasion, item and attempt.

    Args:
        occasion: what the effect happens once for, for example the trading day.
        attempt: 1, and higher only by an explicit reissue.
    """

    environment: str
    key: str
    occasion: str
    item: str
    attempt: int = 1

    def __str__(self) -> str:
        return f"{self.key} for {self.occasion}, item '{self.item}', attempt {self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One item with its state.

    Args:
        payload: what was to be done, as JSON text.
        receipt: the proof that it was, as JSON text.
        reason: why it is refused or in doubt; or the reason of the person who said so.
        name: that person.
        changed_at: since when it has this state.
    """

    key: EffectKey
    state: EffectState
    payload: str
    receipt: str = ""
    reason: str = ""
    name: str | None = None
    planned_at: datetime
    changed_at: datetime
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided for an occasion.

    Args:
        made_from: what it was decided from, as JSON text; what came of it is published as made from that.
        fingerprint: the fingerprint of that.
        until: what has not begun by then is not begun any more.
    """

    id: int
    environment: str
    key: str
    occasion: str
    fingerprint: str
    made_from: str
    until: datetime | None
    at: datetime
    run_id: str


class NotToBePerformed(LedgerError):
    """An item that must not be performed now; ``effect`` tells why."""

    def __init__(self, effect: Effect, why: str) -> None:
        super().__init__(f"asset '{effect.key.key}': {effect.key} must not be performed: {why}")
        self.effect = effect


class EffectRecords(Protocol):
    """The record of effects, with these laws.

    - An item is intended once for each time that it was planned, by whoever holds the claim, in a live environment.
    - What was accepted is never planned, intended or refused again; only a reissue gives it another key.
    - A receipt is recorded whoever holds the claim by then: it is a fact.
    - Every change stays on record; receipts belong to their environment, and outlive it.
    """

    def plan(
        self,
        attempt: StartedAttempt,
        occasion: str,
        items: Mapping[str, str],
        *,
        waiting: Mapping[str, str] | None = None,
        made_from: str = "",
        until: datetime | None = None,
        rehearse: bool = False,
    ) -> tuple[Effect, ...]:
        """Record what is to be done, as payloads by item, before anything is; answers all items of the occasion.

        Items that were planned and never intended take the new payload, or are dropped when they are not among the
        new ones; so are groups that waited. Everything else stays as it is; what a dead attempt intended is in doubt
        from now on. This is the occasion's decision from now on. In an environment that is not live, items are
        rehearsed.

        Args:
            waiting: by group, why it is not decided yet.
            rehearse: in a live one too, and then it is no decision; what is there of it in earnest stays as it is.

        Raises:
            ClaimLost: the claim was taken over.
        """

    def intend(self, attempt: StartedAttempt, items: Sequence[EffectKey]) -> tuple[Effect, ...]:
        """Record that planned items are being performed from now on; after this they are performed, once.

        Raises:
            ClaimLost: the claim was taken over; nothing may be performed.
            NotToBePerformed: an item is not planned, or the environment is not live.
        """

    def record(
        self,
        item: EffectKey,
        outcome: Outcome,
        *,
        receipt: str = "",
        reason: str = "",
        name: str | None = None,
        run_id: str | None = None,
    ) -> Effect:
        """Record what became of an intended item, or what asking the outside world, or a person, found out.

        What is accepted stays so: a later word that it was refused or is in doubt is an error, a second receipt is
        not; of a person it takes the place of the first.
        Other outcomes of a performance count when they come from the run that intended it last.

        Args:
            run_id: the run that performed it, or asked.
            name: the person who says so; not while a run performs it.

        Raises:
            NotToBePerformed: it was never intended, or it is accepted, or somebody else is performing it.
        """

    def reissue(
        self, environment: str, key: str, occasion: str, items: Sequence[str], *, name: str, reason: str
    ) -> tuple[Effect, ...]:
        """Plan items once more under another key, although they were accepted, refused or given up.

        Their occasion is unfinished from then on.

        Raises:
            NotToBePerformed: an item is in doubt: find out first.
        """

    def of(
        self,
        environment: str,
        key: str | None = None,
        *,
        occasion: str | None = None,
        open_only: bool = False,
    ) -> tuple[Effect, ...]:
        """The items of an environment in the order in which they were planned, each with its last attempt."""

    def unfinished(self, environment: str, key: str | None = None) -> tuple[Decision, ...]:
        """The last decision of each occasion, as long as it is not finished, in their order."""

    def begun(self, environment: str, key: str) -> frozenset[str]:
        """The occasions of which something was done, or may have been."""

    def drop(self, attempt: StartedAttempt, decision: Decision, reason: str) -> None:
        """Give up what was only planned of a decision, or waits.

        Raises:
            ClaimLost: the claim was taken over.
        """

    def finish(self, decision: Decision, run_id: str) -> None:
        """What came of a decision is on record."""

    def history(self, item: EffectKey) -> tuple[Effect, ...]:
        """Every state that an item had, from the first on."""
