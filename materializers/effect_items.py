"""The items of an effect: each is intended, performed and recorded, or the outside world is asked for it."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from graph import Asset, AssetGraphError, Item, NotPerformed, Refused
from graph.effects import Deed
from materializers.effect_records import Effect, Outcome
from materializers.ledger import StartedAttempt
from materializers.output import Output, into
from materializers.workspace import Workspace

LONGEST_DELAY = timedelta(hours=1)
"""Retries double their delay up to this."""
SETTLED = frozenset({"accepted", "refused", "given up"})


class SecretTold(AssetGraphError):
    """A payload or receipt that contains a secret, which the ledger would keep."""


@dataclass(slots=True, kw_only=True)
class Items:
    """Performs items of one effect, and asks for them.

    Args:
        errors: what went wrong, as text; the last one last.
    """

    asset: Asset
    deed: Deed
    workspace: Workspace
    run_id: str | None
    output: Output = field(default_factory=Output)
    errors: list[str] = field(default_factory=list)

    def settle(self, attempt: StartedAttempt, item: Effect, wait: Callable[[timedelta], bool]) -> Effect:
        """Do all that can be done for an item now: perform it, ask when it is in doubt, and try again.

        Args:
            wait: waits that long; False when the run shall stop.
        """
        number = 1
        while True:
            pause = timedelta(0)
            if item.state == "planned":
                (item,) = self.workspace.ledger.effects.intend(attempt, [item.key])
                item, pause = self._perform(item)
            if item.state == "in doubt":
                item = self.ask(item)
            execution = self.asset.execution
            if item.state in SETTLED or number > execution.retries:
                return item
            doubled = execution.retry_delay * 2 ** min(number - 1, 20)
            if not wait(min(max(doubled, pause), LONGEST_DELAY)):
                return item
            number += 1

    def ask(self, item: Effect) -> Effect:
        """Find out what became of an item in doubt, or decide it as declared where nobody can be asked."""
        if self.deed.reconcile is None:
            if self.deed.doubt == "at least once":
                reason = f"perhaps performed ({item.reason}); at least once: again"
                return self._record(item, "not performed", reason=reason)
            return self._record(
                item, "given up", reason=f"perhaps performed, and at most once ({item.reason})"
            )
        try:
            with into(self.output):
                found = self.deed.reconcile(_item(item), **self._resources("reconcile"))
            receipt = None if found is None else self.text_of(found, f"the receipt of {item.key}")
        except Refused as error:
            return self._record(item, "refused", reason=self._said(error))
        except Exception as error:  # noqa: BLE001  # the edge of user code: not to know is no crash
            reason = f"asking for it failed: {self._said(error)}"
            return self._record(item, "in doubt", reason=reason)
        if receipt is None:
            reason = f"the world outside does not know it ({item.reason})"
            return self._record(item, "not performed", reason=reason)
        return self._record(item, "accepted", receipt=receipt, reason="found by asking")

    def _perform(self, item: Effect) -> tuple[Effect, timedelta]:
        """The item with what became of it, and how long to wait before it is tried again."""
        resources = self._resources("perform")
        try:
            with into(self.output):
                given = self.deed.perform(_item(item), **resources)
            receipt = self.text_of(given, f"the receipt of {item.key}")
        except NotPerformed as error:
            pause = error.retry_after or timedelta(0)
            return self._record(item, "not performed", reason=self._said(error)), pause
        except Refused as error:
            return self._record(item, "refused", reason=self._said(error)), timedelta(0)
        except BaseException as error:  # noqa: BLE001  # whatever it was, the outside world may have done it
            return self._record(item, "in doubt", reason=self._said(error)), timedelta(0)
        return self._record(item, "accepted", receipt=receipt), timedelta(0)

    def _record(self, item: Effect, outcome: Outcome, *, receipt: str = "", reason: str = "") -> Effect:
        return self.workspace.ledger.effects.record(
            item.key, outcome, receipt=receipt, reason=reason, run_id=self.run_id
        )

    def _resources(self, role: str) -> dict[str, Any]:
        named = self.deed.resources.get(role, {})
        return {parameter: self.workspace.resource(name) for parameter, name in named.items()}

    def _said(self, error: BaseException) -> str:
        if not isinstance(error, NotPerformed | Refused):
            self.errors.append(self.workspace.hidden("".join(traceback.format_exception(error))))
        known = isinstance(error, AssetGraphError)
        return self.workspace.hidden(str(error) if known else f"{type(error).__name__}: {error}")

    def text_of(self, value: object, what: str) -> str:
        """A payload or a receipt as the ledger keeps it.

        Raises:
            TypeError, ValueError: it is no JSON value.
            SecretTold: it contains a secret.
        """
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)
        if self.workspace.hidden(text) != text:
            raise SecretTold(f"{what} contains a secret; leave it out, the ledger would keep it")
        return text


def _item(effect: Effect) -> Item:
    key = effect.key
    return Item(
        effect=key.key,
        occasion=key.occasion,
        name=key.item,
        attempt=key.attempt,
        payload=json.loads(effect.payload) if effect.payload else None,
    )


def _plain(value: object) -> object:
    """Numbers and times that JSON has no form for, as text."""
    from datetime import date, time
    from decimal import Decimal

    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    dumped = getattr(value, "model_dump", None)
    if dumped is not None:
        return dumped(mode="json")
    raise TypeError(f"{type(value).__name__} is no JSON value")
