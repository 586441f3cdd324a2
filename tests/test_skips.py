"""A skip tells a person what is missing; where everything has to be there, it is a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).with_name("conftest.py")
TESTS = """
import pytest

def test_needs_data(shared_data): ...

def test_needs_a_service(): pytest.skip("no database at 127.0.0.1:5432")

@pytest.mark.skipif(True, reason="not on this system")
def test_elsewhere(): ...

@pytest.mark.xfail
def test_known(): raise AssertionError

@pytest.mark.faults(small=2, full=5)
def test_seeded(fault_seed): assert fault_seed >= 0
"""
MODULE = 'import pytest\npytest.importorskip("no_such_library")\n'


def run_tests(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A whole pytest run of the file above, in ``folder`` and with our own conftest, but not our settings."""
    (folder / "tests").mkdir()
    (folder / "tests" / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "tests" / "test_things.py").write_text(TESTS)
    (folder / "tests" / "test_whole_file.py").write_text(MODULE)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = faults\n")
    command = [sys.executable, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", *words, "tests"]
    clean = {name: value for name, value in os.environ.items() if name != "ASSETS_REQUIRE_ALL"}
    return subprocess.run(
        command, cwd=folder, env=clean | env, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_person_sees_what_is_missing(tmp_path: Path) -> None:
    ended = run_tests(tmp_path)
    assert ended.returncode == 0, ended.stdout
    assert "2 passed, 4 skipped, 1 xfailed" in ended.stdout
    assert f"the sample data are not here: {tmp_path.parent / 'shared' / 'data'}" in ended.stdout


def test_where_everything_has_to_be_there_every_skip_fails(tmp_path: Path) -> None:
    ended = run_tests(tmp_path, "--continue-on-collection-errors", ASSETS_REQUIRE_ALL="1")
    assert ended.returncode == 1, ended.stdout
    assert "1 failed, 2 passed, 1 xfailed, 3 errors" in ended.stdout
    assert "no database at 127.0.0.1:5432" in ended.stdout


def test_full_counts_are_asked_for(tmp_path: Path) -> None:
    ended = run_tests(tmp_path, "--faults", "full", "-m", "faults")
    assert "5 passed" in ended.stdout
