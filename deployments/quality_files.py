"""The quality report as files, for people and for machines: `assets report`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

from checks.quality_document import quality_json, totals
from checks.quality_junit import quality_junit
from checks.quality_page import quality_page
from checks.quality_report import QualityReport
from checks.quality_words import summary, troubles
from deployments.amounts import size_text
from deployments.answers import REJECTED, SUCCEEDED, Answer
from deployments.gathering_quality import quality_report
from deployments.text_table import bounded
from deployments.whole_files import put_whole
from materializers.workspace import Workspace

Form: TypeAlias = Literal["html", "junit", "json"]
FailOn: TypeAlias = Literal["error", "warn", "never"]

_SUFFIXES: dict[Form, str] = {"html": ".html", "junit": ".xml", "json": ".json"}
_WRITERS: dict[Form, Callable[[QualityReport], str]] = {
    "html": quality_page,
    "junit": quality_junit,
    "json": quality_json,
}
_SHOWN = 20


def write_report(
    workspace: Workspace,
    selection: str,
    *,
    now: datetime,
    to: Path | None,
    forms: Sequence[Form],
    history: int,
    fail_on: FailOn,
) -> Answer:
    """Write the quality report of a selection; each file is there whole or not at all.

    Args:
        to: otherwise ``quality`` with the suffix of what is written.
        forms: otherwise what the suffix of ``to`` says, or HTML.
    """
    report = quality_report(workspace, selection, now=now, history=history)
    written: list[tuple[Form, Path, int]] = []
    for form, path in places(to, forms):
        # half of a pair of surrogates is no text that a file can hold; JSON reads what is written instead
        content = _WRITERS[form](report).encode("utf-8", "backslashreplace")
        put_whole(path, lambda aside, content=content: aside.write_bytes(content))  # type: ignore[misc]  # its default is its type
        written.append((form, path, len(content)))
    fails = fail_on != "never" and report.fails(fail_on)
    return Answer(
        text=lambda: _text(report, written),
        document=lambda: {
            "files": [
                {"format": form, "path": str(path.absolute()), "bytes": size} for form, path, size in written
            ],
            "fails": fails,
            "totals": totals(report),
            "troubles": {asset.key: said for asset in report.assets if (said := list(troubles(asset)))},
        },
        exit_code=REJECTED if fails else SUCCEEDED,
    )


def places(to: Path | None, forms: Sequence[Form]) -> list[tuple[Form, Path]]:
    """Which forms are written, and where: of several, each with the suffix of its own.

    >>> [(form, str(path)) for form, path in places(Path("out/q.html"), ["html", "junit"])]
    [('html', 'out/q.html'), ('junit', 'out/q.xml')]
    >>> [(form, str(path)) for form, path in places(Path("q.json"), [])]
    [('json', 'q.json')]
    """
    wanted = list(dict.fromkeys(forms)) or [_form_of(to)]
    if to is not None and len(wanted) == 1:
        return [(wanted[0], to)]
    return [(form, (to or Path("quality")).with_suffix(_SUFFIXES[form])) for form in wanted]


def _form_of(to: Path | None) -> Form:
    suffix = to.suffix.lower() if to is not None else ".html"
    return next((form for form, its in _SUFFIXES.items() if its == suffix), "html")


def _text(report: QualityReport, written: Sequence[tuple[Form, Path, int]]) -> str:
    told = [f"{asset.key}: {said}" for asset in report.assets for said in troubles(asset)]
    lines = bounded(told, _SHOWN, "; see the report")
    files = [f"wrote {path} ({size_text(size)})" for _, path, size in written]
    return "\n".join([*lines, summary(report), *files])
