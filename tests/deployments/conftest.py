"""A real Prefect server, started once for all tests that ask for it, and stopped surely."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

START_TIMEOUT_S = 240
"""The first start makes a database; a busy machine with two cores has been seen to take a minute."""
STOP_TIMEOUT_S = 20

START = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1"]

# The shell leads a process group of its own. It ends the whole group when the server ends, and when its standard
# input closes, which also happens when the process that runs the tests is killed.
SUPERVISE = '{ "$@" < /dev/null; kill -TERM 0; } & cat > /dev/null; kill -TERM 0'


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API address of a server with a database of its own, for example ``http://127.0.0.1:4321/api``."""
    home = tmp_path_factory.mktemp("prefect-server")
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            ["/bin/sh", "-c", SUPERVISE, "sh", *START, "--port", str(port)],
            env=os.environ | {"PREFECT_HOME": str(home), "PREFECT_SERVER_UI_ENABLED": "false"},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until_healthy(url, server, home / "server.log")
            yield url
        finally:
            stop(server)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    state = "ended" if server.poll() is not None else f"was not up after {START_TIMEOUT_S} s"
    pytest.fail(f"the Prefect server {state}:\n{log.read_text(errors='replace')[-4000:]}")


def stop(server: subprocess.Popen[bytes]) -> None:
    """Returns when no process of the server is left."""
    assert server.stdin is not None
    server.stdin.close()
    server.wait()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    try:
        while True:
            os.killpg(server.pid, 0 if time.monotonic() < deadline else signal.SIGKILL)
            time.sleep(0.05)
    except ProcessLookupError:
        return
