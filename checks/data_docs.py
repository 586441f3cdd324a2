"""Data Docs: Great Expectations' own pages, of our checks and of what they said."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from checks.declaration import Check
from checks.great_expectations_bridge import quiet
from checks.suites import to_suite, to_validation_result
from checks.verdict import Verdict


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


def write_data_docs(folder: Path, documented: Sequence[Documented]) -> Path:
    """Write a site into a folder, in the place of one that is there; answers its first page.

    Checks that Great Expectations has no words for are not in it. Great Expectations is imported for this, which takes
    seconds.
    """
    with tempfile.TemporaryDirectory(prefix="data-docs-") as made, quiet():
        context = _context(Path(made))
        for name in dict.fromkeys(one.name for one in documented):
            _add_suite(context, next(one for one in documented if one.name == name))
        for one in documented:
            _add_result(context, one)
        context.build_data_docs(site_names=["assets"])
        for part in ("expectations", "validations", "static"):
            shutil.rmtree(folder / part, ignore_errors=True)
        shutil.copytree(made, folder, dirs_exist_ok=True)
    return folder / "index.html"


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

    document = to_suite(_name(one), one.checks).document
    context.suites.add(ExpectationSuite(name=document["name"], expectations=document["expectations"]))


def _add_result(context: Any, one: Documented) -> None:
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResultSchema
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    document = to_validation_result(_name(one), one.checks, one.verdicts)
    result = ExpectationSuiteValidationResultSchema().load(json.loads(json.dumps(document, default=str)))
    key = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(_name(one)),
        run_id=RunIdentifier(run_name=one.version.replace("/", "-"), run_time=one.judged_at),
        batch_identifier=one.version.replace("/", "-"),
    )
    context.validation_results_store.set(key, result)
