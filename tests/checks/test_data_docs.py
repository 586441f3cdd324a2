"""Great Expectations' own pages, made of our results; and expectations of one's own, which it judges."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from checks import (
    Check,
    InvalidCheck,
    between,
    evaluate,
    expect,
    expression,
    not_null,
    one_of,
    suite,
    to_suite,
)
from checks.data_docs import Documented, FolderTaken, write_data_docs

NOW = datetime(2024, 1, 2, tzinfo=UTC)
BARS = pa.table({"x": [1, 2, None, 7], "s": ["a", "b", "b", "zz"]})
CHECKS = [not_null("x"), between("x", 0, 9), one_of("s", ["a", "b"])]

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def primes(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The module that declares an expectation of one's own, importable by its name."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    yield "primes"
    sys.modules.pop("primes", None)


def test_the_pages_tell_what_was_promised_and_what_was_said(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    said = evaluate(BARS, CHECKS, now=NOW)
    versions = [
        Documented(name="market/bars", version=day, judged_at=NOW, checks=CHECKS, verdicts=said)
        for day in ("2024-01-01", "2024-01-02")
    ]
    index = write_data_docs(folder, versions)
    assert index.is_file()
    pages = [page.read_text() for page in folder.glob("validations/**/*.html")]
    assert len(pages) == 2
    for words in ("values must never be null", "must belong to this set", "Failed", "33.33%", "zz"):
        assert words in pages[0], words
    (promises,) = [page.read_text() for page in folder.glob("expectations/**/*.html")]
    assert "must be greater than or equal to" in promises
    write_data_docs(folder, versions[:1])
    assert len(list(folder.glob("validations/**/*.html"))) == 1, "it takes the place of what was there"


def page_of(folder: Path, table: pa.Table, checks: list[Check]) -> str:
    """The page of what checks say of a table."""
    said = evaluate(table, checks, now=NOW)
    one = Documented(name="market/bars", version="v1", judged_at=NOW, checks=checks, verdicts=said)
    write_data_docs(folder, [one])
    (page,) = folder.glob("validations/**/*.html")
    return page.read_text()


def test_no_verdict_is_missing(tmp_path: Path) -> None:
    checks = [
        not_null("x", "s"),
        expression("x < 5"),
        between("x", 0, 9, name="some", row_condition="s = 'a'"),
        between("nope", 0, 1),
        expect.custom("expect_no_such_thing", "x"),
    ]
    page = page_of(tmp_path / "site", BARS, checks)
    for words in (
        "x and s are never null",
        "every row holds x &lt; 5",
        "where s = 'a'",
        "column 'nope' is missing.",
        "x: no such thing",
        "neither this project nor Great Expectations knows",
        "2024-01-02T00:00:00Z",
    ):
        assert words in page, words


def test_data_are_no_markup(tmp_path: Path) -> None:
    mark = "<script>alert(1)</script>"
    table = pa.table({"s": [mark, "b"]})
    assert mark not in page_of(tmp_path / "site", table, [one_of("s", ["b", mark + "2"]), not_null("s")])


def test_what_else_is_in_a_folder_stays(tmp_path: Path) -> None:
    mine = tmp_path / "static" / "mine.css"
    mine.parent.mkdir()
    mine.touch()
    with pytest.raises(FolderTaken, match="name an empty folder"):
        page_of(tmp_path, BARS, CHECKS)
    assert [path.name for path in tmp_path.rglob("*")] == ["static", "mine.css"]


def test_the_pages_of_an_expectation_of_ones_own(primes: str, tmp_path: Path) -> None:
    promise = expect.custom("expect_column_values_to_be_prime", "n", module=primes)
    said = evaluate(pa.table({"n": [2, 4]}), [promise], now=NOW)
    sys.modules.pop(primes)  # as in a process that has judged nothing
    one = Documented(name="n", version="1", judged_at=NOW, checks=[promise], verdicts=said)
    write_data_docs(tmp_path / "site", [one])
    (page,) = (tmp_path / "site").glob("validations/**/*.html")
    assert "Failed" in page.read_text()


def judged(check: Check, values: list[Any]) -> Any:
    (verdict,) = evaluate(pa.table({"n": values}), [check], now=NOW)
    return verdict


def test_an_expectation_of_ones_own(primes: str) -> None:
    promise = expect.custom("expect_column_values_to_be_prime", "n", module=primes, severity="warn")
    verdict = judged(promise, [2, 4, 5, 9, None])
    assert (verdict.passed, verdict.failing, verdict.counted, verdict.severity) == (False, 2, 4, "warn")
    assert [row["#"] for row in verdict.sample] == [1, 3]
    assert verdict.promise == "n: column values to be prime"
    assert judged(expect.custom("expect_column_values_to_be_prime", "n", mostly=0.5), [2, 4]).passed
    assert not judged(expect.custom("expect_column_values_to_be_prime", "n", above=2), [2, 3]).passed


def test_it_comes_with_a_suite(primes: str) -> None:
    document = to_suite("n", [expect.custom("expect_column_values_to_be_prime", "n", module=primes)]).document
    assert document["expectations"][0]["kwargs"] == {"column": "n"}
    (promise,) = suite(document, module=primes)
    assert [row["#"] for row in judged(promise, [3, 4]).sample] == [1]


def test_a_suite_file_says_how_much_of_it_is_promised(primes: str, tmp_path: Path) -> None:
    kwargs = {"column": "n", "mostly": 0.5}
    told = {"type": "expect_column_values_to_be_prime", "kwargs": kwargs, "severity": "warning"}
    (tmp_path / "n.json").write_text(json.dumps({"name": "n", "expectations": [told]}))
    (promise,) = suite(tmp_path / "n.json", module=primes)
    few, many = judged(promise, [2, 4]), judged(promise, [2, 4, 6])
    assert (few.passed, few.failing, few.counted, few.severity) == (True, 1, 2, "warn")
    assert (many.passed, many.failing, many.counted) == (False, 2, 3)


@pytest.mark.parametrize(
    ("kind", "module", "said"),
    [
        ("expect_column_values_to_be_odd", None, "say where it is with module="),
        ("expect_column_values_to_be_odd", "primes", "the module 'primes' declares none"),
        ("expect_column_values_to_be_odd", "no_such_module", "cannot be imported"),
    ],
)
def test_what_nobody_has_taught_it(primes: str, kind: str, module: str | None, said: str) -> None:
    assert said in (judged(expect.custom(kind, "n", module=module), [1]).error or "")


def test_a_module_that_raises_is_an_error_of_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "unsound.py").write_text("raise NameError('boom')")
    monkeypatch.syspath_prepend(str(tmp_path))
    said = judged(expect.custom("expect_column_values_to_be_odd", "n", module="unsound"), [1])
    assert said.error == "its module 'unsound' cannot be imported: NameError: boom."


def test_other_names_are_none() -> None:
    with pytest.raises(InvalidCheck, match="begin with expect_"):
        expect.custom("column_values_to_be_prime", "n")
