"""What somebody gets who installs the wheel, away from this repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("assets", "checks", "deployments", "graph", "materializers")
pytestmark = pytest.mark.xdist_group("packaging")  # one process: the wheel is built and installed once

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
UNREACHABLE = (
    "No matching distribution",
    "ConnectionError",
    "NewConnectionError",
    "Could not find a version",
)


def pip(*words: str | Path) -> None:
    """Runs pip, and skips where there is no package registry to be reached."""
    ended = subprocess.run([*PIP, *map(str, words)], capture_output=True, text=True, timeout=600, check=False)
    if ended.returncode != 0 and any(sign in ended.stderr for sign in UNREACHABLE):
        pytest.skip(f"the package registry cannot be reached: {ended.stderr.strip().splitlines()[-1]}")
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: building leaves nothing in the repository, and finds nothing left there."""
    source = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, source / name)
    pip("wheel", "--no-deps", "--wheel-dir", source / "dist", source)
    return next((source / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The scripts folder of an environment that has the wheel, what it requires, and nothing else."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    into = [*("--python", home / "bin" / "python"), "install", "--no-compile"]
    pip(*into, "--constraint", ROOT / "constraints.txt", f"{wheel}[market]")
    yield home / "bin"
    shutil.rmtree(home)


def test_the_wheel_holds_the_five_packages_with_their_data_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert names == expected


def test_the_main_job_runs_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    env["HOME"] = str(tmp_path)
    words = [installed / "materialize", "analytics/portfolio_report"]
    first = subprocess.run(
        words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert first.returncode == 0, first.stderr
    report = first.stdout.splitlines()[-1]
    assert "portfolio_report" in report
    assert (tmp_path / report).stat().st_size > 10_000
    again = subprocess.run(
        words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert again.returncode == 0, again.stderr
    assert "everything is up to date" in again.stdout
