"""Another package that bears one of our names is told with both paths, by real commands in real folders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
START = "from deployments.cli import {command}; {command}()"


def start(command: str, *, path: list[Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs the console script's own words in a fresh interpreter that looks in ``path`` first, in that order."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))}
    words = [sys.executable, "-c", START.format(command=command)]
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)


def package(folder: Path, text: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(text)
    return folder


@pytest.mark.parametrize("command", ["materialize", "assets"])
def test_a_package_in_the_working_folder_is_told_with_both_paths(tmp_path: Path, command: str) -> None:
    intruder = package(tmp_path / "graph")
    ended = start(command, path=[tmp_path, ROOT], cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr == (
        f"package 'graph' is taken from {intruder}, but this project's own is {ROOT / 'graph'}. "
        f"Rename or move {intruder}, or start Python where it is not found first.\n"
    )


def test_a_package_from_a_distribution_is_told_with_what_brought_it(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    intruder = package(site / "checks")
    about = site / "health_checks-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: health-checks\nVersion: 1.0\n")
    (about / "top_level.txt").write_text("checks\n")
    ended = start("assets", path=[site, ROOT], cwd=tmp_path)
    assert ended.returncode == 2
    assert str(intruder) in ended.stderr
    assert str(ROOT / "checks") in ended.stderr
    assert "Uninstall health-checks" in ended.stderr


def test_a_single_file_of_that_name_is_told_as_well(tmp_path: Path) -> None:
    (tmp_path / "materializers.py").write_text("")
    ended = start("materialize", path=[tmp_path, ROOT], cwd=tmp_path)
    assert ended.returncode == 2
    assert str(tmp_path / "materializers.py") in ended.stderr


def test_every_intruder_is_told_at_once(tmp_path: Path) -> None:
    for name in ("assets", "checks", "graph"):
        package(tmp_path / name)
    ended = start("materialize", path=[tmp_path, ROOT], cwd=tmp_path)
    assert ended.stderr.count("is taken from") == 3


def test_the_intruder_is_not_imported(tmp_path: Path) -> None:
    package(tmp_path / "graph", "raise SystemExit('the intruder ran')")
    ended = start("materialize", path=[tmp_path, ROOT], cwd=tmp_path)
    assert "the intruder ran" not in ended.stderr


def test_a_missing_package_is_told_with_the_place_where_it_belongs(tmp_path: Path) -> None:
    for name in ("checks", "deployments", "graph", "materializers"):
        (tmp_path / name).mkdir()
        for file in ("__init__.py", "cli.py", "guard.py"):
            source = ROOT / name / file
            if source.exists():
                (tmp_path / name / file).write_text(source.read_text())
    words = [
        sys.executable,
        "-S",
        "-c",
        START.format(command="assets"),
    ]  # -S: without this project's installation
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert f"package 'assets' of this project is missing: expected at {tmp_path / 'assets'}" in ended.stderr


def test_a_plain_folder_called_assets_is_no_intruder(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    words = [sys.executable, "-c", "from deployments.guard import require_one_root; require_one_root()"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    subprocess.run(words, cwd=tmp_path, env=env, timeout=60, check=True)
