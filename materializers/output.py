"""What a step prints and logs, kept with its attempt: bounded, and apart from the other threads' output."""

from __future__ import annotations

import contextvars
import io
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

LIMIT = 64 * 1024
"""Characters that are kept of one attempt: the last ones."""

_current: contextvars.ContextVar[Output | None] = contextvars.ContextVar("output", default=None)
_installing = threading.Lock()
_installed = 0


class Output:
    """The text of one attempt; safe to write from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._text = ""
        self._cut = False

    def write(self, text: str) -> None:
        """Add text; the beginning goes when it gets too long."""
        with self._lock:
            self._text += text
            if len(self._text) > LIMIT:
                self._text, self._cut = self._text[-LIMIT:], True

    def line(self, text: str) -> None:
        """Add a line."""
        self.write(f"{text}\n")

    def text(self) -> str:
        """All that was kept."""
        return ("[...]\n" if self._cut else "") + self._text


@contextmanager
def into(output: Output) -> Iterator[None]:
    """What this thread prints and logs goes into ``output``."""
    token = _current.set(output)
    try:
        yield
    finally:
        _current.reset(token)


class _Tee(io.TextIOBase):
    """A standard stream that gives a step's text to the step, and everything else to the terminal."""

    def __init__(self, terminal: TextIO) -> None:
        self.terminal = terminal

    def write(self, text: str) -> int:
        output = _current.get()
        if output is None:
            return self.terminal.write(text)
        output.write(text)
        return len(text)

    def flush(self) -> None:
        self.terminal.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.terminal, name)


class _LogHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        output = _current.get()
        if output is not None:
            output.line(self.format(record))


_handler = _LogHandler(level=logging.INFO)
_handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))


@contextmanager
def captured() -> Iterator[None]:
    """While this is open, each thread's text goes where `into` says. May be nested."""
    global _installed  # noqa: PLW0603  # the process has one stdout
    with _installing:
        if _installed == 0:
            sys.stdout, sys.stderr = _Tee(sys.stdout), _Tee(sys.stderr)
            logging.getLogger().addHandler(_handler)
        _installed += 1
    try:
        yield
    finally:
        with _installing:
            _installed -= 1
            if _installed == 0:
                for name in ("stdout", "stderr"):
                    stream = getattr(sys, name)
                    if isinstance(stream, _Tee):
                        setattr(sys, name, stream.terminal)
                logging.getLogger().removeHandler(_handler)
