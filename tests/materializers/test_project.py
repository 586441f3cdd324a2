"""A project on disk is found, its settings read, its modules loaded, and a change of code seen."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from materializers import Project, ProjectError, find_project
from materializers.loading import load_graph

ROOT = Path(__file__).resolve().parents[2]


def test_the_nearest_pyproject_with_the_table_is_the_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.prefect-asset-graph]\nmodules = ["acme.data"]\nhome = "state"\n'
        '[tool.prefect-asset-graph.config."market/indicators"]\nwindow = 20\n'
    )
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (below / "pyproject.toml").write_text("[project]\nname = 'another'\n")
    assert find_project(below, environ={}) == Project(
        root=tmp_path,
        modules=("acme.data",),
        home=tmp_path / "state",
        config={"market/indicators": {"window": 20}},
    )


def test_the_environment_overrides(tmp_path: Path) -> None:
    environ = {
        "ASSETS_HOME": "/elsewhere",
        "ASSETS_MODULES": "one, two.three,",
        "ASSETS_ENV": "dev",
        "ASSETS_STORE": "s3://bucket/data",
        "ASSETS_FSYNC": "full",
    }
    found = find_project(tmp_path, environ=environ)
    assert (found.home, found.modules, found.environment) == (Path("/elsewhere"), ("one", "two.three"), "dev")
    assert (found.store, found.fsync) == ("s3://bucket/data", True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("[tool.prefect-asset-graph]\nmodule = []", "Did you mean 'modules'?", id="a near miss"),
        pytest.param("[tool.prefect-asset-graph\n", "cannot be read", id="no TOML"),
        pytest.param("[tool]\nprefect-asset-graph = 3", "in [tool] of", id="a number for the table"),
        *[
            pytest.param(f"[tool.prefect-asset-graph]\n{line}", f"{line.partition(' ')[0]} = {told}", id=line)
            for line, told in (
                ("home = 3", "3 in [tool.prefect-asset-graph] of"),
                ("store = []", "[] in"),
                ("ledger = 3", "3 in"),
                ("checkout = 3", "3 in"),
                ("environment = true", "True in"),
                ('fsync = "full"', "'full' in"),
                ("config = 3", "3 in"),
                ('config = {"market/x" = 3}', "{'market/x': 3} in"),
                ('events = {"bus" = "redis"}', "{'bus': 'redis'} in"),
                ('modules = "assets"', "'assets' in"),
                ("modules = [1]", "[1] in"),
                ('modules = [""]', "[''] in"),
            )
        ],
    ],
)
def test_a_wrong_table_is_told(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ProjectError, match=f"(?s){re.escape(message)}.*") as caught:
        find_project(tmp_path, environ={})
    assert str(tmp_path / "pyproject.toml") in str(caught.value)


def test_the_ledger_is_a_database_by_setting(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.prefect-asset-graph]\nledger = "postgresql://ada@db/assets"\ncheckout = "worker"\n'
    )
    found = find_project(tmp_path, environ={})
    assert found.ledger is not None
    assert found.ledger.get_secret_value() == "postgresql://ada@db/assets"
    assert found.served_by == "worker"
    environ = {"ASSETS_LEDGER": "postgresql://ada:secret@other/assets", "ASSETS_CHECKOUT": "laptop"}
    found = find_project(tmp_path, environ=environ)
    assert found.ledger is not None
    assert found.ledger.get_secret_value() == environ["ASSETS_LEDGER"]
    assert "secret" not in repr(found)
    assert found.served_by == "laptop"


def test_without_a_name_a_checkout_is_its_host_and_folder(tmp_path: Path) -> None:
    assert find_project(tmp_path, environ={}).served_by.endswith(f":{tmp_path}")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("mysql://ada:hunter2@db/x", "is no PostgreSQL URL", id="another database"),
        pytest.param("hunter2", "is no PostgreSQL URL", id="no URL"),
        pytest.param("postgresql://[hunter2", "is no URL", id="a broken URL"),
    ],
)
def test_a_wrong_ledger_is_told_and_not_shown(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(ProjectError, match=f"^ASSETS_LEDGER {message}") as caught:
        find_project(tmp_path, environ={"ASSETS_LEDGER": url})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql://ada:hunter2@db/x", "postgresql://db/x?password=hunter2"])
def test_a_password_does_not_belong_in_the_project(tmp_path: Path, url: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f'[tool.prefect-asset-graph]\nledger = "{url}"\n')
    with pytest.raises(ProjectError, match="holds a password; leave it out, and set ASSETS_LEDGER") as caught:
        find_project(tmp_path, environ={})
    assert "hunter2" not in str(caught.value)


def test_a_wrong_type_is_told_with_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = "assets"\n')
    with pytest.raises(ProjectError, match=r'must be a list of module names, such as \["assets"\]$'):
        find_project(tmp_path, environ={})


def test_a_module_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken_module.py").write_text("import nowhere_at_all\n")
    where = r"'broken_module' cannot be imported: .*broken_module\.py:1: ModuleNotFoundError"
    with pytest.raises(ProjectError, match=where):
        load_graph(Project(root=tmp_path, modules=("broken_module",)))
    sys.path.remove(str(tmp_path))


def steps_after(folder: Path) -> dict[str, str]:
    """Materialize everything in a process of its own; by name, the outcome of each step."""
    code = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}]
from pathlib import Path
from materializers import find_project, open_workspace, run_plan
workspace = open_workspace(find_project(Path({str(folder)!r}), environ={{}}))
for result in run_plan(workspace.plan("*"), workspace, jobs=1).results:
    print(result.name.rpartition("/")[2], result.outcome)
"""
    done = subprocess.run(
        [sys.executable, "-B", "-c", code], capture_output=True, text=True, cwd=folder, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


def test_exactly_what_a_change_of_code_reaches_is_built_again(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["shop"]\n')
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    rates = package / "rates.py"
    rates.write_text("RATE = 2\nOTHER = 5\n\n\ndef with_rate(x):\n    return x * RATE\n")
    sales = package / "sales.py"
    sales.write_text(
        textwrap.dedent("""
        from graph import asset
        from shop.rates import OTHER, with_rate


        @asset
        def base() -> int:
            return 10


        @asset
        def taxed(base: int) -> int:
            return with_rate(base)


        @asset
        def positive(taxed: int) -> bool:
            return taxed > 0


        @asset
        def banner(positive: bool) -> str:
            return "open" if positive else "closed"


        @asset
        def apart() -> int:
            return OTHER
        """)
    )
    everything = {"base", "taxed", "positive", "banner", "apart"}
    assert steps_after(tmp_path) == dict.fromkeys(
        ["base", "apart", "taxed", "positive", "banner"], "published"
    )
    assert steps_after(tmp_path) == dict.fromkeys(everything, "kept")

    sales.write_text(sales.read_text().replace("    return 10", "    # ten, as ever\n    return 10"))
    assert steps_after(tmp_path) == dict.fromkeys(everything, "kept")

    rates.write_text(rates.read_text().replace("RATE = 2\n", "RATE = 3\n"))
    assert steps_after(tmp_path) == {
        "base": "kept",
        "apart": "kept",
        "taxed": "published",
        "positive": "published",  # its input moved, its value did not:
        "banner": "kept",  # early cutoff
    }

    rates.write_text(rates.read_text().replace("RATE = 3\n", "RATE = 2\n"))
    assert steps_after(tmp_path)["taxed"] == "adopted"
