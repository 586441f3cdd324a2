"""Promotion: a closed set of pointers that moves at once, so that recorded inputs are what the target then reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from graph import AssetGraphError
from graph.asset_graph import key_of
from graph.fingerprint import Basis, replaced, set_digest
from graph.partition_set import Partition, PartitionSet
from graph.reading import Reader, inputs_of
from graph.state import Attempt, Settlement, State, Summary, Version
from graph.steps import step_name
from materializers.comparing import Difference, differences
from materializers.ledger import Busy, LedgerError, Move, Moved
from materializers.workspace import Workspace

_TRIES = 5
_NAMED = 5


class NotClosed(AssetGraphError):
    """What would be promoted was not made from what the target would read then."""

    def __init__(self, source: str, target: str, problems: Mapping[str, str]) -> None:
        lines = [f"  {text}" for text in list(problems.values())[:_NAMED]]
        more = len(problems) - len(lines)
        lines += [f"  and {more:,} more"] if more else []
        keys = " or ".join(dict.fromkeys(problems))
        super().__init__(
            f"nothing was promoted from '{source}' to '{target}':\n"
            + "\n".join(lines)
            + f"\nrun: materialize"
            f" {keys if len(problems) == 1 else repr(keys)} --env {source}"
        )
        self.source, self.target = source, target
        self.keys = tuple(dict.fromkeys(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What a promotion moves.

    Args:
        moved: by key, the differences that it does away with.
        along: the keys that were not asked for, and come along because what was asked for reads them.
        outdated: the keys in the target that read what moves and do not move themselves: their next run builds them.
    """

    source: str
    target: str
    moved: Mapping[str, tuple[Difference, ...]]
    along: tuple[str, ...]
    outdated: tuple[str, ...]

    def moves(self) -> Mapping[str, Mapping[Partition, Move]]:
        """What the ledger is asked for."""
        return {
            key: {
                one.partition: Move(
                    version_id=one.here.id if one.here else None, was=one.there.id if one.there else None
                )
                for one in found
            }
            for key, found in self.moved.items()
        }


def plan_promotion(workspace: Workspace, source: str, target: str, selection: str = "*") -> Promotion:
    """What has to move so that the target shows what the source shows of a selection.

    Raises:
        NotClosed: something was made from other inputs than the target would read.
        UnknownEnvironment: one of them is not there.
    """
    if source == target:
        raise LedgerError(f"'{source}' cannot be promoted to itself; name another environment")
    graph = workspace.graph
    asked = workspace.keys(selection)
    closed = graph.ancestors(asked)
    closed |= {sibling for key in closed for sibling in graph.siblings(key)}
    found = differences(workspace.ledger, source, target, closed)
    moved = {
        key: shown
        for key in graph.assets
        if not graph[key].is_effect  # receipts belong to the environment in which something was done
        and (shown := tuple(one for one in found.get(key, ()) if one.here is not None))
    }
    with workspace.ledger.state(target) as state:
        after = After(
            below=state,
            moved={
                key: {one.partition: one.here for one in shown if one.here is not None}
                for key, shown in moved.items()
            },
        )
        reader = Reader(graph=graph, state=after, horizon=workspace.horizon())
        problems = _problems(workspace, source, target, after.moved, reader)
        if problems:
            raise NotClosed(source, target, problems)
        outdated = _outdated(workspace, after.moved, reader)
    return Promotion(
        source=source,
        target=target,
        moved=moved,
        along=tuple(key for key in moved if key not in asked),
        outdated=outdated,
    )


def promote(
    workspace: Workspace,
    source: str,
    target: str,
    selection: str = "*",
    *,
    planned: Callable[[Promotion], None] = lambda promotion: None,
) -> Promotion:
    """Promote; what moves meanwhile is planned anew.

    Args:
        planned: is told each plan before it is carried out.

    Raises:
        LedgerError: a run is making one of the assets in the target, or it does not come to rest.
    """
    for _ in range(_TRIES):
        promotion = plan_promotion(workspace, source, target, selection)
        planned(promotion)
        match workspace.ledger.promote(source, target, promotion.moves()) if promotion.moved else None:
            case Busy(run_id=run_id):
                raise LedgerError(
                    f"nothing was promoted: run '{run_id}' is making what would move in '{target}'; wait, or"
                    f" cancel it: assets runs cancel {run_id}"
                )
            case Moved():
                continue
            case None:
                return promotion
    raise LedgerError(
        f"nothing was promoted: '{source}' or '{target}' moves all the time; wait until their runs have ended"
    )


def _problems(
    workspace: Workspace,
    source: str,
    target: str,
    moved: Mapping[str, Mapping[Partition, Version]],
    reader: Reader,
) -> Mapping[str, str]:
    """By key, why what would move was not made from what the target would read."""
    problems: dict[str, str] = {}
    for key, versions in moved.items():
        asset = workspace.graph[key]
        if asset.is_source:
            continue
        reader.fetch(asset, PartitionSet.of(versions))
        for partition, version in sorted(versions.items()):
            inputs = reader.reading(asset, partition).inputs
            others = [
                name
                for name in sorted(inputs.keys() | version.inputs)
                if inputs.get(name) != version.inputs.get(name)
            ]
            if others:
                name = step_name(key, key_of(asset, partition) or "")
                problems[key] = (
                    f"{name} in '{source}' was made from another {', '.join(inputs_of(asset, others))} than"
                    f" '{target}' would read then"
                )
                break
    return problems


def _outdated(
    workspace: Workspace, moved: Mapping[str, Mapping[Partition, Version]], reader: Reader
) -> tuple[str, ...]:
    """What reads something that moves, was made from something else, and stays."""
    found = []
    for key, asset in workspace.graph.assets.items():
        touched = PartitionSet.union(
            reader.below(asset, given, PartitionSet.of(moved[given.key]))
            for given in asset.edges
            if given.key in moved and given.key != key
        )
        staying = (touched & reader.visible(key)) - PartitionSet.of(moved.get(key, {}))
        reader.fetch(asset, staying)
        if any(
            (version := reader.version(key, partition)) is not None
            and reader.reading(asset, partition).inputs != version.inputs
            for partition in staying
        ):
            found.append(key)
    return tuple(found)


@dataclass(slots=True, kw_only=True)
class After:
    """See `graph.state.State`: what an environment shows once some of its pointers have moved."""

    below: State
    moved: Mapping[str, Mapping[Partition, Version]]
    _summaries: dict[str, Summary] = field(default_factory=dict)

    @property
    def environment(self) -> str:
        """See `State`."""
        return self.below.environment

    @property
    def sequence(self) -> int:
        """See `State`."""
        return self.below.sequence

    def summary(self, key: str) -> Summary:
        """See `State`."""
        if key not in self.moved:
            return self.below.summary(key)
        if key not in self._summaries:
            before, moving = self.below.summary(key), self.moved[key]
            there = self.below.published(key, PartitionSet.of(moving))
            digest = before.digest
            for partition, version in moving.items():
                old = there[partition].data_version if partition in there else None
                digest = replaced(digest, partition, old, version.data_version)
            self._summaries[key] = Summary(
                sequence=before.sequence,
                partitions=before.partitions | PartitionSet.of(moving),
                digest=digest,
            )
        return self._summaries[key]

    def shown(self, key: str, partitions: PartitionSet) -> PartitionSet:
        """See `State`."""
        return self.below.shown(key, partitions) | (PartitionSet.of(self.moved.get(key, ())) & partitions)

    def published(self, key: str, partitions: PartitionSet | None = None) -> Mapping[Partition, Version]:
        """See `State`."""
        moving = self.moved.get(key, {})
        mine = {at: one for at, one in moving.items() if partitions is None or at in partitions}
        return {**self.below.published(key, partitions), **mine}

    def digest(self, key: str, partitions: PartitionSet) -> str:
        """See `State`."""
        if key not in self.moved:
            return self.below.digest(key, partitions)
        return set_digest((at, one.data_version) for at, one in self.published(key, partitions).items())

    def changed(self, key: str, since: int, *, but: str | None = None) -> PartitionSet:
        """See `State`."""
        return self.below.changed(key, since, but=but) | PartitionSet.of(self.moved.get(key, {}))

    def settlement(self, key: str) -> Settlement | None:
        """See `State`: nothing was settled after what has not happened yet."""
        return None

    def attempts(self, key: str, partitions: PartitionSet | None = None) -> Mapping[Partition, Attempt]:
        """See `State`."""
        return self.below.attempts(key, partitions)

    def version_with(
        self, key: str, partition: Partition, fingerprint: str, *, checks: str | None = None
    ) -> Version | None:
        """See `State`."""
        return self.below.version_with(key, partition, fingerprint, checks=checks)

    def made_with(self, key: str, basis: Basis) -> bool:
        """See `State`."""
        return self.below.made_with(key, basis)

    def pin(self, key: str, partition: Partition) -> str | None:
        """See `State`."""
        return None if partition in self.moved.get(key, {}) else self.below.pin(key, partition)
