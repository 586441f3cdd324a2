"""The report as a noun, in words, as JSON and as JUnit XML: what stands how, and nothing that breaks them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import Verdict
from checks.quality_document import quality_json, totals
from checks.quality_junit import quality_junit
from checks.quality_page import quality_page
from checks.quality_report import (
    AssetQuality,
    CheckQuality,
    Point,
    Published,
    QualityReport,
    Rejected,
    Said,
    point_of,
)
from checks.quality_trend import trend_svg
from checks.quality_words import summary, troubles

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
VISIBLE = Published(version="v1", made_at=NOON - timedelta(days=1))


def verdict(**given: Any) -> Verdict:
    return Verdict(
        **{"check": "positive", "kind": "between", "digest": "d", "severity": "error", "passed": False}
        | given
    )


def said(published: bool = True, partition: str = "", **given: Any) -> Said:
    return Said(
        version="v1" if published else "v2",
        judged_at=NOON,
        verdict=verdict(**given),
        published=published,
        partition=partition,
    )


def check(*all_said: Said, severity: str = "error", **given: Any) -> CheckQuality:
    return CheckQuality(
        **{"name": "positive", "promise": "x is more than 0", "kind": "between"} | given,
        severity=severity,
        said=all_said,
        judged=len(all_said),
    )


def quality(*checks: CheckQuality, published: Published | None = VISIBLE, **given: Any) -> AssetQuality:
    return AssetQuality(**{"key": "t/x", "checks": checks, "published": published} | given)


def report(*assets: AssetQuality) -> QualityReport:
    return QualityReport(made_at=NOON, assets=assets, project="shop")


GOOD = check(said(passed=True))
FAILS = check(said(failing=2, rows=10))
REJECTION = Rejected(version="v2", made_at=NOON, reason="positive: 2 rows", served=VISIBLE)
HELD_BACK = check(said(False, failing=2, rows=10), said(passed=True))
UNJUDGED = check(said(error="column 'x' is missing"))
WARNS = check(said(observed=-1, severity="warn"), severity="warn")


@pytest.mark.parametrize(
    ("asset", "standings"),
    [
        pytest.param(quality(GOOD), ("sound",), id="what passes is sound"),
        pytest.param(quality(GOOD, FAILS), ("failing",), id="published although an error check fails"),
        pytest.param(
            quality(HELD_BACK, rejected=(REJECTION,)), ("rejected",), id="the good version is served"
        ),
        pytest.param(
            quality(check(said(False)), rejected=(replace(REJECTION, served=None),), published=None),
            ("rejected", "nothing published"),
            id="none was ever good",
        ),
        pytest.param(quality(WARNS), ("warning",), id="a check that warns"),
        pytest.param(quality(UNJUDGED, WARNS), ("cannot be judged", "warning"), id="two things at once"),
        pytest.param(quality(check(), GOOD), ("not judged",), id="one was not asked yet"),
        pytest.param(
            quality(check(), published=None), ("nothing published",), id="nothing is there to judge"
        ),
        pytest.param(quality(unchecked="a constant"), ("unchecked",), id="no checks"),
    ],
)
def test_how_an_asset_stands(asset: AssetQuality, standings: tuple[str, ...]) -> None:
    assert (asset.standings, asset.standing) == (standings, standings[0])


def test_the_gravest_of_several_partitions_speaks_for_a_check() -> None:
    found = check(said(partition="c", passed=True), said(partition="b"), said(partition="a", error="no x"))
    assert found.worst == found.said[2]
    assert found.status == "cannot be judged"


@pytest.mark.parametrize(
    ("asset", "error", "warn"),
    [
        pytest.param(quality(GOOD), False, False, id="sound"),
        pytest.param(quality(check(), published=None), False, False, id="not judged yet is no failure"),
        pytest.param(quality(WARNS), False, True, id="a warning fails only who asks for warnings"),
        pytest.param(quality(UNJUDGED), True, True, id="cannot be judged"),
        pytest.param(quality(HELD_BACK, rejected=(REJECTION,)), True, True, id="rejected"),
    ],
)
def test_what_fails_a_report(asset: AssetQuality, error: bool, warn: bool) -> None:
    assert (report(asset).fails("error"), report(asset).fails("warn")) == (error, warn)


def test_what_is_wrong_is_told_in_sentences() -> None:
    partitions = [said(partition=f"2026-03-0{day}", failing=1, rows=5) for day in (3, 1)]
    asset = quality(
        HELD_BACK,
        replace(UNJUDGED, name="typed"),
        replace(WARNS, name="usual"),
        replace(check(*partitions), name="daily", judged=30),
        rejected=(REJECTION,),
    )
    assert list(troubles(asset)) == [
        (
            "the version made 2026-03-03 12:00 UTC was rejected, positive: 2 rows; "
            "served instead is the version made 2026-03-02 12:00 UTC (v1)"
        ),
        "cannot be judged: typed (column 'x' is missing)",
        "warning, usual fails (observed -1)",
        "published, and daily fails (1 of 5 rows fail, in 2 of 30 judged: 2026-03-03, 2026-03-01)",
    ]
    assert summary(report(asset, quality(GOOD, key="t/y"))) == (
        "2 assets: 1 rejected, 1 published and failing, 1 with a check that cannot be judged, 1 with a warning."
    )


@pytest.mark.parametrize(
    ("assets", "sentence"),
    [
        pytest.param([], "There are no assets.", id="none"),
        pytest.param([quality(check(), published=None)], "Nothing was judged yet.", id="at the beginning"),
        pytest.param([quality(GOOD)], "Every check that was judged holds.", id="all is well"),
        pytest.param(
            [quality(GOOD), quality(check(), key="t/y")],
            "Every check that was judged holds; 1 asset waiting to be judged.",
            id="as far as is known",
        ),
    ],
)
def test_the_report_in_one_sentence(assets: list[AssetQuality], sentence: str) -> None:
    assert summary(report(*assets)) == sentence


def test_a_point_is_read_from_the_ledgers_text() -> None:
    text = verdict(observed=Decimal("1.5"), failing=3, sample=({"x": 1},)).to_json()
    assert point_of(text, at=NOON, version="v1", partition="p", rejected=True) == (
        "positive",
        "d",
        Point(
            at=NOON,
            version="v1",
            status="failed",
            partition="p",
            observed=Decimal("1.5"),
            failing=3,
            rejected=True,
        ),
    )


# --- JSON --------------------------------------------------------------------------------------------------


def test_the_json_report_says_it_all() -> None:
    sample = {"#": 3, "x": math.nan, "day": date(2026, 3, 1), "price": Decimal("1.50")}
    one = check(
        said(failing=1, rows=10, observed=-math.inf, sample=(sample,)),
        trend=(Point(at=NOON, version="v1", status="failed", observed=-1, failing=1),),
    )
    read = json.loads(quality_json(report(quality(one, HELD_BACK, rejected=(REJECTION,)))))
    assert list(read) == [
        "format", "project", "environment", "selection", "made_at", "history", "totals", "assets",
    ]  # fmt: skip
    (asset,) = read["assets"]
    assert asset["standings"] == ["rejected", "failing"]
    assert asset["rejected"][0]["served"] == {
        "version": "v1",
        "partition": None,
        "made_at": "2026-03-02T12:00:00+00:00",
    }
    assert asset["checks"][0]["said"][0]["observed"] == "-inf"
    assert asset["checks"][0]["said"][0]["sample"] == [
        {"#": 3, "x": "nan", "day": "2026-03-01", "price": "1.50"}
    ]
    assert asset["checks"][0]["trend"][0]["observed"] == -1
    assert [one["status"] for one in asset["checks"][1]["said"]] == ["failed", "passed"]


def test_totals_count_an_asset_in_each_of_its_standings() -> None:
    counted = totals(report(quality(UNJUDGED, WARNS), quality(GOOD, key="t/y")))
    assert (counted["assets"], counted["checks"], counted["checks_passed"]) == (2, 3, 1)
    assert counted["standings"] == {
        "rejected": 0,
        "failing": 0,
        "cannot be judged": 1,
        "warning": 1,
        "nothing published": 0,
        "not judged": 0,
        "unchecked": 0,
        "sound": 1,
    }


# --- JUnit -------------------------------------------------------------------------------------------------

ALLOWED = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase", "system-out"},
    "properties": {"property"},
    "property": set(),
    "testcase": {"skipped", "error", "failure", "system-out"},
    "skipped": set(),
    "error": set(),
    "failure": set(),
    "system-out": set(),
}
"""What may stand in what, as the readers of JUnit's XML agree."""
NEEDED = {
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "timestamp"},
    "testcase": {"name", "classname"},
}


def junit(text: str) -> ET.Element:
    root = ET.fromstring(text)
    for element in root.iter():
        assert {child.tag for child in element} <= ALLOWED[element.tag]
        assert set(element.attrib) >= NEEDED.get(element.tag, set())
    return root


@pytest.mark.parametrize(
    ("one", "tag", "message"),
    [
        pytest.param(GOOD, None, "", id="what passes passes"),
        pytest.param(FAILS, "failure", "x is more than 0: 2 of 10 rows fail", id="an error check"),
        pytest.param(
            HELD_BACK,
            "failure",
            "x is more than 0: 2 of 10 rows fail; the version was rejected",
            id="of a rejected version",
        ),
        pytest.param(UNJUDGED, "error", "x is more than 0: column 'x' is missing", id="cannot be judged"),
        pytest.param(check(), "skipped", "it was not judged yet", id="not judged yet"),
        pytest.param(check(changed=True), "skipped", "it was changed since it was judged", id="changed"),
    ],
)
def test_what_becomes_of_a_check_in_junit(one: CheckQuality, tag: str | None, message: str) -> None:
    root = junit(quality_junit(report(quality(one))))
    (case,) = root.iter("testcase")
    assert (case.get("classname"), case.get("name")) == ("t.x", "positive")
    assert [child.tag for child in case] == ([] if tag is None else [tag])
    assert [child.get("message") for child in case] == ([] if tag is None else [message])
    counts = {"failure": "failures", "error": "errors", "skipped": "skipped"}
    for child, count in counts.items():
        assert {root.get(count), root[0].get(count)} == {"1" if tag == child else "0"}


def test_a_warning_passes_and_is_told() -> None:
    root = junit(quality_junit(report(quality(WARNS))))
    (told,) = root.iterfind("testsuite/testcase/system-out")
    assert (told.text or "").strip() == "warning: x is more than 0: observed -1"
    assert root.get("failures") == "0"


@given(st.text())
def test_junit_is_well_formed_whatever_is_in_the_data(text: str) -> None:
    one = check(said(sample=({"#": 1, text: text},), observed=text), name=text or "x", promise=text)
    written = quality_junit(report(quality(one, description=text, unchecked=text)))
    junit(written.encode("utf-8", "backslashreplace").decode())


# --- HTML --------------------------------------------------------------------------------------------------


def test_what_comes_from_data_is_escaped_and_nothing_is_loaded() -> None:
    evil = "<script>alert(1)</script>"
    one = check(said(sample=({evil: evil},), observed=evil, error=None), name=evil, promise=evil)
    page = quality_page(report(quality(one, key=f"t/{evil}", description=evil, freshness_text=evil)))
    assert evil not in page
    assert page.count("<script>") == 1
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page


def test_a_large_report_says_what_it_leaves_out() -> None:
    trend = tuple(
        Point(at=NOON + timedelta(days=day), version="v", status="passed", observed=day % 7)
        for day in range(100)
    )
    many = [quality(*(replace(GOOD, trend=trend) for _ in range(100)), key=f"t/a{at}") for at in range(60)]
    page = quality_page(report(*many))
    assert "Of each trend the newest 33 points are drawn." in page
    assert "Histories are written out as far as there is room; the JSON report has all of them." in page
    assert len(page) < 900 * 6000
    small = quality_page(report(quality(replace(GOOD, trend=trend[:20]))))
    assert "points are drawn" not in small
    assert small.count("<tr>") == 20 + 1


def points(*observed: object, bad: frozenset[int] = frozenset()) -> list[Point]:
    return [
        Point(
            at=NOON + timedelta(days=at),
            version=f"v{at}",
            status="failed" if at in bad else "passed",
            observed=value,
        )
        for at, value in enumerate(observed)
    ]


@pytest.mark.parametrize(
    ("trend", "title", "description"),
    [
        pytest.param([], None, "", id="nothing was said"),
        pytest.param(points(1), None, "", id="one point is no trend"),
        pytest.param(points(None, "a", True), None, "", id="passes without a number tell nothing"),
        pytest.param(
            points(1, Decimal("2.5"), None, 2.0, bad=frozenset({1})),
            "1 of 4 judgements did not pass",
            "2026-03-03 to 2026-03-06; observed 1 to 2.5, last 2; last not passed 2026-03-04 12:00 UTC",
            id="numbers of any kind, with a hole and a failure",
        ),
        pytest.param(
            points(None, None, bad=frozenset({0})),
            "1 of 2 judgements did not pass",
            "2026-03-03 to 2026-03-04; last not passed 2026-03-03 12:00 UTC",
            id="a failure without a number",
        ),
        pytest.param(
            points(1.7e308, -1.7e308, math.nan, 10**400),
            "4 judgements passed",
            "2026-03-03 to 2026-03-06; observed -1.7e+308 to 1.7e+308, last -1.7e+308",
            id="what cannot be drawn is left out",
        ),
    ],
)
def test_a_trend_is_drawn_and_told(trend: list[Point], title: str | None, description: str) -> None:
    made = trend_svg(trend, drawn=100)
    if title is None:
        assert made is None
        return
    assert made is not None
    svg = ET.fromstring(made)
    assert (svg.findtext("title"), svg.findtext("desc")) == (title, description)
    assert len(svg.findall("circle")) == sum(point.status == "failed" for point in trend)


def test_only_the_newest_points_are_drawn() -> None:
    made = trend_svg(points(*range(50)), drawn=10)
    assert made is not None
    assert "2026-04-12 to 2026-04-21; the newest of 50; observed 40 to 49, last 49" in made
