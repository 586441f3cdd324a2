from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from deployments.answers import to_json
from deployments.command_error import CommandError
from deployments.sql_view import ask
from graph import asset
from materializers import in_memory, run_plan
from materializers.store import MemoryStore, open_store
from materializers.workspace import Workspace


@asset(name="market/prices")
def prices() -> pa.Table:
    return pa.table({"day": [date(2024, 1, 2), date(2024, 1, 3)], "close": [1.5, None], "name": ["a", "b"]})


@asset(name="market/limits")
def limits() -> dict[str, float]:
    return {"low": 1.0, "high": 2.0}


@asset(name="odd-group/order")
def order() -> pa.Table:
    return pa.table({"x": [1]})


@asset(name="a/same")
def same_a() -> list[dict[str, int]]:
    return [{"x": 1}, {"x": 2}]


@asset(name="b/same")
def same_b() -> pa.Table:
    return pa.table({"x": [3]})


@asset(name="market/page", stored_as="file")
def page() -> bytes:
    return b"<p>"


@asset(name="market/boom")
def boom() -> int:
    return 1 // 0


@pytest.fixture(params=["local", "memory"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    opened = replace(
        in_memory([prices, limits, order, same_a, same_b, page, boom]),
        store=open_store(tmp_path / "it's here") if request.param == "local" else MemoryStore(),
    )
    run_plan(opened.plan("*"), opened, jobs=1)
    return opened


def rows(workspace: Workspace, query: str) -> object:
    return json.loads(to_json(ask(workspace, query, limit=40).document()))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("select count(*) n from market.prices", [{"n": 2}], id="a table by group and name"),
        pytest.param("select max(day) d from prices", [{"d": "2024-01-03"}], id="the short form"),
        pytest.param("select p.close from market.prices p where p.name = 'b'", [{"close": None}], id="null"),
        pytest.param('from "odd-group"."order"', [{"x": 1}], id="a quoted name"),
        pytest.param("select low from market.limits", [{"low": 1.0}], id="a JSON object is one row"),
        pytest.param("select sum(x) s from a.same", [{"s": 3}], id="a JSON list is its rows"),
        pytest.param("select a.x from a.same a join b.same b on a.x + 1 = b.x", [{"x": 2}], id="a join"),
        pytest.param(
            "with p as (from prices) select count(*) n from p", [{"n": 2}], id="a common table expression"
        ),
        pytest.param("select 1 one", [{"one": 1}], id="no asset at all"),
        pytest.param(
            "select 'market.boom' word", [{"word": "market.boom"}], id="a name in a text asks for nothing"
        ),
    ],
)
def test_what_a_query_answers(workspace: Workspace, query: str, found: object):
    assert rows(workspace, query) == found


def test_rows_are_a_table_for_people(workspace: Workspace):
    assert ask(workspace, "from market.prices", limit=40).text() == (
        "day         close  name\n2024-01-02    1.5  a\n2024-01-03   null  b\n\n2 rows"
    )


def test_more_rows_than_the_limit_are_told(workspace: Workspace):
    text = ask(workspace, "select * from range(100)", limit=2).text()

    assert text.splitlines() == ["range", "    0", "    1", "", "100 rows, 98 not shown; see --limit"]


def test_csv_has_all_rows(workspace: Workspace):
    assert ask(workspace, "select day, close from prices", form="csv", limit=1).text() == (
        "day,close\n2024-01-02,1.5\n2024-01-03,\n"
    )


@pytest.mark.parametrize(
    ("query", "told"),
    [
        pytest.param(
            "from market.price", "there is no table 'market.price'. Did you mean 'market.prices'?", id="name"
        ),
        pytest.param("from markt.prices", "Did you mean 'market.prices'?", id="group"),
        pytest.param(
            "from prics", "there is no table 'prics'. Did you mean 'market.prices'?", id="short form"
        ),
        pytest.param(
            "from market.boom", "asset 'market/boom' has no published version; run: materia", id="nothing"
        ),
        pytest.param("from market.page", "asset 'market/page' is no table (file)", id="a file"),
        pytest.param("selec 1", "the query cannot be answered: syntax error at or near", id="syntax"),
        pytest.param(
            "select clos from prices", "the query cannot be answered: Referenced column", id="a column"
        ),
        pytest.param("insert into prices select * from prices", "the query cannot be answered", id="writing"),
        pytest.param("drop table market.prices", "the query cannot be answered", id="dropping"),
    ],
)
def test_what_cannot_be_answered_says_why(workspace: Workspace, query: str, told: str):
    with pytest.raises(CommandError) as error:
        ask(workspace, query, limit=40)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_an_ambiguous_short_form_is_no_table(workspace: Workspace):
    with pytest.raises(CommandError, match="there is no table 'same'"):
        ask(workspace, "from same", limit=40)


def test_a_query_leaves_the_data_as_they_are(workspace: Workspace):
    ask(workspace, "create table market.mine as from market.prices", limit=40)

    assert workspace.load("market/prices").num_rows == 2
    with pytest.raises(CommandError, match=r"market\.mine"):
        ask(workspace, "from market.mine", limit=40)
