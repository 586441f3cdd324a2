"""What a command works with: the project's graph, or its whole workspace, as its options ask for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from deployments.command_error import CommandError

if TYPE_CHECKING:
    from graph import AssetGraph
    from materializers.ledger import Ledger
    from materializers.project import Project
    from materializers.store import Store
    from materializers.workspace import Workspace


def project_graph() -> tuple[Project, AssetGraph]:
    """The project of the working folder and what it declares; neither ledger nor store is touched."""
    from materializers.loading import load_graph
    from materializers.project import find_project

    project = find_project()
    return project, load_graph(project)


def project_ledger() -> Ledger:
    """The ledger of the working folder's project; what it declares may be broken."""
    from materializers.loading import open_ledger
    from materializers.project import find_project

    return open_ledger(find_project())


def project_store() -> Store:
    """The store of the working folder's project; what it declares may be broken."""
    from materializers.loading import open_project_store
    from materializers.project import find_project

    return open_project_store(find_project())


def workspace_for(
    environment: str | None = None,
    settings: Sequence[str] = (),
    *,
    take_over: bool = False,
    as_of: datetime | None = None,
) -> Workspace:
    """The workspace of the working folder's project.

    Args:
        environment: otherwise the project's.
        settings: config values as ``group/name.field=value``.
        take_over: serve the environment from here, though another checkout does.
        as_of: read what was visible then.

    Raises:
        UnknownAsset: a config value for an asset that is not there.
        SettingsError: for a field that it does not have.
    """
    from materializers.loading import open_workspace
    from materializers.project import find_project

    project = find_project()
    config = config_values(settings)
    workspace = open_workspace(
        project, config=config, environment=environment, take_over=take_over, as_of=as_of
    )
    for key in {**project.config, **config}:
        workspace.config_of(workspace.graph[key])
    return workspace


def config_values(settings: Sequence[str]) -> Mapping[str, Mapping[str, object]]:
    """Config values by key and field.

    A value is text, which the config's field types read; one that starts like a JSON list, object or string is JSON.

    >>> config_values(["market/indicators.window=20", 'market/universe.symbols=["A", "B"]'])
    {'market/indicators': {'window': '20'}, 'market/universe': {'symbols': ['A', 'B']}}
    """
    found: dict[str, dict[str, object]] = {}
    for setting in settings:
        place, equals, text = setting.partition("=")
        key, dot, field = place.rpartition(".")
        if not (equals and dot and key and field):
            raise CommandError(f"'{setting}' sets no config; write group/name.field=value")
        found.setdefault(key, {})[field] = _value(setting, text)
    return found


def _value(setting: str, text: str) -> object:
    if not text.startswith(("[", "{", '"')) and text != "null":
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise CommandError(f"the value in '{setting}' begins like JSON and is none: {error}") from error
