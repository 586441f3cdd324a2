"""Each subscriber hears each event once and in order, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.partition_set import WHOLE
from materializers.delivery import AT_ONCE, Delivery, MemoryOutbox, Patience, deliver
from materializers.events import Event, Subscriber
from materializers.senders import NotDelivered

AT = datetime(2024, 1, 5, tzinfo=UTC)


def event(sequence: int, key: str = "g/a") -> Event:
    return Event(
        sequence=sequence,
        environment="main",
        key=key,
        partition=WHOLE,
        data_version=f"v{sequence}",
        kind="publish",
        at=AT,
        run_id="run",
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
        self.outbox.events += [event(sequence, key) for sequence in sequences]

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return self.stops

    def deliver(self, patience: Patience | None = None) -> Delivery:
        (told,) = deliver(
            self.outbox,
            [subscriber()],
            wait=self.wait,
            patience=patience,
            open_sender=lambda _: self.ear,
        )
        return told


@pytest.fixture
def post() -> Post:
    made = Post()
    made.publish(1, 2)
    made.deliver()  # from here on it is known
    return made


AGAIN = NotDelivered("it answered 503", again=True)
NEVER = NotDelivered("it answered 400", again=False)


def test_a_new_subscriber_hears_nothing_of_the_past(post: Post) -> None:
    assert post.ear.heard == []


def test_events_are_told_once_and_in_order(post: Post) -> None:
    post.publish(5, 3, 4)
    assert post.deliver() == Delivery(subscriber="dashboard", sent=3, reached=5)
    assert post.deliver() == Delivery(subscriber="dashboard")
    assert post.ear.heard == [3, 4, 5]


def test_more_than_are_read_at_once_are_all_told(post: Post) -> None:
    post.publish(*range(3, 3 + 2 * AT_ONCE + 1))
    assert post.deliver().sent == 2 * AT_ONCE + 1
    assert post.ear.heard == list(range(3, 3 + 2 * AT_ONCE + 1))


def test_what_a_subscriber_does_not_want_is_passed_over(post: Post) -> None:
    post.publish(3, 5, key="g/b")
    post.publish(4)
    assert post.deliver() == Delivery(subscriber="dashboard", sent=1, reached=5)
    assert (post.ear.heard, post.outbox.come["dashboard"]) == ([4], 5)


def test_nobody_is_called_when_nothing_is_wanted(post: Post) -> None:
    post.publish(3, key="g/b")
    post.deliver()
    assert post.ear.closed == 0


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
    told = post.deliver()
    assert (post.waited, post.ear.heard, told.sent) == (waited, heard, len(heard))
    assert bool(told.failed) is (heard != [3, 4])


def test_after_a_failure_the_next_delivery_begins_with_the_same_event(post: Post) -> None:
    post.publish(3, 4, 5)
    post.ear.answers = [None, NEVER]
    assert post.deliver() == Delivery(subscriber="dashboard", sent=1, reached=3, failed="it answered 400")
    post.deliver()
    assert post.ear.heard == [3, 4, 5]


def test_a_stop_ends_the_waiting(post: Post) -> None:
    post.publish(3)
    post.ear.answers, post.stops = [AGAIN], True
    assert post.deliver().failed == "it answered 503"
    assert post.waited == [1.0]


def test_patience_is_what_it_was_set_to(post: Post) -> None:
    post.publish(3)
    post.ear.answers = [AGAIN, AGAIN]
    post.deliver(Patience(tries=2, delay=timedelta(seconds=5)))
    assert post.waited == [5.0]


def test_one_that_cannot_be_reached_keeps_the_others_not_waiting_for_good() -> None:
    outbox = MemoryOutbox()
    ears = {"a": Ear(answers=[NEVER]), "b": Ear()}
    both = [subscriber("a"), subscriber("b")]
    deliver(outbox, both)
    outbox.events.append(event(1))
    first, second = deliver(outbox, both, open_sender=lambda who: ears[who.name])
    assert (first.failed, second.sent) == ("it answered 400", 1)
    assert str(first) == "a: 0 events delivered, then it answered 400"
    assert str(second) == "b: 1 event delivered"


def test_a_subscriber_that_cannot_be_called_is_told(post: Post) -> None:
    post.publish(3)
    hidden = Subscriber(
        name="dashboard",
        kind="webhook",
        url="$URL",
        keys=frozenset({"g/a"}),
        environments=frozenset({"main"}),
    )
    (told,) = deliver(post.outbox, [hidden], environ={})
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
    deliver(outbox, [subscriber()])
    outbox.events += [event(number, "g/a" if want else "g/b") for number, want in enumerate(wanted, start=1)]
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
            deliver(outbox, [subscriber()], open_sender=lambda _: Unsteady())
        except Killed:
            continue
    assert heard == sorted(heard)
    assert set(heard) == {number for number, want in enumerate(wanted, start=1) if want}
    assert len(heard) - len(set(heard)) <= ends.count("killed after")


def test_the_body_names_partitions_as_the_project_does(post: Post) -> None:
    post.publish(3)
    bodies: list[bytes] = []

    class Reading(Ear):
        def send(self, sequence: int, body: bytes) -> None:
            bodies.append(body)

    name: Callable[..., str] = lambda key, partition: f"{key} whole"  # noqa: E731  # a table of one
    deliver(post.outbox, [subscriber()], open_sender=lambda _: Reading(), name=name)
    assert b'"partition":"g/a whole"' in bodies[0]
