"""Opening a project: its modules become a graph, its home a ledger and a store."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
import tokenize
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from graph import AssetGraph, AssetGraphError, Defaults, DefinitionErrors, build_graph
from graph.declare import declared_in
from graph.digest import Digester
from materializers.kept_store import KeptStore
from materializers.project import Project, ProjectError
from materializers.records import MAIN, UnknownEnvironment
from materializers.sql_ledger import SqlLedger, open_postgres_ledger, open_sqlite_ledger
from materializers.store import Store, open_store
from materializers.workspace import Workspace

ENGINE = frozenset({"graph", "checks", "materializers", "deployments"})
"""The packages whose code is no asset's: a new version of them does not make data outdated."""
_ENGINE_FOLDERS = tuple(f"{Path(__file__).parent.parent / name}{os.sep}" for name in ENGINE)


def open_workspace(
    project: Project,
    *,
    config: Mapping[str, Mapping[str, object]] | None = None,
    environment: str | None = None,
    take_over: bool = False,
    as_of: datetime | None = None,
) -> Workspace:
    """Import the project's modules and open its ledger and store.

    Args:
        config: values by key that override the project's.
        take_over: serve the environment from now on, whoever did before.
        as_of: read what was visible then.

    Raises:
        UnknownEnvironment: the environment is not there.
        UnknownAsset: a config for an asset that is not there.
        ProjectError: a module that cannot be imported, or none that declares an asset.
    """
    graph = load_graph(project)
    merged = {key: dict(values) for key, values in project.config.items()}
    for key in (*merged, *(config or {})):
        graph[key]  # a config for an unknown asset is an error with the near miss
    for key, values in (config or {}).items():
        merged.setdefault(key, {}).update(values)
    ledger = open_ledger(project)
    chosen = environment or project.environment
    if chosen != MAIN:
        known = [one.name for one in ledger.environments()]
        if chosen not in known:
            raise UnknownEnvironment(chosen, known)
    return Workspace(
        graph=graph,
        ledger=ledger,
        store=KeptStore(store=open_project_store(project), garbage=ledger.garbage),
        digester=Digester(ProjectSources(project.modules, project.root)),
        environment=chosen,
        checkout=project.served_by,
        take_over=take_over,
        as_of=as_of,
        config=merged,
        project=project,
        root=project.root,
    )


def open_ledger(project: Project) -> SqlLedger:
    """The project's ledger; none of its modules is imported."""
    if project.ledger is not None:
        return open_postgres_ledger(project.ledger.get_secret_value())
    return open_sqlite_ledger(project.home / "ledger.sqlite", fsync=project.fsync)


def open_project_store(project: Project) -> Store:
    """The project's store; none of its modules is imported."""
    return open_store(project.store or str(project.home / "data"), fsync=project.fsync)


def load_graph(project: Project) -> AssetGraph:
    """Import the project's modules and build the graph that they declare."""
    if str(project.root) not in sys.path:
        sys.path.append(str(project.root))
    functions: dict[int, Callable[..., Any]] = {}
    defaults: dict[str, Defaults] = {}
    for module in _modules(project.modules):
        for function in declared_in(vars(module)):
            functions.setdefault(id(function), function)
        found = vars(module).get("asset_defaults")
        if isinstance(found, Defaults):
            defaults[module.__name__] = found
    graph = build_graph(
        functions.values(), roots=project.modules, defaults=defaults, project_root=str(project.root)
    )
    if not graph.assets:
        raise ProjectError(
            f"the modules {list(project.modules)} of {project.root} declare no asset; "
            "write a function with @asset, or name other modules in [tool.prefect-asset-graph]"
        )
    return graph


def _modules(names: Sequence[str]) -> Iterable[ModuleType]:
    """The named modules with all that lies below those that are packages, in a fixed order.

    `pkgutil.walk_packages` would import the packages itself, and drop some of their errors.
    """
    for name in names:
        module = _import(name)
        yield module
        found = pkgutil.iter_modules(getattr(module, "__path__", ()), f"{name}.")
        yield from _modules(sorted(each.name for each in found))


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (DefinitionErrors, ProjectError):
        raise
    except AssetGraphError as error:  # a check or an option that cannot be: its sentence, with the place
        raise ProjectError(f"{_where(error)}{error}") from error
    except (Exception, SystemExit) as error:  # the edge of user code: importing runs it
        raise ProjectError(
            f"the module '{name}' cannot be imported: {_where(error)}{_named(error)}"
        ) from error


def _named(error: BaseException) -> str:
    said = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{type(error).__name__}: {said}"


def _where(error: BaseException) -> str:
    """The place in the project's own code where an import failed, as ``file:line: ``."""
    if isinstance(error, SyntaxError) and error.filename:  # it never ran, so no frame is its own
        return f"{error.filename}:{error.lineno}: "
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "importlib" not in one.filename]
    own = [one for one in frames if not one.filename.startswith(("<frozen ", *_ENGINE_FOLDERS))]
    return f"{own[-1].filename}:{own[-1].lineno}: " if own else ""


class ProjectSources:
    """The source texts of the project's modules, for the code digest.

    A module is the project's when it lies under a configured root package or in the project's folder, and is none of
    the engine's.
    """

    def __init__(self, roots: Iterable[str], folder: Path) -> None:
        self._ours = {root.partition(".")[0]: True for root in roots} | dict.fromkeys(ENGINE, False)
        self._folder = folder.resolve()

    def text(self, module: str) -> str | None:
        """The source of a project module, decoded as Python decodes it; None for any other module.

        Raises:
            ProjectError: its encoding is not what it says.
        """
        top = module.partition(".")[0]
        if top not in self._ours:  # the top alone: looking for a module below would import what is above it
            file = _file_of(top)
            self._ours[top] = file is not None and self._in_folder(file)
        file = _file_of(module) if self._ours[top] else None
        if file is None or file.suffix != ".py":
            return None
        try:
            with tokenize.open(file) as opened:
                return opened.read()
        except OSError:
            return None
        except (SyntaxError, UnicodeDecodeError) as error:  # the first for a coding that does not exist
            raise ProjectError(
                f"{file} cannot be read as Python source: {error}; save it as UTF-8, or say its coding"
            ) from error

    def _in_folder(self, path: Path) -> bool:
        return path.is_relative_to(self._folder) and "site-packages" not in path.parts


def _file_of(module: str) -> Path | None:
    """The file that a module is or would be loaded from."""
    loaded = sys.modules.get(module)
    try:
        spec = loaded.__spec__ if loaded is not None else importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    file = (spec.origin if spec is not None else None) or getattr(loaded, "__file__", None)
    return Path(file).resolve() if file else None
