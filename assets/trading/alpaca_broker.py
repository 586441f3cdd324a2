"""Alpaca's trading API, by its own client (alpaca-py): paper money, or real money with explicit leave.

Two habits of the client are switched off, because they can place an order twice or wait for ever: it repeats every
request that was answered with 429 or 504, a POST among them, and it has no time-outs. Requests that change something
are sent once, over a new connection; those that only read are repeated with patience.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from assets.market.http_retries import Patience
from assets.trading.alpaca_answers import (
    UNREADABLE,
    account_answer,
    clock_answer,
    fill_answer,
    order_answer,
    order_request,
    position_answer,
)
from assets.trading.broker import (
    AccountState,
    Fill,
    MarketClock,
    OrderState,
    OrderTicket,
    Position,
    problem_with,
)
from assets.trading.broker_errors import (
    ASK_FIRST,
    AccessRefused,
    BrokerError,
    DuplicateOrder,
    OrderRefused,
    RateLimited,
    Unanswered,
    UnknownOrder,
    Unreachable,
    order_named,
    order_of,
    unknown_account,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from alpaca.common.exceptions import APIError
    from alpaca.trading.client import TradingClient
    from pydantic import SecretStr
    from requests import RequestException

T = TypeVar("T")

LIVE_HOST = "api.alpaca.markets"
ORDERS_A_PAGE = 500
FILLS_A_PAGE = 100
_ONCE = 0
"""Retries of what changes something; with any more, urllib3 repeats a POST after trouble with the encryption."""
_KEY = re.compile("[!-~]+")
_KEYS = "Check the key and the secret of the account, and whether they are for paper or for real money."


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaAccount:
    """The keys of an account. Alpaca's paper keys and real ones are different keys, for different hosts."""

    key: SecretStr | None
    secret: SecretStr | None
    paper: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaBroker:
    """See `assets.trading.broker.Broker`.

    Args:
        keys: by the account's name, which is ours.
        real_money: the accounts that may trade with real money; every other one must be a paper account.
        url: instead of Alpaca's own address for paper or real money.
        patience: time-outs of every request, and how often those that only read are made.
    """

    keys: Mapping[str, AlpacaAccount]
    real_money: frozenset[str] = frozenset()
    url: str | None = None
    patience: Patience = Patience()

    def identity(self) -> Mapping[str, str]:
        """The settings that change the data."""
        kinds = {name: "paper" if self._is_paper(name) else "real" for name in self.accounts()}
        return {
            "broker": "alpaca",
            "accounts": ",".join(f"{name}:{kind}" for name, kind in kinds.items()),
        }

    def accounts(self) -> tuple[str, ...]:
        """The names of the accounts that it knows."""
        return tuple(sorted(self.keys))

    def clock(self) -> MarketClock:
        """The market's clock, as any of the accounts is told it."""
        account = next(iter(self.accounts()), "")
        return self._read(account, "the market's clock", lambda client: clock_answer(client.get_clock()))

    def submit(self, ticket: OrderTicket) -> OrderState:
        """Place an order, with one request."""
        what = order_of(ticket)
        self._require_leave(ticket.account, what)
        problem = problem_with(ticket)
        if problem is not None:
            raise OrderRefused(what, problem)
        from alpaca.common.exceptions import APIError

        with self._talking(ticket.account, what, ASK_FIRST, retries=_ONCE) as client:
            try:
                answer = client.post("/orders", order_request(ticket))
            except APIError as error:
                self._refused(ticket, error)
            return _of_that_name(order_answer(ticket.account, answer), ticket.client_order_id)

    def find(self, account: str, client_order_id: str) -> OrderState | None:
        """The order that an account has under a name."""
        from alpaca.common.exceptions import APIError

        def ask(client: TradingClient) -> OrderState | None:
            try:
                answer = client.get_order_by_client_id(client_order_id)
            except APIError as error:
                if error.status_code == 404 and _message(error) is not None:
                    return None  # said by Alpaca, not by something on the way that knows no such page
                raise
            return _of_that_name(order_answer(account, answer), client_order_id)

        return self._read(account, order_named(account, client_order_id), ask)

    def open_orders(self, account: str) -> tuple[OrderState, ...]:
        """The orders that can still be filled, page after page."""
        what = f"the open orders of account '{account}'"
        return self._read(account, what, lambda client: _all_orders(client, account, {"status": "open"}))

    def orders(self, account: str, since: datetime) -> tuple[OrderState, ...]:
        """The orders submitted at ``since`` or later, page after page."""
        what = f"the orders of account '{account}'"
        wanted = {"status": "all", "after": _before(since)}
        return self._read(account, what, lambda client: _all_orders(client, account, wanted))

    def fills(self, account: str, since: datetime) -> tuple[Fill, ...]:
        """The executions at ``since`` or later, page after page."""
        what = f"the fills of account '{account}'"
        found = self._read(account, what, lambda client: _all_fills(client, account, _before(since)))
        return tuple(fill for fill in found if fill.at >= since)

    def positions(self, account: str) -> tuple[Position, ...]:
        """What the account holds, by symbol."""

        def ask(client: TradingClient) -> tuple[Position, ...]:
            found = (position_answer(account, answer) for answer in client.get_all_positions())
            return tuple(sorted(found, key=lambda position: position.symbol))

        return self._read(account, f"the positions of account '{account}'", ask)

    def account(self, account: str) -> AccountState:
        """The account's money."""
        what = f"account '{account}'"
        return self._read(account, what, lambda client: account_answer(account, client.get_account()))

    def cancel(self, account: str, client_order_id: str) -> OrderState:
        """Ask for an order to be canceled; the exchange may take its time."""
        what = order_named(account, client_order_id)
        self._require_leave(account, what)
        state = self.find(account, client_order_id)
        if state is None:
            raise UnknownOrder(what)
        if not state.is_open:
            return state
        from alpaca.common.exceptions import APIError

        remedy = "ask how it stands, or cancel it again"
        with self._talking(account, what, remedy, retries=_ONCE) as client:
            try:
                client.cancel_order_by_id(state.id)
            except APIError as error:
                if error.status_code not in (404, 422):  # it cannot be canceled any more
                    self._failed(account, what, error, remedy)
        return self.find(account, client_order_id) or state

    def advance(self, bars: pa.Table) -> None:
        """Nothing: this market moves by itself."""

    # What went wrong

    def _refused(self, ticket: OrderTicket, error: APIError) -> NoReturn:
        """Tell an answer other than 2xx to an order, by what is known of the order.

        A duplicate is known by what the account has under the name: the words of the refusal have changed before.
        """
        what, said = order_of(ticket), self._said(ticket.account, error)
        status = error.status_code or 0
        if status in (401, 408, 429) or not 400 <= status < 500:
            self._failed(ticket.account, what, error, ASK_FIRST)
        duplicate = "must be unique" in said
        try:
            existing = self.find(ticket.account, ticket.client_order_id)
        except AccessRefused:
            raise AccessRefused(what, said, _KEYS) from None
        except BrokerError as trouble:
            if status in (409, 422) and not duplicate:
                raise Unanswered(what, f"{said}; and then: {trouble.said}", ASK_FIRST) from None
            existing = None
        if duplicate or existing is not None:
            raise DuplicateOrder(what, existing) from None
        raise OrderRefused(what, said) from None

    def _failed(self, account: str, what: str, error: APIError, remedy: str) -> NoReturn:
        """Tell an answer other than 2xx that says nothing of an order."""
        said = self._said(account, error)
        match error.status_code:
            case 401 | 403:
                raise AccessRefused(what, said, _KEYS) from None
            case 429:
                raise RateLimited(what, _retry_after(error, datetime.now(UTC))) from None
            case _:
                raise Unanswered(what, said, remedy) from None

    def _said(self, account: str, error: APIError) -> str:
        """A refusal in the service's words, without the key and the secret, should it repeat them."""
        words = _message(error) or str(error)[:200]
        text = f"HTTP {error.status_code}, {words.strip().rstrip('.') or 'without a word'}"
        for hidden in (self.keys[account].key, self.keys[account].secret):
            text = text.replace(_text(hidden), "**********") if _text(hidden) else text
        return text

    # How it is asked

    def _read(self, account: str, what: str, ask: Callable[[TradingClient], T]) -> T:
        """Ask something that changes nothing, as often as patience allows."""
        from alpaca.common.exceptions import APIError

        retries = self.patience.policy().new(raise_on_status=False)
        with self._talking(account, what, "try again", retries) as client:
            try:
                return ask(client)
            except APIError as error:
                self._failed(account, what, error, "try again")

    @contextmanager
    def _talking(self, account: str, what: str, remedy: str, retries: Any) -> Iterator[TradingClient]:
        """A client of an account, and what it and reading its answers raise as errors of ours."""
        from requests import RequestException

        client = self._client(account, what, retries)
        try:
            yield client
        except RequestException as error:
            if _was_never_sent(error):
                raise Unreachable(what, _reason(error)) from None
            raise Unanswered(what, _reason(error), remedy) from None
        except UNREADABLE as error:
            raise Unanswered(what, f"an answer that is none ({error!r})", remedy) from None
        finally:
            client._session.close()  # noqa: SLF001  # there is no public way to it

    def _client(self, account: str, what: str, retries: Any) -> TradingClient:
        from alpaca.trading.client import TradingClient
        from requests.adapters import HTTPAdapter

        keys = self._keys_of(account)
        key, secret = _text(keys.key), _text(keys.secret)
        if not key or not secret:
            said = f"account '{account}' has no key or no secret"
            raise AccessRefused(
                what, said, "Set APCA_API_KEY_ID and APCA_API_SECRET_KEY, or both in TRADING_ACCOUNTS."
            )
        if not _KEY.fullmatch(key) or not _KEY.fullmatch(
            secret
        ):  # what sends it would repeat it in its error
            raise AccessRefused(what, f"the key or the secret of account '{account}' is none", _KEYS)
        client = TradingClient(key, secret, paper=keys.paper, raw_data=True, url_override=self.url)
        client._retry = 0  # noqa: SLF001  # it would repeat a POST, and its constructor takes no number of attempts
        session = client._session  # noqa: SLF001  # there is no public way to it
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(max_retries=retries))
        session.request = partial(session.request, timeout=self.patience.timeout_s)  # type: ignore[method-assign]  # the client offers no time-out of its own
        return client

    def _keys_of(self, account: str) -> AlpacaAccount:
        if account not in self.keys:
            raise unknown_account(account, self.keys)
        return self.keys[account]

    def _is_paper(self, account: str) -> bool:
        """Whether the account's money is paper: as its keys say, unless the address says otherwise."""
        from urllib.parse import urlsplit

        host = urlsplit(self.url or "").hostname or ""
        return self._keys_of(account).paper and host.rstrip(".") != LIVE_HOST

    def _require_leave(self, account: str, what: str) -> None:
        """Refuse to touch real money without explicit leave."""
        if not self._is_paper(account) and account not in self.real_money:
            raise AccessRefused(
                what,
                f"account '{account}' has real money, and no leave to trade with it",
                f"If that is meant, name it in TRADING_REAL_MONEY as well: TRADING_REAL_MONEY={account}.",
            )


def _text(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""


def _of_that_name(state: OrderState, client_order_id: str) -> OrderState:
    if state.client_order_id != client_order_id:
        raise ValueError(f"the order of another name, '{state.client_order_id}'")
    return state


def _all_orders(client: TradingClient, account: str, wanted: Mapping[str, str]) -> tuple[OrderState, ...]:
    """Orders in the order of submission, page after page until one is empty.

    The pages follow each other by the last order's id, which knows orders of one moment apart; it must not be sent
    together with ``after``.
    """
    fixed = {"status": wanted["status"], "direction": "asc", "limit": str(ORDERS_A_PAGE), "nested": "false"}
    found: dict[str, OrderState] = {}
    query = {**wanted, **fixed}
    while answers := _list(client.get("/orders", query)):
        page = {answer["id"]: order_answer(account, answer) for answer in answers}
        _require_new(page, found)
        found |= page
        query = {**fixed, "after_order_id": answers[-1]["id"]}
    return tuple(found.values())


def _all_fills(client: TradingClient, account: str, after: str) -> tuple[Fill, ...]:
    """Executions in the order of time, page after page until one is empty."""
    query = {"direction": "asc", "page_size": str(FILLS_A_PAGE), "after": after}
    found: dict[str, Fill] = {}
    while answers := _list(client.get("/account/activities/FILL", query)):
        page = {answer["id"]: fill_answer(account, answer) for answer in answers}
        _require_new(page, found)
        found |= page
        query["page_token"] = answers[-1]["id"]
    return tuple(found.values())


def _list(answer: Any) -> list[Any]:
    if not isinstance(answer, list):
        raise TypeError(f"a list was promised, not {type(answer).__name__}")
    return answer


def _require_new(page: Mapping[str, object], found: Mapping[str, object]) -> None:
    """A page that has been here before would be followed by itself for ever."""
    if page.keys() <= found.keys():
        raise ValueError("the same page came twice")


def _before(since: datetime) -> str:
    """A moment just before ``since``, for ``after`` leaves out its own."""
    moment = since.astimezone(UTC) - timedelta(microseconds=1)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _message(error: APIError) -> str | None:
    """What Alpaca says; None where the answer is not one of its own, but of something on the way."""
    try:
        return str(error.message)[:200]
    except UNREADABLE:
        return None


def _retry_after(error: APIError, now: datetime) -> timedelta | None:
    """When a request may be made again, as one of two headers says."""
    headers = error.response.headers
    asked = headers.get("Retry-After", "")
    if asked.isdigit():
        return timedelta(seconds=int(asked))
    reset = headers.get("X-RateLimit-Reset", "")
    if reset.isdigit():
        return max(datetime.fromtimestamp(int(reset), UTC) - now, timedelta(0))
    return None


def _was_never_sent(error: RequestException) -> bool:
    """Whether no connection came about: refused, no such host, none in time, or a host that could not prove itself."""
    from urllib3.exceptions import ConnectTimeoutError, SSLError

    inner = error.args[0] if error.args else None
    reason = getattr(inner, "reason", None)
    if isinstance(reason, SSLError):
        return bool(reason.args) and isinstance(reason.args[0], ssl.SSLCertVerificationError)
    return isinstance(
        reason, ConnectTimeoutError
    )  # NewConnectionError and NameResolutionError are kinds of it


def _reason(error: Exception) -> str:
    """The innermost reason of a failed request, without the address, which need not be repeated."""
    inner: object = error.args[0] if error.args else error
    return str(getattr(inner, "reason", None) or inner)[:200]
