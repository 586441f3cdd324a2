"""Settings from the environment, and what is said of those that cannot be."""

from __future__ import annotations

from datetime import date

import pytest

from assets.market.settings import MarketSettings, SettingError


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in os.environ:
        if name.startswith(("MARKET_", "APCA_", "ALPACA_", "MASSIVE_", "POLYGON_")):
            monkeypatch.delenv(name)


def settings(monkeypatch: pytest.MonkeyPatch, **environment: str) -> MarketSettings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return MarketSettings()


def test_without_any_setting_it_is_the_sample() -> None:
    chosen = MarketSettings()
    assert (chosen.source, chosen.adjusted, chosen.symbols, chosen.start) == (
        "sample",
        "split_dividend",
        (),
        date(1990, 1, 1),
    )


def test_the_environment_sets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings(
        monkeypatch,
        MARKET_SOURCE="files",
        MARKET_PATH="prices/*.csv",
        MARKET_SYMBOLS=" aapl, BRK.B,,SPY,AAPL ",
        MARKET_START="2020-01-02",
        MARKET_ADJUSTMENT="raw",
        MARKET_ENDS="true",
    )
    assert chosen.symbols == ("AAPL", "BRK.B", "SPY")
    assert (chosen.source, chosen.path, chosen.adjusted, chosen.ends) == (
        "files",
        "prices/*.csv",
        "raw",
        True,
    )
    assert chosen.start == date(2020, 1, 2)


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(monkeypatch, MARKET_SOURCE="", MARKET_PATH="") == MarketSettings(source="sample")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        pytest.param(
            {"MARKET_SOURCE": "alpaka"},
            r"MARKET_SOURCE is 'alpaka'; it must be one of sample, files, .*massive\. Did you mean 'alpaca'\?",
            id="a source that does not exist",
        ),
        pytest.param(
            {"MARKET_FEED": "SIPP"},
            r"MARKET_FEED is 'SIPP'; it must be one of .*Did you mean 'sip'\?",
            id="a feed that does not exist",
        ),
        pytest.param(
            {"MARKET_ADJUSTMENT": "splits"},
            r"MARKET_ADJUSTMENT is 'splits'; .*Did you mean 'split'\?",
            id="an adjustment that does not exist",
        ),
        pytest.param(
            {"MARKET_ADJUSTMENT": "raw"},
            r"MARKET_ADJUSTMENT is 'raw', which source 'sample' does not offer; it offers split_dividend\.",
            id="one that the sample lacks",
        ),
        pytest.param(
            {"MARKET_ADJUSTMENT": "split_dividend", "MARKET_SOURCE": "massive"},
            r"'massive' does not offer; it offers split, raw\.",
            id="one that massive lacks",
        ),
        pytest.param(
            {"MARKET_SOURCE": "files"},
            r"MARKET_PATH is not set, and source 'files' needs it",
            id="files without a path",
        ),
        pytest.param(
            {"MARKET_START": "2020-13-01"},
            r"MARKET_START is '2020-13-01', which does not do: .*month",
            id="a day that does not exist",
        ),
        pytest.param(
            {"MARKET_SYMBOLS": "AAPL,A B"},
            r"MARKET_SYMBOLS names 'A B', which is no symbol",
            id="a symbol that is none",
        ),
        pytest.param(
            {"MARKET_ENDS": "perhaps"},
            r"MARKET_ENDS is 'perhaps', which does not do",
            id="neither true nor false",
        ),
        pytest.param(
            {"MARKET_ATTEMPTS": "0"}, r"MARKET_ATTEMPTS is '0', which does not do", id="no attempt at all"
        ),
        pytest.param(
            {"MARKET_TIMEOUT_S": "-1"},
            r"MARKET_TIMEOUT_S is '-1', which does not do",
            id="a negative time-out",
        ),
    ],
)
def test_a_bad_value_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingError, match=said):
        settings(monkeypatch, **environment)


@pytest.mark.parametrize(
    ("variable", "field"),
    [
        ("APCA_API_KEY_ID", "alpaca_key"),
        ("ALPACA_API_KEY", "alpaca_key"),
        ("APCA_API_SECRET_KEY", "alpaca_secret"),
        ("ALPACA_SECRET_KEY", "alpaca_secret"),
        ("MASSIVE_API_KEY", "massive_key"),
        ("POLYGON_API_KEY", "massive_key"),
    ],
)
def test_keys_are_read_and_never_shown(monkeypatch: pytest.MonkeyPatch, variable: str, field: str) -> None:
    chosen = settings(monkeypatch, **{variable: "hush"})
    assert getattr(chosen, field).get_secret_value() == "hush"
    assert "hush" not in repr(chosen)
    assert "hush" not in chosen.model_dump_json()
