"""The quality report as a reader has it: in Chromium, from a file, with and without its script."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checks import Verdict
from checks.quality_page import quality_page
from checks.quality_report import AssetQuality, CheckQuality, Point, Published, QualityReport, Rejected, Said

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.xdist_group("browser")  # one process: the browser is started once

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
EVIL = "<script>document.title = 'taken over'</script>"
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"there is no browser here: {', '.join(NAMES)}")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "quality.html"
    path.write_text(quality_page(report()), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opening(browser: Browser, address: str) -> Iterator[Any]:
    """Opens the report, and fails where the browser finds anything wrong with it."""
    contexts, wrong = [], []

    def opened(*, at: str = "", **options: Any) -> Page:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(request.url))
        page.goto(f"{address}{at}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def verdict(**given: Any) -> Verdict:
    return Verdict(
        **{"check": "c", "kind": "between", "digest": "d", "severity": "error", "passed": True} | given
    )


def check(name: str, *, published: bool = True, trend: tuple[Point, ...] = (), **given: Any) -> CheckQuality:
    said = Said(version="v1", judged_at=NOON, verdict=verdict(**given), published=published)
    return CheckQuality(
        name=name,
        promise=f"what {name} promises",
        severity=said.verdict.severity,
        said=(said,),
        judged=1,
        trend=trend,
    )


def report() -> QualityReport:
    """Something of everything, and names and values that want to break out or to run wide."""
    trend = tuple(
        Point(
            at=NOON - timedelta(days=40 - day),
            version=f"v{day}",
            status="failed" if day == 30 else "passed",
            observed=day * 1.5,
        )
        for day in range(40)
    )
    visible = Published(version="v1", made_at=NOON - timedelta(days=1))
    wide = {"#": 7, "note": EVIL, "name": "long" * 30, **{f"column_{at}": 1.5 for at in range(12)}}
    bad = check("positive", published=False, passed=False, failing=2, rows=9, sample=(wide,), trend=trend)
    held_back = Rejected(version="v2", made_at=NOON, reason="positive: 2 rows", served=visible)
    return QualityReport(
        made_at=NOON,
        project="shop",
        assets=(
            AssetQuality(key="market/prices", published=visible, checks=(bad,), rejected=(held_back,)),
            AssetQuality(key="market/" + "a_name_that_goes_on_" * 6, description=EVIL, published=visible),
            AssetQuality(
                key="signals/momentum",
                freshness="overdue",
                freshness_text="overdue, 3 h old",
                published=Published(version="v3", made_at=NOON),
                checks=(
                    check("momentum_is_finite", passed=False, failing=1, rows=5),
                    check("rows", trend=trend),
                ),
            ),
            AssetQuality(
                key="signals/volume", published=visible, checks=(check("typed", passed=False, error=EVIL),)
            ),
            *(
                AssetQuality(key=f"eta/part_{at}", published=visible, checks=(check("rows"),))
                for at in range(1, 12)
            ),
        ),
    )


def visible_keys(page: Page) -> list[str]:
    return page.locator("table.assets tbody tr:visible a.key").all_inner_texts()


def test_nothing_of_the_data_runs_and_everything_is_there(opening: Any) -> None:
    page = opening()
    assert page.title() == "Data quality of shop"
    assert page.locator("table.assets tbody tr").count() == 15
    assert page.get_by_role("status").inner_text() == "15 shown"
    assert page.locator(".attention > li").count() == 3
    assert (
        "Served instead is the version made 2026-03-02 12:00 UTC (v1)."
        in page.locator(".rejected").text_content()
    )


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        pytest.param("momentum", ["signals/momentum"], id="a key"),
        pytest.param("TYPED promises", ["signals/volume"], id="several words of a check, in any case"),
        pytest.param("nowhere", [], id="what is not there"),
    ],
)
def test_search_finds_assets_by_their_names_and_checks(opening: Any, typed: str, found: list[str]) -> None:
    page = opening()
    page.get_by_label("Search").fill(typed)
    assert visible_keys(page) == found
    assert page.locator("details.asset:visible").count() == len(found)
    assert page.get_by_role("status").inner_text() == f"{len(found)} of 15 shown"
    assert page.locator("#nothing").is_visible() is (not found)
    page.get_by_label("Search").fill("")
    assert len(visible_keys(page)) == 15


def test_a_tile_filters_by_how_assets_stand(opening: Any) -> None:
    page = opening()
    page.get_by_role("link", name="Cannot be judged").click()
    assert visible_keys(page) == ["signals/volume"]
    assert page.locator("#standing").input_value() == "cannot be judged"
    page.get_by_role("link", name="Warnings").click()
    assert page.locator("#nothing").is_visible()
    page.locator("#standing").select_option("all")
    assert len(visible_keys(page)) == 15


@pytest.mark.parametrize(
    ("head", "first", "sort"),
    [
        pytest.param(
            "Asset", "eta/part_1", "ascending", id="keys from the first, numbers in them as numbers"
        ),
        pytest.param("Checks", "signals/momentum", "descending", id="numbers from the largest"),
        pytest.param("Rejected", "market/prices", "descending", id="what was rejected first"),
        pytest.param("Published, UTC", "eta/part_1", "ascending", id="times from the oldest"),
    ],
)
def test_each_column_sorts_by_keyboard(opening: Any, head: str, first: str, sort: str) -> None:
    page = opening()
    assert page.locator("th[aria-sort]").all_inner_texts() == ["Standing"]
    button = page.get_by_role("button", name=head)
    button.focus()
    page.keyboard.press("Enter")
    assert visible_keys(page)[0] == first
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == sort
    up = visible_keys(page)
    page.keyboard.press("Enter")
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") != sort
    assert visible_keys(page) != up
    if head == "Asset":
        assert up[:3] == ["eta/part_1", "eta/part_2", "eta/part_3"]
        assert visible_keys(page) == up[::-1]


def test_a_key_opens_its_details_and_the_keyboard_goes_there(opening: Any) -> None:
    page = opening()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the assets"
    assert page.locator(".skip").evaluate("one => getComputedStyle(one).outlineStyle") != "none"
    page.get_by_role("link", name="signals/momentum").last.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.tagName === 'SUMMARY'")
    assert page.evaluate("document.activeElement.querySelector('h3').textContent") == "signals/momentum"
    assert page.get_by_text("what momentum_is_finite promises").is_visible()
    page.keyboard.press("Enter")
    assert page.get_by_text("what momentum_is_finite promises").is_hidden()


def test_a_link_to_an_asset_opens_it(opening: Any) -> None:
    page = opening(at="#asset/signals/momentum")
    assert page.locator("details[open] h3").all_inner_texts() == ["signals/momentum"]


def test_a_trend_has_a_name_a_description_and_a_table_behind(opening: Any) -> None:
    page = opening(at="#asset/market/prices")
    picture = page.get_by_role("img", name="1 of 40 judgements did not pass")
    assert picture.is_visible()
    assert "last 58.5" in picture.locator("desc").text_content()
    page.locator("details[open] .history summary").click()
    assert page.locator(".history[open] tbody tr").count() == 30
    assert "10 earlier ones are left out" in page.locator(".history[open] caption").inner_text()


def test_all_can_be_opened_and_closed(opening: Any) -> None:
    page = opening()
    page.get_by_role("button", name="Open all").click()
    assert page.locator("details.asset[open]").count() == 15
    page.get_by_role("button", name="Close all").click()
    assert page.locator("details.asset[open]").count() == 0


@pytest.mark.parametrize("width", [320, 360, 768, 1024, 1280, 1920])
def test_no_width_makes_the_page_scroll_sideways(opening: Any, width: int) -> None:
    page = opening(viewport={"width": width, "height": 780})
    page.get_by_role("button", name="Open all").click()
    for at in range(page.locator("details.history").count()):
        page.locator("details.history").nth(at).evaluate("one => { one.open = true; }")
    page.evaluate(
        "document.querySelectorAll('details.asset').forEach(one => { one.style.contentVisibility = 'visible'; })"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_phone_can_sort_too(opening: Any) -> None:
    page = opening(viewport={"width": 360, "height": 780})
    page.get_by_label("Sort by").select_option(label="Checks")
    assert visible_keys(page)[0] == "signals/momentum"


def test_dark_is_dark_and_readable(opening: Any) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        page = opening(color_scheme=scheme)
        colours[scheme] = page.evaluate("""
            [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]
                .map(colour => colour.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0))
        """)
    (light_paper, light_ink), (dark_paper, dark_ink) = colours["light"], colours["dark"]
    assert light_paper - light_ink > 500
    assert dark_ink - dark_paper > 500


def test_print_opens_all_details(opening: Any) -> None:
    page = opening()
    promise = page.get_by_text("what momentum_is_finite promises")
    assert promise.evaluate("one => one.checkVisibility()") is False
    page.emulate_media(media="print")
    assert promise.evaluate("one => one.checkVisibility({contentVisibilityAuto: true})") is True
    assert page.get_by_label("Search").is_hidden()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")  # what other browsers go by
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0
    assert page.pdf().startswith(b"%PDF")


def test_without_its_script_it_can_be_read(opening: Any) -> None:
    page = opening(java_script_enabled=False)
    assert page.get_by_role("link", name="market/prices").first.is_visible()
    assert page.locator(".tools").is_hidden()
    page.locator("details.asset summary", has_text="signals/momentum").click()
    assert page.get_by_text("what momentum_is_finite promises").is_visible()


def test_a_picture_is_taken_where_somebody_wants_to_look(opening: Any) -> None:
    folder = os.environ.get("REPORT_SCREENSHOTS")
    for name, options in {
        "light": {},
        "dark": {"color_scheme": "dark"},
        "phone": {"viewport": {"width": 360, "height": 780}},
    }.items():
        taken = opening(**options).screenshot(full_page=True)
        assert taken.startswith(b"\x89PNG")
        if folder:
            Path(folder, f"quality-{name}.png").write_bytes(taken)
