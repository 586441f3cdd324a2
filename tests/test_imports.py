"""What a cold start loads, and that nothing but deploying needs Prefect."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

import graph

ROOT = Path(__file__).resolve().parent.parent
OURS = ("assets", "checks", "deployments", "graph", "materializers")
COLD = "graph checks materializers deployments deployments.cli".split()
HEAVY = """
    cvxpy duckdb exchange_calendars fastapi great_expectations httpx matplotlib networkx numpy pandas prefect pyarrow
    pydantic pydantic_settings pygraphviz requests rich scipy skfolio sqlalchemy talib typer
""".split()


def loaded_after(statements: str) -> set[str]:
    """The top-level modules in memory after a fresh interpreter has run ``statements``."""
    words = [sys.executable, "-c", f"{statements}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    return {name.partition(".")[0] for name in json.loads(ended.stdout.splitlines()[-1])}


def test_a_cold_start_loads_no_heavy_library() -> None:
    assert loaded_after("import " + ", ".join(COLD)) & set(HEAVY) == set()


@pytest.mark.parametrize("name", COLD)
def test_each_package_alone_loads_no_heavy_library(name: str) -> None:
    assert loaded_after(f"import {name}") & set(HEAVY) == set()


def test_all_that_graph_offers_is_there() -> None:
    assert all(getattr(graph, name) is not None for name in graph.__all__)


WITHOUT_PREFECT = """
import sys
sys.modules["prefect"] = None  # from here on, `import prefect` fails
sys.argv = ["materialize", "{selection}"]
from deployments.cli import materialize
materialize()
"""

TINY_PROJECT = {
    "pyproject.toml": '[tool.prefect-asset-graph]\nmodules = ["tiny"]\n',
    "tiny.py": """
from __future__ import annotations

from graph import asset


@asset(name="tiny/answer", unchecked="a constant")
def answer() -> int:
    return 42


@asset(name="tiny/doubled", unchecked="a constant")
def doubled(answer: int) -> int:
    return 2 * answer
""",
}


def test_materialize_works_where_prefect_is_not_installed(tmp_path: Path) -> None:
    for name, text in TINY_PROJECT.items():
        (tmp_path / name).write_text(text)
    words = [sys.executable, "-c", WITHOUT_PREFECT.format(selection="tiny/doubled")]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "tiny/doubled" in ended.stdout


def imported_by(package: str) -> dict[str, str]:
    """Top-level module -> a file of ``package`` that imports it, wherever in the file that stands."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            found |= {name.partition(".")[0]: str(path.relative_to(ROOT)) for name in names}
    return {
        name: path for name, path in found.items() if name not in sys.stdlib_module_names and name not in OURS
    }


def test_graph_knows_three_libraries() -> None:
    assert set(imported_by("graph")) <= {"cronsim", "networkx", "pydantic"}


OPTIONAL = {"polars", "psycopg", "redis"}
"""Used where it is installed anyway: the annotation of somebody's asset asks for it, or where it is copied to."""

PART_OF = {
    "curl_cffi": "yfinance",
    "httpx": "prefect",
    "pydantic_core": "pydantic",
    "requests": "alpaca-py",
    "urllib3": "massive",
}
"""What a declared library raises or returns at its surface comes with it."""


@pytest.mark.parametrize("package", OURS)
def test_every_library_that_is_imported_is_declared(package: str) -> None:
    # What only assets need may stand in an extra; what the rest needs must come with the bare installation.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"] if package == "assets" else {}
    lines = chain(project["dependencies"], *extras.values())
    declared = {normal(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in lines}
    brought_by = packages_distributions()
    missing = set()
    for module, path in imported_by(package).items():
        names = {normal(name) for name in [*brought_by.get(module, [module]), PART_OF.get(module, module)]}
        if module not in OPTIONAL and not declared & names:
            missing.add(f"{path} imports {module}")
    assert missing == set()


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
