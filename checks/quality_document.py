"""A quality report for machines: one JSON document, whose keys stay."""

from __future__ import annotations

import json
import math
from typing import TypeAlias

from checks.plain_values import Plain
from checks.quality_report import (
    STANDINGS,
    AssetQuality,
    CheckQuality,
    Point,
    Published,
    QualityReport,
    Rejected,
    Said,
)

Document: TypeAlias = "bool | int | float | str | list[Document] | dict[str, Document] | None"

FORMAT = 1
"""Moved when a key changes its meaning or goes; new keys may come at any time."""


def totals(report: QualityReport) -> dict[str, Document]:
    """How many assets stand how, and how many checks say what; an asset may count in several standings."""
    statuses = [check.status for check in report.checks]
    return {
        "assets": len(report.assets),
        "checks": len(statuses),
        "checks_passed": statuses.count("passed"),
        "checks_failed": statuses.count("failed"),
        "checks_that_cannot_be_judged": statuses.count("cannot be judged"),
        "checks_not_judged": statuses.count("not judged"),
        "standings": {standing: report.count(standing) for standing in STANDINGS},
    }


def quality_document(report: QualityReport) -> dict[str, Document]:
    """The whole report; moments in ISO 8601."""
    return {
        "format": FORMAT,
        "project": report.project,
        "environment": report.environment,
        "selection": report.selection,
        "made_at": report.made_at.isoformat(),
        "history": report.history,
        "totals": totals(report),
        "assets": [_asset(asset) for asset in report.assets],
    }


def quality_json(report: QualityReport) -> str:
    """The text of `quality_document`."""
    return json.dumps(quality_document(report), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _asset(asset: AssetQuality) -> Document:
    return {
        "key": asset.key,
        "description": asset.description,
        "standing": asset.standing,
        "standings": list(asset.standings),
        "freshness": asset.freshness,
        "as_of": None if asset.as_of is None else asset.as_of.isoformat(),
        "built": asset.built,
        "published": _published(asset.published),
        "partitions": asset.partitions,
        "unchecked": asset.unchecked,
        "rejected": [_rejected(one) for one in asset.rejected],
        "checks": [_check(check) for check in asset.checks],
    }


def _published(found: Published | None) -> Document:
    if found is None:
        return None
    return {
        "version": found.version,
        "partition": found.partition or None,
        "made_at": found.made_at.isoformat(),
    }


def _rejected(found: Rejected) -> Document:
    return {
        "version": found.version,
        "partition": found.partition or None,
        "made_at": found.made_at.isoformat(),
        "reason": found.reason,
        "served": _published(found.served),
    }


def _check(check: CheckQuality) -> Document:
    return {
        "name": check.name,
        "kind": check.kind,
        "promise": check.promise,
        "severity": check.severity,
        "columns": list(check.columns),
        "status": check.status,
        "fails_published": check.fails_published,
        "changed": check.changed,
        "judged": check.judged,
        "said": [_said(one) for one in check.said],
        "trend": [_point(one) for one in check.trend],
    }


def _said(said: Said) -> Document:
    verdict = said.verdict
    return {
        "status": said.status,
        "version": said.version,
        "partition": said.partition or None,
        "published": said.published,
        "judged_at": said.judged_at.isoformat(),
        "promise": verdict.promise,
        "failing": verdict.failing,
        "counted": verdict.counted,
        "rows": verdict.rows,
        "observed": _plain(verdict.observed),
        "error": verdict.error,
        "sample": [{name: _plain(value) for name, value in row.items()} for row in verdict.sample],
    }


def _point(point: Point) -> Document:
    return {
        "at": point.at.isoformat(),
        "version": point.version,
        "partition": point.partition or None,
        "status": point.status,
        "observed": _plain(point.observed),
        "failing": point.failing,
        "rejected": point.rejected,
    }


def _plain(value: Plain) -> Document:
    """A plain value as JSON: what it has no form for as text, NaN and infinities too."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case bytes():
            return value.hex()
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case tuple() | list():
            return [_plain(one) for one in value]
        case _:
            isoformat = getattr(value, "isoformat", None)
            return str(isoformat() if isoformat else value)
