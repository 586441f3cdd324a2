"""Running a `Program`: its files in a folder of its own, its output with the attempt, its end when the run says so.

The program gets a few plain variables of our environment and those that it names, so that no key of somebody's
settings reaches it unasked. What is left of it when it ends is killed, and its folder is removed.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from graph import Asset, Program, Skip, near_miss
from graph.program import variable
from materializers.call import STOP_POLL_S, Call, NotDone
from materializers.exchange import CannotExchange, json_of, read_file, write_file
from materializers.formats import FileFormat
from materializers.process_group import end_of, kill_group
from materializers.store import Store, local_copy

PLAIN = frozenset(
    "PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TEMP TMP SYSTEMROOT LD_LIBRARY_PATH".split()
)
"""The variables of our environment that every program gets; and those that begin with ``LC_``."""
_LAST_LINES = 5
_LONGEST_LINE = 64 * 1024
_SECRET_LENGTH = 6  # characters; what is shorter is a number or a word, and would blot out much
_DRAIN_S = 1.0  # for what a program that has ended wrote last


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a program is run in.

    Args:
        files: the folder that the files of the asset's `graph.Code` are relative to.
        store: keeps the files that it leaves.
        note: takes what it prints.
        watch: raises when the run was stopped or the time is over; asked until the program ends.
        leads: it leads a process group of its own; otherwise whoever kills ours kills it too.
    """

    files: Path
    store: Store
    note: Callable[[str], None]
    now: datetime
    watch: Callable[[], None] = lambda: None
    leads: bool = True
    environ: Mapping[str, str] | None = None


def run_program(program: Program, call: Call, around: Surroundings) -> object | Skip:
    """What an asset's program made, as if its function had returned it; or a skip where there is no such program.

    Raises:
        NotDone: it failed, or did not leave what it should.
        Whatever ``around.watch`` raises; the program is then killed.
    """
    if isinstance(program.output, str) == call.asset.several:
        remedy = "a mapping from their names" if call.asset.several else "one file"
        raise NotDone(f"its program leaves {program.output!r}; the output of this asset is {remedy}")
    environ = os.environ if around.environ is None else around.environ
    with tempfile.TemporaryDirectory(prefix="assets-program-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        _lay_out(program, call.asset, folder, around.files)
        variables, secrets = _environment(program, call, folder, environ)
        words = program.arguments({file: str(folder / file) for file in program.files()})
        missing = _missing((*words[:1], *program.needs), folder, variables)
        if missing is not None:
            where = "no such file" if os.sep in missing else "not on the PATH"
            reason = f"{missing} is not installed here ({where})"
            return Skip(reason, until=around.now)  # this machine lacks it: the next run looks again
        around.note(f"$ {shlex.join(program.command)}\n")
        blot = _blotter(secrets)
        _run(words, folder, variables, around, blot)
        if isinstance(program.output, str):
            return _left(program.output, call.asset, program, folder, around.store)
        of = {output.output: output for output in call.outputs}
        return {
            name: _left(file, of.get(name, call.asset), program, folder, around.store)
            for name, file in program.output.items()
        }


def _lay_out(program: Program, asset: Asset, folder: Path, files: Path) -> None:
    """Put the files of the asset's code and the inputs into the folder."""
    for name in asset.code.files:
        target = (folder / name).resolve()
        if not target.is_relative_to(folder):
            raise NotDone(f"its file '{name}' lies above the module that declares it; put it beside or below")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(files / name, target)
    for file, value in program.inputs.items():
        if file in asset.code.files:
            raise NotDone(f"its program's input '{file}' is also a file of its code; give it another name")
        try:
            write_file(value, folder / file)
        except CannotExchange as error:
            raise NotDone(f"its program's input {error}") from error
    for file in program.outputs():
        if (folder / file).exists():
            raise NotDone(f"its program's output '{file}' is also a file of its code; give it another name")
        (folder / file).parent.mkdir(parents=True, exist_ok=True)


def _environment(
    program: Program, call: Call, folder: Path, environ: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """The variables that the program gets, and the secrets among their values."""
    found = {name: value for name, value in environ.items() if name in PLAIN or name.startswith("LC_")}
    found |= {variable(file): str(folder / file) for file in program.files()}
    found["ASSET_KEY"] = call.asset.key
    if call.partitions:  # a batch as the command line writes it: 2024-01-02..2024-01-31
        found["ASSET_PARTITION"] = "..".join(dict.fromkeys((call.partitions[0], call.partitions[-1])))
    secrets = []
    for name in program.passes:
        if name not in environ:
            raise NotDone(f"its program is to get the variable {name}, which is not set; set it")
        found[name] = environ[name]
        secrets.append(environ[name])
    for name, value in program.environment.items():
        if hasattr(value, "get_secret_value"):
            secrets.append(str(value.get_secret_value()))
            found[name] = secrets[-1]
        elif value is not None:
            found[name] = value if isinstance(value, str) else json_of(value).decode()
    return found, secrets


def _missing(programs: Sequence[str], folder: Path, variables: Mapping[str, str]) -> str | None:
    """The first program that is not on this machine; for a script with a first line ``#!``, also what that names."""
    for name in programs:
        if os.sep not in name:
            if shutil.which(name, path=variables.get("PATH")) is None:
                if (folder / name).exists():
                    raise NotDone(f"its program {name} is a file of its own; write './{name}'")
                return name
            continue
        if name.startswith(os.sep) and not Path(name).exists():
            return name
        interpreter = _interpreter(folder / name)
        if interpreter and shutil.which(interpreter, path=variables.get("PATH")) is None:
            return interpreter
    return None


def _interpreter(script: Path) -> str:
    """What runs a script by its first line; empty for what is none."""
    try:
        with script.open("rb") as file:
            first = file.readline(256)
    except OSError:
        return ""  # starting it tells what is wrong
    words = first[2:].decode("utf-8", "replace").split() if first.startswith(b"#!") else []
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    return words[0] if words else ""


def _blotter(secrets: Sequence[str]) -> Callable[[str], str]:
    lines = {line for secret in secrets for line in secret.splitlines()}  # text is blotted line by line
    kept = sorted((line for line in lines if len(line) >= _SECRET_LENGTH), key=len, reverse=True)

    def blot(text: str) -> str:
        for secret in kept:
            text = text.replace(secret, "**********")
        return text

    return blot


def _run(
    words: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    around: Surroundings,
    blot: Callable[[str], str],
) -> None:
    """Run the command to its end."""
    try:
        child = subprocess.Popen(
            words,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=around.leads,
        )
    except OSError as error:
        remedy = (
            "make it executable" if isinstance(error, PermissionError) else "is it named in Code(files=...)?"
        )
        raise NotDone(f"its program {words[0]} cannot be started: {error.strerror}; {remedy}") from error
    said: deque[str] = deque(maxlen=_LAST_LINES)
    readers = [_reading(child.stdout, around.note, blot), _reading(child.stderr, around.note, blot, said)]
    ended = end_of(child)
    try:
        while not ended.wait(STOP_POLL_S):
            around.watch()
    finally:
        if around.leads:
            kill_group(child)  # also what it left running
        elif not ended.is_set():
            child.kill()
        child.wait()
        for reader in readers:
            reader.join(_DRAIN_S)
    if child.returncode != 0:
        raise NotDone(f"its program {words[0]} {_ending(child.returncode)}{_last_words(said)}")


def _reading(
    stream: IO[bytes] | None,
    note: Callable[[str], None],
    blot: Callable[[str], str],
    said: deque[str] | None = None,
) -> threading.Thread:
    """A thread that notes what comes, line by line, so that no secret is cut in two."""

    def lines() -> Iterator[bytes]:
        if stream is not None:
            with stream:
                yield from iter(lambda: stream.readline(_LONGEST_LINE), b"")

    def read() -> None:
        for line in lines():
            text = blot(line.decode("utf-8", "replace"))
            note(text)
            if said is not None and text.strip():
                said.append(text.strip())

    thread = threading.Thread(target=read, name="program-output", daemon=True)
    thread.start()
    return thread


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    import signal

    return f"was killed by {signal.Signals(-code).name}"


def _last_words(said: deque[str]) -> str:
    return f": {' | '.join(said)}" if said else ", and said nothing"


def _left(file: str, asset: Asset, program: Program, folder: Path, store: Store) -> object:
    """The value in a file that the program left."""
    path = folder / file
    if not path.is_file():
        known = {*program.inputs, *asset.code.files}
        others = sorted(str(found.relative_to(folder)) for found in folder.rglob("*") if found.is_file())
        others = [name for name in others if name not in known]
        left = f"; it left {', '.join(others[:5])}" if others else ""
        raise NotDone(f"its program left no file '{file}'{left}.{near_miss(file, others)}")
    if asset.stored_as != "file":
        try:
            value = read_file(path)
        except CannotExchange as error:
            raise NotDone(f"its program left a file that is broken: {error}") from error
        if not isinstance(value, Path):
            return value
    content = FileFormat(key=asset.key).encode(path, store)
    return local_copy(store, str(content.address))
