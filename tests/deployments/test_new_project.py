from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from deployments.command_error import CommandError
from deployments.new_project import new_project

ROOT = Path(__file__).resolve().parents[2]


def written(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_new_project_says_what_it_wrote_and_how_to_go_on(tmp_path: Path):
    answer = new_project(tmp_path / "forecasting_lab")

    assert sorted(written(tmp_path / "forecasting_lab")) == [
        ".gitignore",
        "README.md",
        "forecasting_lab/__init__.py",
        "forecasting_lab/temperatures.py",
        "pyproject.toml",
        "tests/test_temperatures.py",
    ]
    assert answer.text().endswith(
        f"\n\ngo on with:\n  cd {tmp_path}/forecasting_lab\n  materialize city_means"
    )


def test_its_settings_name_its_package(tmp_path: Path):
    new_project(tmp_path / "forecasting_lab")

    settings = tomllib.loads((tmp_path / "forecasting_lab" / "pyproject.toml").read_text())
    assert settings["tool"]["prefect-asset-graph"] == {"modules": ["forecasting_lab"]}


def test_an_existing_folder_is_left_alone(tmp_path: Path):
    mine = tmp_path / "forecasting_lab" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")

    with pytest.raises(CommandError, match="exists already and is left as it is"):
        new_project(tmp_path / "forecasting_lab")
    assert written(tmp_path) == {"forecasting_lab/mine.txt": "mine"}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("my-lab", "letters, digits and '_'", id="no identifier"),
        pytest.param("class", "letters, digits and '_'", id="a keyword"),
        pytest.param("json", "Python finds already", id="a module of the standard library"),
        pytest.param("graph", "Python finds already", id="a package of ours"),
        pytest.param("pyarrow", "Python finds already", id="a package that is installed"),
        pytest.param("tests", "Python finds already", id="where its tests are"),
    ],
)
def test_a_name_that_cannot_be_imported_is_refused(name: str, told: str, tmp_path: Path):
    with pytest.raises(CommandError, match=told):
        new_project(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_it_works_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    folder = tmp_path / "forecasting_lab"
    new_project(folder)
    materialize = "from deployments.cli import materialize; materialize()"
    assets = "from deployments.cli import assets; assets()"

    first = run(folder, "-c", materialize, "city_means")
    assert "2 built in" in first
    assert run(folder, "-c", materialize, "city_means") == "everything is up to date (2 assets)\n"
    assert run(folder, "-c", assets, "sql", "--csv", "from forecasting_lab.city_means") == (
        "city,celsius\nOslo,5.9\nRome,17.9\n"
    )
    assert "1 passed" in run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider")
