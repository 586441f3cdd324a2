"""The commands as one types them, on a small project on disk."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from deployments.commands import assets_main, materialize_main

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"pydantic", "pyarrow", "duckdb", "networkx", "pandas", "numpy", "rich", "prefect", "pygraphviz"}

SHOP = '''\
"""A shop that is small enough to read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from checks import between, not_null
from graph import Config, Observation, asset, fresh_within, source

if TYPE_CHECKING:
    import pyarrow as pa

ORDERS = Path(__file__).parents[1] / "orders.csv"


@source(freshness=fresh_within(timedelta(hours=26)))
def inbox() -> Observation:
    """The orders as they come in."""
    return Observation(value=ORDERS.read_text())


@asset(checks=[not_null("item"), between("amount", 0, 100)])
def orders(inbox: str) -> pa.Table:
    """What was ordered."""
    import io

    from pyarrow import csv

    return csv.read_csv(io.BytesIO(inbox.encode()), convert_options=csv.ConvertOptions(strings_can_be_null=True))


class TotalsConfig(Config):
    factor: float = 1.0


@asset
def totals(orders: pa.Table, config: TotalsConfig) -> dict[str, float]:
    """Amounts by item."""
    found: dict[str, float] = {}
    for row in orders.to_pylist():
        found[row["item"]] = found.get(row["item"], 0) + row["amount"] * config.factor
    return found


@asset(stored_as="file")
def page(totals: dict[str, float]) -> bytes:
    """What people look at."""
    return f"<!doctype html><p>{totals}</p>".encode()
'''

GOOD = "item,amount\na,1\nb,2\na,3\n"
BAD = "item,amount\na,1\n,2\na,300\n"

SLOW = """\
from __future__ import annotations

import threading

from graph import asset


@asset
def slow() -> int:
    threading.Event().wait(60)
    return 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command has said and how it ended."""

    code: int | str | None
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Ran]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with a package ``shop``, which is forgotten afterwards; the working folder lies in it."""
    (tmp_path / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["shop"]\n')
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "sales.py").write_text(SHOP)
    (tmp_path / "orders.csv").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    _forget_shop()


def _forget_shop() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


@pytest.fixture
def materialize(project: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return _command(materialize_main, capsys)


@pytest.fixture
def assets(project: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return _command(assets_main, capsys)


def _command(main: Callable[[list[str]], NoReturn], capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> Ran:
        _forget_shop()  # each command is a process of its own, which reads the sources anew
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, err = capsys.readouterr()
        return Ran(code=ended.value.code, out=out, err=err)

    return run


def plain(text: str) -> str:
    """A text without what differs from run to run."""
    text = re.sub(r"\b\d{8}-\d{6}-[0-9a-f]{6}\b", "RUN", text)
    text = re.sub(r"\b\d+\.\d\d? s", "T", text)
    text = re.sub(r"\b\d+(\.\d+)? k?B", "N", text)
    return re.sub(r" {2,}", " | ", text)


# --- materialize ---------------------------------------------------------------------------------------------


def test_a_run_ends_with_what_was_built_and_the_readable_path(materialize: Command, project: Path):
    ran = materialize("page")

    assert plain(ran.out) == (
        "observed | shop/inbox | N | first observation\n"
        "built | shop/orders | 3 rows | N | T | never built\n"
        "built | shop/totals | N | T | never built\n"
        "built | shop/page | N | T | never built\n"
        "\n"
        "3 built, 1 observed in T; run RUN\n"
        ".assets/latest/shop/page.html\n"
    )
    assert ran.code == 0
    assert (
        project / ".assets/latest/shop/page.html"
    ).read_text() == "<!doctype html><p>{'a': 4.0, 'b': 2.0}</p>"
    assert "built shop/orders (" in ran.err


def test_the_second_time_everything_is_up_to_date(materialize: Command):
    materialize("page")
    ran = materialize("page")

    assert ran.out == "everything is up to date (4 assets)\n.assets/latest/shop/page.html\n"
    assert ran.err == ""
    assert ran.code == 0


def test_the_words_of_a_selection_need_no_quotes(materialize: Command):
    assert materialize("totals", "or", "orders").code == 0


def test_a_plan_is_said_and_nothing_is_done(materialize: Command, project: Path):
    ran = materialize("page", "--plan")

    assert ran.out == (
        "observe     shop/inbox   first observation\n"
        "build       shop/orders  never built\n"
        "build       shop/totals  never built\n"
        "build       shop/page    never built\n"
        "how long this takes is not known: none of it was ever built\n"
    )
    assert ran.code == 0
    assert not (project / ".assets" / "latest").exists()


def test_a_plan_for_machines_is_the_plan_that_can_be_kept(materialize: Command):
    document = materialize("page", "--plan", "--json").document

    assert document["targets"] == ["shop/page"]
    assert [step["step"] for step in document["steps"]] == [
        "observe",
        "materialize",
        "materialize",
        "materialize",
    ]


def test_explain_says_every_reason_first(materialize: Command):
    materialize("page")

    assert "keep        shop/orders  up to date\n" in materialize("page", "--explain").err


def test_force_builds_what_is_selected_and_nothing_else(materialize: Command):
    materialize("page")

    document = materialize("totals", "--force", "--json").document
    assert {step["key"]: step["outcome"] for step in document["steps"]} == {
        "shop/inbox": "kept",
        "shop/orders": "kept",
        "shop/totals": "published",
    }


def test_a_config_value_rebuilds_what_reads_it(materialize: Command):
    materialize("page")
    ran = materialize("page", "--config", "shop/totals.factor=2")

    assert "built | shop/totals | N | T | its config changed: factor 1.0 -> 2.0\n" in plain(ran.out)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["pge"], "there is no asset 'pge'. Did you mean 'shop/page'?", id="an unknown key"),
        pytest.param(
            ["shop"], "there is no asset 'shop', but a group. Did you mean 'group:shop'?", id="a group"
        ),
        pytest.param(["group:shp"], "there is no asset 'group:shp'", id="a selection that finds nothing"),
        pytest.param(["page and"], "page and", id="a selection that cannot be read"),
        pytest.param([], "say what to build: materialize SELECTION", id="no selection"),
        pytest.param(
            ["page", "--fail-fas"],
            "no such option '--fail-fas'. Did you mean '--fail-fast'?",
            id="an unknown option",
        ),
        pytest.param(
            ["page", "--engine", "dask"], "'dask' is not one of 'local', 'prefect'", id="an unknown engine"
        ),
        pytest.param(["page", "--jobs", "0"], "0 is not in the range x>=1", id="no jobs"),
        pytest.param(
            ["page", "--config", "x"], "write group/name.field=value", id="a config without a value"
        ),
        pytest.param(
            ["page", "--config", "shop/tot.factor=1"], "Did you mean 'shop/totals'?", id="config of nothing"
        ),
        pytest.param(
            ["page", "--config", "shop/totals.facto=1"],
            "no config 'facto'. Did you mean 'factor'?",
            id="no such field",
        ),
    ],
)
def test_wrong_usage_is_2_and_offers_the_near_miss(materialize: Command, arguments: list[str], told: str):
    ran = materialize(*arguments)

    assert ran.code == 2
    assert told in ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err


def test_rejected_rows_are_named_and_the_last_good_version_is_served(
    materialize: Command, assets: Command, project: Path
):
    materialize("page")
    (project / "orders.csv").write_text(BAD)
    ran = materialize("page")

    assert ran.code == 3
    assert "rejected | shop/orders | 3 rows" in plain(ran.out)
    for line in (
        "not_null(item) fails for 1 of 3 rows",
        "row 1: item None, amount 2",
        "between(amount) fails for 1 of 3 rows",
        "row 2: amount 300, item 'a'",
        "the last good version is still the visible one",
    ):
        assert line in ran.out
    assert assets("sql", "select sum(amount) s from orders", "--csv").out == "s\n6\n"

    again = materialize("page")
    assert again.code == 3
    assert "rejected before with the same code and inputs" in again.out
    assert "item None" in assets("show", "orders").out

    (project / "orders.csv").write_text("item,amount\nc,7\n")
    assert materialize("page").code == 0
    assert "'c': 7.0" in (project / ".assets/latest/shop/page.html").read_text()


def test_a_failure_is_1_with_its_line_and_where_to_read_on(
    materialize: Command, assets: Command, project: Path
):
    source = (project / "shop" / "sales.py").read_text()
    (project / "shop" / "sales.py").write_text(
        source.replace("found: dict[str, float] = {}", "print('so far')\n    1 / 0")
    )
    ran = materialize("page")

    assert ran.code == 1
    assert "    1 / 0\n  ZeroDivisionError: division by zero\n" in ran.out
    assert re.search(r"all of it: assets runs logs \S+ shop/totals", ran.out)
    assert "held | shop/page | waits for shop/totals" in plain(ran.out)

    logs = assets("runs", "logs", "last", "totals").out
    assert logs.startswith("== shop/totals, attempt 1, failed: ZeroDivisionError")
    assert "so far\n" in logs
    assert "Traceback (most recent call last)" in logs


def test_a_source_that_cannot_be_seen_fails_the_run(materialize: Command, project: Path):
    (project / "orders.csv").unlink()
    ran = materialize("page")

    assert ran.code == 1
    assert "could not be observed: FileNotFoundError" in ran.out


def test_the_document_of_a_run_is_all_that_stdout_has(materialize: Command, project: Path):
    source = (project / "shop" / "sales.py").read_text()
    (project / "shop" / "sales.py").write_text(source + '\nprint("noise while it is imported")\n')
    ran = materialize("page", "--json")

    assert ran.document["outcome"] == "succeeded"
    assert ran.document["counts"] == {"built": 3, "observed": 1}
    assert ran.document["files"] == {"shop/page": str(project / ".assets/latest/shop/page.html")}
    assert "noise while it is imported" in ran.err


def test_all_wrong_definitions_are_told_together(materialize: Command, assets: Command, project: Path):
    (project / "shop" / "wrong.py").write_text(
        "from graph import asset\n\n\n@asset\ndef one(ordres: int) -> int:\n    return 1\n\n\n"
        "@asset\ndef two(nothing: int) -> int:\n    return 1\n"
    )
    ran = materialize("page")

    assert ran.code == 2
    assert ran.err == (
        "2 definition errors:\n"
        "  asset 'shop/one' (shop/wrong.py:4) depends on 'ordres', which is not declared. Did you mean 'orders'?\n"
        "  asset 'shop/two' (shop/wrong.py:9) depends on 'nothing', which is not declared.\n"
    )
    checked = assets("check-definitions", "--json")
    assert checked.code == 2
    assert [problem["line"] for problem in checked.document["error"]["problems"]] == [4, 9]


def test_without_definitions_runs_can_still_be_read(materialize: Command, assets: Command, project: Path):
    materialize("page")
    (project / "shop" / "wrong.py").write_text("import no_such_module\n")

    assert materialize("page").code == 2
    assert assets("runs", "list").code == 0
    assert assets("runs", "logs", "last").code == 0


def test_environments_are_apart(materialize: Command, assets: Command, project: Path):
    materialize("page")
    refused = materialize("page", "--env", "dev")
    assert (refused.code, refused.err) == (
        2,
        "error: there is no environment 'dev'. `assets env create dev` makes it\n",
    )
    assets("env", "create", "dev")
    assert materialize("page", "--env", "dev", "--json").document["counts"] == {"kept": 4}

    document = materialize("page", "--env", "dev", "--config", "shop/totals.factor=2", "--json").document
    assert document["environment"] == "dev"
    assert document["files"] == {"shop/page": str(project / ".assets/latest-dev/shop/page.html")}


# --- assets --------------------------------------------------------------------------------------------------


def test_list(assets: Command):
    assert assets("list").out == (
        "asset        kind    what it is\n"
        "shop/inbox   source  The orders as they come in.\n"
        "shop/orders  asset   What was ordered.\n"
        "shop/totals  asset   Amounts by item.\n"
        "shop/page    asset   What people look at.\n"
    )


def test_plan_is_what_materialize_would_do(materialize: Command, assets: Command):
    assert assets("plan", "page").out == materialize("page", "--plan").out


def test_lineage_is_drawn_without_touching_the_ledger(assets: Command, project: Path):
    assert assets("lineage", "totals").out == (
        "shop/totals\n└── shop/orders\n    └── shop/inbox (source)\n\nmade from shop/totals:\n└── shop/page\n"
    )
    assert assets("lineage", "--mermaid").out.startswith("flowchart LR\n")
    assert assets("lineage", "--svg", "picture.svg").out == "wrote picture.svg\n"
    assert not (project / ".assets").exists()


def test_show_status_history_and_runs(materialize: Command, assets: Command):
    materialize("page")

    assert "published | " in plain(assets("show", "orders").out)
    assert "config | factor = 1.0 (default)" in plain(assets("show", "totals").out)
    assert assets("show", "orders", "--json").document["published"]["rows"] == 3
    assert "shop/inbox | fresh" in plain(assets("status").out)
    assert [one["last_outcome"] for one in assets("status", "--json").document] == ["published"] * 4
    assert "published" in assets("history", "orders").out
    assert "succeeded | local | main | page" in plain(assets("runs", "list").out)
    assert len(assets("runs", "show", "last", "--json").document["attempts"]) == 4
    assert assets("runs", "logs", "last").out.endswith("printed nothing\n")


def test_sql_as_table_csv_and_json(materialize: Command, assets: Command):
    materialize("page")
    query = "select item, sum(amount) total from shop.orders group by item order by item"

    assert assets("sql", query).out == "item  total\na         4\nb         2\n\n2 rows\n"
    assert assets("sql", query, "--csv").out == "item,total\na,4\nb,2\n"
    assert assets("sql", query, "--json").document == [{"item": "a", "total": 4}, {"item": "b", "total": 2}]


def test_export_and_new(materialize: Command, assets: Command, project: Path):
    materialize("page")

    assert assets("export", "group:shop", "--to", "out").code == 0
    assert (project / "out" / "shop" / "orders.parquet").exists()
    assert assets("new", "lab").code == 0
    assert assets("new", "lab").code == 2


def test_cancelling_what_does_not_run(materialize: Command, assets: Command):
    materialize("page")
    ran = assets("runs", "cancel", "last")

    assert ran.code == 1
    assert "is not running: it ended, succeeded" in ran.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_for_both_commands(assets: Command, shell: str):
    ran = assets("completion", shell)

    assert "_MATERIALIZE_COMPLETE" in ran.out
    assert "_ASSETS_COMPLETE" in ran.out


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        pytest.param("shop/t", ["shop/totals"], id="a key"),
        pytest.param("tot", ["shop/totals"], id="its last part"),
        pytest.param("+pa", ["+shop/page"], id="with what is upstream"),
        pytest.param("nothing", [], id="nothing"),
    ],
)
def test_keys_are_completed(
    materialize: Command, monkeypatch: pytest.MonkeyPatch, typed: str, completed: list[str]
):
    monkeypatch.setenv("_MATERIALIZE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"materialize {typed}")
    monkeypatch.setenv("COMP_CWORD", "1")

    assert materialize().out.split() == [f"plain,{key}" for key in completed]


HELPS = [
    ["assets"],
    *(
        ["assets", name]
        for name in "list show plan lineage status history sql export new runs completion".split()
    ),
    *(["assets", "runs", name] for name in "list show cancel logs".split()),
    ["assets", "check-definitions"],
    ["materialize"],
]


@pytest.mark.parametrize("words", HELPS, ids=" ".join)
def test_every_help_has_examples(materialize: Command, assets: Command, words: list[str]):
    command = materialize if words[0] == "materialize" else assets
    ran = command(*words[1:], "--help")

    assert ran.code == 0
    assert "Examples:\n\n    " in ran.out


# --- as processes --------------------------------------------------------------------------------------------


def process(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """The command line in a process of its own, which starts in the working folder."""
    script = f"from deployments.cli import {arguments[0]} as main; main()"
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, *options.pop("flags", []), "-c", script, *arguments[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, **options.pop("environ", {})},
        **options,
    )


def imported(*arguments: str) -> set[str]:
    """The top packages that a command imports; it ends well."""
    with process(*arguments, flags=["-X", "importtime"]) as running:
        _, err = running.communicate(timeout=120)
    assert running.returncode == 0
    names = re.findall(r"^import time:.*\| +(\S+)$", err, flags=re.MULTILINE)
    assert "click" in names
    return {name.partition(".")[0] for name in names}


@pytest.mark.usefixtures("project")
def test_help_imports_nothing_but_click():
    assert not imported("materialize", "--help") & {*HEAVY, "graph", "checks", "materializers", "assets"}


def test_nothing_to_do_imports_nothing_heavy(project: Path):
    (project / "shop" / "sales.py").write_text(
        "from graph import asset\n\n\n@asset\ndef one() -> int:\n    return 1\n"
    )
    imported("materialize", "one")

    assert not imported("materialize", "one") & HEAVY


def test_ctrl_c_is_130_and_leaves_nothing_half(project: Path, assets: Command):
    (project / "shop" / "slow.py").write_text(SLOW)
    with process("materialize", "slow") as running:
        assert running.stderr is not None
        while "start shop/slow" not in running.stderr.readline():
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=60)

    assert running.returncode == 130
    assert out.startswith("interrupted; what was published stays")
    assert "interrupted" in assets("runs", "list").out
    assert assets("show", "slow", "--json").document["published"] is None


def test_a_run_can_be_stopped_from_elsewhere(project: Path, assets: Command):
    (project / "shop" / "slow.py").write_text(
        SLOW.replace("@asset\n", "@asset(run=Execution(timeout=timedelta(seconds=50)))\n")
        .replace("import asset", "import Execution, asset")
        .replace("import threading\n", "import threading\nfrom datetime import timedelta\n")
    )
    with process("materialize", "slow", "--json") as running:
        assert running.stderr is not None
        while "start shop/slow" not in running.stderr.readline():
            assert running.poll() is None
        assert "was asked to stop" in assets("runs", "cancel", "last", "--yes").out
        out, _ = running.communicate(timeout=60)

    assert running.returncode == 1
    assert json.loads(out)["outcome"] == "cancelled"


def test_without_prefect_its_engine_says_so_and_the_local_one_works(project: Path):
    hidden = project / "hidden" / "prefect"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'prefect'\", name='prefect')\n"
    )
    without = {"PYTHONPATH": os.pathsep.join([str(project / "hidden"), str(ROOT)])}

    with process("materialize", "page", "--engine", "prefect", environ=without) as running:
        _, err = running.communicate(timeout=120)
    assert running.returncode == 2
    assert "prefect" in err
    assert "Traceback" not in err

    with process("materialize", "page", environ=without) as running:
        out, _ = running.communicate(timeout=120)
    assert running.returncode == 0
    assert out.endswith(".assets/latest/shop/page.html\n")
