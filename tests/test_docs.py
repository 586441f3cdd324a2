"""The documentation is true: its Python runs, its commands work and print what is shown, its links lead somewhere.

In a Markdown file the blocks run in their order, all in one fresh folder:

- ``python`` blocks share one namespace; one that begins with a comment naming a file (``# acme/data.py``) is
  written to that file instead;
- in ``console`` blocks, lines that begin with ``$ materialize`` or ``$ assets`` (settings may come before) are run by
  the installed scripts. What stands below such a line is what it prints, ``...`` for anything; ``$ echo $?`` asks
  for its exit code. With nothing below, the command must succeed;
- other commands are not run, but a ``$ make target`` must name a target;
- ``<!-- not run: reason -->`` on the line before a block leaves it out.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(
    r"(?P<before>[^\n]*)\n```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"\]\((?!\w+:|#)(?P<target>[^)#\s]+)")
SETTINGS = re.compile(
    r"((?:\w+=\S* )*)(\S*) ?(.*)", re.DOTALL
)  # NAME=value before a command, as a shell takes it
FILE_NAME = re.compile(r"# (?P<name>[\w/]+\.py)\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    language: str
    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    words: str
    shown: str


def blocks_of(markdown: str) -> list[Block]:
    """The fenced blocks that are to be run, in order."""
    return [
        Block(
            language=found["language"],
            text=found["text"],
            line=markdown.count("\n", 0, found.start("text") - 1) + 1,
        )
        for found in FENCE.finditer(f"\n{markdown}")
        if not found["before"].startswith("<!-- not run: ")
    ]


def commands_of(text: str) -> list[Command]:
    """What a ``console`` block types, each with what it shows below."""
    typed = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    halves = [part.partition("\n") for part in typed]
    return [Command(words=words.strip(), shown=shown) for words, _, shown in halves]


def run_page(page: Path, folder: Path) -> None:
    """Runs every block of ``page`` in ``folder``; a failure names the page and the line."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks_of(page.read_text()):
        place = f"{page.relative_to(ROOT)}:{block.line}"
        match block.language:
            case "python" if named := FILE_NAME.match(block.text):
                write(folder / named["name"], block.text)
            case "python":
                exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), namespace)
            case "console":
                run_console(commands_of(block.text), folder, place)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run_console(commands: list[Command], folder: Path, place: str) -> None:
    scripts = Path(sys.executable).parent
    code = 0
    for command in commands:
        settings, program, rest = SETTINGS.fullmatch(command.words).groups()  # any text
        if command.words == "echo $?":
            assert command.shown.strip() == str(code), f"{place}: the exit code is {code}"
        elif program in {"materialize", "assets"}:
            ended = subprocess.run(
                f'{settings}"{scripts / program}" {rest}',
                shell=True,
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "110", "NO_COLOR": "1"},
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            code, printed = ended.returncode, ended.stdout + ended.stderr
            if command.shown.strip():
                assert as_shown(printed, command.shown), f"{place}: {command.words}\n{printed}"
            else:
                assert code == 0, f"{place}: {command.words}\n{printed}"


def as_shown(printed: str, shown: str) -> bool:
    """Whether ``printed`` is what is ``shown``, where ``...`` stands for anything; blanks at line ends do not count."""
    want, got = (re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).strip() + "\n" for text in (shown, printed))
    return doctest.OutputChecker().check_output(want, got, doctest.ELLIPSIS)


each_page = pytest.mark.parametrize(
    "page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES]
)


@each_page
def test_what_a_page_says_is_what_happens(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    run_page(page, tmp_path)


@each_page
def test_links_lead_to_files(page: Path) -> None:
    targets = [found["target"] for found in LINK.finditer(page.read_text())]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_make_commands_name_targets() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(page.read_text() for page in PAGES)
    named = set(re.findall(r"(?:^\$ |`)make ([a-z-]+)", text, re.MULTILINE))
    assert named - targets == set()


PAGE = """
Text.

```python
answer = 6 * 7
```
<!-- not run: needs a broker -->
```python
raise SystemExit
```
```console
$ assets list
market/prices
...
$ echo $?
0
```
"""


def test_blocks_are_read_in_order_with_their_lines() -> None:
    assert [(block.language, block.line) for block in blocks_of(PAGE)] == [("python", 5), ("console", 12)]


def test_commands_are_read_with_what_they_show() -> None:
    assert commands_of(blocks_of(PAGE)[1].text) == [
        Command(words="assets list", shown="market/prices\n...\n"),
        Command(words="echo $?", shown="0\n"),
    ]


@pytest.mark.parametrize(
    ("printed", "shown", "same"),
    [
        pytest.param("a\nb\n", "a\nb", True, id="the same text"),
        pytest.param("a  \nb\n\n", "a\nb", True, id="blanks at the end of a line"),
        pytest.param("a\nx\ny\nb\n", "a\n...\nb", True, id="dots for anything"),
        pytest.param("a\nb\n", "a\nc", False, id="another word"),
    ],
)
def test_shown_output_is_compared(printed: str, shown: str, same: bool) -> None:
    assert as_shown(printed, shown) is same
