"""Alpaca's trading API on this machine, as it is documented, with faults on request.

It honours ``client_order_id``: unique in an account for ever, a second one is refused (422, code 40010001). Everything
is in one file, written before a request is answered, so that whoever asks may be killed at any moment and what was
accepted can be counted afterwards. Started as a process it prints its address:

    python alpaca_server.py --state state.json [--port 0]

What stands below ``/_control`` is for tests: the state, the faults, and a session that trades. A fault is what the
client sees, and when its request is accepted, ``before`` (that is, it is not), ``after``, or ``late``, when it has
seen it: "time-out after", "502 before". It sees

- ``answer`` as it should be, ``slow`` as well, or ``truncated`` to half;
- ``time-out``, no answer ever; ``hang-up`` and ``reset``, the end of the connection;
- ``kill``: SIGKILL for the process ``pid`` of the fault, which is meant to be the client;
- ``echo``, a refusal that repeats the key and the secret, or one of the answers in `INSTEAD`.

Sources: https://docs.alpaca.markets/docs/orders-at-alpaca, .../fractional-trading, .../account-activities, and the
reference of /v2/orders, /v2/positions, /v2/account, /v2/clock; the words of refusals as clients have recorded them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import struct
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import NAMESPACE_OID, uuid5

OPEN = {"new", "accepted", "partially_filled", "pending_new", "pending_cancel", "held", "done_for_day"}
NGINX = "<html><head><title>{status}</title></head><body><center>nginx</center></body></html>"
FIRST_DAY = "2024-05-06T12:00:00+00:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        if self.body is None:
            return b""
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


def refusal(status: int, code: int, message: str, **more: str) -> Answer:
    return Answer(status=status, body={"code": code, "message": message, **more})


INSTEAD = {
    "500": refusal(500, 50010000, "internal server error occurred"),
    **{
        status: Answer(status=int(status), body=NGINX.format(status=status))
        for status in ("502", "503", "504")
    },
    "not JSON": Answer(status=200, body=NGINX.format(status=200)),
    "no order": Answer(status=200, body={"id": "of what?"}),
    "nothing": Answer(status=200),
    "redirect": Answer(status=307),
    "429": Answer(status=429, body={"message": "too many requests."}),
    "401": refusal(401, 40110000, "request is not authorized"),
    "403": Answer(status=403, body={"message": "forbidden."}),
    "404": Answer(status=404, body=NGINX.format(status=404)),
    "408": Answer(status=408, body={"message": "request timeout"}),
    "409": Answer(status=409, body={"message": "conflict"}),
    "422": refusal(422, 40010001, "some other words for a name that is taken"),
}


class Refused(Exception):
    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(str(answer))


def new_state(accounts: dict[str, Any] | None = None) -> dict[str, Any]:
    """By account: ``key``, ``secret``, ``cash``, ``positions``, ``orders`` and ``fills``; see the module."""

    def opened(name: str) -> dict[str, Any]:
        keys = {"key": f"key-of-{name}", "secret": f"secret-of-{name}"}
        return {**keys, "positions": {}, "orders": [], "fills": [], "cash": "10000", "blocked": False}

    named = accounts or {"ppo": {}, "hrp": {}}
    return {
        "accounts": {name: opened(name) | given for name, given in named.items()},
        "prices": {"AAPL": "100", "MSFT": "200", "KO": "50"},
        "now": FIRST_DAY,
        "clock": {"is_open": False, "next_open": "2024-05-06T09:30:00-04:00"}
        | {"next_close": "2024-05-06T16:00:00-04:00"},
        "faults": [],
        "asked": [],
        "page": 500,
    }


class Alpaca:
    """The service without the network: a request in, an answer out, the state written before it is given."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.RLock()
        self.quiet = threading.Condition()
        self.busy = 0
        self.state = json.loads(path.read_text()) if path.exists() else new_state()
        self.save()

    def save(self) -> None:
        aside = self.path.with_suffix(".aside")
        aside.write_text(json.dumps(self.state))
        aside.replace(self.path)

    def fault_for(self, method: str, path: str) -> dict[str, Any]:
        """The next fault that is meant for such a request, which it then has met."""
        with self.lock:
            self.state["asked"].append(f"{method} {path}")
            met = next(
                (
                    fault
                    for fault in self.state["faults"]
                    if path.startswith(fault.get("path", "/v2/")) and fault.get("method", method) == method
                ),
                {},
            )
            if met:
                self.state["faults"].remove(met)
            self.save()
            return met

    def answer(self, method: str, url: str, headers: Any, body: bytes) -> Answer:
        with self.lock:
            try:
                found = self._route(method, url, headers, body)
            except Refused as error:
                found = error.answer
            self.save()
            return found

    def _route(self, method: str, url: str, headers: Any, body: bytes) -> Answer:
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        account = self._account(headers)
        match method, parts.path.removeprefix("/v2/").split("/"):
            case "GET", ["clock"]:
                return Answer(status=200, body={"timestamp": self.state["now"], **self.state["clock"]})
            case "GET", ["account"]:
                return Answer(status=200, body=self._money(account))
            case "GET", ["positions"]:
                return Answer(status=200, body=self._positions(account))
            case "GET", ["account", "activities", "FILL"]:
                return Answer(status=200, body=self._activities(account, query))
            case "GET", ["orders:by_client_order_id"]:
                name = query["client_order_id"]
                return Answer(status=200, body=self._order(account, "client_order_id", name))
            case "GET", ["orders", order_id]:
                return Answer(status=200, body=self._order(account, "id", order_id))
            case "GET", ["orders"]:
                return Answer(status=200, body=self._orders(account, query))
            case "POST", ["orders"]:
                return Answer(status=200, body=self._place(account, json.loads(body)))
            case "DELETE", ["orders", order_id]:
                self._cancel(account, order_id)
                return Answer(status=204)
        raise Refused(refusal(404, 40410000, "endpoint not found"))

    def _account(self, headers: Any) -> dict[str, Any]:
        shown = headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY")
        for account in self.state["accounts"].values():
            if shown == (account["key"], account["secret"]):
                return account
        raise Refused(refusal(401, 40110000, "request is not authorized"))

    # Orders

    def _place(self, account: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        quantity, limit = Decimal(body["qty"]), body.get("limit_price")
        if quantity <= 0:
            raise Refused(refusal(422, 42210000, "qty must be > 0"))
        if limit is not None and Decimal(limit) % Decimal("0.01"):
            words = (
                f"invalid limit_price {limit}. sub-penny increment does not fulfill minimum pricing criteria"
            )
            raise Refused(refusal(422, 42210000, words))
        if quantity % 1 and body["time_in_force"] != "day":
            raise Refused(refusal(422, 42210000, "fractional orders must be DAY orders"))
        if body["symbol"] not in self.state["prices"]:
            raise Refused(refusal(422, 42210000, f'asset "{body["symbol"]}" not found'))
        if any(order["client_order_id"] == body["client_order_id"] for order in account["orders"]):
            raise Refused(refusal(422, 40010001, "client_order_id must be unique"))
        self._require_means(account, body, quantity)
        number = len(account["orders"])
        status = "new" if self.state["clock"]["is_open"] else "accepted"
        order = {
            "id": str(uuid5(NAMESPACE_OID, f"{account['key']} {number}")),
            "client_order_id": body["client_order_id"],
            **dict.fromkeys(("created_at", "updated_at", "submitted_at"), self._stamp()),
            **dict.fromkeys(("filled_at", "expired_at", "canceled_at", "failed_at", "replaced_at")),
            "asset_id": str(uuid5(NAMESPACE_OID, body["symbol"])),
            "symbol": body["symbol"],
            "asset_class": "us_equity",
            "notional": None,
            "qty": body["qty"],
            "filled_qty": "0",
            "filled_avg_price": None,
            "order_class": "",
            "order_type": body["type"],
            "type": body["type"],
            "side": body["side"],
            "time_in_force": body["time_in_force"],
            "limit_price": limit,
            "stop_price": None,
            "status": status,
            "extended_hours": False,
            "legs": None,
        }
        account["orders"].append(order)
        return order

    def _require_means(self, account: dict[str, Any], body: dict[str, Any], quantity: Decimal) -> None:
        """Open orders bind what they may cost or give; open sells do not add to the buying power."""
        symbol = body["symbol"]
        if body["side"] == "sell":
            held = Decimal(account["positions"].get(symbol, {"qty": "0"})["qty"])
            bound = sum(left(order) for order in _open(account, "sell") if order["symbol"] == symbol)
            if quantity > held - bound:
                words = (
                    f"insufficient qty available for order (requested: {quantity}, available: {held - bound})"
                )
                more = {"existing_qty": str(held), "held_for_orders": str(bound), "symbol": symbol}
                raise Refused(refusal(403, 40310000, words, **more))
            return
        power, cost = self._buying_power(account), quantity * self._worth(body)
        if cost > power:
            more = {"buying_power": str(power), "cost_basis": str(cost)}
            raise Refused(refusal(403, 40310000, "insufficient buying power", **more))

    def _worth(self, order: dict[str, Any]) -> Decimal:
        return Decimal(order.get("limit_price") or self.state["prices"][order["symbol"]])

    def _buying_power(self, account: dict[str, Any]) -> Decimal:
        bound = sum(left(order) * self._worth(order) for order in _open(account, "buy"))
        return Decimal(account["cash"]) - bound

    def _order(self, account: dict[str, Any], key: str, value: str) -> dict[str, Any]:
        for order in account["orders"]:
            if order[key] == value:
                return order
        raise Refused(refusal(404, 40410000, f"order not found for {value}"))

    def _orders(self, account: dict[str, Any], query: dict[str, str]) -> list[dict[str, Any]]:
        anchored = "after_order_id" in query or "before_order_id" in query
        if anchored and ("after" in query or "until" in query):
            words = "after_order_id and before_order_id cannot be combined with after and until"
            raise Refused(refusal(422, 42210000, words))
        wanted = query.get("status", "open")
        rows = list(account["orders"])
        if "after_order_id" in query:
            rows = rows[rows.index(self._order(account, "id", query["after_order_id"])) + 1 :]
        if "after" in query:
            rows = [order for order in rows if moment(order["submitted_at"]) > moment(query["after"])]
        rows = [order for order in rows if wanted == "all" or (order["status"] in OPEN) == (wanted == "open")]
        if query.get("direction", "desc") == "desc":
            rows.reverse()
        return rows[: min(int(query.get("limit", 50)), self.state["page"])]

    def _cancel(self, account: dict[str, Any], order_id: str) -> None:
        order = self._order(account, "id", order_id)
        if order["status"] not in OPEN:
            raise Refused(refusal(422, 42210000, f'order is already in "{order["status"]}" state'))
        order |= {"status": "canceled", "canceled_at": self._stamp(), "updated_at": self._stamp()}

    # The account

    def _money(self, account: dict[str, Any]) -> dict[str, Any]:
        positions = self._positions(account)
        equity = Decimal(account["cash"]) + sum(Decimal(held["market_value"]) for held in positions)
        return {
            "id": str(uuid5(NAMESPACE_OID, account["key"])),
            "account_number": "PA3TEST",
            "status": "ACTIVE",
            "currency": "USD",
            "cash": account["cash"],
            "buying_power": str(self._buying_power(account)),
            "equity": str(equity),
            "portfolio_value": str(equity),
            "multiplier": "1",
            "trading_blocked": account["blocked"],
            "transfers_blocked": False,
            "account_blocked": False,
            "trade_suspended_by_user": False,
        }

    def _positions(self, account: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {
                "asset_id": str(uuid5(NAMESPACE_OID, symbol)),
                "symbol": symbol,
                "exchange": "NASDAQ",
                "asset_class": "us_equity",
                "avg_entry_price": held["average"],
                "qty": held["qty"],
                "side": "short" if Decimal(held["qty"]) < 0 else "long",
                "market_value": str(Decimal(held["qty"]) * Decimal(self.state["prices"][symbol])),
                "cost_basis": str(Decimal(held["qty"]) * Decimal(held["average"])),
            }
            for symbol, held in account["positions"].items()
        ]

    def _activities(self, account: dict[str, Any], query: dict[str, str]) -> list[dict[str, Any]]:
        rows = list(account["fills"])
        if "after" in query:
            rows = [fill for fill in rows if moment(fill["transaction_time"]) > moment(query["after"])]
        if query.get("direction", "desc") == "desc":
            rows.reverse()
        if "page_token" in query:
            rows = rows[[fill["id"] for fill in rows].index(query["page_token"]) + 1 :]
        return rows[: min(int(query.get("page_size", 100)), 100, self.state["page"])]

    # The market

    def session(self, bars: dict[str, dict[str, Any]], now: str) -> None:
        """Trade every open order at a price, as far as a volume allows; then orders of the day expire."""
        with self.lock:
            self.state["now"] = now
            self.state["prices"] |= {symbol: bar["price"] for symbol, bar in bars.items()}
            volume = {symbol: Decimal(bar.get("volume", "1e9")) for symbol, bar in bars.items()}
            for account in self.state["accounts"].values():
                for order in [*_open(account, "sell"), *_open(account, "buy")]:
                    quantity = min(left(order), volume.get(order["symbol"], Decimal(0)))
                    if quantity > 0 and reached(order, Decimal(self.state["prices"][order["symbol"]])):
                        volume[order["symbol"]] -= quantity
                        self._fill(account, order, quantity)
                    if order["status"] in OPEN and order["time_in_force"] == "day":
                        order |= {"status": "expired", "expired_at": now, "updated_at": now}
            self.save()

    def _fill(self, account: dict[str, Any], order: dict[str, Any], quantity: Decimal) -> None:
        now, price = self.state["now"], Decimal(self.state["prices"][order["symbol"]])
        before, sign = Decimal(order["filled_qty"]), 1 if order["side"] == "buy" else -1
        value = before * Decimal(order["filled_avg_price"] or 0) + quantity * price
        order |= {"filled_qty": str(before + quantity), "filled_avg_price": str(value / (before + quantity))}
        done = left(order) == 0
        order |= {"status": "filled" if done else "partially_filled", "updated_at": now}
        order["filled_at"] = now if done else None
        account["cash"] = str(Decimal(account["cash"]) - sign * quantity * price)
        held = account["positions"].pop(order["symbol"], {"qty": "0", "average": "0"})
        changed = Decimal(held["qty"]) + sign * quantity
        if changed:
            cost = Decimal(held["qty"]) * Decimal(held["average"]) + quantity * price
            average = str(cost / changed) if sign > 0 else held["average"]
            account["positions"][order["symbol"]] = {"qty": str(changed), "average": average}
        number = len(account["fills"])
        account["fills"].append(
            {
                "activity_type": "FILL",
                "id": f"{moment(now):%Y%m%d%H%M%S}{number:03}::{uuid5(NAMESPACE_OID, str(number))}",
                "order_id": order["id"],
                "symbol": order["symbol"],
                "side": order["side"],
                "qty": str(quantity),
                "price": str(price),
                "cum_qty": order["filled_qty"],
                "leaves_qty": str(left(order)),
                "transaction_time": now,
                "type": "fill" if done else "partial_fill",
            }
        )

    def _stamp(self) -> str:
        return str(self.state["now"])


def left(order: dict[str, Any]) -> Decimal:
    return Decimal(order["qty"]) - Decimal(order["filled_qty"])


def reached(order: dict[str, Any], price: Decimal) -> bool:
    limit = order["limit_price"]
    if limit is None:
        return True
    return price <= Decimal(limit) if order["side"] == "buy" else price >= Decimal(limit)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _open(account: dict[str, Any], side: str) -> list[dict[str, Any]]:
    return [order for order in account["orders"] if order["status"] in OPEN and order["side"] == side]


class Handler(BaseHTTPRequestHandler):
    """The network: one request at a time, and its fault."""

    protocol_version = "HTTP/1.1"
    alpaca: Alpaca

    def do_GET(self) -> None:
        self.meet()

    def do_POST(self) -> None:
        self.meet()

    def do_DELETE(self) -> None:
        self.meet()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # so the base class calls it
        pass

    def meet(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/_control"):
            self.give(self.control(body))
            return
        with self.counted():
            fault = self.alpaca.fault_for(self.command, self.path)
            sees, _, when = fault.get("fault", "answer after").rpartition(" ")
            answer = self.accept(body) if when == "after" else Answer(status=500)
            self.show(sees, answer, fault)
            if when == "late":
                self.accept(body)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """A request that is being met: who asks what came of all waits for its end, a late acceptance included."""
        with self.alpaca.quiet:
            self.alpaca.busy += 1
        try:
            yield
        finally:
            with self.alpaca.quiet:
                self.alpaca.busy -= 1
                self.alpaca.quiet.notify_all()

    def show(self, sees: str, answer: Answer, fault: dict[str, Any]) -> None:
        match sees:
            case "answer":
                self.give(answer)
            case "slow":
                threading.Event().wait(0.05)
                self.give(answer)
            case "truncated":
                self.give(answer, part=0.5)
            case "time-out":
                self.wait_for_the_end()
            case "hang-up":
                self.close_connection = True
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
            case "kill":
                os.kill(fault["pid"], signal.SIGKILL)
                self.wait_for_the_end()
            case "echo":
                shown = f"{self.headers['APCA-API-KEY-ID']} {self.headers['APCA-API-SECRET-KEY']}"
                self.give(refusal(422, 42210000, f"what is {shown}?"))
            case _:
                self.give(replace(INSTEAD[sees], headers=fault.get("headers", {})))

    def accept(self, body: bytes) -> Answer:
        return self.alpaca.answer(self.command, self.path, self.headers, body)

    def give(self, answer: Answer, part: float = 1.0) -> None:
        content = answer.content
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        if answer.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: round(part * len(content))])
        self.close_connection = True

    def wait_for_the_end(self) -> None:
        """Say nothing until the client has gone."""
        self.connection.settimeout(60)
        try:
            while self.connection.recv(1024):
                pass
        except OSError:
            pass
        self.close_connection = True

    def control(self, body: bytes) -> Answer:
        if self.path == "/_control/state":
            with self.alpaca.quiet:
                self.alpaca.quiet.wait_for(lambda: self.alpaca.busy == 0, timeout=5)
        with self.alpaca.lock:
            given = json.loads(body or b"{}")
            match self.path:
                case "/_control/set":
                    self.alpaca.state |= given
                    self.alpaca.save()
                case "/_control/session":
                    self.alpaca.session(given["bars"], given["now"])
            return Answer(status=200, body=self.alpaca.state)


class Server(ThreadingHTTPServer):
    """Clients that break off are what this is for: no traces of theirs are printed."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass

    def shutdown_request(self, request: Any) -> None:
        """Only close: a shutdown first would turn a reset into an ordinary end."""
        self.close_request(request)


def server_of(path: Path, port: int = 0) -> Server:
    handler = type("Bound", (Handler,), {"alpaca": Alpaca(path)})
    return Server(("127.0.0.1", port), handler)


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The server as a test holds it, in whichever process it runs."""

    url: str

    def state(self) -> dict[str, Any]:
        return self._post("state", {})

    def set(self, **changed: Any) -> None:
        """``now``, ``clock``, ``page``, ``prices``, ``accounts``, ``faults``, ``asked``."""
        self._post("set", changed)

    def meet(self, *faults: str, **more: Any) -> None:
        """The next orders meet these faults; ``path`` and ``method`` say another kind of request."""
        where = {"method": "POST", "path": "/v2/orders", **more}
        self._post("set", {"faults": [{"fault": fault, **where} for fault in faults]})

    def session(self, bars: dict[str, dict[str, Any]], now: str) -> None:
        self._post("session", {"bars": bars, "now": now})

    def accepted(self, account: str = "ppo") -> list[str]:
        """The client order ids that became orders."""
        return [order["client_order_id"] for order in self.state()["accounts"][account]["orders"]]

    def asked(self, begin: str = "") -> list[str]:
        return [line for line in self.state()["asked"] if line.startswith(begin)]

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.url}/_control/{path}", data=json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())


@contextmanager
def serving(path: Path) -> Iterator[Control]:
    """The server in a thread of this process."""
    with server_of(path) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield Control(url=f"http://127.0.0.1:{server.server_address[1]}")
        finally:
            server.shutdown()
            thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    with server_of(given.state, given.port) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
