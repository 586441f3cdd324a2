"""The table of proposed orders, and what it amounts to."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from assets.trading.holdings import Holdings
from assets.trading.order_proposals import OrderConfig, OrderSummary, propose_orders
from assets.trading.sizing import OrdersRefused
from checks import Verdict, evaluate
from graph.declare import declaration_of

if TYPE_CHECKING:
    from collections.abc import Mapping

D = Decimal
MONDAY, TUESDAY, WEDNESDAY = date(2024, 5, 6), date(2024, 5, 7), date(2024, 5, 8)


def long(values: Mapping[date, Mapping[str, float | None]], column: str) -> pa.Table:
    rows = [(session, symbol, value) for session, row in values.items() for symbol, value in row.items()]
    return pa.table(
        {
            "session": pa.array([row[0] for row in rows], pa.date32()),
            "symbol": pa.array([row[1] for row in rows], pa.string()),
            column: pa.array([row[2] for row in rows], pa.float64()),
        }
    )


TARGETS = long({MONDAY: {"A": 1.0}, TUESDAY: {"A": 0.2, "B": 0.005, "C": 0.0, "CASH": 0.795}}, "weight")
CLOSES = long({TUESDAY: {"A": 1.0, "B": 1.0}, WEDNESDAY: {"A": 50.0, "B": 20.0, "D": 10.0}}, "close")
HELD = Holdings(account="paper", cash=D("900.00"), positions={"D": D(10)})


def proposed(
    targets: pa.Table = TARGETS, closes: pa.Table = CLOSES, held: Holdings = HELD, **config: Any
) -> tuple[pa.Table, OrderSummary]:
    found = propose_orders(targets, closes, held, OrderConfig(**config))
    return found["order_proposals"], found["order_summary"]


def failed(value: object, output: int) -> list[Verdict]:
    declaration = declaration_of(propose_orders)
    assert declaration is not None
    verdicts = evaluate(value, declaration.outputs[output].checks, now=datetime(2024, 6, 1, tzinfo=UTC))
    return [verdict for verdict in verdicts if not verdict.passed]


def test_orders_come_from_the_newest_target_at_the_newest_closes() -> None:
    table, _ = proposed()
    rows = table.to_pylist()
    assert [(row["side"], row["symbol"], row["quantity"], row["limit_price"]) for row in rows] == [
        ("SELL", "D", D("10.0000"), D("9.80")),
        ("BUY", "A", D("4.0000"), D("51.00")),
        ("BUY", "B", None, None),
    ]
    assert {row["session"] for row in rows} == {WEDNESDAY}
    assert {row["decided"] for row in rows} == {TUESDAY}
    assert [row["client_order_id"] for row in rows] == [
        "paper:2024-05-08:attempt-1:D:SELL",
        "paper:2024-05-08:attempt-1:A:BUY",
        None,
    ]
    assert [row["omitted"] for row in rows] == [None, None, "within 1.00 % of its target"]
    assert failed(table, 0) == []


def test_the_summary_adds_up() -> None:
    _, summary = proposed()
    assert summary == OrderSummary(
        account="paper",
        session=WEDNESDAY,
        decided=TUESDAY,
        attempt=1,
        net_value=D("1000.00"),
        cash_before=D("900.00"),
        cash_after=D("794.00"),  # 900 + 10 x 9.80 - 4 x 51.00
        bought=D("200.00"),
        sold=D("100.00"),
        turnover_percent=15.0,
        buys=1,
        sells=1,
        omitted=1,
    )
    assert failed(summary, 1) == []
    assert failed(summary.model_dump(mode="json"), 1) == []


def test_the_attempt_is_part_of_the_order_id() -> None:
    table, _ = proposed(attempt=2)
    assert table["client_order_id"][0].as_py() == "paper:2024-05-08:attempt-2:D:SELL"


def test_without_an_offset_the_orders_are_market_orders() -> None:
    table, _ = proposed(limit_offset=None)
    assert table["limit_price"].null_count == table.num_rows
    assert failed(table, 0) == []


def test_nothing_to_do_is_an_empty_table() -> None:
    table, summary = proposed(
        held=Holdings(account="paper", cash=D(5)), targets=long({MONDAY: {"CASH": 1.0}}, "weight")
    )
    assert (table.num_rows, summary.turnover_percent) == (0, 0.0)
    assert failed(table, 0) == []


@pytest.mark.parametrize(
    ("targets", "closes", "held", "message"),
    [
        pytest.param(
            long({}, "weight"), CLOSES, HELD, "no target weights or no prices yet", id="nothing decided yet"
        ),
        pytest.param(
            TARGETS,
            long({WEDNESDAY: {"A": 50.0, "B": None, "D": 10.0}}, "close"),
            HELD,
            "'B' is targeted and has no price",
            id="a target without a close on the last session",
        ),
        pytest.param(
            TARGETS,
            long({TUESDAY: {"D": 9.0}, WEDNESDAY: {"A": 50.0, "B": 20.0}}, "close"),
            HELD,
            "'D' is held and has no price",
            id="a position whose last close is older",
        ),
        pytest.param(
            TARGETS, CLOSES, Holdings(account="paper", cash=D(0)), "worth 0.00", id="an account with nothing"
        ),
        pytest.param(
            long({MONDAY: {"A": float("nan")}}, "weight"),
            CLOSES,
            HELD,
            "weight of 'A' is nan",
            id="a NaN weight",
        ),
    ],
)
def test_is_refused_by_name(targets: pa.Table, closes: pa.Table, held: Holdings, message: str) -> None:
    with pytest.raises(OrdersRefused, match=message):
        proposed(targets, closes, held)
