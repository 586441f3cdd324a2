"""An asset takes another key, and its history follows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from graph.partition_set import EMPTY, ONLY, WHOLE
from materializers.ledger import LedgerError, Product, Read


def test_everything_that_is_on_record_follows(book: Any) -> None:
    ledger = book.ledger
    old = book.publish()
    read = {
        "a": Read(key="g/a", partitions=ONLY, digest="d1"),
        "b": Read(key="g/b", partitions=ONLY, digest="x"),
    }
    product: Product = book.product(book.begin(key="g/down"))
    made = {"g/down": replace(product.made["g/down"], lineage=read)}
    (ids,) = ledger.publish([replace(product, made=made)])
    ledger.rename("g/a", "h/new")
    assert (book.published(), book.published(key="h/new").id) == (None, old)
    with ledger.state("main") as state:
        assert (state.summary("g/a").partitions, state.summary("h/new").partitions) == (EMPTY, ONLY)
        assert state.version_with("h/new", WHOLE, "f1").key == "h/new"
        assert state.attempts("h/new")[WHOLE].outcome == "published"
    assert [one.key for one in ledger.history("h/new", environment="main")] == ["h/new"]
    assert [one.key for one in ledger.publications("h/new", environment="main")] == ["h/new"]
    assert [one.key for one in ledger.materialization(ids["g/down"]).lineage.values()] == ["h/new", "g/b"]
    book.publish(key="h/new", data="d2")
    ledger.rebuild()
    assert book.published(key="h/new").data_version == "d2"


def test_old_keys_are_on_record(book: Any) -> None:
    book.publish()
    ledger = book.ledger
    assert ledger.aliases() == {}
    ledger.rename("g/a", "g/b")
    ledger.rename("g/b", "g/c")
    assert ledger.aliases() == {"g/a": "g/c", "g/b": "g/c"}
    ledger.rename("g/c", "g/a")
    assert ledger.aliases() == {"g/b": "g/a", "g/c": "g/a"}


def test_what_cannot_be_renamed_is_told(book: Any) -> None:
    book.publish()
    book.publish(key="g/b")
    ledger = book.ledger
    with pytest.raises(LedgerError, match="has no asset 'g/x' to rename"):
        ledger.rename("g/x", "g/y")
    with pytest.raises(LedgerError, match="knows an asset 'g/b' already"):
        ledger.rename("g/a", "g/b")
    book.begin(by="r2")
    with pytest.raises(LedgerError, match="the run 'r2' is making asset 'g/a'"):
        ledger.rename("g/a", "g/c")
    assert ledger.aliases() == {}
