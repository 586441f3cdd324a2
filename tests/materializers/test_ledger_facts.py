"""What automation asks of the record, answered alike by every ledger and by a record written down by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Protocol

import pytest

from graph import Daily, asset
from graph.build import build_graph
from graph.facts import Event, Facts, MemoryFacts, Moment, after_all_at, before_all_at
from graph.fingerprint import Basis
from graph.partition_set import EMPTY, ONLY, WHOLE, PartitionSet
from graph.partitions import Horizon
from graph.reading import Reader
from graph.state import Outcome, Settlement
from materializers.ledger import Content, Judgement, Ledger, Made, Product, RunRecord, StartedAttempt, Wanted
from materializers.ledger_facts import LedgerFacts

START = datetime(2024, 2, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FIRST = date(2024, 1, 1).toordinal()
DAILY, SINGLE = "g/daily", "g/single"


@asset(name=DAILY, partitions=Daily(start="2024-01-01"))
def daily() -> int:
    return 1


@asset(name=SINGLE)
def single() -> int:
    return 1


GRAPH = build_graph([daily, single])


def days(first: int, last: int | None = None) -> PartitionSet:
    """Days of January."""
    return PartitionSet.span(FIRST + first - 1, FIRST + (last or first) - 1)


class Record(Protocol):
    """A record that a test writes; everything happens at its ``now``."""

    now: datetime

    def publish(self, key: str, partitions: PartitionSet, *, same: bool = False) -> None: ...
    def begin(self, key: str, partitions: PartitionSet) -> Callable[[], None]:
        """An attempt begins; what is answered publishes it."""

    def remove(self, key: str, partitions: PartitionSet) -> None: ...
    def settle(self, key: str, partitions: PartitionSet) -> None: ...
    def switch_on(self, key: str) -> None: ...
    def facts(self) -> AbstractContextManager[Facts]: ...


@dataclass
class InMemory:
    """A `Record` of `MemoryFacts`."""

    now: datetime = START
    found: MemoryFacts = field(default_factory=MemoryFacts)

    def publish(self, key: str, partitions: PartitionSet, *, same: bool = False) -> None:
        self.found = self.found.request(key, partitions, at=self.now)
        self.found = self.found.publish(key, partitions, at=self.now, begun=self._moment(), same_data=same)

    def begin(self, key: str, partitions: PartitionSet) -> Callable[[], None]:
        begun = self._moment()
        self.found = self.found.request(key, partitions, at=self.now)

        def publish() -> None:
            self.found = self.found.publish(key, partitions, at=self.now, begun=begun)

        return publish

    def remove(self, key: str, partitions: PartitionSet) -> None:
        self.found = self.found.remove(key, partitions, at=self.now)

    def settle(self, key: str, partitions: PartitionSet) -> None:
        self.found = self.found.settle(key, partitions, at=self.now)

    def switch_on(self, key: str) -> None:
        self.found = self.found.switch_on([key], self.now)

    def _moment(self) -> Moment:
        return Moment(self.now, self.found.number)

    @contextmanager
    def facts(self) -> Iterator[Facts]:
        yield self.found


@dataclass
class InLedger:
    """A `Record` in a ledger."""

    clock: Any
    ledger: Ledger
    versions: int = 0

    def __post_init__(self) -> None:
        self.now = START
        run = RunRecord(id="r", environment="main", selection="*", engine="local", started_at=START)
        self.ledger.begin_run(run)

    @property
    def now(self) -> datetime:
        found: datetime = self.clock.now
        return found

    @now.setter
    def now(self, at: datetime) -> None:
        self.clock.now = at

    def publish(self, key: str, partitions: PartitionSet, *, same: bool = False) -> None:
        if not same:
            self.versions += 1
        self._publish(self._begun(key, partitions))

    def begin(self, key: str, partitions: PartitionSet) -> Callable[[], None]:
        self.versions += 1
        return partial(self._publish, self._begun(key, partitions))

    def _begun(self, key: str, partitions: PartitionSet) -> tuple[StartedAttempt, ...]:
        with self.ledger.state("main") as state:
            versions = state.published(key, partitions)
        wanted = {
            at: Wanted(fingerprint="f", was=versions[at].id if at in versions else None) for at in partitions
        }
        begun = self.ledger.begin("main", key, wanted, run_id="r", number=1)
        assert isinstance(begun, tuple)
        return begun

    def _publish(self, attempts: tuple[StartedAttempt, ...]) -> None:
        content = Content(data_version=f"d{self.versions}", format="json")
        made = Made(content=content, basis=Basis(code="c"), inputs={})
        products = [
            Product(
                attempt=one,
                made={one.claim.key: made},
                judged={one.claim.key: Judgement(checks="")},
                refused={},
            )
            for one in attempts
        ]
        self.ledger.publish(products)

    def end(
        self, key: str, partitions: PartitionSet, outcome: Outcome, until: datetime | None = None
    ) -> None:
        for one in self._begun(key, partitions):
            self.ledger.finish(one, outcome, until=until)

    def remove(self, key: str, partitions: PartitionSet) -> None:
        self.ledger.withdraw("main", key, partitions, name="a person", reason="a test")

    def settle(self, key: str, partitions: PartitionSet) -> None:
        with self.ledger.state("main") as state:
            before, number = state.settlement(key), state.sequence
        settled = Settlement(
            sequence=number,
            basis=Basis(code="c"),
            checks="",
            partitions=partitions | (before.partitions if before else EMPTY),
            at=self.now,
        )
        self.ledger.settle("main", {key: settled})

    def verify(self, key: str, partitions: PartitionSet) -> None:
        with self.ledger.state("main") as state:
            versions = state.published(key, partitions)
        self.ledger.verify("main", [(one, self.now) for one in versions.values()], "r")

    def switch_on(self, key: str) -> None:
        self.ledger.switch_automation("main", [key], on=True)

    @contextmanager
    def facts(self) -> Iterator[Facts]:
        horizon = Horizon(now=self.now, sessions=lambda calendar, first, last: ())
        with self.ledger.journal("main") as journal:
            yield LedgerFacts(
                journal=journal,
                reader=Reader(graph=GRAPH, state=journal.state, horizon=horizon),
                now=self.now,
                on=journal.switched_on(),
                code=lambda key: "c",
                outdated=lambda key: EMPTY,
            )


@pytest.fixture
def in_ledger(open_ledger: Callable[..., Ledger], clock: Any) -> InLedger:
    return InLedger(clock, open_ledger(clock=clock))


@pytest.fixture(params=["by hand", "in a ledger"])
def record(request: pytest.FixtureRequest, in_ledger: InLedger) -> Record:
    return InMemory() if request.param == "by hand" else in_ledger


def last(record: Record, event: Event, key: str, within: PartitionSet) -> dict[datetime, PartitionSet]:
    """By instant, the partitions to which something happened last then."""
    found: dict[datetime, PartitionSet] = {}
    with record.facts() as facts:
        for moment, some in facts.moments(event, key, within):
            found[moment.at] = found.get(moment.at, EMPTY) | some
    return found


def since(record: Record, event: Event, key: str, within: PartitionSet, after: Moment) -> PartitionSet:
    with record.facts() as facts:
        return facts.happened(event, key, within, after)


def test_what_is_visible(record: Record) -> None:
    record.publish(DAILY, days(1, 5))
    record.remove(DAILY, days(3))
    with record.facts() as facts:
        assert facts.visible(DAILY) == days(1, 2) | days(4, 5)
        assert facts.visible(SINGLE) == EMPTY


@pytest.mark.parametrize(
    ("event", "same", "changed"),
    [
        pytest.param("updated", False, True, id="new data are an update"),
        pytest.param("updated", True, True, id="the same data are an update"),
        pytest.param("data changed", False, True, id="new data are a change"),
        pytest.param("data changed", True, False, id="the same data are no change"),
    ],
)
def test_publications_after_a_moment(record: Record, event: Event, same: bool, changed: bool) -> None:
    record.publish(DAILY, days(1, 5))
    before = record.now
    record.now += SECOND
    record.publish(DAILY, days(2), same=same)
    assert since(record, event, DAILY, days(1, 5), after_all_at(before)) == (days(2) if changed else EMPTY)
    assert since(record, event, DAILY, days(4, 5), after_all_at(before)) == EMPTY
    assert since(record, event, DAILY, days(1, 5), before_all_at(before)) == days(1, 5)
    assert since(record, event, DAILY, days(1, 5), after_all_at(record.now)) == EMPTY
    assert since(record, event, SINGLE, ONLY, before_all_at(before)) == EMPTY


def test_what_was_removed(record: Record) -> None:
    record.publish(DAILY, days(1, 5))
    record.now += SECOND
    record.remove(DAILY, days(2))
    assert since(record, "removed", DAILY, days(1, 5), after_all_at(START)) == days(2)
    assert since(record, "data changed", DAILY, days(1, 5), after_all_at(START)) == EMPTY


def test_the_last_moment_of_each_partition(record: Record) -> None:
    record.publish(DAILY, days(1, 3))
    record.now += SECOND
    record.publish(DAILY, days(2))
    for event in ("updated", "data changed", "requested", "handled"):
        assert last(record, event, DAILY, days(1, 3)) == {  # each is an event
            START: days(1) | days(3),
            START + SECOND: days(2),
        }


def test_an_attempt_handles_what_it_could_have_seen_when_it_began(record: Record) -> None:
    publish = record.begin(SINGLE, ONLY)
    record.now += SECOND
    record.publish(DAILY, days(1))
    record.now += SECOND
    publish()
    with record.facts() as facts:
        ((handled, some),) = facts.moments("handled", SINGLE, ONLY)
        assert some == ONLY
        assert facts.happened("data changed", DAILY, days(1, 5), handled) == days(1)


def test_what_was_published_at_the_instant_of_an_attempt_is_told_apart_by_its_number(record: Record) -> None:
    record.publish(DAILY, days(1))
    record.publish(SINGLE, ONLY)
    record.publish(DAILY, days(2))
    with record.facts() as facts:
        ((handled, _),) = facts.moments("handled", SINGLE, ONLY)
        assert facts.happened("data changed", DAILY, days(1, 5), handled) == days(2)


def test_what_was_settled_is_handled(record: Record) -> None:
    record.publish(DAILY, days(1, 5))
    record.now += SECOND
    record.settle(DAILY, days(1, 4))
    assert last(record, "handled", DAILY, days(1, 5)) == {START + SECOND: days(1, 4), START: days(5)}
    record.now += SECOND
    record.publish(DAILY, days(4))
    handled = last(record, "handled", DAILY, days(3, 4))
    assert handled == {START + SECOND: days(3), START + 2 * SECOND: days(4)}


def test_an_asset_without_partitions_is_settled_too(record: Record) -> None:
    record.settle(SINGLE, ONLY)
    assert last(record, "handled", SINGLE, ONLY) == {START: ONLY}


def test_when_automation_was_switched_on(record: Record) -> None:
    record.publish(SINGLE, ONLY)
    record.now += SECOND
    record.switch_on(DAILY)
    with record.facts() as facts:
        assert facts.switched_on(DAILY) == Moment(START + SECOND, 1)
        assert facts.switched_on(SINGLE) is None


# What only a ledger has


def test_what_was_found_current_is_an_update_and_no_change(in_ledger: InLedger) -> None:
    in_ledger.publish(DAILY, days(1, 2))
    in_ledger.now += SECOND
    in_ledger.verify(DAILY, days(2))
    after = after_all_at(START)
    assert since(in_ledger, "updated", DAILY, days(1, 5), after) == days(2)
    assert since(in_ledger, "data changed", DAILY, days(1, 5), after) == EMPTY
    assert last(in_ledger, "updated", DAILY, days(1, 2)) == {START: days(1), START + SECOND: days(2)}


@pytest.mark.parametrize(
    ("outcome", "handles"),
    [
        pytest.param("failed", True, id="a failure handles"),
        pytest.param("rejected", True, id="a rejection handles"),
        pytest.param("skipped", True, id="a skip handles"),
        pytest.param("interrupted", False, id="an interruption does not"),
    ],
)
def test_how_an_attempt_ended(in_ledger: InLedger, outcome: Outcome, handles: bool) -> None:
    in_ledger.end(DAILY, days(1), outcome)
    assert last(in_ledger, "handled", DAILY, days(1)) == ({START: days(1)} if handles else {})
    in_ledger.end(SINGLE, ONLY, outcome)
    assert last(in_ledger, "handled", SINGLE, ONLY) == ({START: ONLY} if handles else {})
    assert last(in_ledger, "requested", DAILY, days(1)) == {START: days(1)}


def test_a_skip_handles_until_its_time_comes(in_ledger: InLedger) -> None:
    in_ledger.publish(DAILY, days(1))
    in_ledger.now += SECOND
    in_ledger.end(DAILY, days(1), "skipped", until=in_ledger.now + 5 * SECOND)
    assert last(in_ledger, "handled", DAILY, days(1)) == {START + SECOND: days(1)}
    in_ledger.now += 5 * SECOND
    assert last(in_ledger, "handled", DAILY, days(1)) == {START: days(1)}


def test_what_failed_or_was_rejected_last(in_ledger: InLedger) -> None:
    in_ledger.end(DAILY, days(1, 2), "failed")
    in_ledger.end(DAILY, days(2), "rejected")
    with in_ledger.facts() as facts:
        assert facts.status("failed", DAILY, days(1, 5)) == days(1)
        assert facts.status("rejected", DAILY, days(1, 5)) == days(2)
        assert facts.status("code changed", DAILY, days(1, 5)) == EMPTY


def test_what_a_living_run_has_claimed_is_in_progress(in_ledger: InLedger) -> None:
    publish = in_ledger.begin(DAILY, days(1, 2))
    with in_ledger.facts() as facts:
        assert facts.status("in progress", DAILY, days(2, 5)) == days(2)
    publish()
    with in_ledger.facts() as facts:
        assert facts.status("in progress", DAILY, days(2, 5)) == EMPTY


def test_an_attempt_that_was_decided_earlier_handles_no_more_than_it_saw(in_ledger: InLedger) -> None:
    in_ledger.publish(DAILY, days(1))
    in_ledger.now += SECOND
    in_ledger.publish(DAILY, days(2))
    in_ledger.now += SECOND
    wanted = {WHOLE: Wanted(fingerprint="f", was=None)}
    begun = in_ledger.ledger.begin("main", SINGLE, wanted, run_id="r", number=1, seen=1)
    assert isinstance(begun, tuple)
    in_ledger.ledger.finish(begun[0], "failed")
    with in_ledger.facts() as facts:
        ((handled, _),) = facts.moments("handled", SINGLE, ONLY)
        assert handled == Moment(START + SECOND, 1)
        assert facts.happened("data changed", DAILY, days(1, 5), handled) == days(2)


def test_time_never_goes_back_in_what_was_published(in_ledger: InLedger) -> None:
    in_ledger.publish(DAILY, days(1))
    in_ledger.now -= timedelta(hours=1)
    in_ledger.publish(DAILY, days(2))
    assert last(in_ledger, "updated", DAILY, days(1, 2)) == {START: days(1, 2)}


def test_an_environment_tells_of_what_it_reads_from_its_parent(in_ledger: InLedger) -> None:
    in_ledger.publish(DAILY, days(1, 3))
    in_ledger.ledger.create_environment("dev")
    in_ledger.now += SECOND
    in_ledger.publish(DAILY, days(2))
    with in_ledger.ledger.journal("dev") as journal:
        found = journal.happened("data changed", DAILY, days(1, 5), after_all_at(START))
        assert (journal.state.summary(DAILY).partitions, found) == (days(1, 3), days(2))
        assert journal.switched_on() == {}


def test_switching_off_and_on_again(in_ledger: InLedger) -> None:
    in_ledger.switch_on(DAILY)
    in_ledger.now += SECOND
    in_ledger.switch_on(DAILY)
    assert in_ledger.ledger.switch_automation("main", [DAILY, SINGLE], on=False) == (DAILY, SINGLE)
    with in_ledger.facts() as facts:
        assert facts.switched_on(DAILY) is None
    in_ledger.switch_on(DAILY)
    with in_ledger.facts() as facts:
        assert facts.switched_on(DAILY) == Moment(START + SECOND, 0)
