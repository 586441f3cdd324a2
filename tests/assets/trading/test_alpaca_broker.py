"""Alpaca by alpaca-py, against Alpaca's API on this machine: every fault of the network, pages, keys and real money."""

from __future__ import annotations

import random
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3
from pydantic import SecretStr
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from assets.market.http_retries import Patience
from assets.trading.alpaca_broker import AlpacaAccount, AlpacaBroker, _was_never_sent
from assets.trading.broker import OrderState, OrderTicket
from assets.trading.broker_errors import (
    AccessRefused,
    BrokerError,
    DuplicateOrder,
    NotAccepted,
    OrderRefused,
    RateLimited,
    Unanswered,
    Unreachable,
)

if TYPE_CHECKING:
    from alpaca_server import Control

D = Decimal
Ticket = Callable[..., OrderTicket]
HASTE = Patience(timeout_s=0.15, attempts=2, first_wait_s=0.0)
BEFORE = datetime(2024, 1, 1, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[3]


def broker_at(url: str | None, **changed: Any) -> AlpacaBroker:
    keys = {
        name: AlpacaAccount(key=SecretStr(f"key-of-{name}"), secret=SecretStr(f"secret-of-{name}"))
        for name in ("ppo", "hrp")
    }
    return AlpacaBroker(**{"keys": keys, "url": url, "patience": HASTE, **changed})


def outcome(broker: AlpacaBroker, ticket: OrderTicket) -> OrderState | BrokerError:
    """What a submission gives, be it an error."""
    try:
        return broker.submit(ticket)
    except BrokerError as error:
        return error


FAULTS = [
    ("answer after", OrderState),
    ("slow after", OrderState),
    ("time-out before", Unanswered),
    ("time-out after", Unanswered),
    ("time-out late", Unanswered),
    ("hang-up before", Unanswered),
    ("hang-up after", Unanswered),
    ("reset before", Unanswered),
    ("reset after", Unanswered),
    ("500 before", Unanswered),
    ("500 after", Unanswered),
    ("502 before", Unanswered),
    ("502 after", Unanswered),
    ("503 before", Unanswered),
    ("503 after", Unanswered),
    ("504 before", Unanswered),
    ("504 after", Unanswered),
    ("408 before", Unanswered),
    ("408 after", Unanswered),
    ("truncated after", Unanswered),
    ("not JSON after", Unanswered),
    ("no order after", Unanswered),
    ("nothing after", Unanswered),
    ("redirect before", Unanswered),
    ("429 before", RateLimited),
    ("401 before", AccessRefused),
    ("403 before", OrderRefused),
    ("404 before", OrderRefused),
    ("409 before", OrderRefused),
    ("409 after", DuplicateOrder),
    ("422 before", OrderRefused),
    ("422 after", DuplicateOrder),
    ("echo before", OrderRefused),
]
"""What the client sees of its order, and when it is accepted; see `alpaca_server`."""


@pytest.mark.parametrize(
    ("fault", "kind"),
    [pytest.param(fault, kind, id=f"{fault} is {kind.__name__}") for fault, kind in FAULTS],
)
def test_every_fault_says_what_is_known_of_the_order(
    alpaca: Control, ticket: Ticket, fault: str, kind: type
) -> None:
    alpaca.meet(fault)
    broker, order = broker_at(alpaca.url), ticket("one")

    first = outcome(broker, order)

    assert type(first) is kind
    there = fault.endswith((" after", " late"))
    assert alpaca.accepted() == ["one"] * there
    assert alpaca.asked("POST") == ["POST /v2/orders"]  # sent once, whatever came
    # never a class that lets an order be submitted again without asking, where there is one
    assert not (there and isinstance(first, NotAccepted))
    # and whoever asks first submits it once
    found = broker.find("ppo", "one")
    assert (found is not None) == there
    if found is None:
        assert isinstance(broker.submit(order), OrderState)
    assert alpaca.accepted() == ["one"]


@pytest.mark.parametrize("fault", [fault for fault, _ in FAULTS if fault.endswith((" after", " late"))])
def test_even_who_does_not_ask_submits_it_once(alpaca: Control, ticket: Ticket, fault: str) -> None:
    alpaca.meet(fault)
    broker, order = broker_at(alpaca.url), ticket("one")
    outcome(broker, order)
    again = outcome(broker, order)
    assert isinstance(again, DuplicateOrder)
    assert again.existing == broker.find("ppo", "one")
    assert alpaca.accepted() == ["one"]


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        pytest.param(["502 before"], Unanswered, id="no other words, and nothing is shown: in doubt"),
        pytest.param(["time-out before"], Unanswered, id="no other words, and no answer: in doubt"),
    ],
)
def test_a_refusal_that_may_mean_a_duplicate_is_in_doubt_until_it_was_looked_up(
    alpaca: Control, ticket: Ticket, faults: list[str], kind: type
) -> None:
    broker = broker_at(alpaca.url)
    broker.submit(ticket("one"))
    looks = [
        {"fault": fault, "method": "GET", "path": "/v2/orders:by"}
        for fault in faults * broker.patience.attempts
    ]
    alpaca.set(faults=[{"fault": "422 before", "method": "POST", "path": "/v2/orders"}, *looks])
    assert type(outcome(broker, ticket("one"))) is kind


def test_a_duplicate_is_told_even_where_it_cannot_be_shown(alpaca: Control, ticket: Ticket) -> None:
    broker = broker_at(alpaca.url)
    broker.submit(ticket("one"))
    alpaca.meet("502 before", "502 before", method="GET", path="/v2/orders:by")
    with pytest.raises(DuplicateOrder, match="it is there already") as caught:
        broker.submit(ticket("one"))
    assert caught.value.existing is None


def test_a_connection_that_does_not_come_about_sent_nothing(ticket: Ticket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(Unreachable, match=r"was not sent, for there was no connection: .*refused") as caught:
        broker_at(url).submit(ticket("one"))
    assert caught.value.again


def failed(reason: Exception) -> requests.ConnectionError:
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(None, "/v2/orders", reason))


@pytest.mark.parametrize(
    ("error", "never_sent"),
    [
        pytest.param(failed(ConnectTimeoutError()), True, id="no connection in time"),
        pytest.param(failed(NewConnectionError(None, "refused")), True, id="a connection refused"),
        pytest.param(failed(NameResolutionError("a.b", None, OSError())), True, id="no such host"),
        pytest.param(
            failed(SSLError(ssl.SSLCertVerificationError("self-signed"))), True, id="a host without proof"
        ),
        pytest.param(failed(SSLError(ssl.SSLEOFError("broken off"))), False, id="encryption broken off"),
        pytest.param(failed(ProxyError("no tunnel", OSError())), False, id="a proxy"),
        pytest.param(failed(ProtocolError("aborted")), False, id="a connection aborted"),
        pytest.param(requests.ReadTimeout(ReadTimeoutError(None, "", "")), False, id="no answer in time"),
        pytest.param(requests.ConnectionError(ProtocolError("aborted")), False, id="aborted at once"),
        pytest.param(requests.ConnectionError(), False, id="nobody knows"),
    ],
)
def test_what_was_never_sent_is_known_for_certain(error: requests.RequestException, never_sent: bool) -> None:
    assert _was_never_sent(error) is never_sent


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        pytest.param({"Retry-After": "12"}, timedelta(seconds=12), id="as Retry-After says"),
        pytest.param({"X-RateLimit-Reset": "1"}, timedelta(0), id="as X-RateLimit-Reset says, which is over"),
        pytest.param({"Retry-After": "soon"}, None, id="a word that is no time"),
        pytest.param({}, None, id="nobody says"),
    ],
)
def test_a_limit_says_when_to_come_again(
    alpaca: Control, ticket: Ticket, headers: dict[str, str], wait: timedelta | None
) -> None:
    alpaca.meet("429 before", headers=headers)
    with pytest.raises(RateLimited, match="too many requests") as caught:
        broker_at(alpaca.url).submit(ticket("one"))
    assert caught.value.retry_after == wait
    assert caught.value.again


@pytest.mark.parametrize("fault", ["429 before", "500 before", "502 before", "503 before", "504 before"])
def test_what_only_reads_is_asked_again(alpaca: Control, ticket: Ticket, fault: str) -> None:
    broker = broker_at(alpaca.url)
    broker.submit(ticket("one"))
    alpaca.meet(fault, method="GET", path="/v2/")
    assert broker.find("ppo", "one") is not None
    assert len(alpaca.asked("GET /v2/orders:by")) == 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("429 before", RateLimited),
        ("401 before", AccessRefused),
        ("403 before", AccessRefused),
        ("404 before", Unanswered),
        ("502 before", Unanswered),
        ("time-out before", Unanswered),
        ("truncated after", Unanswered),
        ("not JSON after", Unanswered),
        ("nothing after", Unanswered),
        ("no order after", Unanswered),
    ],
)
@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda broker: broker.find("ppo", "one"), id="find"),
        pytest.param(lambda broker: broker.open_orders("ppo"), id="open orders"),
        pytest.param(lambda broker: broker.fills("ppo", BEFORE), id="fills"),
        pytest.param(lambda broker: broker.positions("ppo"), id="positions"),
        pytest.param(lambda broker: broker.account("ppo"), id="account"),
        pytest.param(lambda broker: broker.clock(), id="clock"),
    ],
)
def test_what_cannot_be_read_is_told_and_never_taken_for_nothing(
    alpaca: Control, ask: Callable[[AlpacaBroker], object], fault: str, kind: type
) -> None:
    alpaca.meet(*[fault] * HASTE.attempts, method="GET", path="/v2/")
    with pytest.raises(BrokerError) as caught:
        ask(broker_at(alpaca.url))
    assert type(caught.value) is kind


def test_all_pages_are_read(alpaca: Control, ticket: Ticket) -> None:
    broker = broker_at(alpaca.url)
    names = [f"order-{number}" for number in range(7)]
    for name in names:
        broker.submit(ticket(name))
    alpaca.set(page=3)
    assert [order.client_order_id for order in broker.open_orders("ppo")] == names
    assert [order.client_order_id for order in broker.orders("ppo", BEFORE)] == names
    alpaca.session({"AAPL": {"price": "100"}}, "2024-05-06T20:00:00+00:00")
    assert len(broker.fills("ppo", BEFORE)) == 7
    pages = [line for line in alpaca.asked("GET /v2/orders?") if "after_order_id" in line]
    assert pages
    assert not [line for line in pages if "after=" in line]


def test_pages_that_do_not_go_on_are_told(
    alpaca: Control, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alpaca.trading.client import TradingClient

    broker = broker_at(alpaca.url)
    broker.submit(ticket("one"))
    page = TradingClient.get
    monkeypatch.setattr(
        TradingClient,
        "get",
        lambda client, path, data: page(client, path, {**data, "after_order_id": None}),
    )
    with pytest.raises(Unanswered, match="the same page came twice"):
        broker.open_orders("ppo")


@pytest.mark.parametrize(
    ("said", "filled", "status"),
    [
        pytest.param("new", "0", "accepted", id="new"),
        pytest.param("pending_new", "0", "accepted", id="on its way"),
        pytest.param("held", "0", "accepted", id="held"),
        pytest.param("suspended", "0", "accepted", id="suspended"),
        pytest.param("a_word_of_tomorrow", "0", "accepted", id="not known, and counts as open"),
        pytest.param("done_for_day", "3", "partially_filled", id="done for the day, in part"),
        pytest.param("partially_filled", "3", "partially_filled", id="in part"),
        pytest.param("pending_cancel", "3", "pending_cancel", id="about to be canceled"),
        pytest.param("filled", "10", "filled", id="filled"),
        pytest.param("canceled", "3", "canceled", id="canceled"),
        pytest.param("expired", "0", "expired", id="expired"),
        pytest.param("replaced", "0", "replaced", id="replaced"),
        pytest.param("rejected", "0", "rejected", id="rejected"),
    ],
)
def test_statuses_are_a_closed_set(
    alpaca: Control, ticket: Ticket, said: str, filled: str, status: str
) -> None:
    broker = broker_at(alpaca.url)
    broker.submit(ticket("one", quantity=10))
    accounts = alpaca.state()["accounts"]
    accounts["ppo"]["orders"][0] |= {"status": said, "filled_qty": filled, "filled_avg_price": "99.5"}
    alpaca.set(accounts=accounts)
    state = broker.find("ppo", "one")
    assert state is not None
    assert (state.status, state.said, state.filled) == (status, said, D(filled))
    assert state.is_open == (status in ("accepted", "partially_filled", "pending_cancel"))
    assert state.average_price == (D("99.5") if D(filled) else None)


def test_orders_that_somebody_else_placed_are_shown(alpaca: Control, ticket: Ticket) -> None:
    broker = broker_at(alpaca.url)
    broker.submit(ticket("one"))
    accounts = alpaca.state()["accounts"]
    other = {"type": "stop", "qty": None, "notional": "500", "symbol": "", "side": "", "filled_qty": None}
    accounts["ppo"]["orders"][0] |= {**other, "submitted_at": "2024-05-06T09:00:00.123456789-04:00"}
    alpaca.set(accounts=accounts)
    (state,) = broker.open_orders("ppo")
    assert (state.kind, state.quantity, state.filled, state.symbol) == ("stop", None, 0, "")
    assert state.submitted_at == datetime(2024, 5, 6, 13, 0, 0, 123456, tzinfo=UTC)


def test_a_short_position_is_negative_and_a_blocked_account_says_so(alpaca: Control) -> None:
    accounts = alpaca.state()["accounts"]
    accounts["ppo"] |= {"positions": {"KO": {"qty": "-3", "average": "51"}}, "blocked": True}
    alpaca.set(accounts=accounts)
    broker = broker_at(alpaca.url)
    assert [held.quantity for held in broker.positions("ppo")] == [-3]
    assert broker.account("ppo").blocked == "trading_blocked"


def test_quantities_travel_as_they_are_written(alpaca: Control, ticket: Ticket) -> None:
    broker = broker_at(alpaca.url)
    accounts = alpaca.state()["accounts"]
    accounts["ppo"]["cash"] = "20000"
    alpaca.set(accounts=accounts)
    broker.submit(ticket("one", quantity="1234567.123456789", limit_price="0.01"))
    (order,) = alpaca.state()["accounts"]["ppo"]["orders"]
    assert (order["qty"], order["limit_price"]) == ("1234567.123456789", "0.01")


# Keys and real money


def test_each_account_has_its_own_keys(alpaca: Control, ticket: Ticket) -> None:
    broker = broker_at(alpaca.url)
    broker.submit(ticket("one", account="hrp"))
    assert (alpaca.accepted("ppo"), alpaca.accepted("hrp")) == ([], ["one"])


@pytest.mark.parametrize(
    ("key", "secret", "said"),
    [
        pytest.param(None, "hush", "has no key or no secret.*APCA_API_KEY_ID", id="no key"),
        pytest.param("key-of-ppo", "", "has no key or no secret", id="an empty secret"),
        pytest.param(
            "key-of-ppo", "hush\n", "the key or the secret of account 'ppo' is none", id="a line end"
        ),
        pytest.param("key-of-ppo", "hüsh", "the key or the secret of account 'ppo' is none", id="a letter"),
        pytest.param("key-of-ppo", "hush", "HTTP 401, request is not authorized", id="a wrong secret"),
    ],
)
def test_keys_that_do_not_open_are_told_and_never_shown(
    alpaca: Control, ticket: Ticket, key: str | None, secret: str, said: str
) -> None:
    account = AlpacaAccount(key=SecretStr(key) if key else None, secret=SecretStr(secret))
    broker = broker_at(alpaca.url, keys={"ppo": account})
    for ask in (lambda: broker.submit(ticket("one")), lambda: broker.account("ppo")):
        with pytest.raises(AccessRefused, match=said) as caught:
            ask()
        assert "hush" not in f"{caught.value}{caught.value!r}{broker!r}".replace("hüsh", "hush")


def test_a_service_that_repeats_the_key_is_not_repeated(alpaca: Control, ticket: Ticket) -> None:
    alpaca.meet("echo before")
    with pytest.raises(OrderRefused, match=r"what is \*+ \*+\?") as caught:
        broker_at(alpaca.url).submit(ticket("one"))
    assert "of-ppo" not in str(caught.value)


def real(**changed: Any) -> AlpacaBroker:
    account = AlpacaAccount(key=SecretStr("key-of-ppo"), secret=SecretStr("secret-of-ppo"), paper=False)
    return broker_at(**{"url": None, "keys": {"ppo": account}, **changed})


@pytest.mark.parametrize(
    "broker",
    [
        pytest.param(real(), id="the account says so"),
        pytest.param(broker_at("https://api.alpaca.markets"), id="the address says so"),
        pytest.param(broker_at("https://API.alpaca.markets.:443/"), id="the address says so, otherwise"),
        pytest.param(real(real_money=frozenset({"hrp"})), id="leave for another account"),
    ],
)
def test_real_money_is_not_touched_without_leave(broker: AlpacaBroker, ticket: Ticket) -> None:
    for ask in (lambda: broker.submit(ticket("one")), lambda: broker.cancel("ppo", "one")):
        with pytest.raises(AccessRefused, match=r"real money, and no leave.*TRADING_REAL_MONEY=ppo"):
            ask()
    assert "ppo:real" in broker.identity()["accounts"]


def test_real_money_with_leave_is_traded_with(alpaca: Control, ticket: Ticket) -> None:
    broker = real(url=alpaca.url, real_money=frozenset({"ppo"}))
    broker.submit(ticket("one"))
    assert alpaca.accepted() == ["one"]


def test_paper_and_real_money_have_their_own_addresses() -> None:
    hosts = [broker._client("ppo", "anything", 0)._base_url for broker in (broker_at(None), real())]
    assert [str(host.value) for host in hosts] == [
        "https://paper-api.alpaca.markets",
        "https://api.alpaca.markets",
    ]


def test_the_identity_has_no_secret_and_no_host() -> None:
    assert broker_at("http://localhost:1").identity() == {
        "broker": "alpaca",
        "accounts": "hrp:paper,ppo:paper",
    }


# Killed

CLIENT = """
import sys
sys.path[:0] = [{root!r}]
from decimal import Decimal
from pydantic import SecretStr
from assets.trading.alpaca_broker import AlpacaAccount, AlpacaBroker
from assets.trading.broker import OrderTicket
from assets.trading.broker_errors import DuplicateOrder
import alpaca.trading.client
keys = AlpacaAccount(key=SecretStr("key-of-ppo"), secret=SecretStr("secret-of-ppo"))
broker = AlpacaBroker(keys={{"ppo": keys}}, url={url!r})
print("ready", flush=True)
sys.stdin.readline()
for number in range(5):
    name = f"order-{{number}}"
    if broker.find("ppo", name) is None:
        broker.submit(OrderTicket(account="ppo", client_order_id=name, symbol="KO", side="BUY", quantity=Decimal(1)))
print("done", flush=True)
"""


def client_of(control: Control) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", CLIENT.format(root=str(ROOT), url=control.url)]
    started = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdout.readline() == "ready\n"
    return started


@pytest.mark.faults(small=3, full=50)
def test_a_client_killed_at_any_instant_of_a_submission_has_submitted_it_once(
    alpaca_process: Control, fault_seed: int
) -> None:
    chance = random.Random(fault_seed)
    client = client_of(alpaca_process)
    spared = chance.randrange(5)
    alpaca_process.meet(
        *["answer after"] * spared, chance.choice(["kill before", "kill after"]), pid=client.pid
    )
    out, _ = client.communicate("go\n", timeout=60)
    assert (out, client.returncode) == ("", -signal.SIGKILL)
    again = client_of(alpaca_process)
    assert again.communicate("go\n", timeout=60)[0] == "done\n"
    assert alpaca_process.accepted() == [f"order-{number}" for number in range(5)]
