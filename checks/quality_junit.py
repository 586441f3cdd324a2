"""A quality report as JUnit XML, which continuous integration knows how to show.

A suite is an asset, a case one of its checks. A broken promise of severity ``error`` is a ``failure``; what could not
be judged is an ``error``, whatever its severity. A broken promise of severity ``warn`` passes: its case says so in
``system-out``. What was not judged yet is ``skipped``. What a check says of a rejected version counts as well as what
it says of a published one.
"""

from __future__ import annotations

import re
from datetime import UTC
from xml.etree import ElementTree as ET

from checks.quality_report import AssetQuality, CheckQuality, QualityReport, Said
from checks.quality_words import finding, of_partition, troubles, value_text, where_failing
from checks.verdict import ROW_NUMBER

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def quality_junit(report: QualityReport) -> str:
    """The XML text."""
    root = ET.Element("testsuites", name=_clean(f"data quality of {report.project or report.environment}"))
    for asset in report.assets:
        root.append(_suite(asset, report))
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    root.set("time", "0")
    ET.indent(root)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(root, encoding='unicode')}\n"


def _suite(asset: AssetQuality, report: QualityReport) -> ET.Element:
    cases = [_case(asset, check) for check in asset.checks]
    suite = ET.Element(
        "testsuite",
        name=_clean(asset.key),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        time="0",
        timestamp=f"{report.made_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
    )
    properties = ET.SubElement(suite, "properties")
    given = {
        "environment": report.environment,
        "standing": asset.standing,
        "freshness": asset.freshness,
        "version": asset.published.version if asset.published else "",
        "unchecked": asset.unchecked or "",
    }
    for name, value in given.items():
        if value:
            ET.SubElement(properties, "property", name=name, value=_clean(value))
    suite.extend(cases)
    if told := "\n".join(troubles(asset)):
        ET.SubElement(suite, "system-out").text = _clean(told)
    return suite


def _case(asset: AssetQuality, check: CheckQuality) -> ET.Element:
    case = ET.Element(
        "testcase", classname=_clean(asset.key.replace("/", ".")), name=_clean(check.name), time="0"
    )
    worst = check.worst
    if worst is None:
        told = "it was changed since it was judged" if check.changed else "it was not judged yet"
        ET.SubElement(case, "skipped", message=told)
    elif worst.status == "cannot be judged":
        _told(case, "error", check, worst)
    elif worst.status == "failed" and not check.is_mild:
        _told(case, "failure", check, worst)
    elif worst.status == "failed":
        what = "warning" if worst.verdict.aside is None else "moved aside"
        ET.SubElement(case, "system-out").text = _clean(f"{what}: {_message(check, worst)}\n{_rows(worst)}")
    return case


def _told(case: ET.Element, tag: str, check: CheckQuality, said: Said) -> None:
    found = ET.SubElement(
        case, tag, message=_clean(_message(check, said)), type=_clean(check.kind or check.name)
    )
    found.text = _clean(_rows(said))


def _message(check: CheckQuality, said: Said) -> str:
    held = "" if said.published else f"the version{of_partition(said)} was rejected"
    parts = filter(None, [finding(said.verdict), where_failing(check), held])
    return f"{check.promise}: {'; '.join(parts)}".removesuffix(": ")


def _rows(said: Said) -> str:
    """The sample, a row a line."""
    return "\n".join(
        ", ".join(
            f"{'row' if name == ROW_NUMBER else name} {value_text(value)}" for name, value in row.items()
        )
        for row in said.verdict.sample
    )


def _clean(text: str) -> str:
    r"""A text without the characters that XML cannot hold, which are told by their number.

    >>> _clean("a\x00b")
    'a\\x00b'
    """
    return _NOT_XML.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
