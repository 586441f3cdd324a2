"""Backfills as one types them: choices of partitions, estimates, saved plans."""

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

FARM = '''\
"""A farm that is small enough to read."""

from __future__ import annotations

from graph import Config, Daily, asset
from graph.partitions import Monthly

DAYS = Daily(start="2024-01-01", end="2024-03-31")


class Hens(Config):
    count: int = 10


@asset(partitions=DAYS)
def eggs(config: Hens) -> int:
    """What was laid."""
    return config.count


@asset(partitions=Monthly(start="2024-01-01", end="2024-03-01"))
def months(eggs: dict[str, int]) -> int:
    return sum(eggs.values())
'''


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
    (tmp_path / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["farm"]\n')
    (tmp_path / "farm.py").write_text(FARM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    sys.modules.pop("farm", None)


def command(main: Callable[[list[str]], NoReturn], capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> Ran:
        sys.modules.pop("farm", None)  # each command is a process of its own, which reads the sources anew
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, err = capsys.readouterr()
        return Ran(code=ended.value.code, out=out, err=err)

    return run


@pytest.fixture
def materialize(project: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(materialize_main, capsys)


@pytest.fixture
def assets(project: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(assets_main, capsys)


def plain(text: str) -> str:
    """A text without what differs from run to run."""
    text = re.sub(r"\b\d+(\.\d+)? k?B", "N", text)
    return re.sub(r"(less than|about) \d+(\.\d\d?)? s\b", "T", text)


# Choices


def test_a_backfill_is_gone_on_with_what_is_missing(materialize: Command) -> None:
    assert materialize("eggs", "--partitions", "2024-01-10..2024-01-20").code == 0
    plan = materialize("eggs", "--plan", "--partitions", "missing in 2024-01")
    assert plan.out.splitlines()[0].startswith(
        "build       farm/eggs@2024-01-01..2024-01-31 (20)  never built"
    )
    assert materialize("eggs", "--partitions", "missing in 2024-01").code == 0
    nothing = materialize("eggs", "--partitions", "missing in 2024-01")
    assert (nothing.code, nothing.out) == (0, "nothing to do: farm/eggs has no partition of that kind\n")
    assert materialize("eggs", "--plan", "--partitions", "missing in 2024-01").out == nothing.out


def test_outdated_is_built_and_nothing_else(materialize: Command) -> None:
    materialize("eggs", "--partitions", "2024-01")
    changed = "--config", "farm/eggs.count=12"
    plan = materialize("eggs", *changed, "--plan", "--partitions", "outdated", "--json").document
    assert [(step["step"], step["partitions"]) for step in plan["steps"]] == [
        ("materialize", {"": [[738886, 738916]]})
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("2024-01,missing", "write 'missing in 2024-01'", id="a union that is none"),
        pytest.param("missing in 2025", "there is no partition '2025'", id="a year that does not exist"),
        pytest.param("mising", "Did you mean 'missing'?", id="a slip"),
    ],
)
def test_a_wrong_choice_is_told_with_the_remedy(materialize: Command, text: str, message: str) -> None:
    ran = materialize("eggs", "--partitions", text)
    assert ran.code == 2
    assert message in ran.err


# Estimates


def test_a_plan_says_what_it_takes(materialize: Command) -> None:
    first = materialize("months", "--plan")
    assert first.out.splitlines()[-1] == "how long this takes is not known: none of it was ever built"
    materialize("eggs", "--partitions", "2024-01-01..2024-01-05")
    some = materialize("months", "--plan", "--jobs", "4")
    assert [plain(line) for line in some.out.splitlines()] == [
        "build       farm/eggs@2024-01-06..2024-03-31 (86)   never built; T, N",
        "build       farm/months@2024-01-01..2024-03-01 (3)  never built",
        plain(some.out.splitlines()[2]),
    ]
    total = plain(some.out.splitlines()[-1])
    assert total.startswith("T of work, ")
    assert total.endswith("N; besides 1 step that was never built, of which nothing is known")
    document = materialize("months", "--plan", "--json").document["estimate"]
    assert document["unknown"] == ["farm/months@2024-01-01..2024-03-01"]
    (step,) = document["steps"].values()
    assert (step["measured_versions"], step["same_code"], step["certain"], step["bytes"]) == (
        5,
        True,
        True,
        172,
    )


# Saved plans


def test_a_saved_plan_is_carried_out_once(materialize: Command, project: Path) -> None:
    saved = materialize("months", "--plan", "--out", "plan.json", "--partitions", "2024-02-01")
    assert saved.out.splitlines()[-1] == "saved; to carry it out: materialize --apply plan.json"
    assert not (project / ".assets/data").exists(), "nothing was built"
    applied = materialize("--apply", "plan.json")
    assert (applied.code, "built farm/months@2024-02-01" in applied.err) == (0, True)
    again = materialize("--apply", "plan.json")
    assert again.code == 2
    assert "farm/eggs: what is published of 2024-02-01..2024-02-29 (29) has changed" in again.err


def test_a_saved_plan_needs_its_config(materialize: Command) -> None:
    config = "--config", "farm/eggs.count=12"
    materialize("eggs", "--plan", "--out", "plan.json", *config)
    refused = materialize("--apply", "plan.json")
    assert (refused.code, "count 12 -> 10" in refused.err, "--config" in refused.err) == (2, True, True)
    assert materialize("--apply", "plan.json", *config).code == 0


def test_a_refusal_is_a_document_too(materialize: Command, project: Path) -> None:
    materialize("eggs", "--plan", "--out", "plan.json")
    (project / "farm.py").write_text(FARM.replace("return config.count", "return config.count + 1"))
    refused = materialize("--apply", "plan.json", "--json")
    assert (refused.code, refused.document["error"]["kind"]) == (2, "PlanRefused")
    assert "farm/eggs: its code changed" in refused.document["error"]["message"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--apply", "none.json"], "none.json cannot be read", id="no file"),
        pytest.param(["--apply", "farm.py"], "farm.py holds no plan", id="no plan"),
        pytest.param(["eggs", "--apply", "plan.json"], "it takes no SELECTION", id="a selection beside it"),
        pytest.param(["eggs", "--out", "plan.json"], "give both", id="a file without a plan"),
        pytest.param(["eggs", "--plan", "--out", "no/where.json"], "cannot be written", id="no folder"),
    ],
)
def test_wrong_use_is_told(materialize: Command, arguments: list[str], message: str) -> None:
    ran = materialize(*arguments)
    assert ran.code in (1, 2)
    assert message in ran.err


# Changing published data by hand

WHO = "--by", "ada", "--reason", "test"


def test_wiping_asks_and_says_how_to_undo(
    materialize: Command, assets: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    materialize("eggs", "--partitions", "2024-01")
    answers = iter([False, True])
    monkeypatch.setattr("click.confirm", lambda text, **_: next(answers) or _abort(text))
    refused = assets("wipe", "eggs", "--partitions", "2024-01-10..2024-01-12", *WHO)
    assert refused.code == 1
    wiped = assets("wipe", "eggs", "--partitions", "2024-01-10..2024-01-12", *WHO)
    assert wiped.out == (
        "wiped 2024-01-10..2024-01-12 (3) of farm/eggs in 'main'; it is made anew when it is needed, or:"
        " assets env rollback farm/eggs --partitions 2024-01-10..2024-01-12 --by NAME --reason TEXT\n"
    )
    plan = materialize("eggs", "--plan", "--partitions", "2024-01", "--json").document
    assert [step["reason"]["kind"] for step in plan["steps"] if step["step"] == "materialize"] == [
        "never built"
    ]
    back = assets("env", "rollback", "eggs", "--partitions", "2024-01-10..2024-01-12", *WHO)
    assert back.code == 0, back.err
    assert materialize("eggs", "--partitions", "2024-01").out.startswith("everything is up to date")


def _abort(text: str) -> None:
    import click

    assert text.startswith("Wipe 2024-01-10..2024-01-12 (3) of farm/eggs")
    raise click.Abort


def test_wiping_all_has_to_be_said(assets: Command) -> None:
    ran = assets("wipe", "eggs", *WHO, "--yes")
    assert (ran.code, "--partitions all" in ran.err) == (2, True)


def test_an_export_is_adopted_again(materialize: Command, assets: Command, project: Path) -> None:
    materialize("eggs", "--partitions", "2024-01-01..2024-01-03")
    assets("export", "eggs", "--to", "out")
    assets("wipe", "eggs", "--partitions", "all", *WHO, "--yes")
    adopted = assets("adopt", "eggs", "--from", "out/farm/eggs", "--by", "ada")
    assert adopted.code == 0
    assert adopted.out.splitlines()[-1] == "3 published"
    again = assets("adopt", "eggs", "--from", "out/farm/eggs", "--by", "ada", "--json")
    assert [one["outcome"] for one in again.document] == ["kept"] * 3
    assert materialize("eggs", "--partitions", "2024-01-01..2024-01-03").out.startswith(
        "everything is up to date"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["adopt", "eggs", "--by", "ada"], "give FILES, or --from DIR", id="nothing to adopt"),
        pytest.param(
            ["adopt", "eggs", "farm.py", "--by", "ada"], "named like no partition", id="a foreign name"
        ),
        pytest.param(
            ["erase", "eggs", "--where", "1=1", *WHO, "--yes"], "has no version", id="nothing to erase"
        ),
    ],
)
def test_wrong_use_by_hand_is_told(assets: Command, arguments: list[str], message: str) -> None:
    ran = assets(*arguments)
    assert ran.code in (1, 2)
    assert message in ran.err


VISITS = """
from __future__ import annotations

from graph import asset


@asset(stored_as="table")
def visits() -> list[dict]:
    return [{"subject": "x", "dose": 1}, {"subject": "y", "dose": 2}]


@asset
def doses(visits: list[dict]) -> int:
    return sum(row["dose"] for row in visits)
"""


def test_a_persons_rows_are_erased_and_what_is_made_from_them_is_told(
    materialize: Command, assets: Command, project: Path
) -> None:
    (project / "farm.py").write_text(VISITS)
    materialize("doses")
    request = "erase", "visits", "--where", "subject = 'x'", "--by", "ada", "--reason", "request 17"
    assert assets(*request, "--dry-run").out.startswith(
        "would erase 1 row from 1 version of farm/visits (1 looked at)\n"
    )
    erased = assets(*request, "--yes")
    assert erased.out == (
        "erased 1 row from 1 version of farm/visits (1 looked at)\n"
        "deleted 1 file from the store\n"
        "made from it, and outdated now; earlier versions of them may hold the same rows:\n"
        "  farm/doses (1 partition)\n"
        "to make them anew: materialize 'farm/visits+'\n"
    )
    assert assets("sql", "select count(*) as n from farm.visits", "--csv").out == "n\n1\n"
    plan = materialize("doses", "--plan").out.splitlines()[0]
    assert plain(plan).startswith("build       farm/doses  upstream changed: farm/visits")
