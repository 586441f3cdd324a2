"""Definitions on record, and keys of dynamic partitions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from graph.fingerprint import Basis
from materializers.ledger import Definition, DefinitionRecord
from materializers.sql_ledger import SqlLedger

START = datetime(2024, 1, 1, tzinfo=UTC)


def test_an_environment_knows_which_definitions_serve_it(ledger: SqlLedger, clock: Any) -> None:
    ledger.create_environment("dev")
    first = Definition(basis=Basis(code="c", config="{}", resources={"b": "2", "a": "1"}), checks="k")
    other = Definition(basis=Basis(code="c2"), checks="")
    ledger.record_definitions("main", {"g/a": first, "g/b": first}, checkout="laptop", run_id="r1")
    now = clock.tick()
    ledger.record_definitions("main", {"g/b": other}, checkout="worker", run_id="r2")
    assert ledger.definitions("main") == {
        "g/a": DefinitionRecord(definition=first, checkout="laptop", at=START, run_id="r1"),
        "g/b": DefinitionRecord(definition=other, checkout="worker", at=now, run_id="r2"),
    }
    assert ledger.definitions("dev") == {}


def test_dynamic_keys_come_and_go_and_are_remembered(ledger: SqlLedger, clock: Any) -> None:
    assert ledger.dynamic_keys("symbols") == ()
    assert ledger.add_dynamic("symbols", ["MSFT", "AAPL", "MSFT"]) == ("MSFT", "AAPL")
    clock.tick()
    assert ledger.add_dynamic("symbols", ["AAPL", "V"]) == ("V",)
    assert ledger.add_dynamic("others", ["x"]) == ("x",)
    clock.tick()
    assert ledger.remove_dynamic("symbols", ["MSFT", "nothing"]) == ("MSFT",)
    clock.tick()
    assert ledger.add_dynamic("symbols", ["MSFT"]) == ("MSFT",)
    assert ledger.dynamic_keys("symbols") == ("AAPL", "V", "MSFT")
    found = [ledger.dynamic_keys("symbols", as_of=START.replace(second=second)) for second in range(4)]
    assert found == [("MSFT", "AAPL"), ("MSFT", "AAPL", "V"), ("AAPL", "V"), ("AAPL", "V", "MSFT")]
    assert ledger.dynamic_keys("symbols", as_of=START.replace(year=2000)) == ()
