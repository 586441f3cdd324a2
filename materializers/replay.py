"""Replay: assets computed again from what was published at an earlier time, so that nothing becomes visible.

A replay has a ledger of its own, in which upstream stands as it was then and is not live: effects are recorded as they
would be. What is computed is put into the store, where nothing points to it; the next collection of garbage finds it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from graph.asset_graph import key_of
from graph.partition_set import Partition
from graph.partitions import Dynamic
from graph.state import Version
from materializers.kept_store import KeptStore
from materializers.ledger import (
    MAIN,
    Judgement,
    Ledger,
    LedgerError,
    Made,
    Product,
    RunRecord,
    Wanted,
)
from materializers.sql_ledger import open_sqlite_ledger
from materializers.workspace import Workspace

ENVIRONMENT = "replay"
_SEEDING = "seeding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A workspace in which it is an earlier time; the selected assets are to be computed in it.

    Args:
        then: by key, what was visible at that time of what is computed again.
    """

    workspace: Workspace
    selected: frozenset[str]
    then: dict[str, dict[Partition, Version]]


@contextmanager
def replaying(workspace: Workspace, selection: str, at: datetime) -> Iterator[Replay]:
    """Open a replay of some assets; everything above them is what was published at that time.

    Raises:
        LedgerError: the time is in the future, or a source is all that is selected.
    """
    graph = workspace.graph
    selected = frozenset(key for key in workspace.keys(selection) if not graph[key].is_source)
    if not selected:
        raise LedgerError(f"'{selection}' names sources only, of which nothing is computed")
    if at > workspace.clock():
        raise LedgerError(f"{at.isoformat()} is in the future; a replay goes to an earlier time")
    selected |= {sibling for key in selected for sibling in graph.siblings(key)}
    above = graph.ancestors(selected) - selected
    with workspace.ledger.state(workspace.environment, above | selected, as_of=at) as state:
        seeds = {key: dict(state.published(key)) for key in above}
        then = {key: dict(state.published(key)) for key in selected}
    with tempfile.TemporaryDirectory(prefix="assets-replay-") as folder:
        ledger = open_sqlite_ledger(Path(folder) / "ledger.sqlite", clock=lambda: at)
        try:
            _seed_dynamic(workspace, ledger, at)
            _seed(workspace, ledger, seeds)
            ledger.create_environment(ENVIRONMENT)
            yield Replay(
                workspace=_scratch(workspace, ledger, Path(folder), at), selected=selected, then=then
            )
        finally:
            ledger.close()


def _scratch(workspace: Workspace, ledger: Ledger, folder: Path, at: datetime) -> Workspace:
    project = workspace.project
    if project is not None:
        store = project.store or str(project.home / "data")
        project = replace(project, home=folder, store=store, ledger=None, environment=ENVIRONMENT)
    inner = workspace.store.store if isinstance(workspace.store, KeptStore) else workspace.store
    return replace(
        workspace,
        ledger=ledger,
        store=KeptStore(store=inner, garbage=workspace.ledger.garbage),
        environment=ENVIRONMENT,
        project=project,
        as_of=None,
        clock=lambda: at,
        _resources={},
        _identities={},
        _observations={},
        _bases={},
        _checks={},
    )


def _seed_dynamic(workspace: Workspace, ledger: Ledger, at: datetime) -> None:
    for asset in workspace.graph.assets.values():
        for _, dimension in asset.partitions.dimensions if asset.partitions else ():
            if isinstance(dimension, Dynamic):
                ledger.add_dynamic(dimension.name, workspace.ledger.dynamic_keys(dimension.name, as_of=at))


def _seed(workspace: Workspace, ledger: Ledger, seeds: dict[str, dict[Partition, Version]]) -> None:
    """Publish what was visible then, with the same data, ages and verdicts."""
    ledger.begin_run(
        RunRecord(id=_SEEDING, environment=MAIN, selection="", engine="", started_at=workspace.clock())
    )
    for key, versions in seeds.items():
        if versions:
            asset = workspace.graph[key]
            wanted = {
                at: Wanted(fingerprint=one.fingerprint, was=None, label=key_of(asset, at) or "")
                for at, one in versions.items()
            }
            begun = ledger.begin(MAIN, key, wanted, run_id=_SEEDING, number=1)
            if not isinstance(begun, tuple):
                raise LedgerError(f"asset '{key}' could not be replayed: somebody else is at it")
            ledger.publish(
                [
                    Product(
                        attempt=attempt,
                        made={key: _made(workspace.ledger, versions[attempt.claim.partition])},
                        judged={key: _judgement(versions[attempt.claim.partition])},
                    )
                    for attempt in begun
                ]
            )
    ledger.end_run(_SEEDING, "succeeded")


def _made(ledger: Ledger, version: Version) -> Made:
    return Made(
        content=ledger.content(version.id),
        basis=version.basis,
        inputs=version.inputs,
        as_of=version.as_of,
        ends=version.ends,
    )


def _judgement(version: Version) -> Judgement:
    return Judgement(checks=version.checks, failing=version.failing)
