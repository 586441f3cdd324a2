"""How the tests run: hypothesis profiles, seeded fault suites, what may be skipped, and a clean environment."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
REQUIRE_ALL = "ASSETS_REQUIRE_ALL"
"""Set by continuous integration: every service and all data are there, so that a skip is a failure."""
SETTINGS = ("ALPACA_", "APCA_", "ASSETS_", "MARKET_", "MASSIVE_", "POLYGON_", "PREFECT_", "TRADING_")

# Small and the same on every run: what passed yesterday passes today. `make faults` looks for what is new.
settings.register_profile("small", max_examples=25, deadline=None, derandomize=True)
settings.register_profile(
    "faults", max_examples=1000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "small"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", choices=("small", "full"), default="small", help="seeds per fault suite")


def pytest_configure(config: pytest.Config) -> None:
    """The settings of the person at the keyboard reach no test: no server, home or key of theirs is touched."""
    for name in list(os.environ):
        if name.startswith(SETTINGS) and name != REQUIRE_ALL:
            del os.environ[name]
    home = tempfile.mkdtemp(prefix="prefect-home-")
    os.environ.update(PREFECT_HOME=home, PREFECT_SERVER_ANALYTICS_ENABLED="false", DO_NOT_TRACK="1")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Doctests are collected from the packages, not from the benchmarks that lie beside the tests."""
    in_tests = ROOT / "tests" in collection_path.parents
    is_test = collection_path.name.startswith("test_") or collection_path.name == "conftest.py"
    return True if in_tests and collection_path.suffix == ".py" and not is_test else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``fault_seed`` runs once a seed; ``@pytest.mark.faults(small=3, full=50)`` says how many."""
    if "fault_seed" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("faults")
        counts = {"small": 3, "full": 50} | (dict(marker.kwargs) if marker else {})
        metafunc.parametrize("fault_seed", range(counts[metafunc.config.getoption("--faults")]))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of the real Prefect server go to one process, so that it is started once."""
    for item in items:
        if "prefect_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.server)
            item.add_marker(pytest.mark.xdist_group("prefect_server"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    _forbid_skip(report, item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    report = yield
    _forbid_skip(report, collector.nodeid)
    return report


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport, nodeid: str) -> None:
    """Where everything has to be there, a skipped test is a failed one; what is expected to fail is not skipped."""
    if REQUIRE_ALL in os.environ and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{nodeid}: {reason} ({REQUIRE_ALL} is set, and then nothing may be skipped)"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that lies beside the repository; not part of it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the sample data are not here: {SHARED_DATA}")
    return SHARED_DATA


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How far we do what the conformance tables say: one line for each kind of rows that was looked at."""
    counts: dict[str, Counter[str]] = {}
    deviations: dict[str, Counter[str]] = {}
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, told in report.user_properties:
            if name == "conformance" and isinstance(told, dict):
                kind = str(told["kind"])
                otherwise = {"agree" if report.passed else "unexplained": 1}
                counts.setdefault(kind, Counter()).update(told.get("counts", otherwise))
                by = told.get("by") or {}
                deviations.setdefault(kind, Counter()).update({by: 1} if isinstance(by, str) else by)
    for kind, found in sorted(counts.items()):
        words = ", ".join(f"{found[outcome]} {outcome}" for outcome in ("agree", "explained", "unexplained"))
        named = "; ".join(f"{name} ({number})" for name, number in deviations[kind].items())
        terminalreporter.write_line(f"conformance: {kind}: {words}{f' ({named})' if named else ''}")
