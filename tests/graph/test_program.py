"""A program says what it needs, and cannot be written so that it means nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest

from graph import Program
from graph.program import UnusableProgram


def program(**changes: Any) -> Program:
    written: dict[str, Any] = {
        "command": ["sort", "{in.csv}"],
        "inputs": {"in.csv": "b\na\n"},
        "output": "out.csv",
    }
    return Program(**(written | changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"command": "sort in.csv"}, "is no list of words", id="a line for a shell"),
        pytest.param({"command": []}, "is no list of words", id="no words"),
        pytest.param({"output": {}}, "leaves no file", id="no output"),
        pytest.param({"output": "../out.csv"}, "no name within its folder", id="an output above its folder"),
        pytest.param({"output": "/tmp/out.csv"}, "no name within its folder", id="an output elsewhere"),
        pytest.param({"output": "in.csv"}, "has two files 'in.csv'", id="one name twice"),
        pytest.param({"output": "in_csv"}, "whose variable is FILE_IN_CSV", id="one variable twice"),
        pytest.param({"command": ["sort", "{inn.csv}"]}, "Did you mean 'in.csv'?", id="a near miss"),
        pytest.param({"environment": {"A B": 1}}, "has a variable 'A B'", id="a variable with a blank"),
        pytest.param({"passes": ["A=1"]}, "has a variable 'A=1'", id="a variable with its value"),
    ],
)
def test_a_program_that_means_nothing_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UnusableProgram, match=re.escape(told)):
        program(**changes)


@pytest.mark.parametrize(
    ("word", "given"),
    [
        pytest.param("{in.csv}", "/f/in.csv", id="an input"),
        pytest.param("--to={out.csv}", "--to=/f/out.csv", id="an output within a word"),
        pytest.param("{print $1}", "{print $1}", id="braces of awk"),
        pytest.param("{print}", "{print}", id="a word in braces that is no file"),
        pytest.param("${in.csv}", "${in.csv}", id="a variable of the shell"),
    ],
)
def test_only_files_are_put_in_the_place_of_braces(word: str, given: str) -> None:
    asked = program(command=["x", word])
    assert asked.arguments({name: f"/f/{name}" for name in asked.files()}) == ["x", given]


def test_files_in_folders_and_without_a_suffix_have_placeholders() -> None:
    asked = program(command=["x", "{in/data.csv}", "{model}"], inputs={"in/data.csv": ""}, output="model")
    assert asked.arguments({"in/data.csv": "a", "model": "b"}) == ["x", "a", "b"]
