"""Building: load -> compute -> write aside -> check -> publish or reject, under a claim, with retries.

Whether there is something to compute was planned; here the same question is asked once more of what is published
now, so that early cutoff, another run's work and a moved upstream are seen.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from graph import Asset, Skip
from graph.ages import inherited_as_of
from graph.asset_graph import Upstream
from graph.fingerprint import fingerprint
from graph.partitions import partition_key, partition_ordinal
from graph.plan import Adopt, Materialize, checks_digest, step_id
from graph.reading import Reading, reading, source_ordinal
from graph.reasons import Reason
from graph.settling import Settled, settle
from graph.state import Outcome, State, Version
from materializers.arguments import StepRun, arguments_for, versions_read
from materializers.call import Call, NotDone, Stopped, TimedOut
from materializers.compute import compute
from materializers.formats import choose
from materializers.judging import judge_again, judged, why_rejected
from materializers.ledger import Busy, ClaimLost, Content, LedgerError, Made, Moved, StartedAttempt
from materializers.output import Output
from materializers.result import Result, RunScope
from materializers.workspace import Workspace

CLAIM_POLL_S = 0.05
LONGEST_DELAY = timedelta(hours=1)
"""Retries double their delay up to this."""


def claim(
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


class Building:
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

    def run(self) -> Result:
        """Build, or see that there is nothing to build."""
        number = 1
        while True:
            result = self._attempt(number)
            if (
                result.outcome != "failed"
                or number > self.asset.execution.retries
                or self.scope.stop.is_set()
            ):
                return result
            doubled = self.asset.execution.retry_delay * 2 ** min(number - 1, 20)
            self.scope.stop.wait(min(doubled, LONGEST_DELAY).total_seconds())
            number += 1

    def _attempt(self, number: int) -> Result:
        state = self._state()
        found = reading(self.asset, self.ordinal, self.workspace.graph, state.published)
        if found.missing:
            return self._without(found.missing)
        self.notes = self._mixed(self.asset.upstream)
        if self.asset.reads_provenance and (
            mixed := self._mixed(self.workspace.graph.ancestors([self.asset.key]))
        ):
            return self._result("held", reason=f"its inputs do not belong together: {'; '.join(mixed)}")
        mark = fingerprint(self.workspace.basis(self.asset.key), self.step.partition, found.inputs)
        published = [state.published(output.key).get(self.ordinal) for output in self.outputs]
        was = published[0].id if published[0] else None
        settled = self._settle(published, mark, state, was)
        match settled:
            case Settled(what="keep"):
                return self._keep(published, state)
            case Settled(what="check"):
                return self._check(published)
            case Settled(what="hold", reason=Reason() as reason):
                return self._result("held", reason=reason.text, because=reason.kind)
        attempt = claim(
            self.workspace, self.scope, self.asset.key, self.ordinal, mark=mark, number=number, was=was
        )
        if attempt is None:
            return self._result("cancelled", reason="the run was stopped")
        if isinstance(attempt, Moved):  # another run was first: look again
            return self._attempt(number)
        if settled is not None and settled.version is not None:
            return self._adopt(attempt, settled.version, state)
        return self._guarded(attempt, found, state)

    def _state(self) -> State:
        """What is published now of what is read and made."""
        graph = self.workspace.graph
        keys = {output.key for output in self.outputs} | set(self.asset.upstream)
        if self.asset.reads_provenance:
            keys |= graph.ancestors([self.asset.key])
        whole = self.asset.partitions is None
        ordinals = {key: [source_ordinal(self.asset, graph[key], self.ordinal)] for key in keys if not whole}
        return self.workspace.ledger.state(self.workspace.environment, keys, ordinals=ordinals)

    def _settle(
        self, published: list[Version | None], mark: str, state: State, was: str | None
    ) -> Settled | None:
        asked = self.step.reason.kind in ("forced", "due") and was == self.step.was
        checks = [checks_digest(self.workspace.checks(output.key)) for output in self.outputs]
        return settle(
            published,
            checks,
            mark,
            tried=None
            if self.step.reason.kind == "forced"
            else state.last_attempt(self.asset.producer, self.ordinal),
            known=lambda: self._known(state, mark, checks[0]),
            now=self.workspace.clock(),
            unseen=self.asset.volatile and self.workspace.seen_by(self.asset) is None,
            must=asked,
        )

    def _known(self, state: State, mark: str, checks: str) -> Version | None:
        """A good version made from the same, if its value is still there."""
        version = state.version_with(self.asset.key, self.ordinal, mark, checks=checks)
        if version is None:
            return None
        address = self.workspace.ledger.content(version.id).address
        return version if address is None or self.workspace.store.exists(address) else None

    def _without(self, missing: Sequence[str]) -> Result:
        """Upstream has nothing to read: because it was skipped, or because it failed or was rejected."""
        names = {key: self._name(key) for key in missing}
        skipped = {key: self.scope.skipped[name] for key, name in names.items() if name in self.scope.skipped}
        if len(skipped) == len(missing):
            return self._result("skipped", reason=Reason.upstream_skipped(skipped).text)
        reason = Reason.waits(missing)
        return self._result("held", reason=reason.text, because=reason.kind)

    def _mixed(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Assets of which an older version is read than there should be: mixed inputs are told."""
        names = {key: self._name(key) for key in sorted(keys)}
        return tuple(
            f"reads the last good version of {key}; a newer one {why}"
            for key, name in names.items()
            for why, broken in (("was rejected", self.scope.rejected), ("failed", self.scope.failed))
            if name in broken
        )

    def _name(self, key: str) -> str:
        """The name of the step of an upstream that this partition reads."""
        return step_id(
            key, partition_key(source_ordinal(self.asset, self.workspace.graph[key], self.ordinal))
        )

    def _keep(self, versions: list[Version | None], state: State) -> Result:
        """Early cutoff, or another run's work: what is published was made from the same."""
        as_of, ends = self._as_of(state, self.workspace.clock())
        unseen = self.asset.volatile and self.workspace.seen_by(self.asset) is None
        seen = [
            (version, as_of, ends)
            for version in versions
            if version and not unseen and (version.as_of, version.ends) != (as_of, ends)
        ]
        self.workspace.ledger.verify(self.workspace.environment, seen, self.scope.run_id)
        return self._result("kept", reason="made from the same as what is published")

    def _check(self, versions: list[Version | None]) -> Result:
        """What is published was made from the same, but its checks have changed."""
        verdicts = {}
        for asset, version in zip(self.outputs, versions, strict=True):
            if version is not None:
                verdicts[asset.key] = judge_again(asset, version, self.workspace, self.scope.run_id)[1]
        failing = why_rejected([verdict for said in verdicts.values() for verdict in said])
        if failing:
            return self._result(
                "rejected", reason=f"published, and its checks fail: {failing}", verdicts=verdicts
            )
        return self._result("kept", reason=Reason.checks_changed().text, verdicts=verdicts)

    def _adopt(self, attempt: StartedAttempt, known: Version, state: State) -> Result:
        as_of, ends = self._as_of(state, known.made_at)
        self.workspace.ledger.adopt(attempt, known.id, as_of, ends=ends)
        reason = self.step.reason if self.step.reason.kind == "known" else Reason.known(self.step.reason)
        return self._result("adopted", reason=reason.text, versions={self.asset.key: known.id})

    def _guarded(self, attempt: StartedAttempt, found: Reading, state: State) -> Result:
        """Build, and record whatever goes wrong with the attempt."""
        output = Output()
        try:
            return self._build(attempt, found, state, output)
        except ClaimLost as error:
            return self._result("interrupted", reason=str(error))
        except LedgerError:
            raise
        except Stopped:
            self._finish(attempt, "interrupted", reason="the run was stopped", output=output)
            return self._result("interrupted", reason="the run was stopped")
        except Exception as error:  # noqa: BLE001  # whatever a user's function gave or its value did
            cause = error.__cause__ if isinstance(error, NotDone) else error
            told = isinstance(error, TimedOut) or cause is None
            details = "" if told else self.workspace.hidden("".join(traceback.format_exception(cause)))
            reason = self.workspace.hidden(str(error) or type(error).__name__)
            self._finish(attempt, "failed", reason=reason, error=details, output=output)
            return self._result("failed", reason=reason, error=details, attempts=attempt.number)

    def _finish(
        self,
        attempt: StartedAttempt,
        outcome: Outcome,
        *,
        reason: str,
        output: Output,
        error: str = "",
        until: datetime | None = None,
    ) -> None:
        self.workspace.ledger.finish(
            attempt,
            outcome,
            reason=self.workspace.hidden(reason),
            error=error,
            until=until,
            output=self.workspace.hidden(output.text()),
        )

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
            self._finish(attempt, "skipped", reason=values.reason, until=values.until, output=output)
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
        ids = self.workspace.ledger.publish(
            attempt, made, judgements, output=self.workspace.hidden(output.text()), reject=refused
        )
        return self._result(
            "rejected" if refused else "published",
            reason="; ".join(refused.values()) or self._why(found, state),
            rows=_total(one.content.rows for one in made.values()),
            size=sum(one.content.size for one in made.values()),
            versions=ids,
            verdicts=verdicts,
            attempts=attempt.number,
        )

    def _stored(self, asset: Asset, value: object) -> Content:
        return choose(value, asset.returns, asset.stored_as, key=asset.key).encode(
            value, self.workspace.store
        )

    def _why(self, found: Reading, state: State) -> str:
        """Why it was built: what was planned as "if x changes" has changed, and this names it."""
        published = state.published(self.asset.key).get(self.ordinal)
        if self.step.reason.kind != "upstream may change" or published is None:
            return self.step.reason.text
        keys = {given.parameter: given.key for given in self.asset.inputs if isinstance(given, Upstream)}
        moved = [name for name, version in found.inputs.items() if published.inputs.get(name) != version]
        return Reason.upstream_changed([keys.get(name, "what it was made from") for name in moved]).text

    def _as_of(self, state: State, started: datetime) -> tuple[datetime | None, bool]:
        """The age of what was made: of the world for a volatile asset, of its upstream for the others."""
        if not self.asset.volatile:
            return inherited_as_of(self.asset, self.ordinal, self.workspace.graph, state.published)
        return self.workspace.seen_by(self.asset) or (started, False)

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


def _total(counts: Iterable[int | None]) -> int | None:
    """The sum of what is known; None when nothing is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
