"""The market's assets carried out together: other sources, bad files, mended files."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assets.market.sample_prices import SamplePrices
from assets.market.sources import Terms
from materializers import Project, load, materialize, open_workspace

if TYPE_CHECKING:
    from materializers import RunResult, Workspace

SYMBOLS = ["AAPL", "AMD", "XOM"]


@pytest.fixture(autouse=True)
def sample_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKET_SYMBOLS", ",".join(SYMBOLS))
    monkeypatch.setenv("MARKET_START", "2022-01-03")
    monkeypatch.delenv("MARKET_SOURCE", raising=False)


@pytest.fixture
def bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sample's closes as a file, which is the price source."""
    held = SamplePrices(terms=Terms(provider="sample")).bars(SYMBOLS, date(2022, 1, 3), date(2022, 12, 31))
    rows = "".join(f"{bar['session']},{bar['symbol']},{bar['close']}\n" for bar in held.to_pylist())
    file = tmp_path / "bars.csv"
    file.write_text(f"date,symbol,close\n{rows}")
    use(file, monkeypatch)
    return file


def use(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKET_SOURCE", "files")
    monkeypatch.setenv("MARKET_PATH", str(file))


def opened(tmp_path: Path) -> Workspace:
    """The same ledger, seen by a new process: settings are read anew."""
    root = Path(__file__).parents[3]
    return open_workspace(Project(root=root, modules=("assets.market",), home=tmp_path / "home"))


def outcomes(run: RunResult) -> dict[str, str]:
    return {result.step.key.removeprefix("market/"): result.outcome for result in run.results}


def returns(tmp_path: Path) -> dict[str, str]:
    return outcomes(materialize("market/returns", workspace=opened(tmp_path)))


def test_the_second_time_everything_is_kept(tmp_path: Path) -> None:
    assert returns(tmp_path) == dict.fromkeys(("universe", "prices", "returns"), "published")
    assert returns(tmp_path) == dict.fromkeys(("universe", "prices", "returns"), "kept")


def test_another_source_makes_prices_and_what_is_below_run(
    tmp_path: Path, bars: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKET_SOURCE", "sample")
    returns(tmp_path)
    use(bars, monkeypatch)
    assert returns(tmp_path) == {"universe": "kept", "prices": "published", "returns": "published"}


def test_bad_bars_are_refused_and_the_last_good_ones_served_until_the_file_is_mended(
    tmp_path: Path, bars: Path
) -> None:
    good = bars.read_text()
    returns(tmp_path)
    lines = good.splitlines(keepends=True)
    lines[3] = lines[3].rsplit(",", 1)[0] + ",-1\n"
    bars.write_text("".join([*lines[:9], *lines[10:], lines[20]]))

    run = materialize("market/returns", workspace=opened(tmp_path))

    assert outcomes(run) == {"universe": "kept", "prices": "rejected", "returns": "kept"}
    rejected = next(result for result in run.results if result.outcome == "rejected")
    failed = {verdict.check: verdict for verdict in rejected.verdicts["market/prices"] if verdict.blocks}
    assert failed.keys() == {
        "positive_close",
        "unique(symbol, session)",
        "monotonic(session by symbol)",
        "every_session",
    }
    assert [row["session"] for row in failed["positive_close"].sample] == [date(2022, 1, 5)]
    assert [row["session"] for row in failed["unique(symbol, session)"].sample] == [date(2022, 1, 31)] * 2
    assert failed["every_session"].observed == "AAPL lacks session 2022-01-13"
    assert min(load("market/prices", workspace=opened(tmp_path))["close"].to_pylist()) > 0
    assert returns(tmp_path)["prices"] == "held"

    bars.write_text(good.replace("2022-12-28,XOM,106", "2022-12-28,XOM,107"))
    assert returns(tmp_path) == {"universe": "kept", "prices": "published", "returns": "published"}


def test_a_symbol_more_is_a_session_more_for_all_below(
    tmp_path: Path, bars: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without configured symbols the universe is what the files hold."""
    monkeypatch.delenv("MARKET_SYMBOLS")
    returns(tmp_path)
    bars.write_text(bars.read_text() + "2022-01-03,ZZZ,1\n")
    assert returns(tmp_path) == dict.fromkeys(("universe", "prices", "returns"), "published")
    assert load("market/universe", workspace=opened(tmp_path))["symbol"].to_pylist() == [*SYMBOLS, "ZZZ"]
