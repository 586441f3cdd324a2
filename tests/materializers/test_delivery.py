"""Each subscriber hears each event once and in order, whatever happens in between."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug import Request, Response

from graph import Daily, Window, asset
from graph.partition_set import WHOLE
from materializers import Project, in_memory, materialize
from materializers.delivery import Patience, Told, deliver, subscribe_all, tell_published
from materializers.events import Event, Subscriber
from materializers.outbox import MemoryOutbox
from materializers.records import LedgerError, Publication
from materializers.senders import NotDelivered

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

AT = datetime(2024, 1, 5, tzinfo=UTC)


def publication(sequence: int, key: str = "g/a") -> Publication:
    return Publication(
        sequence=sequence,
        environment="main",
        key=key,
        partition=WHOLE,
        version_id=f"v{sequence}",
        kind="publish",
        at=AT,
        run_id="run",
    )


def described(one: Publication) -> Event:
    return Event(
        sequence=one.sequence,
        environment=one.environment,
        key=one.key,
        partition=None,
        data_version=one.version_id,
        kind=one.kind,
        at=one.at,
        run_id=one.run_id,
    )


def subscriber(name: str = "dashboard", keys: Iterable[str] = ("g/a",)) -> Subscriber:
    return Subscriber(
        name=name,
        kind="webhook",
        url="https://x.example",
        keys=frozenset(keys),
        environments=frozenset({"main"}),
    )


@dataclass
class Ear:
    """A receiver that notes what it hears; ``answers`` are taken first, and then it acknowledges."""

    answers: list[BaseException | None] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)
    closed: int = 0

    def send(self, sequence: int, body: bytes) -> None:
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.heard.append(sequence)

    def close(self) -> None:
        self.closed += 1


@dataclass
class Post:
    """An outbox with one subscriber, and the seconds that were waited."""

    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    ear: Ear = field(default_factory=Ear)
    waited: list[float] = field(default_factory=list)
    stops: bool = False

    def publish(self, *sequences: int, key: str = "g/a") -> None:
        self.outbox.publications += [publication(sequence, key) for sequence in sequences]

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return self.stops

    def tell(self, patience: Patience | None = None) -> Told:
        (told,) = deliver(
            self.outbox,
            [subscriber()],
            described,
            clock=lambda: AT,
            wait=self.wait,
            patience=patience,
            open_sender=lambda _: self.ear,
        )
        return told


@pytest.fixture
def post() -> Post:
    made = Post()
    made.publish(1, 2)
    made.outbox.subscribe("dashboard")
    return made


AGAIN = NotDelivered("it answered 503", again=True)
NEVER = NotDelivered("it answered 400", again=False)


def test_events_are_told_once_and_in_order(post: Post) -> None:
    post.publish(5, 3, 4)
    assert post.tell() == Told(subscriber="dashboard", sent=3)
    assert post.tell() == Told(subscriber="dashboard")
    assert post.ear.heard == [3, 4, 5]


def test_more_than_are_read_at_once_are_all_told(post: Post) -> None:
    post.publish(*range(3, 300))
    assert post.tell().sent == 297
    assert post.ear.heard == list(range(3, 300))


def test_what_a_subscriber_does_not_want_is_passed_over(post: Post) -> None:
    post.publish(3, 5, key="g/b")
    post.publish(4)
    assert post.tell() == Told(subscriber="dashboard", sent=1)
    assert (post.ear.heard, post.outbox.reached["dashboard"]) == ([4], 5)


def test_nobody_is_called_when_nothing_is_wanted(post: Post) -> None:
    post.publish(3, key="g/b")
    post.tell()
    assert post.ear.closed == 0


def test_while_another_tells_it_nothing_is_told(post: Post) -> None:
    post.publish(3)
    turn = post.outbox.pending("dashboard")
    assert post.tell() == Told(subscriber="dashboard")
    assert turn is not None
    post.outbox.release(turn)
    assert post.tell().sent == 1


def test_a_turn_that_was_lost_is_left_to_the_other(post: Post) -> None:
    post.publish(3, 4, 5)

    class Slow(Ear):
        def send(self, sequence: int, body: bytes) -> None:
            super().send(sequence, body)
            if sequence == 4:
                post.outbox.turns["dashboard"] = 99  # its lease ran out, and another took over

    post.ear = Slow()
    assert post.tell() == Told(subscriber="dashboard", sent=2)
    assert (post.ear.heard, post.outbox.reached["dashboard"]) == ([3, 4], 3)


@pytest.mark.parametrize(
    ("answers", "waited", "heard"),
    [
        pytest.param([AGAIN, None], [1.0], [3, 4], id="once more"),
        pytest.param([AGAIN, AGAIN, AGAIN, None], [1.0, 2.0, 4.0], [3, 4], id="three times more, each later"),
        pytest.param([AGAIN] * 4, [1.0, 2.0, 4.0], [], id="no more than four times"),
        pytest.param([NEVER], [], [], id="not again what will not be taken"),
        pytest.param([None, AGAIN, NEVER], [1.0], [3], id="what came before is not lost"),
    ],
)
def test_what_is_not_acknowledged_is_tried_again(
    post: Post, answers: list[BaseException | None], waited: list[float], heard: list[int]
) -> None:
    post.publish(3, 4)
    post.ear.answers = list(answers)
    told = post.tell()
    assert (post.waited, post.ear.heard, told.sent) == (waited, heard, len(heard))
    assert bool(told.failed) is (heard != [3, 4])


def test_after_a_failure_the_next_delivery_begins_with_the_same_event(post: Post) -> None:
    post.publish(3, 4, 5)
    post.ear.answers = [None, NEVER]
    assert post.tell() == Told(subscriber="dashboard", sent=1, failed="it answered 400")
    post.tell()
    assert post.ear.heard == [3, 4, 5]


def test_a_stop_ends_the_waiting(post: Post) -> None:
    post.publish(3)
    post.ear.answers, post.stops = [AGAIN], True
    assert post.tell().failed == "it answered 503"
    assert post.waited == [1.0]


def test_patience_is_what_it_was_set_to(post: Post) -> None:
    post.publish(3)
    post.ear.answers = [AGAIN, AGAIN]
    post.tell(Patience(tries=2, delay=timedelta(seconds=5)))
    assert post.waited == [5.0]


def test_one_that_cannot_be_reached_keeps_no_other_waiting() -> None:
    outbox = MemoryOutbox()
    ears = {"a": Ear(answers=[NEVER]), "b": Ear()}
    for name in ears:
        outbox.subscribe(name)
    outbox.publications.append(publication(1))
    both = [subscriber(name) for name in ears]
    first, second = deliver(outbox, both, described, clock=lambda: AT, open_sender=lambda who: ears[who.name])
    assert (first.failed, second.sent) == ("it answered 400", 1)
    assert str(first) == "a was told 0 events, then: it answered 400"
    assert str(second) == "b was told 1 event"


def test_a_subscriber_that_cannot_be_called_is_told_of(post: Post) -> None:
    post.publish(3)
    hidden = replace(subscriber(), url="$URL")
    (told,) = deliver(post.outbox, [hidden], described, clock=lambda: AT, environ={})
    assert told.failed == "the variable URL is not set; set it"


class Killed(BaseException):
    """The process ends here."""


@given(
    wanted=st.lists(st.booleans(), min_size=1, max_size=12),
    ends=st.lists(st.sampled_from(["killed before", "killed after", "refused", "taken"]), max_size=20),
)
def test_whatever_happens_everything_is_heard_in_order_and_doubled_only_where_it_was_killed(
    wanted: list[bool], ends: list[str]
) -> None:
    outbox, heard = MemoryOutbox(), list[int]()
    outbox.subscribe("dashboard")
    outbox.publications += [
        publication(number, "g/a" if want else "g/b") for number, want in enumerate(wanted, start=1)
    ]
    left = list(ends)

    class Unsteady(Ear):
        def send(self, sequence: int, body: bytes) -> None:
            match left.pop(0) if left else "taken":
                case "killed before":
                    raise Killed
                case "refused":
                    raise NEVER
                case "killed after":
                    heard.append(sequence)
                    raise Killed
                case _:
                    heard.append(sequence)

    for _ in range(len(ends) + 1):
        try:
            deliver(outbox, [subscriber()], described, clock=lambda: AT, open_sender=lambda _: Unsteady())
        except Killed:
            continue
    assert heard == sorted(heard)
    assert set(heard) == {number for number, want in enumerate(wanted, start=1) if want}
    assert len(heard) - len(set(heard)) <= ends.count("killed after")


# --- over a ledger -----------------------------------------------------------------------------------------


def test_a_run_tells_what_it_published(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    @asset(name="g/days", partitions=Daily(start="2024-01-01"))
    def days(window: Window) -> int:
        return window.day.day

    @asset(name="g/other")
    def other() -> int:
        return 1

    heard: list[dict[str, object]] = []

    def hook(request: Request) -> Response:
        heard.append(json.loads(request.get_data()))
        return Response(status=200)

    httpserver.expect_request("/hook").respond_with_handler(hook)
    monkeypatch.setenv("HOOK_URL", httpserver.url_for("/hook"))
    table = {"kind": "webhook", "url": "$HOOK_URL", "selection": "g/days"}
    workspace = in_memory([days, other], clock=lambda: datetime(2024, 1, 3, tzinfo=UTC))
    workspace.project = Project(root=Path.cwd(), events={"dashboard": table})
    run = materialize("*", workspace=workspace)
    assert run.told == ("dashboard was told 2 events",)
    assert materialize("*", workspace=workspace).told == ()
    assert tell_published(workspace, subscribe_all(workspace)) == (Told(subscriber="dashboard"),)
    # partitions are made side by side, and told as they were published
    assert sorted((one["key"], one["partition"], one["run_id"]) for one in heard) == [
        ("g/days", "2024-01-01", run.run_id),
        ("g/days", "2024-01-02", run.run_id),
    ]
    versions = {version.data_version for version in workspace.published("g/days").values()}
    assert {one["data_version"] for one in heard} == versions


def test_a_project_without_subscribers_tells_nobody() -> None:
    @asset(name="g/a")
    def a() -> int:
        return 1

    assert subscribe_all(in_memory([a])) == ()


def test_a_subscriber_that_is_new_is_told_what_is_published_from_then_on() -> None:
    outbox = MemoryOutbox([publication(1)])
    outbox.subscribe("a")
    outbox.subscribe("b", since=0)
    outbox.subscribe("b", since=7)  # it is there already
    assert outbox.pending("a") is None
    first = outbox.pending("b")
    assert first is not None
    assert [one.sequence for one in first.publications] == [1]


def test_who_never_subscribed_is_told() -> None:
    with pytest.raises(LedgerError, match="'a' is no subscriber"):
        MemoryOutbox().pending("a")
