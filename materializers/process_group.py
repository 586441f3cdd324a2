"""A process that was started with all that it starts itself: waited for, and killed together."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """End a child that leads a session of its own, and whatever it started; it must not yet be waited for.

    Until then the number is its own, even when it has ended.
    """
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):  # it has just ended
            os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.wait()


def end_of(child: subprocess.Popen[bytes]) -> threading.Event:
    """Set when a child has ended. It is not waited for where the system can tell without, so `kill_group` still can."""
    ended = threading.Event()

    def watch() -> None:
        if hasattr(os, "waitid"):
            with suppress(ChildProcessError):  # somebody killed it, and has waited for it
                os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        else:
            child.wait()
        ended.set()

    threading.Thread(target=watch, name=f"process-{child.pid}", daemon=True).start()
    return ended
