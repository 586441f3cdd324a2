"""The broker's settings: what is chosen, and what is refused without repeating a secret."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from assets.trading.broker_settings import BrokerSettingError, BrokerSettings
from materializers.workspace import secrets_of

TWO = '{"ppo": {"key": "key-1", "secret": "hush-1"}, "hrp": {"key": "key-2", "secret": "hush-2", "paper": false}}'


def settings_of(monkeypatch: pytest.MonkeyPatch, **variables: str) -> BrokerSettings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return BrokerSettings()


def test_by_default_there_is_one_simulated_account_with_its_opening_cash() -> None:
    settings = BrokerSettings()
    assert settings.broker == "simulated"
    assert list(settings.by_name) == ["paper"]
    assert settings.opening_cash == Decimal("100000.00")


def test_one_account_has_the_keys_that_market_data_have(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"APCA_API_KEY_ID": "key-1", "ALPACA_SECRET_KEY": "hush-1", "TRADING_ACCOUNT": "main"}
    (name, account), *_ = settings_of(monkeypatch, **given).by_name.items()
    assert (name, account.paper) == ("main", True)
    assert account.key is not None
    assert account.key.get_secret_value() == "key-1"
    assert account.secret is not None
    assert account.secret.get_secret_value() == "hush-1"


def test_several_accounts_are_a_json_object(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(monkeypatch, TRADING_ACCOUNTS=TWO, TRADING_REAL_MONEY="hrp,")
    assert {name: account.paper for name, account in settings.by_name.items()} == {"ppo": True, "hrp": False}
    assert settings.real_money == {"hrp"}
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        pytest.param(
            {"TRADING_BROKER": "alpca"},
            "TRADING_BROKER must be one of simulated, alpaca.",
            id="an unknown broker",
        ),
        pytest.param(
            {"TRADING_ACCOUNTS": '{"ppo": {"key": "hush"'},
            "TRADING_ACCOUNTS is not JSON (Expecting ',' delimiter, line 1, column 23); write it as ",
            id="no JSON",
        ),
        pytest.param(
            {"TRADING_ACCOUNTS": '["hush"]'},
            "TRADING_ACCOUNTS does not do: Input should be a valid dictionary.",
            id="no object",
        ),
        pytest.param(
            {"TRADING_ACCOUNTS": '{"ppo": {"sceret": "hush"}}'},
            "TRADING_ACCOUNTS does not do in ppo.sceret: Extra inputs are not permitted. Did you mean 'secret'?",
            id="a word that is not known",
        ),
        pytest.param(
            {"TRADING_ACCOUNTS": '{"ppo": {"secret": ["hush"]}}'},
            "TRADING_ACCOUNTS does not do in ppo.secret: Input should be a valid string.",
            id="a secret that is none",
        ),
        pytest.param(
            {"TRADING_ACCOUNTS": '{"p o": {}}'},
            "TRADING_ACCOUNTS names 'p o', and a name has letters, digits, - and _ only.",
            id="no name",
        ),
        pytest.param(
            {"TRADING_REAL_MONEY": "papers"},
            "TRADING_REAL_MONEY names 'papers', which is no account. Did you mean 'paper'?",
            id="real money for nobody",
        ),
        pytest.param(
            {"TRADING_URL": "http://example.com"},
            "TRADING_URL is no address that keys may be sent to: it must begin with https://.",
            id="keys in the clear",
        ),
        pytest.param(
            {"TRADING_CLOCK": "2024-05-06T12:00"},
            "TRADING_CLOCK does not do: Input should have timezone info.",
            id="a time without a zone",
        ),
        pytest.param(
            {"TRADING_PARTICIPATION": "2"},
            "TRADING_PARTICIPATION does not do: Input should be less than or equal to 1.",
            id="more than all",
        ),
    ],
)
def test_what_cannot_be_meant_is_told_without_its_value(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    with pytest.raises(BrokerSettingError) as caught:
        settings_of(monkeypatch, **variables)
    assert str(caught.value).startswith(said)
    assert "hush" not in f"{caught.value!r}{caught.value.__cause__!r}"


@pytest.mark.parametrize(
    "url", ["https://proxy.example.com/alpaca", "http://localhost:1", "http://127.0.0.1:1"]
)
def test_an_address_is_safe_or_on_this_machine(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert settings_of(monkeypatch, TRADING_URL=url).url == url


def test_the_keys_of_every_account_are_blotted_out_of_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = {name: {"key": f"key-{name}", "secret": f"secret-{name}"} for name in ("ppo", "hrp")}
    monkeypatch.setenv("TRADING_ACCOUNTS", json.dumps(accounts))
    assert set(secrets_of(BrokerSettings())) == {"key-ppo", "secret-ppo", "key-hrp", "secret-hrp"}
