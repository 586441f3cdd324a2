"""What the account holds: declared cash, or a file that is taken at its word or refused by name and line."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from assets.trading.holdings import (
    Holdings,
    HoldingsBook,
    HoldingsUnreadable,
    TradingSettings,
    holdings,
    holdings_book,
)
from checks import evaluate
from graph.declare import declaration_of

if TYPE_CHECKING:
    from pathlib import Path

D = Decimal


def book(path: Path | None = None) -> HoldingsBook:
    return HoldingsBook(account="paper", opening_cash=D("100000.00"), path=path)


def written(folder: Path, name: str, text: str) -> HoldingsBook:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return book(path)


def test_without_a_file_the_account_holds_its_opening_cash_for_good() -> None:
    seen = holdings(holdings_book(TradingSettings()))
    assert seen.value == Holdings(account="paper", cash=D("100000.00"))
    assert seen.ends


def test_the_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRADING_HOLDINGS", str(tmp_path / "held.json"))
    monkeypatch.setenv("TRADING_OPENING_CASH", "250.50")
    monkeypatch.setenv("TRADING_ACCOUNT", "live-1")
    found = holdings_book(TradingSettings())
    assert found == HoldingsBook(account="live-1", opening_cash=D("250.50"), path=tmp_path / "held.json")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("held.json", '{"cash": "12.50", "positions": {"AAPL": "1.5", "KO": 2}}', id="JSON"),
        pytest.param(
            "held.json",
            '{"account": "paper", "cash": 12.50, "positions": {"AAPL": 1.5, "KO": 2}}',
            id="numbers",
        ),
        pytest.param("held.csv", "symbol,quantity\nAAPL,1.5\nCASH,12.50\nKO,2\n", id="CSV"),
        pytest.param(
            "held.csv", "\ufeffname,symbol,quantity\nx,AAPL, 1.5\ny,CASH,12.50\nz,KO,2\n", id="CSV with more"
        ),
    ],
)
def test_a_file_is_read(tmp_path: Path, name: str, text: str) -> None:
    seen = holdings(written(tmp_path, name, text))
    assert seen.value == Holdings(account="paper", cash=D("12.50"), positions={"AAPL": D("1.5"), "KO": D(2)})
    assert not seen.ends


def test_a_file_may_say_when_it_was_so(tmp_path: Path) -> None:
    found = written(tmp_path, "held.json", '{"cash": 1, "as_of": "2024-05-06T20:00:00Z"}')
    assert holdings(found).as_of == datetime(2024, 5, 6, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        pytest.param("held.json", "{", "line 1, is not JSON", id="broken JSON"),
        pytest.param("held.json", "[]", "is not an object", id="no object"),
        pytest.param("held.json", '{"positions": {}}', "unusable 'cash'", id="no cash"),
        pytest.param("held.json", '{"cash": "much"}', "unusable 'cash'", id="cash that is no number"),
        pytest.param("held.json", '{"cash": 1.005}', "unusable 'cash'", id="parts of a cent"),
        pytest.param(
            "held.json", '{"cash": 1, "positions": {"A": "NaN"}}', "unusable 'positions.A'", id="NaN"
        ),
        pytest.param(
            "held.json", '{"cash": 1, "as_of": "2024-05-06T20:00:00"}', "unusable 'as_of'", id="no zone"
        ),
        pytest.param("held.json", '{"cash": 1, "poistions": {}}', "unusable 'poistions'", id="unknown field"),
        pytest.param("held.json", '{"cash": 1, "account": "x"}', "is of account 'x'", id="another account"),
        pytest.param("held.csv", "symbol,shares\nA,1\n", "line 1, has no column 'quantity'", id="no column"),
        pytest.param("held.csv", "symbol,quantity\nA,1\n", "no row CASH", id="no cash row"),
        pytest.param(
            "held.csv", "symbol,quantity\nCASH,1\nA,x\n", "line 3, gives 'A' the quantity 'x'", id="no number"
        ),
        pytest.param(
            "held.csv", "symbol,quantity\nCASH,1\nA,1\nA,2\n", "line 4, names 'A' a second", id="twice"
        ),
    ],
)
def test_a_file_is_refused_with_its_place(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(HoldingsUnreadable, match=message):
        holdings(written(tmp_path, name, text))


def test_a_missing_file_is_an_error_and_not_an_empty_account(tmp_path: Path) -> None:
    with pytest.raises(HoldingsUnreadable, match=r"none.json cannot be read .* unset TRADING_HOLDINGS"):
        holdings(book(tmp_path / "none.json"))


def test_the_identity_is_what_was_declared_or_where_the_file_is(tmp_path: Path) -> None:
    assert book().identity() == {"account": "paper", "opening_cash": "100000.00"}
    assert book(tmp_path).identity() == {"account": "paper", "path": str(tmp_path)}


@pytest.mark.parametrize("plain", [False, True], ids=["as a model", "as it was stored"])
@pytest.mark.parametrize(
    ("held", "failing"),
    [
        pytest.param(Holdings(account="a", cash=D(0), positions={"A": D(1)}), [], id="long and solvent"),
        pytest.param(Holdings(account="a", cash=D("-0.01")), ["cash_is_not_negative"], id="in debt"),
        pytest.param(
            Holdings(account="a", cash=D(1), positions={"A": D(-1)}), ["positions_are_long"], id="short"
        ),
        pytest.param(
            Holdings(account="a", cash=D(1), positions={"CASH": D(1)}),
            ["positions_are_long"],
            id="cash twice",
        ),
    ],
)
def test_promises(held: Holdings, failing: list[str], plain: bool) -> None:
    declaration = declaration_of(holdings)
    assert declaration is not None
    value = held.model_dump(mode="json") if plain else held
    verdicts = evaluate(value, declaration.outputs[0].checks, now=datetime(2024, 1, 1, tzinfo=UTC))
    assert [verdict.check for verdict in verdicts if not verdict.passed] == failing
