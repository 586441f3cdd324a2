"""What checks said of an asset's versions, one after another, on every ledger."""

from __future__ import annotations

from typing import Any

from graph.partition_set import PartitionSet
from materializers.ledger import MAIN, Judgement
from materializers.sql_ledger import SqlLedger


def said(word: str, *, failing: bool = False) -> Judgement:
    return Judgement(checks="k", verdicts=(f'{{"check":"{word}"}}',), failing=failing)


def words(ledger: SqlLedger, environment: str = "main", **options: Any) -> list[tuple[int, str, str | None]]:
    found = ledger.judgements("g/a", environment=environment, **options)
    return [(one.partition.ordinal, one.judgement.verdicts[0][10:-2], one.rejected) for one in found]


def test_they_come_in_the_order_in_which_it_was_said(ledger: SqlLedger, book: Any) -> None:
    book.publish(1, judged=said("first"))
    book.publish(2, judged=said("bad", failing=True), refused="it is bad")
    book.publish(3, judged=said("third"))
    book.publish(0, key="g/b", judged=said("of another"))
    first = book.published(1)
    assert first is not None
    ledger.judge("main", first, said("again"), "r1")
    assert words(ledger) == [
        (1, "first", None),
        (2, "bad", "it is bad"),
        (3, "third", None),
        (1, "again", None),
    ]
    assert words(ledger, limit=2) == [(2, "bad", "it is bad"), (3, "third", None)]
    assert ledger.judgements("g/none", environment="main") == ()


def test_what_is_published_by_hand_is_not_rejected_any_more(ledger: SqlLedger, book: Any) -> None:
    version = book.publish(1, judged=said("bad", failing=True), refused="it is bad")
    assert words(ledger) == [(1, "bad", "it is bad")]
    partition = PartitionSet.span(1, 1)
    (at,) = partition
    ledger.point("main", "g/a", at, version, kind="release", name="ann", reason="it is fine")
    assert words(ledger) == [(1, "bad", None)]


def test_an_environment_shows_its_own_and_its_parents(ledger: SqlLedger, book: Any) -> None:
    ledger.create_environment("dev", parent=MAIN)
    ledger.create_environment("other", parent=MAIN)
    book.publish(1, judged=said("main"))
    version = book.published(1)
    assert version is not None
    ledger.judge("dev", version, said("dev"), "r1")
    assert words(ledger) == [(1, "main", None)]
    assert words(ledger, "dev") == [(1, "main", None), (1, "dev", None)]
    assert words(ledger, "other") == [(1, "main", None)]
