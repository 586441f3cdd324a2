"""Judging by Great Expectations itself: what is not translated to SQL, and expectations of one's own.

It is imported only then: that alone takes seconds. Tables go to its pandas engine, in which a null of a number is a
NaN, whole numbers with nulls are floats, and dates and decimals are objects.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from checks.columns import CannotJudge
from checks.custom_expectation import MODULE
from checks.declaration import Check
from checks.plain_values import Plain, plain
from checks.verdict import ROW_NUMBER, Finding

if TYPE_CHECKING:
    import pyarrow as pa


def judged_by_great_expectations(
    table: pa.Table, checks: Sequence[Check], sample_rows: int
) -> dict[str, Finding | CannotJudge]:
    """What Great Expectations finds, by the name of the check."""
    with quiet():
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        frame = table.to_pandas()
        asset = context.data_sources.add_pandas("tables").add_dataframe_asset("judged")
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
        found: dict[str, Finding | CannotJudge] = {}
        known: list[tuple[Check, Any]] = []
        for check in checks:
            try:
                known.append((check, expectation_of(check)))
            except CannotJudge as reason:
                found[check.name] = reason
        # one by one: a suite drops the second of two that are alike, and gives results in an order of its own
        form = {"result_format": "COMPLETE", "partial_unexpected_count": sample_rows}
        for check, expectation in known:
            result = batch.validate(expectation, result_format=form)
            found[check.name] = _finding(check, result.to_json_dict(), table, sample_rows)
        return found


def expectation_of(check: Check) -> Any:
    """A check as an expectation of Great Expectations.

    Raises:
        CannotJudge: it has none of this name, or not with these arguments.
    """
    import great_expectations.expectations as gxe

    named = {name.lower(): getattr(gxe, name) for name in dir(gxe)}
    kind = named.get(check.kind.replace("_", "")) or _taught(check)
    try:
        return kind(**arguments_of(check))
    except (TypeError, ValueError) as error:
        raise CannotJudge(f"Great Expectations does not take it: {error}") from error


def _taught(check: Check) -> Any:
    """The class of an expectation that is none of Great Expectations' own.

    Raises:
        CannotJudge: its module cannot be imported, or declares no such class.
    """
    from great_expectations.exceptions.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl

    module = str(dict(check.parameters).get(MODULE) or "")
    try:
        if module:
            import_module(module)
    except Exception as error:  # a module of the user's may raise anything
        told = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        raise CannotJudge(f"its module '{module}' cannot be imported: {told}.") from error
    try:
        return get_expectation_impl(check.kind)
    except ExpectationNotFoundError:
        where = f"the module '{module}' declares none" if module else "say where it is with module="
        raise CannotJudge(
            f"neither this project nor Great Expectations knows the kind '{check.kind}'; {where}."
        ) from None


def arguments_of(check: Check) -> dict[str, Any]:
    """The arguments of an expectation, as Great Expectations names them.

    Raises:
        CannotJudge: its row condition is written in SQL.
    """
    told: dict[str, Any] = {name: _json(value) for name, value in check.parameters if name != MODULE}
    match check.columns:
        case (one, other) if check.kind.startswith("expect_column_pair_"):
            told |= {"column_A": one, "column_B": other}
        case () if not check.kind.startswith(("expect_compound", "expect_multicolumn", "expect_select")):
            pass
        case (one,) if check.kind.startswith("expect_column_"):
            told["column"] = one
        case several:
            told["column_list"] = list(several)
    if check.mostly != 1:
        told["mostly"] = check.mostly
    if check.row_condition is not None:
        if check.row_condition.expression is None:
            raise CannotJudge(
                f"its row condition '{check.row_condition.sql}' is SQL, which Great Expectations cannot read;"
                " write it with checks.column."
            )
        told |= {"row_condition": check.row_condition.expression, "condition_parser": "great_expectations"}
    return told


def _json(value: Any) -> Any:
    """A parameter as Great Expectations takes it: lists, not tuples."""
    match value:
        case tuple():
            return [_json(one) for one in value]
        case Mapping():
            return {name: _json(one) for name, one in value.items()}
    return value


def _finding(
    check: Check, told: Mapping[str, Any], table: pa.Table, sample_rows: int
) -> Finding | CannotJudge:
    """A result as a finding."""
    if error := _error(told.get("exception_info") or {}):
        return CannotJudge(error, quotes=True)
    result = told.get("result") or {}
    rows, missing = result.get("element_count"), result.get("missing_count") or 0
    return Finding(
        passed=bool(told["success"]),
        failing=result.get("unexpected_count"),
        counted=None if rows is None else rows - missing,
        rows=rows,
        observed=plain(result.get("observed_value")),
        sample=_sample(check, result, table, sample_rows),
    )


def _error(info: Mapping[str, Any]) -> str:
    """What went wrong, of one metric or of the whole."""
    whole = [info] if "raised_exception" in info else list(info.values())
    messages = [one["exception_message"] for one in whole if one.get("raised_exception")]
    return str(messages[0]).strip() if messages else ""


def _sample(
    check: Check, result: Mapping[str, Any], table: pa.Table, limit: int
) -> Sequence[Mapping[str, Plain]]:
    numbers = result.get("unexpected_index_list")
    if numbers and all(isinstance(number, int) for number in numbers):
        from checks.table import Shown, rows_at, rows_shown, shown_columns

        shown = Shown(numbers=numbers[:limit], columns=shown_columns(table.column_names, check.columns))
        return rows_shown({check.name: shown}, partial(rows_at, table))[check.name]
    values = result.get("partial_unexpected_list") or []
    return [{ROW_NUMBER: None, "value": plain(value)} for value in values[:limit]]


@contextmanager
def quiet() -> Iterator[None]:
    """Without what Great Expectations says beside its results."""
    import logging

    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
