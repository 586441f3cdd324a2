"""`assets effects`: what was done outside is shown, asked for, settled by hand and issued again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from deployments.commands import assets_main, materialize_main

POST = '''
from __future__ import annotations

from pathlib import Path

from graph import Intents, Item, asset, effect

HERE = Path(__file__).parents[1]


def send(item: Item) -> dict[str, str]:
    """Fails as a file says."""
    if (HERE / "broken").exists():
        raise OSError("the line is broken")
    with (HERE / "sent.txt").open("a") as sent:
        sent.write(f"{item.key}\\n")
    return {"to": item.name}


def ask(item: Item) -> dict[str, str] | None:
    if (HERE / "silent").exists():
        raise OSError("nobody answers")
    sent = (HERE / "sent.txt").read_text() if (HERE / "sent.txt").exists() else ""
    return {"asked": item.name} if item.key in sent.splitlines() else None


@asset(unchecked="a test")
def letters() -> dict[str, str]:
    return {"ada": "hello", "bob": "good day"}


@effect(perform=send, reconcile=ask, unchecked="a test")
def mail(letters: dict[str, str]) -> Intents:
    """A letter to each."""
    return Intents(occasion="monday", items=letters)


@effect(perform=send, doubt="at most once", unchecked="a test")
def bell(letters: dict[str, str]) -> Intents:
    return Intents(occasion="monday", items={"ring": 1})
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    code: int | str | None
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Ran]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "pyproject.toml").write_text('[tool.prefect-asset-graph]\nmodules = ["post"]\n')
    (tmp_path / "post").mkdir()
    (tmp_path / "post" / "__init__.py").write_text("")
    (tmp_path / "post" / "office.py").write_text(POST)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    _forget()


def _forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "post"]:
        del sys.modules[name]


@pytest.fixture
def run(project: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    mains: dict[str, Callable[[list[str]], NoReturn]] = {
        "materialize": materialize_main,
        "assets": assets_main,
    }

    def command(*words: str) -> Ran:
        _forget()
        with pytest.raises(SystemExit) as ended:
            mains[words[0]](list(words[1:]))
        out, err = capsys.readouterr()
        return Ran(code=ended.value.code, out=out, err=err)

    return command


def states(run: Command, *words: str) -> dict[str, str]:
    return {one["item"]: one["state"] for one in run("assets", "effects", "list", *words, "--json").document}


@pytest.fixture
def in_doubt(run: Command, project: Path) -> None:
    """The first letter is in doubt, and nobody answers."""
    (project / "broken").touch()
    (project / "silent").touch()
    assert run("materialize", "mail").code == 1
    (project / "broken").unlink()


def test_what_was_done_is_listed_and_shown_with_its_receipt(run: Command) -> None:
    assert run("materialize", "mail").code == 0
    listed = run("assets", "effects", "list")
    assert listed.out.splitlines()[0].split() == "asset occasion item attempt state since why".split()
    assert "post/mail  monday    ada         1  accepted" in listed.out
    shown = run("assets", "effects", "show", "mail", "monday", "ada")
    assert "key      post/mail:monday:ada:1" in shown.out
    assert 'receipt  {"to":"ada"}' in shown.out
    (document,) = run("assets", "effects", "show", "mail", "monday", "ada", "--json").document
    assert [event["state"] for event in document["history"]] == ["planned", "intended", "accepted"]
    assert (document["payload"], document["receipt"]) == ("hello", {"to": "ada"})
    assert run("assets", "effects", "list", "--open").out == "nothing is open of 2 effects in main\n"


@pytest.mark.usefixtures("in_doubt")
def test_what_is_open_is_told_wherever_one_looks(run: Command) -> None:
    assert states(run, "--open") == {"ada": "in doubt", "bob": "planned"}
    assert (
        "not finished: post/mail for monday; run: materialize post/mail"
        in run("assets", "effects", "list").out
    )
    shown = run("assets", "show", "mail")
    assert "an effect that asks when in doubt" in shown.out
    assert "monday (1 in doubt, 1 planned)" in shown.out
    assert run("assets", "show", "mail", "--json").document["not_finished"] == {
        "monday": "monday (1 in doubt, 1 planned)"
    }
    assert "not finished: monday (1 in doubt, 1 planned)" in run("materialize", "mail", "--plan").out


@pytest.mark.usefixtures("in_doubt")
def test_reconcile_asks_and_performs_nothing(run: Command, project: Path) -> None:
    ran = run("assets", "effects", "reconcile")
    assert (ran.code, "nobody answers" in ran.out) == (1, True)
    (project / "silent").unlink()
    ran = run("assets", "effects", "reconcile", "mail")
    assert ran.code == 0
    assert "what was not performed is performed by the next run" in ran.out
    assert states(run) == {"ada": "planned", "bob": "planned"}
    assert not (project / "sent.txt").exists()
    assert run("assets", "effects", "reconcile").out == "nothing is in doubt\n"
    assert run("materialize", "mail").code == 0
    assert (project / "sent.txt").read_text() == "post/mail:monday:ada:1\npost/mail:monday:bob:1\n"


@pytest.mark.usefixtures("in_doubt")
@pytest.mark.parametrize(
    ("word", "sent"),
    [
        pytest.param("--performed", ["bob"], id="performed"),
        pytest.param("--not-performed", ["ada", "bob"], id="not performed"),
    ],
)
def test_a_person_settles_it(run: Command, project: Path, word: str, sent: list[str]) -> None:
    said = ["--by", "ada", "--reason", "I asked her"]
    ran = run("assets", "effects", "resolve", "mail", "monday", "ada", word, *said)
    assert ran.code == 0
    assert "next run: materialize post/mail" in ran.out
    assert run("materialize", "mail").code == 0
    assert (project / "sent.txt").read_text().split() == [f"post/mail:monday:{name}:1" for name in sent]
    history = run("assets", "effects", "show", "mail", "monday", "ada", "--json").document[0]["history"]
    assert [event["by"] for event in history if event["by"]] == ["ada"]


def test_only_a_reissue_does_it_again(run: Command, project: Path) -> None:
    run("materialize", "mail")
    ran = run(
        "assets", "effects", "reissue", "mail", "monday", "bob", "--by", "eve", "--reason", "it was lost"
    )
    assert ran.out == "post/mail for monday, item 'bob', attempt 2\nrun: materialize post/mail\n"
    run("materialize", "mail")
    assert (project / "sent.txt").read_text().split()[-1] == "post/mail:monday:bob:2"


def test_a_rehearsal_performs_nothing(run: Command, project: Path) -> None:
    ran = run("materialize", "mail", "--rehearse")
    assert ran.code == 0
    assert "rehearsed: would perform 2 for monday" in ran.out
    assert states(run) == {"ada": "rehearsed", "bob": "rehearsed"}
    assert not (project / "sent.txt").exists()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        pytest.param(
            ["list", "letters"],
            2,
            "names no effect; there are: post/mail, post/bell",
            id="no effect",
        ),
        pytest.param(["show", "mail"], 1, "post/mail has nothing on record", id="nothing there"),
        pytest.param(["show", "mial"], 2, "Did you mean 'post/mail'?", id="a near miss"),
        pytest.param(
            ["resolve", "mail", "monday", "x", "--by", "a", "--reason", "b"],
            2,
            "say what became of it: --performed or --not-performed",
            id="not said what",
        ),
        pytest.param(["reissue", "mail", "monday"], 2, "missing option '--by'", id="nobody says so"),
    ],
)
def test_what_cannot_be_done_says_why(run: Command, words: list[str], code: int, told: str) -> None:
    ran = run("assets", "effects", *words)
    assert (ran.code, told in ran.err) == (code, True), ran.err


@pytest.mark.parametrize("name", ["list", "show", "reconcile", "resolve", "reissue"])
def test_every_help_has_examples(run: Command, name: str) -> None:
    ran = run("assets", "effects", name, "--help")
    assert ran.code == 0
    assert "Examples:" in ran.out
