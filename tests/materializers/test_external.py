"""Programs as assets: real shells, what they are given, what they leave, and how they end."""

from __future__ import annotations

import os
import select
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import SecretStr

from checks import row_count
from graph import Execution, Out, Program, Run, Skip, asset, multi_asset
from graph.partition_set import ONLY
from materializers import Workspace, find_project, in_memory, load, materialize, open_workspace
from materializers.arguments import Taken
from materializers.call import Call, NotDone, Stopped, TimedOut
from materializers.compute import compute
from materializers.output import Output

NOW = datetime(2024, 1, 5, tzinfo=UTC)
METRICS = pa.table({"name": ["auc", "brier"], "value": [0.8, 0.1]})


class Started:
    """The programs of one declared function, run as a step runs them; ``said`` is what they printed."""

    def __init__(self, declared: Callable[..., Any]) -> None:
        self.workspace = in_memory([declared], clock=lambda: NOW)
        self.output = Output()
        self.stop = threading.Event()

    def run(self, *partitions: str) -> Mapping[str, object] | Skip:
        outputs = tuple(self.workspace.graph.assets.values())
        call = Call(
            asset=outputs[0],
            outputs=outputs,
            partitions=partitions,
            arguments=dict,
            run_id="run",
            number=1,
            taken=Taken(partitions=ONLY, versions={}),
        )
        return compute(call, self.workspace, self.stop, self.output)

    @property
    def said(self) -> str:
        return self.output.text()


def shell(text: str, **more: Any) -> Started:
    """A program of one shell text whose output is ``out.txt``, unless ``more`` says otherwise."""
    options = {name: more.pop(name) for name in ("run", "code", "stored_as") if name in more}

    @asset(name="g/made", **options)
    def made() -> Program:
        return Program(["sh", "-c", text], **({"output": "out.txt"} | more))

    return Started(made)


def left(value: object) -> str:
    assert isinstance(value, Path)
    return value.read_text()


def made_by(started: Started) -> Any:
    values = started.run()
    assert not isinstance(values, Skip)
    return values["g/made"]


@pytest.mark.parametrize(
    ("text", "held"),
    [
        pytest.param(
            "cat metrics.csv > out.txt", '"name","value"\n"auc",0.8\n"brier",0.1\n', id="by its name"
        ),
        pytest.param(
            "cat {metrics.csv} > {out.txt}", '"name","value"\n"auc",0.8\n"brier",0.1\n', id="by placeholder"
        ),
        pytest.param('cat "$FILE_WHO_JSON" > "$FILE_OUT_TXT"', '{"me":1}', id="by variable"),
    ],
)
def test_a_program_finds_its_inputs(text: str, held: str) -> None:
    assert left(made_by(shell(text, inputs={"metrics.csv": METRICS, "who.json": {"me": 1}}))) == held


@pytest.mark.parametrize(
    ("file", "text", "value"),
    [
        pytest.param("out.json", """printf '{"a": [1]}' > out.json""", {"a": [1]}, id="JSON"),
        pytest.param(
            "out.csv", "printf 'x,y\\n1,a\\n' > out.csv", pa.table({"x": [1], "y": ["a"]}), id="CSV"
        ),
        pytest.param("out.parquet", "cp in.parquet out.parquet", METRICS, id="Parquet"),
        pytest.param("out.arrow", "cp in.arrow out.arrow", METRICS, id="Arrow"),
    ],
)
def test_a_suffix_says_what_is_made(file: str, text: str, value: object) -> None:
    assert made_by(shell(text, output=file, inputs={"in.parquet": METRICS, "in.arrow": METRICS})) == value


def test_a_table_may_be_kept_as_the_file_that_it_is() -> None:
    kept = made_by(shell("printf 'x\\n1\\n' > out.csv", output="out.csv", stored_as="file"))
    assert (left(kept), kept.suffix) == ("x\n1\n", ".csv")


def test_several_assets_are_left_by_one_program() -> None:
    @multi_asset(Out("g/train"), Out("g/test"))
    def split() -> Program:
        text = "head -1 in.csv > a.csv; echo 1 >> a.csv; echo 2 > b.json"
        return Program(
            ["sh", "-c", text], inputs={"in.csv": [{"x": 0}]}, output={"g/train": "a.csv", "g/test": "b.json"}
        )

    assert Started(split).run() == {"g/train": pa.table({"x": [1]}), "g/test": 2}


@pytest.mark.parametrize(
    ("text", "more", "told"),
    [
        pytest.param("exit 3", {}, "its program sh ended with exit code 3, and said nothing", id="a bad end"),
        pytest.param(
            "echo fine; for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; exit 1",
            {},
            "exit code 1: line 3 | line 4 | line 5 | line 6 | line 7",
            id="a bad end with its last words",
        ),
        pytest.param("kill -TERM $$", {}, "its program sh was killed by SIGTERM", id="a signal"),
        pytest.param("true", {}, "its program left no file 'out.txt'.", id="nothing"),
        pytest.param(
            "echo > oot.txt",
            {"inputs": {"in.csv": METRICS}},
            "its program left no file 'out.txt'; it left oot.txt. Did you mean 'oot.txt'?",
            id="another file",
        ),
        pytest.param("mkdir out.txt", {}, "left no file 'out.txt'", id="a folder"),
        pytest.param(
            "echo '{' > out.json",
            {"output": "out.json"},
            "left a file that is broken: 'out.json' cannot be read as json",
            id="a broken file",
        ),
        pytest.param(
            "true", {"inputs": {"in.csv": 3}}, "input 'in.csv' cannot hold int", id="an input of no form"
        ),
        pytest.param(
            "true", {"passes": ["NO_SUCH_KEY"]}, "the variable NO_SUCH_KEY, which is not set", id="no key"
        ),
        pytest.param(
            "true", {"output": {"g/made": "a"}}, "the output of this asset is one file", id="two for one"
        ),
    ],
)
def test_what_goes_wrong_is_told(text: str, more: dict[str, Any], told: str) -> None:
    with pytest.raises(NotDone) as caught:
        shell(text, **more).run()
    assert told in str(caught.value)


def test_what_it_prints_is_kept_in_its_order() -> None:
    started = shell("echo one; echo two >&2; echo three > out.txt")
    started.run()
    assert started.said.startswith("$ sh -c 'echo one;")
    assert set(started.said.splitlines()[1:]) == {"one", "two"}


def test_the_environment_is_small_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_SECRET", "hunter2-hunter2")
    monkeypatch.setenv("MAP_TOKEN", "token-of-the-map")
    monkeypatch.setenv("LC_ALL", "C")
    settings = {
        "DIGITS": 2,
        "NAME": "x y",
        "LIST": [1, "a"],
        "NONE": None,
        "KEY": SecretStr("key-of-settings"),
    }
    text = 'env | sort > out.txt; echo "said: $MAP_TOKEN $KEY"; echo "err: $MAP_TOKEN" >&2'
    started = shell(text, environment=settings, passes=["MAP_TOKEN"])
    given = dict(line.partition("=")[::2] for line in left(made_by(started)).splitlines())
    expected = {"DIGITS": "2", "NAME": "x y", "LIST": '[1,"a"]', "ASSET_KEY": "g/made", "LC_ALL": "C"}
    assert expected.items() <= given.items()
    assert (given["MAP_TOKEN"], given["KEY"]) == ("token-of-the-map", "key-of-settings")
    assert {"NONE", "BROKER_SECRET", "PYTHONPATH", "ASSET_PARTITION"} & given.keys() == set()
    assert "said: ********** **********\n" in started.said
    assert "err: **********\n" in started.said


def test_a_secret_of_several_lines_is_blotted_out() -> None:
    started = shell('echo "$KEY" | tee out.txt', environment={"KEY": SecretStr("-----BEGIN\nsecret-line\nx")})
    started.run()
    assert started.said.endswith("**********\n**********\nx\n")


def test_a_secret_in_the_last_words_is_blotted_out() -> None:
    with pytest.raises(NotDone, match=r"exit code 1: no entry with \*{10}$"):
        shell(
            'echo "no entry with $KEY" >&2; exit 1', environment={"KEY": SecretStr("key-of-settings")}
        ).run()


@pytest.mark.parametrize(
    ("partitions", "told"),
    [
        pytest.param((), "none", id="no partitions"),
        pytest.param(("2024-01-02",), "2024-01-02", id="one"),
        pytest.param(("2024-01-02", "2024-01-03", "2024-01-04"), "2024-01-02..2024-01-04", id="a batch"),
    ],
)
def test_a_program_is_told_its_partition(partitions: tuple[str, ...], told: str) -> None:
    values = shell('printf "${ASSET_PARTITION-none}" > out.txt').run(*partitions)
    assert not isinstance(values, Skip)
    assert left(values["g/made"]) == told


ABSENT = "no-such-program is not installed here (not on the PATH)"


@pytest.mark.parametrize(
    ("command", "needs", "told"),
    [
        pytest.param(["no-such-program", "x"], (), ABSENT, id="the program"),
        pytest.param(["sh", "-c", "true"], ("no-such-program",), ABSENT, id="what it needs"),
        pytest.param(["./script"], (), ABSENT, id="what a script's first line names"),
        pytest.param(
            ["/opt/no/R"], (), "/opt/no/R is not installed here (no such file)", id="a program at its place"
        ),
    ],
)
def test_a_program_that_is_not_here_is_a_skip_that_is_tried_again(
    command: list[str], needs: tuple[str, ...], told: str
) -> None:
    @asset(name="g/made")
    def made() -> Program:
        script = {"script": "#!/usr/bin/env -S no-such-program\n"}
        return Program(command, inputs=script, output="out.txt", needs=needs)

    assert Started(made).run() == Skip(told, until=NOW)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        pytest.param("./own.sh", "Permission denied; make it executable", id="without the right"),
        pytest.param("own.sh", "is a file of its own; write './own.sh'", id="without its folder"),
        pytest.param(
            "./owm.sh", "No such file or directory; is it named in Code", id="that is not in its folder"
        ),
    ],
)
def test_a_file_that_cannot_be_executed_is_told(command: str, told: str) -> None:
    @asset(name="g/made")
    def made() -> Program:
        return Program([command], inputs={"own.sh": "#!/bin/sh\n"}, output="out.txt")

    with pytest.raises(NotDone, match=told):
        Started(made).run()


# --- its end -----------------------------------------------------------------------------------------------

needs_fifo = pytest.mark.skipif(os.name != "posix", reason="process groups are of POSIX")


@pytest.fixture
def writers(tmp_path: Path) -> Callable[[], bool]:
    """Tells whether anybody still has ``tmp_path/pipe`` open for writing."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(reader, select.POLLIN)

    def some() -> bool:
        events = poll.poll(5000)  # milliseconds; a writer that is there says nothing
        return not (events and events[0][1] & select.POLLHUP)

    return some


GRANDCHILD = 'exec 3> "$PIPE"; sleep 300 & echo ready; '


@needs_fifo
def test_a_time_out_kills_the_whole_group(tmp_path: Path, writers: Callable[[], bool]) -> None:
    run = Execution(timeout=timedelta(seconds=1))
    started = shell(GRANDCHILD + "wait", environment={"PIPE": str(tmp_path / "pipe")}, run=run)
    with pytest.raises(TimedOut, match="timed out after 1 s"):
        started.run()
    assert "ready" in started.said
    assert not writers()


@needs_fifo
def test_a_stop_kills_the_whole_group(tmp_path: Path, writers: Callable[[], bool]) -> None:
    started = shell(GRANDCHILD + "wait", environment={"PIPE": str(tmp_path / "pipe")})
    started.output = _Stopping(started.stop)
    with pytest.raises(Stopped):
        started.run()
    assert not writers()


@needs_fifo
def test_what_a_program_leaves_running_is_killed(tmp_path: Path, writers: Callable[[], bool]) -> None:
    started = shell(GRANDCHILD + "echo done > out.txt", environment={"PIPE": str(tmp_path / "pipe")})
    assert left(made_by(started)) == "done\n"
    assert not writers()


class _Stopping(Output):
    """Stops the run when the program says that it is ready."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__()
        self._stop = stop

    def write(self, text: str) -> None:
        super().write(text)
        if text == "ready\n":
            self._stop.set()


def test_its_folder_is_gone_afterwards() -> None:
    folder = left(made_by(shell("pwd > out.txt"))).strip()
    assert Path(folder).name.startswith("assets-program-")
    assert not Path(folder).exists()


# --- as assets of a project --------------------------------------------------------------------------------

MODULE = """
from graph import Code, Execution, Out, Program, Run, asset, multi_asset

@asset
def prices() -> list:
    return [{"item": "tea", "price": 2.5}, {"item": "cake", "price": 4.0}]

@asset(code=Code(files=("shout.sh",)), run=Execution(isolation="ISOLATION"))
def loud(prices: list, run: Run) -> Program:
    return Program(["sh", "shout.sh"], inputs={"prices.csv": prices}, output="loud.csv")

@asset(code=Code(files=("r/mean.R",)), run=Execution(isolation="ISOLATION"))
def mean_price(prices: list) -> Program:
    return Program(["Rscript", "r/mean.R"], inputs={"prices.csv": prices}, output="mean.json")

@asset(run=Execution(isolation="ISOLATION"))
def absent(prices: list) -> Program:
    return Program(["no-such-program"], output="x.txt")

@asset(run=Execution(isolation="ISOLATION"))
def broken() -> Program:
    return Program(["sh", "-c", "echo oh no >&2; exit 9"], output="x.txt")

@asset
def below(loud: list[dict]) -> int:
    return len(loud)
"""
SHOUT = "tr a-z A-Z < prices.csv > loud.csv\n"
MEAN = 'prices <- read.csv("prices.csv")\ncat(mean(prices$price), file = Sys.getenv("FILE_MEAN_JSON"))\n'


@pytest.fixture(params=["thread", "process"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    name = f"external_{request.param}"
    (tmp_path / "pyproject.toml").write_text(f'[tool.prefect-asset-graph]\nmodules = ["{name}"]\n')
    (tmp_path / f"{name}.py").write_text(MODULE.replace("ISOLATION", request.param))
    (tmp_path / "shout.sh").write_text(SHOUT)
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "mean.R").write_text(MEAN)
    return tmp_path


@pytest.fixture
def opened(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.syspath_prepend(project)  # until the test ends: the next has a module of this name elsewhere
    workspace = open_workspace(find_project(project, environ={}))
    yield workspace
    workspace.ledger.close()
    for name in ("external_thread", "external_process"):
        sys.modules.pop(name, None)


def outcomes(workspace: Workspace, selection: str) -> dict[str, tuple[str, str]]:
    result = materialize(selection, workspace=workspace, jobs=1)
    return {one.step.key.rpartition("/")[2]: (one.outcome, one.reason) for one in result.results}


def test_a_script_is_an_asset_like_any_other(opened: Workspace) -> None:
    first = outcomes(opened, "below")
    assert {name: outcome for name, (outcome, _) in first.items()} == dict.fromkeys(
        ("prices", "loud", "below"), "published"
    )
    assert load("loud", workspace=opened).to_pylist()[0] == {"ITEM": "TEA", "PRICE": 2.5}
    assert {outcome for outcome, _ in outcomes(opened, "below").values()} == {"kept"}


def test_a_changed_comment_in_a_script_makes_it_outdated(opened: Workspace, project: Path) -> None:
    materialize("below", workspace=opened)
    (project / "shout.sh").write_text(f"# louder\n{SHOUT}")
    again = outcomes(opened, "below")
    assert {name: outcome for name, (outcome, _) in again.items()} == {
        "prices": "kept",
        "loud": "published",
        "below": "kept",
    }


def test_an_r_script_gives_its_value_and_is_skipped_where_there_is_no_r(opened: Workspace) -> None:
    made = outcomes(opened, "mean_price")["mean_price"]
    if shutil.which("Rscript") is None:
        assert made == ("skipped", "Rscript is not installed here (not on the PATH)")
    else:
        assert made[0] == "published", made
        assert load("mean_price", workspace=opened) == 3.25


def test_an_absent_program_is_looked_for_by_each_run(opened: Workspace) -> None:
    expected = ("skipped", ABSENT)
    assert outcomes(opened, "absent")["absent"] == expected
    assert outcomes(opened, "absent")["absent"] == expected


def test_a_failing_program_is_a_failed_step(opened: Workspace) -> None:
    assert outcomes(opened, "broken")["broken"] == ("failed", "its program sh ended with exit code 9: oh no")
    (attempt,) = opened.ledger.history(
        next(k for k in opened.graph.assets if k.endswith("broken")), environment="main"
    )
    assert attempt.output.endswith("oh no\n")


def test_a_program_is_retried_and_checked() -> None:
    @asset(
        name="g/flaky",
        run=Execution(retries=1, retry_delay=timedelta()),
        checks=[row_count(minimum=2)],
    )
    def flaky(run: Run) -> Program:
        return Program(["sh", "-c", f"printf 'x\\n1\\n' > out.csv; exit {2 - run.attempt}"], output="out.csv")

    (result,) = materialize("flaky", workspace=in_memory([flaky]), jobs=1).results
    assert (result.outcome, result.attempts) == ("rejected", 2)
