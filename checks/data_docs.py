"""Data Docs: Great Expectations' own pages, of our checks and of what they said."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from checks.columns import CannotJudge
from checks.declaration import Check
from checks.expectation_rules import is_expectation
from checks.great_expectations_bridge import expectation_of, quiet
from checks.suites import result_of, results_of, to_suite, validation_result
from checks.verdict import Verdict
from graph.errors import AssetGraphError

_MARK = ".data-docs"
"""The file that says that what is in a folder was written here, and may be replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """One version of an asset, with its checks and what they said of it.

    Args:
        name: the asset's key.
        version: what tells it from others of the asset: its partition, or its id.
        judged_at: aware.
    """

    name: str
    version: str
    judged_at: datetime
    checks: Sequence[Check]
    verdicts: Sequence[Verdict]


class IncompleteDocs(AssetGraphError):
    """Data Docs in which a version would be missing."""


class FolderTaken(AssetGraphError):
    """A folder that holds something else than Data Docs, which are not written over it."""


def write_data_docs(folder: Path, documented: Sequence[Documented]) -> Path:
    """Write a site into a folder, in the place of one that is there; answers its first page.

    Checks that Great Expectations has no words for are told in ours. Great Expectations is imported for this, which
    takes seconds.

    Raises:
        FolderTaken: there is something else in the folder.
        IncompleteDocs: Great Expectations has left a page out.
    """
    _require_room(folder)
    with tempfile.TemporaryDirectory(prefix="data-docs-") as made, quiet():
        context = _context(Path(made))
        for name in dict.fromkeys(one.name for one in documented):
            _add_suite(context, next(one for one in documented if one.name == name))
        for one in documented:
            _add_result(context, one)
        context.build_data_docs(site_names=["assets"])
        _require_pages(Path(made), documented)
        for part in ("expectations", "validations"):
            shutil.rmtree(folder / part, ignore_errors=True)
        shutil.copytree(made, folder, dirs_exist_ok=True)
        (folder / _MARK).touch()
    return folder / "index.html"


def _require_room(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise FolderTaken(
            f"{folder} holds something else than Data Docs; name an empty folder, or a new one."
        )


def _require_pages(made: Path, documented: Sequence[Documented]) -> None:
    """Great Expectations logs what it cannot render, and goes on without that page."""
    pages = len(list(made.glob("validations/**/*.html")))
    wanted = len({(one.name, one.version, one.judged_at) for one in documented})
    if pages < wanted:
        raise IncompleteDocs(
            f"Great Expectations has rendered {pages} of {wanted} pages; nothing is written."
        )


def _context(folder: Path) -> Any:
    """A context that keeps nothing but the site."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    for name in list(context.list_data_docs_sites()):
        context.delete_data_docs_site(name)
    site: Any = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    context.add_data_docs_site("assets", site)
    return context


def _name(one: Documented) -> str:
    return one.name.replace("/", ".")


def _add_suite(context: Any, one: Documented) -> None:
    from great_expectations.core import ExpectationSuite

    told: list[Any] = []
    for check in one.checks:
        known = to_suite("", [check]).document["expectations"] if _is_known(check) else []
        told += known or [_in_our_words(check)]
    context.suites.add(ExpectationSuite(name=_name(one), expectations=told))


def _add_result(context: Any, one: Documented) -> None:
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResultSchema
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    document = _document(one)
    result = ExpectationSuiteValidationResultSchema().load(json.loads(json.dumps(document, default=str)))
    key = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(_name(one)),
        run_id=RunIdentifier(run_name=one.version.replace("/", "-"), run_time=one.judged_at),
        batch_identifier=one.version.replace("/", "-"),
    )
    context.validation_results_store.set(key, result)


def _document(one: Documented) -> Mapping[str, Any]:
    """The result of a suite, in which no verdict is left out."""
    said = {verdict.check: verdict for verdict in one.verdicts}
    results: list[Mapping[str, Any]] = []
    for check in one.checks:
        if check.name in said:
            known = results_of(check, said[check.name]) if _is_known(check) else []
            results += known or [result_of(check, said[check.name], _in_our_words(check))]
    whole = validation_result(
        _name(one), [_as_shown(told) for told in results], success=all(told["success"] for told in results)
    )
    run = {"run_name": one.version, "run_time": one.judged_at.isoformat()}
    return {**whole, "meta": {**whole["meta"], "run_id": run, "batch_kwargs": {"data_asset_name": one.name}}}


def _as_shown(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """A result whose texts are no markup: the pages show values of the data and errors as they come."""
    return {**told, **{part: _escaped(told[part]) for part in ("result", "exception_info")}}


def _escaped(value: Any) -> Any:
    match value:
        case str():
            return escape(value, quote=False)
        case list():
            return [_escaped(one) for one in value]
        case Mapping():
            return {name: _escaped(one) for name, one in value.items()}
    return value


def _is_known(check: Check) -> bool:
    """Whether Great Expectations can render a check: of one's own expectations, only those whose module is there."""
    try:
        if is_expectation(check.kind):
            expectation_of(check)
    except CannotJudge:
        return False
    return True


def _in_our_words(check: Check) -> Mapping[str, Any]:
    """A check as an expectation that is only read: its promise is shown as it stands here."""
    query = f"SELECT * FROM {{batch}} WHERE false -- judged elsewhere: {check.name}"
    return {
        "type": "unexpected_rows_expectation",
        "kwargs": {"unexpected_rows_query": query},
        "meta": {"name": check.name},
        "severity": "critical" if check.severity == "error" else "warning",
        "description": escape(check.describe(), quote=False),
    }
