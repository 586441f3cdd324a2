"""A project on disk: its settings, its modules, and the workspace that they open.

Settings come from ``[tool.prefect-asset-graph]`` of the nearest ``pyproject.toml``; the environment overrides them:
``ASSETS_HOME``, ``ASSETS_MODULES`` (separated by commas), ``ASSETS_ENV``, ``ASSETS_STORE``, ``ASSETS_FSYNC``,
``ASSETS_LEDGER``, ``ASSETS_CHECKOUT``.
"""

from __future__ import annotations

import os
import platform
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from graph import AssetGraphError, near_miss

if TYPE_CHECKING:
    from pydantic import SecretStr

TABLE = "prefect-asset-graph"
LEDGER = "ASSETS_LEDGER"
"""The variable that may hold the URL of the ledger with its password."""
_SETTINGS = {
    "modules": 'a list of module names, such as ["assets"]',
    "home": "text: the folder for the ledger and the data",
    "store": "text: a folder or a URI",
    "ledger": "text: postgresql://user@host:port/database, with the password in ASSETS_LEDGER or PGPASSWORD",
    "checkout": "text: the name by which an environment knows who serves it",
    "environment": "text: a name such as 'main'",
    "fsync": "true or false",
    "config": "a table of tables: by asset key, the values of its config",
    "events": "a table of tables: by the name of a subscriber, where it hears of what is published",
}
"""The settings, each with what it has to be."""


class ProjectError(AssetGraphError):
    """The project cannot be found, read or imported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What is configured.

    Args:
        root: the folder of the pyproject.toml, or the working folder.
        modules: packages and modules that hold declarations.
        home: where the ledger and, by default, the data are.
        store: a folder or a ``pyarrow.fs`` URI for the data.
        ledger: the URL of a PostgreSQL database; None for a SQLite file in the home.
        checkout: names this working copy where it serves an environment; see `served_by`.
        fsync: survive a power failure, not only a kill.
        config: by key, values for the asset's config.
        events: by name, who hears of what is published; see `materializers.events`.
    """

    root: Path
    modules: tuple[str, ...] = ("assets",)
    home: Path = Path(".assets")
    store: str = ""
    ledger: SecretStr | None = None
    checkout: str = ""
    environment: str = "main"
    fsync: bool = False
    config: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    events: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @property
    def served_by(self) -> str:
        """Who serves an environment when this working copy does: its name, or its host and folder."""
        return self.checkout or f"{platform.node()}:{self.root}"


def find_project(start: Path | None = None, environ: Mapping[str, str] | None = None) -> Project:
    """The project that a folder belongs to, with what the environment says about it."""
    env = os.environ if environ is None else environ
    folder = (start or Path.cwd()).resolve()
    table: dict[str, Any] = {}
    root = folder
    for candidate in (folder, *folder.parents):
        file = candidate / "pyproject.toml"
        if file.is_file():
            found = _table(file)
            if found is not None:
                table, root = found, candidate
                break
    for name, value in table.items():
        if name not in _SETTINGS:
            raise ProjectError(
                f"[tool.{TABLE}] in {root}/pyproject.toml has no '{name}'.{near_miss(name, _SETTINGS)}"
            )
        if not _is_right(name, value):
            raise ProjectError(
                f"{name} = {value!r} in [tool.{TABLE}] of {root}/pyproject.toml must be {_SETTINGS[name]}"
            )
    modules = [name.strip() for name in env.get("ASSETS_MODULES", "").split(",") if name.strip()]
    home = env.get("ASSETS_HOME") or table.get("home", ".assets")
    return Project(
        root=root,
        modules=tuple(modules or table.get("modules", ("assets",))),
        home=root / Path(home).expanduser(),
        store=env.get("ASSETS_STORE") or table.get("store", ""),
        ledger=ledger_at(env.get(LEDGER, ""), table.get("ledger", ""), root),
        checkout=env.get("ASSETS_CHECKOUT") or table.get("checkout", ""),
        environment=env.get("ASSETS_ENV") or table.get("environment", "main"),
        fsync=env.get("ASSETS_FSYNC", "full" if table.get("fsync") else "") == "full",
        config=table.get("config", {}),
        events=table.get("events", {}),
    )


def ledger_at(given: str, written: str, root: Path) -> SecretStr | None:
    """The URL of the ledger. No error shows it: it may hold a password."""
    if not (given or written):
        return None
    where = LEDGER if given else f"ledger in [tool.{TABLE}] of {root}/pyproject.toml"
    try:
        url = urlsplit(given or written)
        asked = {name for name, _ in parse_qsl(url.query)}
        secret = url.password is not None or "password" in asked
    except ValueError:
        raise ProjectError(f"{where} is no URL; give {_SETTINGS['ledger'].removeprefix('text: ')}") from None
    if url.scheme not in ("postgresql", "postgres"):
        raise ProjectError(
            f"{where} is no PostgreSQL URL (postgresql://user@host:port/database); a ledger in a file is"
            " what there is without it"
        )
    if secret and not given:
        raise ProjectError(
            f"{where} holds a password; leave it out, and set ASSETS_LEDGER or PGPASSWORD instead"
        )
    from pydantic import SecretStr

    return SecretStr(given or written)


def _table(file: Path) -> dict[str, Any] | None:
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"{file} cannot be read: {error}") from error
    tool = content.get("tool", {})
    found = tool.get(TABLE) if isinstance(tool, dict) else None
    if found is not None and not isinstance(found, dict):
        raise ProjectError(f"{TABLE} = {found!r} in [tool] of {file} must be a table: [tool.{TABLE}]")
    return found


def _is_right(name: str, value: object) -> bool:
    """Whether the value of a setting has the type that `_SETTINGS` says."""
    match name:
        case "modules":
            return isinstance(value, list) and all(isinstance(each, str) and each for each in value)
        case "fsync":
            return isinstance(value, bool)
        case "config" | "events":
            return isinstance(value, dict) and all(isinstance(each, dict) for each in value.values())
        case _:
            return isinstance(value, str)
