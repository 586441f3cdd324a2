"""What an asset's checks may look at besides its value: what it was made from, and what was observed before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from graph import Asset
from graph.asset_graph import Upstream, key_of
from graph.one_each import reads_one
from graph.partition_set import Partition, PartitionSet
from graph.state import Version
from materializers.arguments import StepRun, Taken, Versions, arguments_for, as_asked
from materializers.batching import split
from materializers.ledger import LedgerError, Read
from materializers.output import Output, into
from materializers.table_format import arrow_of, as_table
from materializers.workspace import Workspace

if TYPE_CHECKING:
    from checks import Beside, Earlier, Verdict

REMEMBERED = 400
"""So many versions are looked at for what was observed before."""


def beside_of(
    asset: Asset,
    partition: Partition,
    versions: Mapping[str, Versions],
    workspace: Workspace,
    remake: Callable[[Mapping[str, object]], object] | None = None,
    *,
    made_at: datetime | None = None,
) -> Beside:
    """What a value that is being made, or was at ``made_at``, is judged beside.

    Args:
        versions: by parameter, what the function read for this partition.
    """
    from checks import Beside

    asked = {parameter for check in asset.checks for parameter, _ in check.needs}
    asked |= (
        {given.parameter for given in asset.edges}
        if any(_may_name_any(one) for one in asset.checks)
        else set()
    )
    upstream = {
        given.parameter: partial(upstream_value, asset, given, versions[given.parameter], workspace)
        for given in asset.edges
        if given.parameter in asked and versions.get(given.parameter)
    }
    at = _time_of(asset, partition) or made_at
    memory = _Memory(asset=asset, partition=partition, at=at, workspace=workspace)
    return Beside(at=at, upstream=upstream, earlier=memory.earlier, remake=remake)


def beside_published(asset: Asset, version: Version, workspace: Workspace) -> Beside:
    """What a published version is judged beside: what it was made from, as far as that is there."""
    versions: dict[str, Versions] = {}
    if any(check.needs or _may_name_any(check) for check in asset.checks):
        lineage = workspace.ledger.materialization(version.id).lineage
        versions = {parameter: _versions_read(read, workspace) for parameter, read in lineage.items()}
    remake = _remaker(asset, version.partition, versions, workspace) if _makes_again(asset) else None
    return beside_of(asset, version.partition, versions, workspace, remake, made_at=version.made_at)


def _makes_again(asset: Asset) -> bool:
    """Whether calling its function again, in this process, gives the same."""
    return (
        not (asset.is_source or asset.is_effect or asset.volatile) and asset.execution.isolation == "thread"
    )


def _remaker(
    asset: Asset, partition: Partition, versions: Mapping[str, Versions], workspace: Workspace
) -> Callable[[Mapping[str, object]], object]:
    """Calls an asset's function again with what a published version was made from."""
    given = Taken(partitions=PartitionSet.of([partition]), versions=versions)
    label = key_of(asset, partition)
    run = StepRun(
        key=asset.key,
        run_id="",
        partition=label,
        partitions=() if label is None else (label,),
        attempt=1,
        now=workspace.clock(),
        log=lambda line: None,
        progress=lambda done, total: None,
        live=False,
    )

    def remake(changed: Mapping[str, object]) -> object:
        arguments = {**arguments_for(asset, given, workspace, run), **as_asked(asset, changed)}
        with into(Output()):
            value = asset.function(**arguments)
        if asset.several:
            value = value[asset.output]
        value = split(value, asset, given.partitions)[partition]
        made = arrow_of(value)
        return value if made is None else as_table(made, asset.key)

    return remake


def read_by(versions: Mapping[str, Versions], lineage: Mapping[str, Read]) -> Mapping[str, Versions]:
    """Of what one call read for several partitions, what it read for the one of this lineage."""
    return {
        parameter: {at: version for at, version in versions[parameter].items() if at in read.partitions}
        for parameter, read in lineage.items()
        if parameter in versions
    }


def upstream_value(asset: Asset, given: Upstream, versions: Versions, workspace: Workspace) -> Any:
    """An upstream's value as a function without annotation is given it: tables as Arrow's."""
    above = workspace.graph[given.key]
    one = reads_one(given.mapping, asset.partitions, above.partitions)
    return workspace.value(above, versions, None, whole=not (one and len(versions) == 1))


def _may_name_any(check: object) -> bool:
    """Whether a check is SQL, which names what it reads in its text."""
    return getattr(check, "kind", "") == "sql"


def _versions_read(read: Read, workspace: Workspace) -> Versions:
    """The versions that were read, or what is published of the same partitions where they were too many to name."""
    try:
        known = [workspace.ledger.materialization(one).version for one in read.versions]
    except LedgerError:
        known = []
    if len(known) == len(read.partitions):
        return {version.partition: version for version in known}
    with workspace.reading([read.key]) as state:
        return dict(state.published(read.key, read.partitions))


def _time_of(asset: Asset, partition: Partition) -> datetime | None:
    """The time that a partition begins at; None where it has none."""
    window = asset.partitions.window(partition) if asset.partitions is not None else None
    return window.start if window is not None else None


@dataclass(slots=True, kw_only=True)
class Together:
    """What the checks of an asset observed of partitions that are made together, for those of them that come later."""

    asset: Asset
    seen: dict[str, list[Earlier]] = field(default_factory=dict)

    def after(self, beside: Beside) -> Beside:
        """The same, with what was observed so far instead of what was observed of the same times before."""

        def earlier(check: str) -> Sequence[Earlier]:
            seen = self.seen.get(check, ())
            times = {one.at for one in seen}
            return [*(one for one in beside.earlier(check) if one.at not in times), *seen]

        return replace(beside, earlier=earlier)

    def note(self, partition: Partition, verdicts: Iterable[Verdict]) -> None:
        """Remember what was observed of a partition, unless it is held back."""
        from checks import Earlier

        at = _time_of(self.asset, partition)
        comparing = {check.name for check in self.asset.checks if check.compares}
        for one in verdicts:
            if at is not None and one.check in comparing and one.error is None:
                self.seen.setdefault(one.check, []).append(Earlier(at=at, observed=one.observed))


@dataclass(slots=True, kw_only=True)
class _Memory:
    """What the checks of an asset observed of its published versions, read when a check first asks.

    Of a partitioned asset, what the partitions before this one showed; otherwise what earlier versions did.
    """

    asset: Asset
    partition: Partition
    at: datetime | None
    workspace: Workspace
    read: dict[str, list[Earlier]] | None = field(default=None)

    def earlier(self, check: str) -> Sequence[Earlier]:
        """See `checks.Beside`."""
        if self.read is None:
            self.read = self._read()
        return self.read.get(check, ())

    def _read(self) -> dict[str, list[Earlier]]:
        from checks import Earlier, Verdict

        kinds = {check.name: getattr(check, "kind", "") for check in self.asset.checks if check.compares}
        last: dict[tuple[str, Partition | str], tuple[datetime, Earlier]] = {}
        for told in self.workspace.ledger.judgements(
            self.asset.key,
            environment=self.workspace.environment,
            producer=self.asset.producer,
            limit=REMEMBERED,
        ):
            at = _time_of(self.asset, told.partition) or told.made_at
            if told.rejected is not None or not self._is_before(told.partition, at):
                continue
            thing = told.partition if self.asset.partitions is not None else told.version_id
            for text in told.judgement.verdicts:
                said = Verdict.from_json(text)
                if kinds.get(said.check) == said.kind and said.error is None:
                    last[said.check, thing] = at, Earlier(at=at, observed=said.observed)
        found: dict[str, list[Earlier]] = {}
        for (check, _), (_, one) in sorted(last.items(), key=lambda item: item[1][0]):
            found.setdefault(check, []).append(one)
        return found

    def _is_before(self, partition: Partition, at: datetime) -> bool:
        if self.asset.partitions is None:
            return self.at is None or at < self.at
        if partition == self.partition or partition.slice != self.partition.slice:
            return False
        return self.at is None or at < self.at


__all__ = ["Together", "beside_of", "beside_published", "read_by", "upstream_value"]
