"""A package of assets that works at once, to grow from: `assets new NAME`."""

from __future__ import annotations

import keyword
import sys
from importlib.util import find_spec
from pathlib import Path

from deployments.answers import FAILED, Answer
from deployments.command_error import CommandError

_PYPROJECT = """\
[project]
name = "{name}"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["prefect-asset-graph"]

[tool.prefect-asset-graph]
modules = ["{name}"]

[tool.pytest.ini_options]
pythonpath = ["."]
testpaths = ["tests"]
"""

_MODULE = '''\
"""Temperatures, and what they say of each city."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from checks import between, not_null, unique
from graph import Config, asset, fresh_within

if TYPE_CHECKING:
    import pyarrow as pa

@asset(
    volatile=True,  # it reads the world outside, so the clock makes it due again
    freshness=fresh_within(timedelta(hours=26), warn_after=timedelta(hours=24)),
    checks=[not_null("city", "celsius"), unique("city", "hour"), between("celsius", -90, 60)],
)
def temperatures() -> pa.Table:
    """Degrees Celsius by city and hour (0 to 23). Replace the body by what reads your world."""
    import pyarrow as pa

    rows = [
        {{"city": city, "hour": hour, "celsius": mean + abs(hour - 14) * -0.5}}
        for city, mean in (("Oslo", 9.0), ("Rome", 21.0))
        for hour in range(24)
    ]
    return pa.Table.from_pylist(rows)


class MeansConfig(Config):
    """Set with ``--config {name}/city_means.digits=2``."""

    digits: int = 1


@asset(freshness=fresh_within(timedelta(hours=26)), checks=[unique("city"), between("celsius", -90, 60)])
def city_means(temperatures: pa.Table, config: MeansConfig) -> pa.Table:
    """The mean temperature of each city. The parameter's name says what it is made from."""
    import pyarrow as pa

    seen: dict[str, list[float]] = {{}}
    for row in temperatures.to_pylist():
        seen.setdefault(row["city"], []).append(row["celsius"])
    means = [
        {{"city": city, "celsius": round(sum(found) / len(found), config.digits)}}
        for city, found in sorted(seen.items())
    ]
    return pa.Table.from_pylist(means)
'''

_TEST = """\
from __future__ import annotations

import pyarrow as pa
from {name}.temperatures import MeansConfig, city_means


def test_a_mean_is_rounded_to_the_configured_digits():
    seen = pa.Table.from_pylist([{{"city": "Oslo", "celsius": 1.0}}, {{"city": "Oslo", "celsius": 1.25}}])

    assert city_means(seen, MeansConfig(digits=1)).to_pylist() == [{{"city": "Oslo", "celsius": 1.1}}]
"""

_README = """\
# {name}

    materialize city_means            build it, with what it is made from
    materialize city_means            again: everything is up to date
    assets sql "from {name}.city_means"
    assets status
    assets lineage city_means
    python -m pytest                  an asset is an ordinary function

The assets are in `{name}/temperatures.py`. A parameter named like an asset is its upstream.
"""

_FILES = {
    "pyproject.toml": _PYPROJECT,
    "README.md": _README,
    ".gitignore": ".assets/\n__pycache__/\n",
    "{name}/__init__.py": '"""The assets of {name}."""\n',
    "{name}/temperatures.py": _MODULE,
    "tests/test_temperatures.py": _TEST,
}


def new_project(place: Path) -> Answer:
    """Write a project with two assets, their checks and a test into a new folder; an existing one is left alone."""
    name = place.name
    _require_usable(name)
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise CommandError(f"{place} exists already and is left as it is; choose another name")
    written = []
    try:
        for pattern, text in _FILES.items():
            file = place / pattern.format(name=name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.format(name=name), "utf-8")
            written.append(file)
    except OSError as error:
        raise CommandError(
            f"{place} cannot be written: {error.strerror or error}", exit_code=FAILED
        ) from error
    return Answer(
        text=lambda: "\n".join(
            [
                *(f"wrote {file}" for file in written),
                "",
                "go on with:",
                f"  cd {place}",
                "  materialize city_means",
            ]
        ),
        document=lambda: {"name": name, "files": [str(file.absolute()) for file in written]},
    )


def _require_usable(name: str) -> None:
    """A package of this name can be imported, and is not hidden by another one."""
    if not name.isidentifier() or keyword.iskeyword(name) or not name.isascii():
        raise CommandError(
            f"'{name}' cannot be a package's name; use letters, digits and '_', such as my_assets"
        )
    found = find_spec(name)
    if name in ("tests", *sys.stdlib_module_names) or (found is not None and found.origin is not None):
        raise CommandError(f"'{name}' is the name of a package that Python finds already; choose another")
