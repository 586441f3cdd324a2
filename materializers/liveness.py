"""Which runs live: each holds an operating-system lock on a file, which its death gives back, however it died."""

from __future__ import annotations

import os
import threading
from datetime import datetime
from pathlib import Path
from typing import IO

if os.name == "nt":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # Windows only

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class RunLocks:
    """The lock files of one ledger: see `materializers.ledger_claims.Liveness`.

    Args:
        folder: None where there is one process alone, whose runs live until they end.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._mutex = threading.Lock()
        self._mine: dict[str, IO[bytes] | None] = {}

    def hold(self, run_id: str) -> None:
        """Show from now on that this run lives."""
        file = None
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = (self._folder / run_id).open("wb")
            _lock(file)
        with self._mutex:
            self._mine[run_id] = file

    def dead(self, run_id: str, lease_ends: datetime, now: datetime) -> bool:
        """Whether nobody holds the lock of this run; a run that only sleeps holds it."""
        return not self._alive(run_id)

    def _alive(self, run_id: str) -> bool:
        with self._mutex:
            if run_id in self._mine:
                return True
        if self._folder is None:
            return False
        try:
            with _opened(self._folder / run_id) as file:
                _lock(file)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    def release(self, run_id: str) -> None:
        """The run has ended: its file goes."""
        with self._mutex:
            file = self._mine.pop(run_id, None)
        if self._folder is not None:
            (self._folder / run_id).unlink(missing_ok=True)
        if file is not None:
            file.close()

    def close(self) -> None:
        """Give back every lock."""
        with self._mutex:
            for file in self._mine.values():
                if file is not None:
                    file.close()
            self._mine.clear()


def _opened(path: Path) -> IO[bytes]:
    """The lock file, to be tried; in a folder that is only read it is opened for reading."""
    try:
        return path.open("rb+")
    except PermissionError:
        return path.open("rb")
