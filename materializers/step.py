"""The one function that carries out one step, whichever engine calls it.

load -> compute -> write aside -> check -> publish or reject. Whether there is something to compute was planned; here
the fingerprint is taken once more from what is published now, so that early cutoff, another run's work and a moved
upstream are seen.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, assert_never, cast

from graph import Asset, Skip
from graph.ages import inherited_as_of
from graph.asset_graph import Upstream
from graph.fingerprint import fingerprint
from graph.partitions import UNPARTITIONED, partition_ordinal
from graph.plan import Adopt, Check, Hold, Keep, Materialize, Observe, Step, checks_digest, step_id
from graph.reading import Reading, reading
from graph.reasons import Reason, held_after
from graph.state import Outcome, State, Version
from materializers.arguments import StepRun, arguments_for, versions_read
from materializers.call import Call, NotDone, Stopped, TimedOut
from materializers.compute import compute
from materializers.formats import choose, decode
from materializers.ledger import Busy, ClaimLost, Content, Judgement, Made, Moved, StartedAttempt
from materializers.output import Output
from materializers.workspace import Workspace, content_of

CLAIM_POLL_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one step ended.

    Args:
        outcome: see `graph.state.Outcome`.
        verdicts: by key, what the checks said.
        notes: what somebody who reads the result should know, such as a last good version that was read.
    """

    step: Step
    outcome: Outcome
    reason: str = ""
    error: str = ""
    rows: int | None = None
    size: int = 0
    attempts: int = 0
    duration: timedelta = timedelta(0)
    versions: Mapping[str, str] = field(default_factory=dict)
    verdicts: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The step's name."""
        return step_id(self.step.key, self.step.partition)


@dataclass(slots=True, kw_only=True)
class RunScope:
    """What the steps of one run share.

    Args:
        stop: set when nothing more shall begin.
        skipped: by key, why an asset was skipped, now or before with the same inputs.
        rejected: the keys whose newest version was rejected, now or before with the same inputs.
    """

    run_id: str
    stop: threading.Event = field(default_factory=threading.Event)
    skipped: dict[str, str] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)
    progressed: Callable[[Step, float, float], None] = lambda step, done, total: None


def perform(step: Step, workspace: Workspace, scope: RunScope) -> Result:
    """Carry out one step. Everything that goes wrong in user code is in the result; nothing is raised for it."""
    started = time.monotonic()
    match step:
        case Keep() | Hold():
            result = Result(
                step=step, outcome="kept" if isinstance(step, Keep) else "held", reason=step.reason.text
            )
        case Observe():
            result = _observe(step, workspace, scope)
        case Adopt() | Materialize():
            result = _Building(step, workspace, scope).run()
        case Check():
            result = _judge_again(step, workspace, scope)
        case _:
            assert_never(step)
    if result.outcome == "skipped" or step.reason.kind in ("skipped before", "upstream skipped"):
        scope.skipped[step.key] = result.reason
    if step.reason.kind == "rejected before":
        scope.rejected.add(step.key)
    scope.rejected.update(key for key, said in result.verdicts.items() if any(one.blocks for one in said))
    return replace(result, duration=timedelta(seconds=time.monotonic() - started))


def judged(asset: Asset, value: object, workspace: Workspace) -> tuple[Judgement, tuple[Any, ...]]:
    """What an asset's checks say of a value."""
    checks = workspace.checks(asset.key)
    if not checks:
        return Judgement(checks=""), ()
    from checks import Check as DeclaredCheck
    from checks import evaluate

    asked = cast("Sequence[DeclaredCheck]", checks)  # the graph knows them by their Protocol only
    verdicts = evaluate(value, asked, now=workspace.clock())
    judgement = Judgement(
        checks=checks_digest(checks),
        verdicts=tuple(verdict.to_json() for verdict in verdicts),
        failing=any(verdict.blocks for verdict in verdicts),
    )
    return judgement, verdicts


def why_rejected(verdicts: tuple[Any, ...]) -> str:
    """The error checks that failed, with how many rows."""
    return ", ".join(
        verdict.check
        + (f": {verdict.failing} {'row' if verdict.failing == 1 else 'rows'}" if verdict.failing else "")
        for verdict in verdicts
        if verdict.blocks
    )


def _observe(step: Observe, workspace: Workspace, scope: RunScope) -> Result:
    """Note what a source showed; publish it when it moved and its checks allow it."""
    asset, seen = workspace.graph[step.key], step.observed
    if not step.changed:
        (version,) = workspace.ledger.state(workspace.environment, [step.key]).published(step.key).values()
        workspace.ledger.verify(workspace.environment, [(version, seen.as_of)], scope.run_id)
        return Result(step=step, outcome="kept", reason=step.reason.text)
    visible = workspace.ledger.state(workspace.environment, [step.key]).published(step.key).get(UNPARTITIONED)
    was = visible.id if visible else None
    attempt = _claim(
        workspace, scope, step.key, UNPARTITIONED, mark=seen.data_version or "", number=1, was=was
    )
    if attempt is None:
        return Result(step=step, outcome="cancelled", reason="the run was stopped")
    if isinstance(attempt, Moved):
        return Result(step=step, outcome="kept", reason="another run was first")
    judgement, verdicts = Judgement(checks=checks_digest(workspace.checks(step.key))), ()
    if seen.address is not None:
        judgement, verdicts = judged(
            asset, decode(content_of(seen), workspace.store, key=step.key), workspace
        )
    made = Made(
        content=content_of(seen), basis=workspace.basis(step.key), inputs={}, as_of=seen.as_of, ends=seen.ends
    )
    refused = {step.key: why_rejected(verdicts)} if judgement.failing else {}
    ids = workspace.ledger.publish(
        attempt, {step.key: made}, {step.key: judgement}, kind="observe", reject=refused
    )
    return Result(
        step=step,
        outcome="rejected" if refused else "published",
        reason=refused.get(step.key, step.reason.text),
        rows=seen.rows,
        size=seen.size,
        versions=ids,
        verdicts={step.key: verdicts},
    )


def _judge_again(step: Check, workspace: Workspace, scope: RunScope) -> Result:
    """Ask the changed checks about what is published; it stays visible, marked failing if they say so."""
    asset = workspace.graph[step.key]
    ordinal = partition_ordinal(step.partition)
    version = workspace.ledger.state(workspace.environment, [step.key]).published(step.key)[ordinal]
    judgement, verdicts = Judgement(checks=checks_digest(workspace.checks(step.key))), ()
    if workspace.ledger.content(version.id).address is not None:
        judgement, verdicts = judged(asset, workspace.value(asset, {ordinal: version}, None), workspace)
    workspace.ledger.judge(workspace.environment, version, judgement, scope.run_id)
    reason = (
        f"published, and its checks fail: {why_rejected(verdicts)}" if judgement.failing else step.reason.text
    )
    return Result(
        step=step,
        outcome="rejected" if judgement.failing else "kept",
        reason=reason,
        verdicts={step.key: verdicts},
    )


def _claim(
    workspace: Workspace, scope: RunScope, key: str, ordinal: int, *, mark: str, number: int, was: str | None
) -> StartedAttempt | Moved | None:
    """Claim a partition, waiting while another run holds it; None when this run is stopped."""
    while not scope.stop.is_set():
        begun = workspace.ledger.begin(
            workspace.environment, key, ordinal, run_id=scope.run_id, fingerprint=mark, number=number, was=was
        )
        if not isinstance(begun, Busy):
            return begun
        scope.stop.wait(CLAIM_POLL_S)
    return None


class _Building:
    """The building of one partition by one function: of one asset, or of several together."""

    def __init__(self, step: Materialize | Adopt, workspace: Workspace, scope: RunScope) -> None:
        self.step = step
        self.workspace = workspace
        self.scope = scope
        self.asset = workspace.graph[step.key]
        self.ordinal = partition_ordinal(step.partition)
        outputs = step.outputs if isinstance(step, Materialize) else (step.key,)
        self.outputs = tuple(workspace.graph[key] for key in outputs)
        self.notes: tuple[str, ...] = ()
        self.must = isinstance(step, Materialize) and step.reason.kind in ("forced", "due")

    def run(self) -> Result:
        """Build, or see that there is nothing to build."""
        retries = self.asset.execution.retries
        for number in range(1, retries + 2):
            result = self._attempt(number)
            if result.outcome != "failed" or number > retries or self.scope.stop.is_set():
                return result
            delay = self.asset.execution.retry_delay * 2 ** (number - 1)
            self.scope.stop.wait(delay.total_seconds())
        raise AssertionError("unreachable: the last number always returns")

    def _attempt(self, number: int) -> Result:
        settled, found, mark, state = self._settled()
        if settled is not None:
            return settled
        visible = state.published(self.asset.key).get(self.ordinal)
        was = visible.id if visible else None
        attempt = _claim(
            self.workspace, self.scope, self.asset.key, self.ordinal, mark=mark, number=number, was=was
        )
        if attempt is None:
            return self._result("cancelled", reason="the run was stopped")
        if isinstance(attempt, Moved):  # another run was first: look again
            return self._attempt(number)
        known = None if self.must else self._known(state, mark)
        if known is not None:
            self.workspace.ledger.adopt(attempt, known.id, known.as_of)
            return self._result("adopted", reason=self.step.reason.text, versions={self.asset.key: known.id})
        output = Output()
        try:
            return self._build(attempt, found, state, output)
        except ClaimLost as error:
            return self._result("interrupted", reason=str(error))
        except Stopped:
            self.workspace.ledger.finish(
                attempt, "interrupted", reason="the run was stopped", output=output.text()
            )
            return self._result("interrupted", reason="the run was stopped")
        except NotDone as error:
            reason = str(error)
            details = (
                "" if isinstance(error, TimedOut) else "".join(traceback.format_exception(error.__cause__))
            )
            self.workspace.ledger.finish(
                attempt, "failed", reason=reason, error=details, output=output.text()
            )
            return self._result("failed", reason=reason, error=details, attempts=number)

    def _settled(self) -> tuple[Result | None, Reading, str, State]:
        """A result that needs no computing, as things stand; with what was read and its fingerprint."""
        graph, workspace = self.workspace.graph, self.workspace
        keys = {output.key for output in self.outputs} | {self.asset.key, *self.asset.upstream}
        if self.asset.reads_provenance:
            keys |= graph.ancestors([self.asset.key])
        state = workspace.ledger.state(workspace.environment, keys)
        found = reading(self.asset, self.ordinal, graph, state.published)
        if found.missing:
            return self._without(found.missing), found, "", state
        self.notes = tuple(
            f"reads the last good version of {key}; a newer one was rejected"
            for key in self.asset.upstream
            if key in self.scope.rejected
        )
        mark = fingerprint(workspace.basis(self.asset.key), self.step.partition, found.inputs)
        published = [state.published(output.key).get(self.ordinal) for output in self.outputs]
        same = all(version is not None and version.fingerprint == mark for version in published)
        moved = any((version.id if version else None) != self.step.was for version in published[:1])
        if same and (not self.must or moved):
            return self._keep(published, state), found, mark, state
        tried = state.last_attempt(self.asset.producer, self.ordinal)
        if not self.must and tried is not None and not self.asset.volatile:
            held = held_after(tried, mark, workspace.clock())
            if held is not None:
                return self._result("held", reason=held.text), found, mark, state
        return None, found, mark, state

    def _without(self, missing: Sequence[str]) -> Result:
        """Upstream has nothing to read: because it was skipped, or because it failed or was rejected."""
        skipped = [
            f"{key} was skipped ({self.scope.skipped[key]})" for key in missing if key in self.scope.skipped
        ]
        if len(skipped) == len(missing):
            return self._result("skipped", reason="; ".join(skipped))
        return self._result("held", reason=Reason.waits(missing).text)

    def _keep(self, versions: list[Version | None], state: State) -> Result:
        """Early cutoff, or another run's work: what is published was made from the same."""
        as_of, _ = inherited_as_of(self.asset, self.ordinal, self.workspace.graph, state.published)
        seen = [(version, as_of) for version in versions if version and as_of and version.as_of != as_of]
        if not self.asset.volatile:
            self.workspace.ledger.verify(self.workspace.environment, seen, self.scope.run_id)
        return self._result("kept", reason="made from the same as what is published")

    def _known(self, state: State, mark: str) -> Version | None:
        """A version made from the same, that only has to be pointed at."""
        planned = isinstance(self.step, Adopt)
        if (self.asset.volatile and not planned) or len(self.outputs) > 1:
            return None
        return state.version_with(self.asset.key, self.ordinal, mark)

    def _build(self, attempt: StartedAttempt, found: Reading, state: State, output: Output) -> Result:
        call = Call(
            asset=self.asset,
            outputs=self.outputs,
            partition=self.step.partition,
            arguments=lambda: self._arguments(attempt, state, output),
            run_id=self.scope.run_id,
            number=attempt.number,
            versions=self._read_versions(state),
        )
        started = self.workspace.clock()
        values = compute(call, self.workspace, self.scope.stop, output)
        if isinstance(values, Skip):
            self.workspace.ledger.finish(
                attempt, "skipped", reason=values.reason, until=values.until, output=output.text()
            )
            return self._result("skipped", reason=values.reason)
        as_of, ends = self._as_of(state, started)
        made, judgements, verdicts = {}, {}, {}
        for asset in self.outputs:
            value = values[asset.key]
            encoded = self._stored(asset, value)
            judgements[asset.key], verdicts[asset.key] = judged(asset, value, self.workspace)
            made[asset.key] = Made(
                content=encoded,
                basis=self.workspace.basis(self.asset.key),
                inputs=found.inputs,
                lineage=call.versions,
                as_of=as_of,
                ends=ends,
            )
        refused = {
            key: why_rejected(verdicts[key]) for key, judgement in judgements.items() if judgement.failing
        }
        ids = self.workspace.ledger.publish(attempt, made, judgements, output=output.text(), reject=refused)
        return self._result(
            "rejected" if refused else "published",
            reason="; ".join(refused.values()) or self.step.reason.text,
            rows=sum(one.content.rows or 0 for one in made.values())
            if any(one.content.rows is not None for one in made.values())
            else None,
            size=sum(one.content.size for one in made.values()),
            versions=ids,
            verdicts=verdicts,
            attempts=attempt.number,
        )

    def _stored(self, asset: Asset, value: object) -> Content:
        try:
            encoded = choose(value, asset.returns, asset.stored_as, key=asset.key).encode(
                value, self.workspace.store
            )
        except Exception as error:  # what a user's function returned may be anything
            raise NotDone(f"{error}") from error
        return Content(
            data_version=encoded.data_version,
            format=encoded.format,
            address=encoded.address,
            size=encoded.size,
            rows=encoded.rows,
            schema=encoded.schema,
        )

    def _as_of(self, state: State, started: datetime) -> tuple[datetime | None, bool]:
        """The age of what was made: of the world for a volatile asset, of its upstream for the others."""
        if not self.asset.volatile:
            return inherited_as_of(self.asset, self.ordinal, self.workspace.graph, state.published)
        seen = [self.workspace.observation(name) for name in self.asset.resources]
        known = [observation for observation in seen if observation is not None]
        dated = [observation.as_of for observation in known if observation.as_of is not None]
        return min(dated, default=started), bool(known) and all(observation.ends for observation in known)

    def _read_versions(self, state: State) -> dict[str, tuple[str, tuple[str, ...]]]:
        """By parameter, the upstream key and the version ids that are read."""
        read = {}
        for given in self.asset.inputs:
            if isinstance(given, Upstream):
                versions = versions_read(self.asset, self.ordinal, given.key, self.workspace, state)
                read[given.parameter] = (given.key, tuple(versions[at].id for at in sorted(versions)))
        return read

    def _arguments(self, attempt: StartedAttempt, state: State, output: Output) -> dict[str, Any]:
        run = StepRun(
            key=self.asset.key,
            run_id=self.scope.run_id,
            partition=self.step.partition,
            attempt=attempt.number,
            now=self.workspace.clock(),
            log=output.line,
            progress=lambda done, total: self.scope.progressed(self.step, done, total),
        )
        return arguments_for(self.asset, self.ordinal, self.workspace, state, run)

    def _result(self, outcome: Outcome, **details: Any) -> Result:
        return Result(step=self.step, outcome=outcome, notes=self.notes, **details)
