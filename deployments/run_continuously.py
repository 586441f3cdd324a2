"""`assets run-continuous`: the loop of a continuous asset, until somebody ends it."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from deployments.amounts import counted
from deployments.answers import Answer
from graph import UnknownAsset
from materializers.continuous import run_continuous
from materializers.workspace import Workspace


def run_continuously(workspace: Workspace, key: str, *, intervals: int | None = None) -> Answer:
    """Run a continuous asset until SIGINT or SIGTERM; what was counted is kept for the next start."""
    keys = workspace.keys(key)
    if len(keys) != 1:
        raise UnknownAsset(key, workspace.graph.assets)
    (name,) = keys
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    before = {each: signal.signal(each, end) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        published = run_continuous(workspace, name, stop=stop, intervals=intervals)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    told = f"published {counted(published, 'summary', 'summaries')} of {name}"
    return Answer(text=lambda: told, document=lambda: {"key": name, "published": published})
