"""`assets check`: what is published is judged again, told by asset, and nothing is built."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from deployments.commands import assets_main, materialize_main

MILL = '''\
from __future__ import annotations

import pyarrow as pa

from checks import across_partitions, between, check, not_null, row_count, unique
from graph import Daily, Window, asset


@asset(partitions=Daily(start="2024-01-01", end="2024-01-07"), checks=[DAYS])
def days(window: Window) -> pa.Table:
    return pa.table({"n": [window.start.day, None]})


@check
def says_hello(page: bytes) -> bool:
    """The page says hello."""
    return page.startswith(b"hello")


@asset(checks=[says_hello])
def page() -> bytes:
    return b"hello"


@asset(unchecked="it is a number")
def plain() -> int:
    return 1


@asset(checks=[row_count(1)])
def never() -> list[int]:
    return [1]
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command has said and how it ended."""

    code: int | str | None
    out: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mill:
    """A project in the working folder."""

    root: Path
    capsys: pytest.CaptureFixture[str]

    def declare(self, days: str) -> None:
        (self.root / "mill.py").write_text(MILL.replace("[DAYS]", f"[{days}]"))

    def ran(self, main: Callable[[list[str]], NoReturn], *arguments: str) -> Ran:
        sys.modules.pop("mill", None)  # each command is a process of its own, which reads the sources anew
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, _ = self.capsys.readouterr()
        return Ran(code=ended.value.code, out=re.sub(r"\b\d{8}-\d{6}-[0-9a-f]{6}\b", "RUN", out))

    def assets(self, *arguments: str) -> Ran:
        return self.ran(assets_main, *arguments)

    def materialize(self, *arguments: str) -> Ran:
        return self.ran(materialize_main, *arguments)


@pytest.fixture
def mill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Mill]:
    (tmp_path / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["mill"]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Mill(root=tmp_path, capsys=capsys)
    made.declare("row_count(1)")
    made.materialize("days or page or plain")
    yield made
    sys.modules.pop("mill", None)


def test_what_holds_is_told_by_asset(mill: Mill) -> None:
    ran = mill.assets("check")
    assert ran.out == (
        "mill/days: 1 check holds in 7 partitions\n"
        "mill/page: 1 check holds\n"
        "mill/never: nothing is published\n"
        "\n"
        "2 assets, 8 verdicts: 8 hold; run RUN\n"
    )
    assert ran.code == 0


def test_what_fails_stays_visible_and_is_marked(mill: Mill) -> None:
    mill.declare('row_count(1), between("n", 1, 6), not_null("n", severity="warn")')
    ran = mill.assets("check", "days", "--partitions", "2024-01-05..2024-01-07")
    assert ran.out == (
        "mill/days: up to 2 of 3 checks do not hold in 3 of 3 partitions\n"
        "  2024-01-05: not_null(n) fails for 1 of 2 rows\n"
        "    row 1: n None (warn only)\n"
        "  2024-01-06: not_null(n) fails for 1 of 2 rows\n"
        "    row 1: n None (warn only)\n"
        "  2024-01-07: between(n) fails for 1 of 2 rows (observed 7 to 7)\n"
        "    row 0: n 7\n"
        "  2024-01-07: not_null(n) fails for 1 of 2 rows\n"
        "    row 1: n None (warn only)\n"
        "\n"
        "1 asset, 9 verdicts: 5 hold, 1 fail, 3 warn; run RUN\n"
    )
    assert ran.code == 3
    shown = mill.assets("show", "days", "--json").document
    assert shown["partitions_published"] == 7
    mended = mill.assets("check", "days")  # the plan of a check asks again whatever was said
    assert mended.code == 3


def test_all_partitions_together(mill: Mill) -> None:
    mill.declare('across_partitions(unique("n")), across_partitions(not_null("n", mostly=0.5))')
    ran = mill.assets("check", "days", "--json")
    assert ran.code == 0
    first = ran.document["judged"][0]["verdicts"]
    assert [(one["rows"], one["failing"], one["passed"]) for one in first] == [(14, 0, True), (14, 7, True)]


def test_a_document_for_machines(mill: Mill) -> None:
    mill.declare('between("n", 1, 6), between("m", 1, 6)')
    document = mill.assets("check", "--json", "days or plain").document
    assert (document["outcome"], document["exit_code"], document["environment"]) == ("rejected", 3, "main")
    assert document["unchecked"] == {"mill/plain": "it is a number"}
    assert [(one["partition"], one["failing"]) for one in document["judged"]][:2] == [
        ("2024-01-01", True),
        ("2024-01-02", True),
    ]
    good, broken = document["judged"][0]["verdicts"]
    assert (good["passed"], good["promise"]) == (True, "n is at least 1 and at most 6")
    assert broken["error"] == "column 'm' is missing."


def test_nothing_is_published(mill: Mill) -> None:
    ran = mill.assets("check", "never")
    assert (ran.code, ran.out) == (
        0,
        "mill/never: nothing is published\nthere is nothing published that has checks\n",
    )


def test_partitions_of_what_has_none(mill: Mill) -> None:
    assert mill.assets("check", "page", "--partitions", "latest").code != 0


def test_an_environment_is_judged_by_itself(mill: Mill) -> None:
    mill.assets("env", "create", "dev")
    mill.declare('between("n", 1, 6)')
    assert mill.assets("check", "days", "--env", "dev").code == 3
    assert json.loads(mill.assets("show", "days", "--json").out)["verdicts"][0]["check"] == "row_count"


def test_a_suite_for_great_expectations(mill: Mill, tmp_path: Path) -> None:
    mill.declare('between("n", 1, 6, severity="warn"), across_partitions(unique("n"))')
    document = mill.assets("suite", "days", "--json").document
    assert (document["name"], [one["type"] for one in document["expectations"]]) == (
        "mill.days",
        ["expect_column_values_to_be_between"],
    )
    ran = mill.assets("suite", "days", "--out", "suites/days.json")
    assert ran.out == "wrote suites/days.json: 1 expectation, 1 left out\n"
    assert json.loads(Path("suites/days.json").read_text()) == document
    left_out = mill.assets("suite", "days", "--out", "suites/days.json", "--json").document["left_out"]
    assert left_out == {
        "unique(n) across partitions": "it is about all partitions together, and a suite is about one batch."
    }
    assert mill.assets("suite", "nothing").code == 2


@pytest.mark.filterwarnings("ignore")
def test_pages_of_great_expectations(mill: Mill) -> None:
    assert mill.assets("data-docs", "never", "--to", "pages").code == 1
    ran = mill.assets("data-docs", "days", "--to", "pages", "--json")
    assert ran.document == {"page": "pages/index.html", "versions": 7}
    assert len(list(Path("pages").glob("validations/mill/days/**/*.html"))) == 7


@pytest.mark.filterwarnings("ignore")
def test_pages_show_no_verdict_of_an_earlier_promise(mill: Mill) -> None:
    mill.declare('row_count(1), between("n", 1, 9)')
    mill.assets("check", "days")
    mill.declare('row_count(1), between("n", 1, 3)')
    assert mill.assets("data-docs", "days", "--to", "pages").code == 0
    pages = [page.read_text() for page in Path("pages").glob("validations/**/*.html")]
    assert len(pages) == 7
    assert not [page for page in pages if "less than or equal to" in page], "7 is not at most 3"
    mill.declare('between("n", 1, 2)')
    assert mill.assets("data-docs", "days", "--to", "pages").code == 1
    mill.assets("check", "days")
    assert mill.assets("data-docs", "days", "--to", "pages").code == 0
    (last,) = Path("pages").glob("validations/**/2024-01-07.html")
    assert "Failed" in last.read_text()


@pytest.mark.filterwarnings("ignore")
def test_pages_tell_when_it_was_judged(mill: Mill) -> None:
    mill.assets("data-docs", "days", "--to", "pages")
    before = {page.parent.name for page in Path("pages").glob("validations/mill/days/**/*.html")}
    mill.assets("check", "days")
    mill.assets("data-docs", "days", "--to", "pages")
    after = {page.parent.name for page in Path("pages").glob("validations/mill/days/**/*.html")}
    assert max(before) < min(after)


def test_checks_are_proposed_as_code(mill: Mill) -> None:
    ran = mill.assets("profile", "days", "--partitions", "2024-01-02..2024-01-05")
    assert ran.out.startswith(
        "from checks import between, row_count, schema\n\nchecks = [\n"
        "    # 8 rows in 4 parts of 2 or more; at least half of that\n    row_count(1),\n"
    )
    assert '    # seen 2 to 5; with 10% of the range beyond, rounded\n    between("n", 1, 6),\n' in ran.out
    document = mill.assets("profile", "days", "--json").document
    codes = [one["code"] for one in document["proposals"]]
    assert (document["rows"], codes[0]) == (14, "row_count(1)")
    mill.declare(", ".join(code for code in codes if not code.startswith("schema")))
    assert mill.assets("check", "days").code == 0, "each partition holds what was proposed"
    assert mill.assets("profile", "never").code == 1
    assert mill.assets("profile", "page").code == 1


def test_bytes_that_are_gone_are_told(mill: Mill) -> None:
    gone = max((mill.root / ".assets" / "data").rglob("*.parquet"), key=lambda file: file.name)
    gone.unlink()
    document = mill.assets("check", "days", "--json").document
    broken = [one for one in document["judged"] if one["failing"]]
    assert (len(document["judged"]), len(broken), document["exit_code"]) == (7, 1, 3)
    assert "is missing" in broken[0]["verdicts"][0]["error"]
