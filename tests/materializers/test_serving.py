"""Two checkouts with different code on one ledger: they do not rebuild each other's assets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from graph.fingerprint import Basis
from materializers.ledger import Definition, DefinitionRecord
from materializers.serving import ServedOtherwise, served_otherwise, to_record
from materializers.sql_ledger import open_postgres_ledger, open_sqlite_ledger

ROOT = Path(__file__).resolve().parents[2]
AT = datetime(2024, 1, 1, tzinfo=UTC)

MINE = Definition(basis=Basis(code="c1"), checks="k1")


def on_record(definition: Definition, checkout: str) -> Mapping[str, DefinitionRecord]:
    return {"g/a": DefinitionRecord(definition=definition, checkout=checkout, at=AT, run_id="r1")}


@pytest.mark.parametrize(
    ("record", "refused"),
    [
        pytest.param({}, False, id="nobody serves it yet"),
        pytest.param(on_record(MINE, "worker"), False, id="another checkout serves the same"),
        pytest.param(
            on_record(replace(MINE, basis=Basis(code="c2")), "laptop"), False, id="this one served other code"
        ),
        pytest.param(
            on_record(replace(MINE, basis=Basis(code="c2")), "worker"),
            True,
            id="another one serves other code",
        ),
        pytest.param(
            on_record(replace(MINE, basis=Basis(code="c1", config="{}")), "worker"), True, id="other config"
        ),
        pytest.param(on_record(replace(MINE, checks="k2"), "worker"), True, id="other checks"),
    ],
)
def test_a_definition_is_compared_with_what_is_on_record(
    record: Mapping[str, DefinitionRecord], refused: bool
) -> None:
    found = served_otherwise({"g/a": MINE}, record, "laptop")
    assert found == ({"g/a": (MINE, record["g/a"])} if refused else {})


def test_who_serves_something_first_goes_on_serving_it() -> None:
    assert to_record({"g/a": MINE}, on_record(MINE, "worker")) == {}
    other = replace(MINE, checks="k2")
    assert to_record({"g/a": other}, on_record(MINE, "laptop")) == {"g/a": other}


def test_the_refusal_says_who_serves_what_since_when_and_what_to_do() -> None:
    record = on_record(replace(MINE, basis=Basis(code="c2")), "worker")
    assert str(ServedOtherwise("main", "laptop", served_otherwise({"g/a": MINE}, record, "laptop"))) == (
        "the environment 'main' is served by another checkout with other definitions, so nothing was built"
        " (this is laptop):\n"
        "  g/a: its code changed; worker serves it since 2024-01-01 00:00 UTC (run r1)\n"
        "use an environment of your own (assets env create dev; --env dev), or add --take-over to serve this one from"
        " here"
    )


# Real checkouts

SHOP = """
from graph import asset

@asset
def base() -> int:
    return 1

@asset
def shared(base: int) -> int:
    return base + 1

@asset
def disputed(base: int) -> int:
    return base + {number}
"""

TERMINAL = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from graph import AssetGraphError
from materializers import find_project, open_workspace, run_plan
for line in sys.stdin:
    environment, selection, *words = line.split()
    try:
        workspace = open_workspace(
            find_project(Path({folder!r})), environment=environment, take_over="--take-over" in words
        )
        result = run_plan(workspace.plan(selection), workspace, jobs=1)
        print(result.outcome, *sorted(f"{{one.name}}:{{one.outcome}}" for one in result.results), flush=True)
        workspace.ledger.close()
    except AssetGraphError as error:
        print("refused", *getattr(error, "keys", ()), flush=True)
"""


class Checkout:
    """A working copy with code of its own, whose runs are typed one after the other."""

    def __init__(self, folder: Path, number: int, environ: Mapping[str, str]) -> None:
        folder.mkdir()
        (folder / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["shop"]\n')
        (folder / "shop.py").write_text(SHOP.format(number=number))
        code = TERMINAL.format(paths=[str(ROOT), str(folder)], folder=str(folder))
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=dict(environ),
        )

    def run(self, selection: str, *words: str, environment: str = "main") -> list[str]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(environment, selection, *words, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().split()

    def close(self) -> None:
        self.process.communicate(timeout=30)


@pytest.fixture(params=["sqlite", "postgres"])
def checkouts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Checkout, Checkout, Any]]:
    import os

    home = tmp_path / "home"
    environ = {**os.environ, "ASSETS_HOME": str(home)}
    if request.param == "postgres":
        url = request.getfixturevalue("postgres")
        ledger = open_postgres_ledger(url)
        environ["ASSETS_LEDGER"] = url
    else:
        home.mkdir()
        ledger = open_sqlite_ledger(home / "ledger.sqlite")
    made = [Checkout(tmp_path / name, number, environ) for name, number in (("laptop", 1), ("worker", 2))]
    yield made[0], made[1], ledger
    for one in made:
        one.close()
    ledger.close()
    if request.param == "postgres":
        import psycopg

        with psycopg.connect(url, autocommit=True) as db:
            db.execute("DROP SCHEMA assets CASCADE")


def test_ping_pong(checkouts: tuple[Checkout, Checkout, Any]) -> None:
    laptop, worker, ledger = checkouts
    assert worker.run("*") == [
        "succeeded",
        "shop/base:published",
        "shop/disputed:published",
        "shop/shared:published",
    ]
    before = ledger.publications("shop/disputed", environment="main")
    for _ in range(5):
        assert laptop.run("*") == ["refused", "shop/disputed"]
        assert laptop.run("shop/shared") == ["succeeded", "shop/base:kept", "shop/shared:kept"]
        assert worker.run("*") == ["succeeded", "shop/base:kept", "shop/disputed:kept", "shop/shared:kept"]
    assert ledger.publications("shop/disputed", environment="main") == before

    ledger.create_environment("dev")
    own = laptop.run("*", environment="dev")
    assert own == ["succeeded", "shop/base:kept", "shop/disputed:published", "shop/shared:kept"]
    assert worker.run("*")[0] == "succeeded"

    taken = laptop.run("*", "--take-over")
    assert taken == ["succeeded", "shop/base:kept", "shop/disputed:adopted", "shop/shared:kept"]
    assert worker.run("*") == ["refused", "shop/disputed"]
    assert ledger.definitions("main")["shop/disputed"].checkout.endswith("/laptop")


def test_a_run_that_is_refused_is_not_on_record(checkouts: tuple[Checkout, Checkout, Any]) -> None:
    laptop, worker, ledger = checkouts
    worker.run("*")
    laptop.run("*")
    assert len(ledger.runs()) == 1


def test_an_asset_that_was_given_up_is_not_built_under_its_old_key(
    checkouts: tuple[Checkout, Checkout, Any],
) -> None:
    laptop, worker, ledger = checkouts
    worker.run("*")
    ledger.rename("shop/shared", "shop/joint")
    assert laptop.run("shop/shared")[0] == "refused"
