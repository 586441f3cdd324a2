"""The effects: storage, the ledger, the one function that carries out a step, and the Python API.

>>> from graph import asset
>>> @asset
... def ones() -> list[int]:
...     return [1, 1]
>>> @asset
... def total(ones: list[int]) -> int:
...     return sum(ones)
>>> workspace = in_memory([ones, total])
>>> materialize("total", workspace=workspace).outcome
'succeeded'
>>> load("total", workspace=workspace)
2
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from graph import build_graph
from graph.digest import Digester
from materializers.kept_store import KeptStore
from materializers.loading import open_workspace
from materializers.project import Project, ProjectError, find_project
from materializers.runner import RunResult, run_plan
from materializers.sql_ledger import open_sqlite_ledger
from materializers.store import MemoryStore
from materializers.workspace import Clock, SettingsError, Workspace

if TYPE_CHECKING:
    from materializers.destination import MemoryPlace
    from materializers.postgres_table import PostgresTable
    from materializers.redis_key import RedisKey

__all__ = [
    "MemoryPlace",
    "PostgresTable",
    "Project",
    "ProjectError",
    "RedisKey",
    "RunResult",
    "SettingsError",
    "Workspace",
    "check_published",
    "find_project",
    "in_memory",
    "load",
    "materialize",
    "open_workspace",
    "run_plan",
]


def in_memory(
    declared: Iterable[Callable[..., Any]],
    *,
    sources: Mapping[str, str] | None = None,
    config: Mapping[str, Mapping[str, object]] | None = None,
    clock: Clock | None = None,
) -> Workspace:
    """A workspace that leaves nothing behind: for notebooks, examples and tests.

    Args:
        declared: functions decorated with `asset`, `source` or `resource`.
        sources: source texts by module name, for the code digest of functions that were not written in a file.
        clock: the time, for the ledger as well.
    """
    from materializers.database import host_clock

    ticking = clock or host_clock
    ledger = open_sqlite_ledger(None, clock=ticking)
    return Workspace(
        graph=build_graph(declared),
        ledger=ledger,
        store=KeptStore(store=MemoryStore(), garbage=ledger.garbage),
        digester=Digester(_Texts(sources or {})),
        config=config or {},
        clock=ticking,
    )


class _Texts:
    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def text(self, module: str) -> str | None:
        """See `graph.digest.Sources`."""
        return self._texts.get(module)


def materialize(
    selection: str,
    *,
    partitions: str | None = None,
    workspace: Workspace | None = None,
    force: bool = False,
    jobs: int | None = None,
) -> RunResult:
    """Build what a selection needs, in this process, and answer what happened.

    Args:
        selection: a key (``market/prices``), its last part, or any selection (``+market/prices``, ``group:trading``).
        partitions: of the selected assets that have partitions, only these: ``2024-01-01..2024-03-31``, ``latest``.
        workspace: otherwise the project of the working folder.
        force: build the selected assets whatever their state.
    """
    opened = workspace or open_workspace(find_project())
    return run_plan(opened.plan(selection, partitions=partitions, force=force), opened, jobs=jobs)


def check_published(
    selection: str = "*",
    *,
    partitions: str | None = None,
    workspace: Workspace | None = None,
    jobs: int | None = None,
) -> RunResult:
    """Ask the checks of a selection about what is published, without building anything; see `materialize`.

    The outcome is ``rejected`` where an error check fails; what fails stays visible, and is marked.
    """
    from materializers.checking import plan_checks

    opened = workspace or open_workspace(find_project())
    return run_plan(plan_checks(opened, selection, partitions=partitions), opened, jobs=jobs)


def load(
    key: str,
    *,
    env: str | None = None,
    partition: str | None = None,
    as_type: str | None = None,
    as_of: datetime | None = None,
    workspace: Workspace | None = None,
) -> Any:
    """The published value of an asset; see `Workspace.load`.

    Args:
        env: the environment to read; otherwise the workspace's.
        as_of: what was published then.
    """
    from dataclasses import replace

    opened = workspace or open_workspace(find_project())
    opened = replace(opened, environment=env or opened.environment, as_of=as_of or opened.as_of)
    return opened.load(key, partition=partition, as_type=as_type)


_PLACES = {"MemoryPlace": "destination", "PostgresTable": "postgres_table", "RedisKey": "redis_key"}


def __getattr__(name: str) -> Any:
    """Places outside are imported when somebody declares one."""
    if name in _PLACES:
        from importlib import import_module

        return getattr(import_module(f"materializers.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'materializers' has no attribute '{name}'")
