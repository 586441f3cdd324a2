"""How a command ends: with text or one JSON document on stdout, errors as one sentence, and an exit code.

0 is success, 1 means that something failed, 2 that a definition, a setting or the command itself is wrong, 3 that
checks held something back, 130 that somebody pressed Ctrl-C.
"""

from __future__ import annotations

import json
import math
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from graph.errors import AssetGraphError

SUCCEEDED, FAILED, WRONG, REJECTED, INTERRUPTED = 0, 1, 2, 3, 130
_STDOUT, _STDERR = 1, 2  # file descriptors


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command has to say: as text for people, as a document for machines. Only what is asked for is made."""

    text: Callable[[], str]
    document: Callable[[], object]
    exit_code: int = SUCCEEDED


def run_command(command: click.Command, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command, write its answer or its error, and say the exit code.

    With ``--json`` among the arguments, stdout gets exactly one JSON document, in errors too.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    with _document_only() if as_json else nullcontext(sys.stdout) as out:
        try:
            return _answered(command, name, given, as_json, out)
        except BrokenPipeError:  # whoever read us has gone: nobody is left to tell
            _close_quietly()
            return FAILED
        except click.Abort as error:
            interrupted = isinstance(error.__cause__, KeyboardInterrupt)
            message = "interrupted" if interrupted else "nothing was done"
            return _told(error, message, INTERRUPTED if interrupted else FAILED, as_json, out)
        except click.ClickException as error:
            return _told(error, _usage(error), WRONG, as_json, out)
        except Exception as error:  # noqa: BLE001  # the edge: what is no refusal of ours is shown whole
            from graph.errors import AssetGraphError, DefinitionErrors

            if not isinstance(error, AssetGraphError):
                traceback.print_exc()
                return _told(error, "", FAILED, as_json, out)
            prefix = "" if isinstance(error, DefinitionErrors) else "error: "
            return _told(error, f"{prefix}{error}", exit_code_of(error), as_json, out)


def exit_code_of(error: AssetGraphError) -> int:
    """1 for a ledger or store that cannot be read or written; 2 for the rest, where a word or a definition is wrong."""
    from deployments.command_error import CommandError
    from materializers.ledger import LedgerError, UnknownEnvironment
    from materializers.store import StoreError, WrongRoot

    match error:
        case CommandError():
            return error.exit_code
        case WrongRoot() | UnknownEnvironment():
            return WRONG
        case LedgerError() | StoreError():
            return FAILED
        case _:
            return WRONG


def note(text: str) -> None:
    """Say something beside the answer."""
    if text:
        sys.stderr.write(f"{text}\n")


def to_json(document: object) -> str:
    """A document as text; moments as ISO 8601, NaN as null, what JSON has no form for as its text."""
    try:
        return json.dumps(document, ensure_ascii=False, indent=2, default=_plain, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(document), ensure_ascii=False, indent=2, default=_plain)


def _finite(value: object) -> object:
    match value:
        case dict():
            return {name: _finite(one) for name, one in value.items()}
        case list() | tuple():
            return [_finite(one) for one in value]
        case float() if not math.isfinite(value):
            return None
        case _:
            return value


def _plain(value: object) -> object:
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if isoformat else str(value)


def _answered(command: click.Command, name: str, given: list[str], as_json: bool, out: TextIO) -> int:
    answer = command.main(given, prog_name=name, standalone_mode=False)
    if isinstance(answer, Answer):
        text = _writable(to_json(answer.document()) if as_json else answer.text(), out)
        out.write(f"{text}\n" if text and not text.endswith("\n") else text)
        out.flush()
        return answer.exit_code
    sys.stdout.flush()
    return answer if isinstance(answer, int) else SUCCEEDED  # after --help, click's own


def _writable(text: str, out: TextIO) -> str:
    """A text with escapes for what the stream has no bytes for, as half of a pair of surrogates."""
    encoding = out.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _told(error: BaseException, message: str, exit_code: int, as_json: bool, out: TextIO) -> int:
    if as_json:
        document = to_json({"error": _document(error, message), "exit_code": exit_code})
        out.write(f"{_writable(document, out)}\n")
        out.flush()
    else:
        note(message)
    return exit_code


def _document(error: BaseException, message: str) -> dict[str, object]:
    plain = {name: value for name, value in vars(error).items() if isinstance(value, str | int | float)}
    plain.pop("exit_code", None)
    sentence = message.removeprefix("error: ") or str(error)
    found: dict[str, object] = {"kind": type(error).__name__, **plain, "message": sentence}
    problems = getattr(error, "problems", None)  # of DefinitionErrors
    if problems:
        found["problems"] = [
            {
                "key": problem.key,
                "file": problem.where.file if problem.where else None,
                "line": problem.where.line if problem.where else None,
                "message": f"{problem.message}{problem.remedy}",
            }
            for problem in problems
        ]
    return found


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # `assets env`: its message is the help itself
        return error.format_message()
    hint = f"\nTry '{context.command_path} --help'." if context else ""
    message = error.format_message()
    return f"error: {message[:1].lower()}{message[1:]}{hint}"


@contextmanager
def _document_only() -> Iterator[TextIO]:
    """The real stdout, for the document alone; what anybody else prints meanwhile goes to stderr.

    That holds for other programs too, which an asset may call: they inherit the file descriptor.
    """
    out = sys.stdout
    if out is not sys.__stdout__ or out is None:  # somebody has put a stream of their own there
        with redirect_stdout(sys.stderr):
            yield out
        return
    out.flush()
    kept = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    try:
        with open(kept, "w", encoding="utf-8", closefd=False) as real:
            yield real
    finally:
        out.flush()
        os.dup2(kept, _STDOUT)
        os.close(kept)


def _close_quietly() -> None:
    """Let the interpreter's last flush go nowhere."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123  # a device
        os.dup2(nowhere.fileno(), _STDOUT)
