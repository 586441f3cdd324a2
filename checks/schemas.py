"""Comparing the columns that a table has with those it should have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from checks.declaration import Check
from checks.verdict import Finding
from graph.errors import near_miss

if TYPE_CHECKING:
    import pyarrow as pa


def schema_finding(check: Check, schemas: Mapping[str, pa.Schema]) -> Finding:
    """What is missing, of another type, or too many; of several files, in the first one that differs."""
    for file, schema in schemas.items():
        if differences := _differences(dict(check["types"]), schema, exact=check["exact"]):
            at = f" in {file}" if len(schemas) > 1 else ""
            return Finding(passed=False, failing=len(differences), observed="; ".join(differences) + at)
    return Finding(passed=True, failing=0)


def _differences(expected: Mapping[str, str], schema: pa.Schema, *, exact: bool) -> list[str]:
    types = {name: str(arrow_type) for name, arrow_type in zip(schema.names, schema.types, strict=True)}
    found = []
    for name, wanted in expected.items():
        if name not in types:
            extra = [other for other in types if other not in expected]
            found.append(f"'{name}' is missing.{near_miss(name, extra)}".rstrip("."))
        elif _logical(types[name]) != _logical(_canonical(wanted)):
            found.append(f"'{name}' is {types[name]}, not {wanted}")
    found.extend(f"'{name}' is there twice" for name in types if schema.names.count(name) > 1)
    if exact:
        found.extend(f"'{name}' ({types[name]}) is not expected" for name in types if name not in expected)
    return found


def _canonical(type_name: str) -> str:
    """The type as Arrow writes it: ``float64`` is ``double``."""
    import pyarrow as pa

    try:
        return str(pa.type_for_alias(type_name))
    except ValueError:
        return type_name


def _logical(type_name: str) -> str:
    """The type without its layout: of large and view types, and of dictionaries, what their values are."""
    type_name = re.sub(r"dictionary<values=(.*?), indices=\w+, ordered=\d>", r"\1", type_name)
    type_name = re.sub(r"large_(string|binary|list)", r"\1", type_name)
    return re.sub(r"(string|binary|list)_view", r"\1", type_name)
