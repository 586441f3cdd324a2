from __future__ import annotations

import json
import os
import subprocess
import sys

import click
import pytest

from deployments.answers import Answer, run_command, to_json
from deployments.command_error import CommandError
from graph import UnknownAsset
from graph.errors import DefinitionErrors, PlanRefused, Problem, Where
from materializers.ledger import LedgerError
from materializers.store import MissingFile, WrongRoot

DEFINITIONS = DefinitionErrors(
    [
        Problem(
            key="a/x", where=Where(file="a.py", line=3), message="depends on 'y', which is not declared."
        ),
        Problem(key="a/z", where=None, message="is declared twice."),
    ]
)


def raising(error: BaseException) -> click.Command:
    @click.command()
    @click.option("--json", is_flag=True, expose_value=False)
    @click.option("--number", type=int)
    def command(number: int | None) -> Answer:
        raise error

    return command


def saying(text: str = "hello", document: object = None, code: int = 0) -> click.Command:
    @click.command()
    @click.option("--json", is_flag=True, expose_value=False)
    def command() -> Answer:
        print("noise")
        return Answer(text=lambda: text, document=lambda: document, exit_code=code)

    return command


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        pytest.param(
            UnknownAsset("price", ["a/prices"]), 2, "error: there is no asset 'price'. Did you", id="unknown"
        ),
        pytest.param(PlanRefused("it moved"), 2, "error: it moved\n", id="a refused plan"),
        pytest.param(
            DEFINITIONS, 2, "2 definition errors:\n  asset 'a/x' (a.py:3) depends", id="definitions"
        ),
        pytest.param(CommandError("no"), 2, "error: no\n", id="wrong usage"),
        pytest.param(
            CommandError("disk full", exit_code=1), 1, "error: disk full\n", id="a disk that is full"
        ),
        pytest.param(LedgerError("locked"), 1, "error: locked\n", id="a ledger that cannot be read"),
        pytest.param(MissingFile("ab", "s"), 1, "error: file ab is missing", id="a store that lacks a file"),
        pytest.param(WrongRoot("x:", "unknown"), 2, "error: 'x:' is no place", id="a store that is none"),
        pytest.param(ZeroDivisionError("oops"), 1, "Traceback (most recent", id="what nobody expected"),
        pytest.param(KeyboardInterrupt(), 130, "interrupted", id="Ctrl-C"),
        pytest.param(click.Abort(), 1, "nothing was done\n", id="a question that was answered with no"),
    ],
)
def test_each_error_has_its_exit_code_and_is_told_on_stderr(
    error: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str]
):
    assert run_command(raising(error), "test", []) == code

    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert ("Traceback" in err) is isinstance(error, ZeroDivisionError)


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        pytest.param(UnknownAsset("price", []), 2, "UnknownAsset", id="unknown"),
        pytest.param(DEFINITIONS, 2, "DefinitionErrors", id="definitions"),
        pytest.param(ZeroDivisionError("oops"), 1, "ZeroDivisionError", id="what nobody expected"),
        pytest.param(KeyboardInterrupt(), 130, "Abort", id="Ctrl-C"),
    ],
)
def test_with_json_an_error_is_one_document(
    error: BaseException, code: int, kind: str, capsys: pytest.CaptureFixture[str]
):
    assert run_command(raising(error), "test", ["--json"]) == code

    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == code
    assert document["error"]["kind"] == kind


def test_the_document_of_definition_errors_has_each_with_its_place(capsys: pytest.CaptureFixture[str]):
    run_command(raising(DEFINITIONS), "test", ["--json"])

    assert json.loads(capsys.readouterr().out)["error"]["problems"] == [
        {"key": "a/x", "file": "a.py", "line": 3, "message": "depends on 'y', which is not declared."},
        {"key": "a/z", "file": None, "line": None, "message": "is declared twice."},
    ]


def test_the_attributes_of_an_error_are_in_its_document(capsys: pytest.CaptureFixture[str]):
    run_command(raising(UnknownAsset("price", [])), "test", ["--json"])

    assert json.loads(capsys.readouterr().out)["error"]["key"] == "price"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param(
            ["--jsn"], "error: no such option '--jsn'. Did you mean '--json'?", id="a misspelt option"
        ),
        pytest.param(["--number", "x"], "error: invalid value for '--number'", id="a wrong value"),
        pytest.param(["more"], "error: got unexpected extra argument", id="an argument too many"),
    ],
)
def test_wrong_usage_is_2_and_names_the_help(given: list[str], told: str, capsys: pytest.CaptureFixture[str]):
    assert run_command(raising(AssertionError()), "test", given) == 2

    err = capsys.readouterr().err
    assert told in err
    assert err.endswith("Try 'test --help'.\n")


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]):
    assert run_command(saying(), "test", ["--help"]) == 0
    assert "Usage: test" in capsys.readouterr().out


def test_an_answer_is_text_and_carries_its_exit_code(capsys: pytest.CaptureFixture[str]):
    assert run_command(saying("hello", code=3), "test", []) == 3
    assert capsys.readouterr().out == "noise\nhello\n"


def test_with_json_stdout_has_the_document_and_nothing_else(capsys: pytest.CaptureFixture[str]):
    assert run_command(saying(document={"a": 1}, code=3), "test", ["--json"]) == 3

    out, err = capsys.readouterr()
    assert json.loads(out) == {"a": 1}
    assert err == "noise\n"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_document_is_json_by_the_standard(number: float):
    assert json.loads(to_json({"x": [number, {"y": (1.5, number)}]})) == {"x": [None, {"y": [1.5, None]}]}


def test_with_json_another_programs_output_goes_to_stderr_too():
    script = (
        "import subprocess, sys, click\n"
        "from deployments.answers import Answer, run_command\n"
        "@click.command()\n"
        "@click.option('--json', is_flag=True, expose_value=False)\n"
        "def command():\n"
        "    print('mine')\n"
        "    subprocess.run([sys.executable, '-c', 'print(\"theirs\")'], check=True)\n"
        "    return Answer(text=str, document=lambda: [1])\n"
        "sys.exit(run_command(command, 'test'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "--json"], capture_output=True, text=True, check=True, timeout=60
    )

    assert json.loads(done.stdout) == [1]
    assert sorted(done.stderr.split()) == ["mine", "theirs"]


def test_a_reader_that_has_gone_is_no_traceback():
    script = (
        "import sys, click\n"
        "from deployments.answers import Answer, run_command\n"
        "@click.command()\n"
        "def command():\n"
        "    return Answer(text=lambda: 'x\\n' * 1_000_000, document=list)\n"
        "sys.exit(run_command(command, 'test'))\n"
    )
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=buffered,
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.stdout.close()
        assert writer.stderr is not None
        assert writer.stderr.read() == ""
        assert writer.wait(timeout=60) == 1


def test_half_of_a_pair_of_surrogates_is_escaped(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command(saying("seen \ud800"), "command", []) == 0
    assert capfd.readouterr().out.endswith("seen \\ud800\n")
    assert run_command(saying(document={"seen": "\ud800"}), "command", ["--json"]) == 0
    assert json.loads(capfd.readouterr().out)["seen"] == "\ud800"
