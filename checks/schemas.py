"""What the schema of a table answers: which columns there are, in what order and of what types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from checks.columns import CannotJudge
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


SHAPES = frozenset(
    {
        "expect_column_to_exist",
        "expect_column_type_to_be",
        "expect_column_values_to_be_of_type",
        "expect_column_values_to_be_in_type_list",
        "expect_table_column_count_to_be_between",
        "expect_table_column_count_to_equal",
        "expect_table_columns_to_match_ordered_list",
        "expect_table_columns_to_match_set",
    }
)
"""The expectations that the schema alone answers."""


def shape_finding(check: Check, schema: pa.Schema) -> Finding:
    """What an expectation about the names, the number or the types of columns finds."""
    names = list(schema.names)
    given: Mapping[str, Any] = dict(check.parameters)
    match check.kind:
        case "expect_column_to_exist":
            (name,) = check.columns
            at = names.index(name) if name in names else None
            wanted = given.get("column_index")
            return Finding(passed=at is not None and wanted in (None, at), observed=at)
        case "expect_table_column_count_to_equal":
            return Finding(passed=len(names) == given["value"], observed=len(names))
        case "expect_table_column_count_to_be_between":
            low, high = given.get("min_value"), given.get("max_value")
            enough = low is None or len(names) >= low
            return Finding(passed=enough and (high is None or len(names) <= high), observed=len(names))
        case "expect_table_columns_to_match_ordered_list":
            return Finding(passed=names == list(given["column_list"]), observed=names)
        case "expect_table_columns_to_match_set":
            wanted = set(given["column_set"])
            exact = given.get("exact_match", True)
            return Finding(passed=set(names) == wanted if exact else wanted <= set(names), observed=names)
    (name,) = check.columns
    if name not in names or names.count(name) > 1:
        raise CannotJudge(f"column '{name}' is missing.{near_miss(name, names)}")
    known = _names_of(schema.field(name).type)
    wanted = set(given.get("type_list") or (given["type_"],))
    return Finding(passed=bool(known & wanted), observed=str(schema.field(name).type))


def _names_of(kind: pa.DataType) -> set[str]:
    """The names by which a type is known: Arrow's, that of pandas, and Python's."""
    import pyarrow as pa

    found = {str(kind), logical_type(str(kind))}
    try:
        found.add(str(pa.table({"x": pa.array([], kind)}).to_pandas().dtypes["x"]))
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid, TypeError):
        return found
    is_ = pa.types
    for test, name in (
        (is_.is_integer, "int"),
        (is_.is_floating, "float"),
        (is_.is_boolean, "bool"),
        (is_.is_string, "str"),
        (is_.is_large_string, "str"),
        (is_.is_timestamp, "datetime"),
        (is_.is_date, "date"),
        (is_.is_decimal, "Decimal"),
    ):
        if test(kind):
            found.add(name)
    return found


def _differences(expected: Mapping[str, str], schema: pa.Schema, *, exact: bool) -> list[str]:
    types = {name: str(arrow_type) for name, arrow_type in zip(schema.names, schema.types, strict=True)}
    found = []
    for name, wanted in expected.items():
        if name not in types:
            extra = [other for other in types if other not in expected]
            found.append(f"'{name}' is missing.{near_miss(name, extra)}".rstrip("."))
        elif logical_type(types[name]) != logical_type(_canonical(wanted)):
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


def logical_type(type_name: str) -> str:
    """The type without its layout: of large and view types, and of dictionaries, what their values are."""
    type_name = re.sub(r"dictionary<values=(.*?), indices=\w+, ordered=\d>", r"\1", type_name)
    type_name = re.sub(r"large_(string|binary|list)", r"\1", type_name)
    return re.sub(r"(string|binary|list)_view", r"\1", type_name)
