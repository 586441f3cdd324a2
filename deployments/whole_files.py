"""Files that are there whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deployments.answers import FAILED
from deployments.command_error import CommandError


def put_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Put a file in place at once: written aside first, then renamed; folders are made.

    Raises:
        CommandError: it cannot be written.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(aside)
            aside.replace(path)
        finally:
            with suppress(FileNotFoundError):
                aside.unlink()
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written: {error.strerror or error}", exit_code=FAILED
        ) from error
