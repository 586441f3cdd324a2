"""Everything that may go wrong with a broker, told apart by what is known of the order.

BrokerError               (an AssetGraphError)
├── NotAccepted           this call made no order
│   ├── OrderRefused      somebody said no: the order is against a rule, or the account cannot bear it
│   ├── AccessRefused     no key, a wrong key, an unknown account, or real money without leave
│   ├── Unreachable       no connection came about, so nothing was sent
│   └── RateLimited       too many requests; ``retry_after`` says when to try again, where the broker does
├── DuplicateOrder        the account had an order of this name before; ``existing`` is it, where it could be read
├── Unanswered            sent, and no answer that can be relied on: the order is in doubt
└── UnknownOrder          there is no order of this name to cancel

Only `NotAccepted` may be followed by another `submit` without asking `find` first; ``again`` says whether that has a
chance to fare better by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar

from assets.trading.broker import OrderState, OrderTicket
from graph import AssetGraphError, near_miss

ASK_FIRST = "ask for it by its client order id before anything else"


class BrokerError(AssetGraphError):
    """Anything that keeps a broker from doing or answering; ``what`` was asked for, ``said`` is what came instead."""

    def __init__(self, what: str, said: str, message: str) -> None:
        self.what, self.said = what, said
        super().__init__(message)


class NotAccepted(BrokerError):
    """This call made no order; ``again``: the same call may succeed later, with nothing changed."""

    again: ClassVar[bool] = False


class OrderRefused(NotAccepted):
    """The order is against a rule, or the account cannot bear it."""

    def __init__(self, what: str, said: str) -> None:
        super().__init__(what, said, f"{what} was refused: {said}. Mend the order or the account.")


class AccessRefused(NotAccepted):
    """The broker does not let us in, or our own settings do not; the key itself is never shown."""

    def __init__(self, what: str, said: str, remedy: str) -> None:
        super().__init__(what, said, f"{what} was not asked for or not granted: {said}. {remedy}")


class Unreachable(NotAccepted):
    """No connection came about, so nothing was sent."""

    again = True

    def __init__(self, what: str, said: str) -> None:
        super().__init__(what, said, f"{what} was not sent, for there was no connection: {said}. Try again.")


class RateLimited(NotAccepted):
    """Too many requests."""

    again = True

    def __init__(self, what: str, retry_after: timedelta | None = None) -> None:
        self.retry_after = retry_after
        when = "later" if retry_after is None else f"in {retry_after.total_seconds():.0f} s"
        said = "too many requests"
        super().__init__(what, said, f"{what} was not taken, there are {said}: try again {when}.")


class DuplicateOrder(BrokerError):
    """The account had an order of this name before."""

    def __init__(self, what: str, existing: OrderState | None) -> None:
        self.existing = existing
        said = "it is there already" if existing is None else f"it is there already, {existing.status}"
        super().__init__(what, said, f"{what} was not submitted a second time: {said}.")


class Unanswered(BrokerError):
    """Sent, and no answer that can be relied on."""

    def __init__(self, what: str, said: str, remedy: str = "try again") -> None:
        super().__init__(what, said, f"{what} has no answer that can be relied on: {said}; {remedy}.")


class UnknownOrder(BrokerError):
    """There is no order of this name."""

    def __init__(self, what: str) -> None:
        said = "there is none of that name"
        super().__init__(what, said, f"{what} cannot be canceled: {said} in the account.")


def order_of(ticket: OrderTicket) -> str:
    """How an error names an order."""
    return order_named(ticket.account, ticket.client_order_id)


def order_named(account: str, client_order_id: str) -> str:
    """How an error names an order that is known by name."""
    return f"order '{client_order_id}' of account '{account}'"


def unknown_account(account: str, known: Iterable[str]) -> AccessRefused:
    """An account that the settings do not name."""
    names = sorted(known)
    hint = near_miss(account, names)
    listed = ", ".join(names) or "none"
    return AccessRefused(
        f"account '{account}'", "it is not among the accounts", f"There are: {listed}.{hint}"
    )
