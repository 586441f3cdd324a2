"""Continuous assets: a loop calls the function each few seconds, and publishes one summary for each interval.

What the function does with its values is its own affair: it may write them to Redis, or keep them in memory. The
ledger gets the summary: how many calls, how long they took, which value was the last. A plan never builds such an
asset; it reads the last summary as any other version.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from graph import Asset, AssetGraphError, Skip, Window
from graph.asset_graph import Context, key_of
from graph.fingerprint import digest, fingerprint
from graph.partition_set import EMPTY, WHOLE, Partition, PartitionSet
from graph.reading import Reader, Reading
from graph.steps import Plan
from graph.time_partitions import is_timed
from materializers.arguments import StepRun, Taken, arguments_for, taken
from materializers.beside import beside_of
from materializers.formats import choose
from materializers.judging import judged, why_rejected
from materializers.ledger import Busy, LedgerError, Made, Moved, Product, StartedAttempt, Wanted
from materializers.result import RunScope
from materializers.runner import Silent, running
from materializers.tally import Tally
from materializers.workspace import Workspace

Wait = Callable[[timedelta], None]
MOST_FILLED = 5_000
"""So many windows in which nothing ran are marked at a start; older ones stay as they are."""


class NotContinuous(AssetGraphError):
    """An asset without a cadence cannot be run continuously."""


def run_continuous(
    workspace: Workspace,
    key: str,
    *,
    stop: threading.Event,
    intervals: int | None = None,
    folder: Path | None = None,
    wait: Wait | None = None,
    timer: Callable[[], float] = time.perf_counter,
) -> int:
    """Call a continuous asset until somebody stops it; answers how many summaries it published.

    Only one at a time can run an asset in an environment: its partition is claimed for the whole interval.

    Args:
        stop: set when it shall end; what was counted is kept for the next start.
        intervals: end after so many.
        folder: where the counts of the interval are kept across a kill; otherwise in the project's home.
        wait: until the next call is due.

    Raises:
        NotContinuous: the asset has no cadence.
        LedgerError: another run has it.
    """
    asset = workspace.graph[key]
    if asset.cadence is None:
        raise NotContinuous(
            f"asset '{key}' ({asset.where}) has no cadence; give it cadence=Cadence(every=...)"
        )
    plan = Plan(
        selection=f"continuous {key}",
        targets=(key,),
        environment=workspace.environment,
        made_at=workspace.clock(),
        sequence=0,
        steps=(),
    )
    kept = folder or (workspace.project.home / "continuous" if workspace.project is not None else None)
    with running(workspace, plan, engine="continuous", listener=Silent()) as (scope, _):
        loop = _Loop(
            asset, workspace, scope, stop, _file(kept, workspace, key), wait or _waiting(stop), timer
        )
        loop.go_on()
        while not loop.stopped() and (intervals is None or loop.published < intervals):
            loop.interval()
    return loop.published


def _waiting(stop: threading.Event) -> Wait:
    def wait(span: timedelta) -> None:
        stop.wait(span.total_seconds())

    return wait


def _file(folder: Path | None, workspace: Workspace, key: str) -> Path | None:
    if folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{workspace.environment}.{key.replace('/', '.')}.json"


class _Loop:
    """One run of one continuous asset."""

    def __init__(
        self,
        asset: Asset,
        workspace: Workspace,
        scope: RunScope,
        stop: threading.Event,
        file: Path | None,
        wait: Wait,
        timer: Callable[[], float],
    ) -> None:
        self.published = 0
        self._asset, self._workspace, self._scope = asset, workspace, scope
        self._stop, self._file, self._wait, self._timer = stop, file, wait, timer

    def stopped(self) -> bool:
        """Whether nothing more shall be called."""
        return self._stop.is_set() or self._scope.stop.is_set()

    # Which interval

    def _window(self, at: datetime) -> tuple[Partition, Window]:
        """The interval in which a moment lies."""
        partitions, cadence = self._asset.partitions, self._asset.cadence
        if is_timed(partitions):
            partition = Partition(ordinal=partitions.ticks.containing(int(at.timestamp())))
            window = partitions.window(partition)
            if window is not None:
                return partition, window
        assert cadence is not None  # noqa: S101  # run_continuous has looked
        length = cadence.interval.total_seconds()
        start = datetime.fromtimestamp(at.timestamp() // length * length, UTC)
        return WHOLE, Window(start=start, end=start + cadence.interval)

    def go_on(self) -> None:
        """Publish what a killed run had counted of an interval that is over, and mark those in which nothing ran."""
        kept = self._load()
        partition, window = self._window(self._workspace.clock())
        if kept is not None and kept[1] != window.start:
            tally, start = kept
            partition, window = self._window(start)
            self._end(self._begin(partition), tally, window)
        if self._asset.partitions is not None:
            self._mark_empty()

    def _mark_empty(self) -> None:
        key = self._asset.key
        with self._workspace.ledger.state(self._workspace.environment, [key]) as state:
            existing = self._workspace.horizon().existing(self._asset.partitions)
            missing = existing - state.summary(key).partitions
            tried = PartitionSet.of(state.attempts(key, missing)) if missing else EMPTY
        left = list(missing - tried)[-MOST_FILLED:]
        for partition in left:
            attempt = self._begin(partition).attempt
            self._workspace.ledger.finish(attempt, "skipped", reason="nothing ran then")

    # One interval

    def _begin(self, partition: Partition) -> _Begun:
        """Claim an interval, with what is read in it.

        Raises:
            LedgerError: another run has it.
        """
        workspace, asset = self._workspace, self._asset
        while True:
            keys = [asset.key, *asset.upstream]
            with workspace.ledger.state(workspace.environment, keys) as state:
                reader = Reader(graph=workspace.graph, state=state, horizon=workspace.horizon())
                mine = PartitionSet.of([partition])
                found, given = reader.reading(asset, partition), taken(asset, mine, reader)
                visible, sequence = state.published(asset.key, mine).get(partition), state.sequence
            mark = fingerprint(workspace.basis(asset.key), key_of(asset, partition), found.inputs)
            label = key_of(asset, partition) or ""
            wanted = Wanted(fingerprint=mark, was=visible.id if visible else None, label=label)
            begun = workspace.ledger.begin(
                workspace.environment,
                asset.key,
                {partition: wanted},
                run_id=self._scope.run_id,
                number=1,
                seen=sequence,
            )
            match begun:
                case Busy(run_id=run_id):
                    raise LedgerError(f"asset '{asset.key}' is run by '{run_id}' already; one at a time can")
                case Moved():
                    continue
                case _:
                    return _Begun(begun[0], found, given)

    def interval(self) -> None:
        """Call the function until the interval ends, and publish its summary."""
        partition, window = self._window(self._workspace.clock())
        begun = self._begin(partition)
        if begun.found.missing:
            self._workspace.ledger.finish(
                begun.attempt, "held", reason=f"waits for {', '.join(begun.found.missing)}"
            )
            self._wait(self._every)
            return
        kept = self._load()
        tally = kept[0] if kept is not None and kept[1] == window.start else Tally()
        arguments = arguments_for(self._asset, begun.given, self._workspace, self._run(begun))
        due = self._workspace.clock()
        while not self.stopped() and self._workspace.clock() < window.end:
            self._call(begun, arguments, tally)
            self._keep(tally, window)
            due = max(due + self._every, self._workspace.clock())
            self._wait(min(due, window.end) - self._workspace.clock())
        if self.stopped() and self._workspace.clock() < window.end:
            self._workspace.ledger.finish(begun.attempt, "interrupted", reason="it was stopped")
            return
        self._end(begun, tally, window)

    @property
    def _every(self) -> timedelta:
        cadence = self._asset.cadence
        return cadence.every if cadence is not None else timedelta(0)

    def _call(self, begun: _Begun, arguments: dict[str, Any], tally: Tally) -> None:
        runs = {
            one.parameter: self._run(begun)
            for one in self._asset.inputs
            if isinstance(one, Context) and one.what == "Run"
        }
        started = self._timer()
        try:
            value = self._asset.function(**{**arguments, **runs})
        except Exception as error:  # noqa: BLE001  # the edge of user code: the next call may succeed
            tally.failed += 1
            tally.last_error = self._workspace.hidden(f"{type(error).__name__}: {error}")
        else:
            if isinstance(value, Skip):
                tally.skipped += 1
            else:
                tally.gave(_version_of(value), self._workspace.clock())
        tally.took(self._timer() - started)

    def _run(self, begun: _Begun) -> StepRun:
        label = key_of(self._asset, begun.attempt.claim.partition)
        return StepRun(
            key=self._asset.key,
            run_id=self._scope.run_id,
            partition=label,
            partitions=() if label is None else (label,),
            attempt=begun.attempt.number,
            now=self._workspace.clock(),
            log=lambda line: None,
            progress=lambda done, total: None,
            live=self._workspace.is_live(),
        )

    def _end(self, begun: _Begun, tally: Tally, window: Window) -> None:
        """Publish a summary; an interval in which nothing succeeded has failed."""
        asset, workspace = self._asset, self._workspace
        if not tally.succeeded:
            reason = f"none of {tally.calls} calls gave a value: {tally.last_error or 'all were skipped'}"
            workspace.ledger.finish(begun.attempt, "failed" if tally.failed else "skipped", reason=reason)
        else:
            value = dict(tally.summary(window))
            beside = beside_of(asset, begun.attempt.claim.partition, begun.given.versions, workspace)
            judgement, verdicts = judged(asset, value, workspace, beside)
            made = Made(
                content=choose(value, None, "json", key=asset.key).encode(value, workspace.store),
                basis=workspace.basis(asset.key),
                inputs=begun.found.inputs,
                as_of=tally.last_at,
            )
            refused = {asset.key: why_rejected(verdicts)} if judgement.failing else {}
            product = Product(
                attempt=begun.attempt, made={asset.key: made}, judged={asset.key: judgement}, refused=refused
            )
            workspace.ledger.publish([product])
            self.published += 1
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    # Across a kill

    def _keep(self, tally: Tally, window: Window) -> None:
        """Write the counts down: whole or not at all."""
        if self._file is not None:
            aside = self._file.with_suffix(".new")
            aside.write_text(tally.to_json(start=window.start.isoformat()))
            aside.replace(self._file)

    def _load(self) -> tuple[Tally, datetime] | None:
        """What was counted of an interval before the process ended, and when the interval began."""
        if self._file is None or not self._file.exists():
            return None
        tally, beside = Tally.from_json(self._file.read_text())
        tally.restarts += 1
        return tally, datetime.fromisoformat(beside["start"])


class _Begun:
    """A claimed interval and what is read in it."""

    __slots__ = ("attempt", "found", "given")

    def __init__(self, attempt: StartedAttempt, found: Reading, given: Taken) -> None:
        self.attempt, self.found, self.given = attempt, found, given


def _version_of(value: object) -> str:
    """A name for a value, the same for equal ones: of what JSON can hold by content, of the rest by its text."""
    return digest(json.dumps(value, sort_keys=True, default=str))
