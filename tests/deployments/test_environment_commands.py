"""`assets env`, `diff`, `publish`, `gc` and `rename`, `--as-of` and `--take-over`, as one types them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from deployments.commands import assets_main, materialize_main

ROOT = Path(__file__).resolve().parents[2]

SHOP = """\
from __future__ import annotations

import pyarrow as pa

from checks import between, unique
from graph import Daily, asset


@asset(checks=[unique("item"), between("amount", 0, 100)])
def orders() -> pa.Table:
    return pa.table({"item": ["a", "b", "c"], "amount": [1.0, 2.0, 3.0]})


@asset
def total(orders: pa.Table) -> float:
    return sum(orders["amount"].to_pylist())


@asset(partitions=Daily(start="2024-01-01", end="2024-01-03"))
def days(total: float) -> float:
    return total


@asset
def note() -> str:
    return "x"
"""
DEARER = ("2.0, 3.0", "2.5, 3.0")
SCRUBBED = (
    (r"\b[0-9a-f]{23}\b", "VERSION"),
    (r"\b\d{8}-\d{6}-[0-9a-f]{6}\b", "RUN"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d \w+", "THEN"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command has said and how it ended."""

    code: int | str | None
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """Without what differs from run to run."""
        text = self.out + self.err
        for pattern, word in SCRUBBED:
            text = re.sub(pattern, word, text)
        return re.sub(r" {2,}", " | ", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing:
    """A project on disk, and somebody who types."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def _run(self, main: Callable[[list[str]], NoReturn], words: tuple[str, ...]) -> Ran:
        sys.modules.pop("shop", None)  # each command is a process of its own, which reads the sources anew
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        out, err = self.capsys.readouterr()
        return Ran(code=ended.value.code, out=out, err=err)

    def materialize(self, *words: str) -> Ran:
        return self._run(materialize_main, words)

    def assets(self, *words: str) -> Ran:
        return self._run(assets_main, words)

    def change(self, before: str, after: str) -> None:
        file = self.folder / "shop.py"
        text = file.read_text()
        assert before in text
        file.write_text(text.replace(before, after))

    def versions(self, key: str) -> list[str]:
        """The versions that were made of an asset, newest first."""
        from materializers.loading import open_ledger
        from materializers.project import find_project

        ledger = open_ledger(find_project())
        try:
            return [one.version_id or "" for one in ledger.publications(key, environment="main")]
        finally:
            ledger.close()


@pytest.fixture
def shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Typing]:
    (tmp_path / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["shop"]\n')
    (tmp_path / "shop.py").write_text(SHOP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("ASSETS_CHECKOUT", "laptop")
    typing = Typing(folder=tmp_path, capsys=capsys)
    assert typing.materialize("*").code == 0
    yield typing
    sys.modules.pop("shop", None)


def test_environments_are_made_listed_and_dropped(shop: Typing) -> None:
    made = shop.assets("env", "create", "dev")
    assert made.out == (
        "made the environment 'dev', which reads from 'main' what it has not of its own;"
        " effects are only recorded in it\n"
    )
    assert shop.assets("env", "create", "deeper", "--from", "dev", "--live", "--json").document == {
        "name": "deeper",
        "parent": "dev",
        "live": True,
    }
    assert shop.assets("env", "list").said == (
        "environment | reads from | effects | of its own | served by | created\n"
        "deeper | dev | live | 0 assets | - | THEN\n"
        "dev | main | 0 assets | - | THEN\n"
        "main | - | live | 4 assets | laptop | -\n"
    )
    listed = shop.assets("env", "list", "--json").document
    assert [(one["name"], one["own"], one["served_by"]) for one in listed][1:] == [
        ("dev", [], []),
        ("main", ["shop/days", "shop/note", "shop/orders", "shop/total"], ["laptop"]),
    ]
    assert shop.assets("env", "drop", "dev", "--yes").err == (
        "error: 'deeper' reads from the environment 'dev'; drop 'deeper' first\n"
    )
    assert shop.assets("env", "drop", "deeper", "--yes").out == (
        "dropped the environment 'deeper'; what only it showed goes with `assets gc`\n"
    )


def test_one_changed_asset_is_built_compared_and_promoted(shop: Typing) -> None:
    shop.assets("env", "create", "dev")
    shop.change(*DEARER)
    counts = shop.materialize("*", "--env", "dev", "--json").document["counts"]
    assert counts == {"built": 5, "kept": 1}
    assert shop.assets("env", "diff", "dev", "main", "--data").said == (
        "asset | dev | main | why\n"
        "shop/orders | VERSION | VERSION | its code changed; the data differ\n"
        "shop/total | VERSION | VERSION | its inputs differ; the data differ\n"
        "shop/days@2024-01-01 | VERSION | VERSION | its inputs differ; the data differ\n"
        "shop/days@2024-01-02 | VERSION | VERSION | its inputs differ; the data differ\n"
        "shop/days@2024-01-03 | VERSION | VERSION | its inputs differ; the data differ\n"
        "\n"
        "shop/orders: 3 -> 3 rows: 0 added, 0 removed, 1 changed, rows told apart by item\n"
        " | column | changed | mean difference | largest\n"
        " | amount | 1 | 0.166667 | 0.5\n"
        " | ~ item b, amount 2.0 -> 2.5\n"
        "\n"
        "shop/total: 1 -> 1 row: 1 added, 1 removed, 0 changed, rows compared as a whole\n"
        " | + value 6.5\n"
        " | - value 6.0\n"
        "\n"
        "shop/days: 3 -> 3 rows: 3 added, 3 removed, 0 changed, rows compared as a whole\n"
        " | + value 6.5\n"
        " | + value 6.5\n"
        " | + value 6.5\n"
        " | - value 6.0\n"
        " | - value 6.0\n"
        " | - value 6.0\n"
    )
    moves = (
        "{} 2 pointers of 'main' to what 'dev' shows:\n"
        " | shop/orders | it is upstream of what was asked for\n"
        " | shop/total\n"
        "outdated in 'main' then, and built by its next run: shop/days\n"
    )
    assert shop.assets("env", "promote", "dev", "main", "total", "--dry-run").said == moves.format(
        "would move"
    )
    assert shop.assets("env", "promote", "dev", "main", "total").said == moves.format("moved")
    document = shop.assets("env", "promote", "dev", "main", "--json").document
    assert [(one["key"], one["partition"]) for one in document["moved"]] == [
        ("shop/days", f"2024-01-0{day}") for day in (1, 2, 3)
    ]
    assert shop.assets("env", "diff", "dev", "main").out == "'dev' and 'main' show the same of 4 assets\n"
    assert shop.materialize("*").out.startswith("everything is up to date")


def test_what_is_not_closed_is_refused_with_2(shop: Typing) -> None:
    shop.assets("env", "create", "dev")
    shop.change(*DEARER)
    shop.materialize("total", "--env", "dev")
    shop.change("2.5, 3.0", "2.75, 3.0")
    shop.materialize("orders", "--env", "dev")
    refused = shop.assets("env", "promote", "dev", "main")
    assert (refused.code, refused.err) == (
        2,
        (
            "error: nothing was promoted from 'dev' to 'main':\n"
            "  shop/total in 'dev' was made from another shop/orders than 'main' would read then\n"
            "run: materialize shop/total --env dev\n"
        ),
    )


def test_a_rollback_is_held_until_the_code_moves(shop: Typing) -> None:
    by = ("--by", "ada", "--reason", "wrong")
    nothing = shop.assets("env", "rollback", "orders", *by)
    assert (nothing.code, nothing.err) == (
        1,
        "error: nothing was rolled back: no version of shop/orders was visible before this one\n",
    )
    shop.change(*DEARER)
    shop.materialize("*")
    assert shop.assets("env", "rollback", "orders", *by).out == (
        "rolled back shop/orders in 'main'; it stays so until the code or the inputs move\n"
    )
    for _ in range(3):
        assert "held | shop/orders | rolled back, and neither" in shop.materialize("*").said
    shop.change("2.5, 3.0", "2.75, 3.0")
    assert "built | shop/orders" in shop.materialize("*").said
    newest, older = shop.versions("shop/orders")[:2]
    back = shop.assets("env", "rollback", "orders", "--to", older[:-1], *by, "--json").document
    assert back["versions"] == [{"partition": None, "version": older}]
    assert newest != older


def test_partitions_are_rolled_back(shop: Typing) -> None:
    shop.change("return total", "return total + 1")
    shop.materialize("days")
    rolled = shop.assets(
        "env", "rollback", "days", "--partitions", "2024-01-02..", "--by", "ada", "--reason", "x"
    )
    assert rolled.out.startswith("rolled back 2 partitions of shop/days in 'main'")


def test_what_was_wiped_is_shown_again_by_a_rollback(shop: Typing) -> None:
    by = ("--by", "ada", "--reason", "x")
    (version,) = shop.versions("shop/total")
    shop.assets("wipe", "total", *by, "--yes")
    assert shop.assets("env", "rollback", "total", *by).code == 0
    assert shop.assets("show", "total", "--json").document["published"]["version"] == version
    assert shop.materialize("total").out.startswith("everything is up to date")


@pytest.mark.parametrize("words", [("env", "rollback", "orders"), ("publish", "orders", "last")])
def test_what_is_done_by_hand_needs_a_name_and_a_reason(shop: Typing, words: tuple[str, ...]) -> None:
    ran = shop.assets(*words)
    assert (ran.code, "missing option '--by'" in ran.err) == (2, True)


def test_a_rejected_version_is_published_by_hand_and_kept(shop: Typing) -> None:
    by = ("--by", "ada", "--reason", "the amount is right")
    assert shop.assets("publish", "orders", "last", *by).err == (
        "error: no version of asset 'shop/orders' was rejected in 'main'\n"
    )
    shop.change("2.0, 3.0", "2.0, 300.0")
    assert shop.materialize("orders").code == 3
    assert shop.assets("publish", "orders", "last", *by).said == (
        "published version VERSION of shop/orders in 'main'; it stays marked failing\n"
    )
    again = shop.materialize("orders", "--explain")
    assert "up to date, though its checks fail" in again.err
    assert again.code == 3


def test_another_checkout_is_refused_and_may_take_over(shop: Typing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSETS_CHECKOUT", "worker")
    assert shop.materialize("*").code == 0
    shop.change(*DEARER)
    planned = shop.materialize("*", "--plan")
    assert (planned.code, "a run of this would be refused: the environment 'main'" in planned.out) == (
        0,
        True,
    )
    refused = shop.materialize("*")
    assert (refused.code, refused.said) == (
        2,
        (
            "error: the environment 'main' is served by another checkout with other definitions, so nothing was built"
            " (this is worker):\n"
            " | shop/orders: its code changed; laptop serves it since THEN (run RUN)\n"
            "use an environment of your own (assets env create dev; --env dev), or add --take-over to serve this one"
            " from here\n"
        ),
    )
    assert shop.materialize("*", "--take-over").code == 0
    monkeypatch.setenv("ASSETS_CHECKOUT", "laptop")
    shop.change("2.5, 3.0", "2.75, 3.0")
    assert shop.materialize("*").code == 2
    assert shop.materialize("*", "--json").document["error"]["kind"] == "ServedOtherwise"


def test_two_versions_are_compared(shop: Typing) -> None:
    shop.change(*DEARER)
    shop.materialize("*")
    new, old = shop.versions("shop/orders")
    assert shop.assets("diff", "orders", old, new).said == (
        "shop/orders: 3 -> 3 rows: 0 added, 0 removed, 1 changed, rows told apart by item\n"
        " | column | changed | mean difference | largest\n"
        " | amount | 1 | 0.166667 | 0.5\n"
        " | ~ item b, amount 2.0 -> 2.5\n"
    )
    assert shop.assets("diff", "orders", old, old).out == "shop/orders: the data are equal\n"
    assert shop.assets("diff", "orders", old, new, "--json").document["drift"][0]["column"] == "amount"


def test_garbage_is_condemned_and_then_removed(shop: Typing) -> None:
    shop.change(*DEARER)
    shop.materialize("*")
    rules = ("--older-than", "0s", "--keep", "1")
    assert shop.assets("gc", *rules, "--dry-run").out == (
        "2 files of 5 would be condemned, and removed 1 day later\n"
    )
    first = shop.assets("gc", *rules, "--grace", "0s", "--json").document
    assert (len(first["condemned"]), first["removed"]) == (2, [])
    second = shop.assets("gc", *rules, "--grace", "0s", "--json").document
    assert second["removed"] == first["condemned"]
    assert shop.assets("sql", "select sum(amount) as total from orders", "--json").document == [
        {"total": 6.5}
    ]
    assert (
        "was removed from the store by `assets gc`"
        in shop.assets("env", "rollback", "orders", "--by", "ada", "--reason", "x").err
    )
    wrong = shop.assets("gc", "--older-than", "soon")
    assert (wrong.code, "'soon' is no span of time; write it like 30d" in wrong.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(
            ("rename", "shop/orders", "shop/a b"), "'shop/a b' is no key: write group/name", id="no key"
        ),
        pytest.param(
            ("rename", "shop/orders", "orders"), "'orders' is no key: write group/name", id="no group"
        ),
        pytest.param(
            ("rename", "shop/orders", "shop/orders"), "'shop/orders' has that key already", id="its own key"
        ),
        pytest.param(
            ("wipe", "orders", "--by", " ", "--reason", "x", "--yes"), "'--by': it is empty", id="by nobody"
        ),
        pytest.param(
            ("publish", "orders", "last", "--by", "ada", "--reason", ""),
            "'--reason': it is empty",
            id="for no reason",
        ),
    ],
)
def test_what_says_nothing_is_refused(shop: Typing, words: tuple[str, ...], told: str) -> None:
    refused = shop.assets(*words)
    assert (refused.code, told in refused.err) == (2, True), refused.err


def test_a_group_of_commands_alone_is_its_help(shop: Typing) -> None:
    alone = shop.assets("env")
    assert (alone.code, alone.err.startswith("Usage: assets env")) == (2, True), alone.err
    assert "Try" not in alone.err


def test_a_renamed_asset_is_kept_and_read_by_both_keys(shop: Typing) -> None:
    assert shop.assets("rename", "shop/orders", "shop/bookings").out == (
        "'shop/orders' is 'shop/bookings' now, with its history; rename the function as well\n"
    )
    refused = shop.materialize("orders")
    assert (refused.code, "was renamed to 'shop/bookings'" in refused.err) == (2, True)
    shop.change("def orders()", "def bookings()")
    shop.change("@asset\ndef total(", '@asset(upstream={"orders": "shop/bookings"})\ndef total(')
    assert shop.materialize("*").out.startswith("everything is up to date")
    assert shop.assets("history", "orders", "--json").document[0]["key"] == "shop/bookings"
    exported = shop.assets("export", "orders", "--to", "out", "--json").document
    assert [one["key"] for one in exported["files"]] == ["shop/bookings"]
    assert shop.assets("sql", "select count(*) as n from shop.orders", "--json").document == [{"n": 3}]


def test_an_earlier_time_is_read_exported_and_replayed(shop: Typing) -> None:
    from datetime import UTC, datetime

    then = datetime.now(UTC).isoformat()
    shop.change(*DEARER)
    shop.materialize("*")
    query = "select sum(amount) as total from orders"
    assert shop.assets("sql", query, "--as-of", then, "--json").document == [{"total": 6.0}]
    assert shop.assets("sql", query, "--json").document == [{"total": 6.5}]
    shop.assets("export", "total", "--to", "then", "--as-of", then)
    assert Path("then/shop/total.json").read_text() == "6.0"
    before = shop.versions("shop/total")
    ran = shop.materialize("total", "--as-of", then, "--to", "replayed")
    assert ran.said.startswith("asset | outcome | compared | why\nshop/total | computed | the same as then\n")
    assert Path("replayed/shop/total.json").read_text() == "6.0"
    assert shop.versions("shop/total") == before
    document = shop.materialize("orders or total", "--as-of", then, "--json").document
    assert [one["compared"].partition(" ")[0] for one in document["results"]] == ["differs", "differs"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("total", "--as-of", "soon"), "'soon' is no moment", id="no moment"),
        pytest.param(("total", "--to", "out"), "--to goes with --as-of", id="only --to"),
        pytest.param(
            ("total", "--as-of", "2024-01-01", "--take-over"), "--as-of goes with neither", id="both"
        ),
    ],
)
def test_wrong_usage_of_replay_is_2(shop: Typing, words: tuple[str, ...], message: str) -> None:
    ran = shop.materialize(*words)
    assert (ran.code, message in ran.err) == (2, True), ran.err


def test_the_ledger_may_be_a_database(shop: Typing, monkeypatch: pytest.MonkeyPatch) -> None:
    psycopg = pytest.importorskip("psycopg")
    server = "postgresql://postgres@127.0.0.1:5432/postgres"
    name = f"assets_cli_{os.getpid()}"
    try:
        db = psycopg.connect(server, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"there is no PostgreSQL at {server}: {error}")
    with db:
        db.execute(f'CREATE DATABASE "{name}"')
        try:
            url = f"postgresql://postgres:hunter2@127.0.0.1:5432/{name}"
            monkeypatch.setenv("ASSETS_LEDGER", url)
            shop.change("@asset\ndef note()", '@asset(run=Execution(isolation="process"))\ndef note()')
            shop.change("import Daily, asset", "import Daily, Execution, asset")
            assert "never built" in typed("materialize", "*")
            assert typed("materialize", "*").startswith("everything is up to date")
            typed("assets", "env", "create", "dev")
            names = [one["name"] for one in json.loads(typed("assets", "env", "list", "--json"))]
            assert names == ["dev", "main"]
            assert "hunter2" not in typed("assets", "runs", "show", "last", "--json")
        finally:
            db.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def typed(program: str, *words: str) -> str:
    """What a command prints that is a process of its own."""
    code = f"import sys; from deployments.cli import {program}; sys.exit({program}())"
    ran = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:."},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout
