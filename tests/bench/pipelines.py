"""The same pipelines, written down for each subject: chains of functions that add one to what they read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Kind = Literal["number", "table"]
CHAIN = 10
MODULE = "pipeline"

_PROJECT = f'[tool.prefect-asset-graph]\nmodules = ["{MODULE}"]\n'
_FIRST = {  # by what is written: the imports, and the body of a chain's first function and of the others
    "ours number": ("from graph import asset", "return {number}.5", "return {above} + 1"),
    "ours table": (
        "import pyarrow as pa\nimport pyarrow.compute as pc\n\nfrom graph import asset",
        'return pa.table({{"x": list(range(10)), "y": [{number}.5] * 10}})',
        'return {above}.set_column(1, "y", pc.add({above}["y"], 1))',
    ),
    "dagster number": ("from dagster import asset", "return {number}.5", "return {above} + 1"),
    "hamilton number": ("", "return {number}.5", "return {above} + 1"),
    "dagster table": (
        "import pandas as pd\nfrom dagster import asset",
        'return pd.DataFrame({{"x": range(10), "y": {number}.5}})',
        "return {above}.assign(y={above}.y + 1)",
    ),
    "hamilton table": (
        "import pandas as pd",
        'return pd.DataFrame({{"x": range(10), "y": {number}.5}})',
        "return {above}.assign(y={above}.y + 1)",
    ),
}
_TYPES = {
    "number": "float",
    "ours table": "pa.Table",
    "dagster table": "pd.DataFrame",
    "hamilton table": "pd.DataFrame",
}


def write_chains(folder: Path, subject: str, assets: int, kind: Kind = "number") -> Path:
    """A module with ``assets`` functions in chains of ten; for us with the project's settings beside it."""
    imports, first, other = _FIRST[f"{subject} {kind}"]
    annotation = _TYPES.get(f"{subject} {kind}") or _TYPES[kind]
    decorator = {"ours": "@asset", "dagster": "@asset(automation_condition=EAGER)", "hamilton": ""}[subject]
    lines = [imports, ""]
    if subject == "dagster":
        lines = [
            imports.replace("import asset", "import AutomationCondition, asset"),
            "",
            "EAGER = AutomationCondition.eager()",
            "",
        ]
    for number in range(assets):
        above = f"a{number - 1}" if number % CHAIN else ""
        parameter = f"{above}: {annotation}" if above else ""
        body = (other if above else first).format(above=above, number=number)
        lines += [decorator, f"def a{number}({parameter}) -> {annotation}:", f"    {body}", ""]
    (folder / f"{MODULE}.py").write_text("\n".join(lines))
    if subject == "ours":
        (folder / "pyproject.toml").write_text(_PROJECT)
    return folder


def write_layers(folder: Path, layers: int, width: int, constant: int) -> Path:
    """A root, and ``layers`` modules of ``width`` assets that each read two of the layer above; for us only."""
    package = folder / MODULE
    package.mkdir(exist_ok=True)
    root = [
        "from graph import asset",
        "",
        f"CONSTANT = {constant}",
        "",
        "@asset",
        "def root() -> int:",
        "    return CONSTANT",
    ]
    (package / "__init__.py").write_text("\n".join([*root, ""]))
    for layer in range(layers):
        lines = ["from graph import asset", ""]
        for place in range(width):
            near = [f"a{layer - 1}_{place}", f"a{layer - 1}_{(place + 1) % width}"]
            parameters = ", ".join(f"{one}: int" for one in near) if layer else "root: int"
            body = f"max({', '.join(near)})" if layer else f"root + {place}"
            lines += ["@asset", f"def a{layer}_{place}({parameters}) -> int:", f"    return {body}", ""]
        (package / f"layer_{layer:03}.py").write_text("\n".join(lines))
    (folder / "pyproject.toml").write_text(_PROJECT)
    return folder


def write_daily_for_dagster(folder: Path, assets: int) -> Path:
    """The chains of `write_chains` with a partition for each day; for Dagster only."""
    lines = [
        "from dagster import AutomationCondition, DailyPartitionsDefinition, asset",
        "",
        'DAYS = DailyPartitionsDefinition(start_date="2023-01-01")',
        "EAGER = AutomationCondition.eager()",
        "",
    ]
    for number in range(assets):
        parameter = f"a{number - 1}: float" if number % CHAIN else ""
        lines += [
            "@asset(partitions_def=DAYS, automation_condition=EAGER)",
            f"def a{number}({parameter}) -> float:",
        ]
        lines += ["    return 1.5", ""]
    (folder / f"{MODULE}.py").write_text("\n".join(lines))
    return folder


def write_groups(folder: Path, groups: int, layers: int, width: int, constant: int) -> Path:
    """A root, and ``groups`` modules of ``layers`` times ``width`` assets that read two of the layer above; ours only.

    All have a partition for each day and follow what they read by themselves.
    """
    package = folder / MODULE
    package.mkdir(exist_ok=True)
    head = [
        "from graph import Daily, asset",
        "from graph.automation import eager",
        "",
        'DAYS = Daily(start="2021-04-07")',
        "EAGER = eager()",
    ]
    root = [
        *head,
        f"CONSTANT = {constant}",
        "",
        "@asset(partitions=DAYS)",
        "def root() -> int:",
        "    return CONSTANT",
    ]
    (package / "__init__.py").write_text("\n".join([*root, ""]))
    for group in range(groups):
        (package / f"group_{group:03}").mkdir(exist_ok=True)
        lines = [*head, ""]
        for layer in range(layers):
            for place in range(width):
                near = [f"g{group}_{layer - 1}_{place}", f"g{group}_{layer - 1}_{(place + 1) % width}"]
                parameters = ", ".join(f"{one}: int" for one in near) if layer else "root: int"
                body = f"max({', '.join(near)})" if layer else f"root + {place}"
                lines += [
                    "@asset(partitions=DAYS, automation=EAGER)",
                    f"def g{group}_{layer}_{place}({parameters}) -> int:",
                    f"    return {body}",
                    "",
                ]
        (package / f"group_{group:03}" / "__init__.py").write_text("\n".join(lines))
    (folder / "pyproject.toml").write_text(_PROJECT)
    return folder
