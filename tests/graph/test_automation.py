"""What the compositions make due: each row is a story, told line by line, of a record and of what is due when.

A line is ``made KEY [DAY..]`` (published, with data that are new), ``again KEY`` (with the same data),
``tried KEY`` (an attempt that publishes nothing), ``wiped KEY DAY..``, ``failing KEY`` (what is visible fails its
checks), ``busy KEY`` (a run has claimed it) or ``idle KEY``, ``sweep`` (everything that is due is tried and made),
``wait SPAN``, or ``due KEY [DAYS], ...`` and ``due nothing``, which are what the story promises. It begins in the
evening of 2024-01-05; automation is ``on`` from that line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from graph.automation import (
    all_upstream_checks_passed,
    any_upstream,
    any_upstream_missing,
    eager,
    initial_evaluation,
    missing,
    newly_updated,
    on_cron,
    on_missing,
)
from graph.catch_up import CatchUp, catch_up_all, catch_up_last, catch_up_none
from graph.conditions import Condition
from graph.evaluation import Due, due
from graph.facts import MemoryFacts, MemoryPartitioning
from graph.partition_set import ONLY, PartitionSet

BEGINNING = datetime(2024, 1, 5, 17, 30, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST_DAY = date(2024, 1, 1)
SPANS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": DAY}


@dataclass(frozen=True)
class Line:
    """A graph whose keys are written in topological order: ``prices > returns``, or ``a, b > c`` for two upstream."""

    upstream_of: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, text: str) -> Line:
        upstream: dict[str, tuple[str, ...]] = {}
        above: tuple[str, ...] = ()
        for names in text.split(" > "):
            keys = tuple(names.split(", "))
            upstream |= dict.fromkeys(keys, above)
            above = keys
        return cls(upstream)

    @property
    def assets(self) -> Mapping[str, SimpleNamespace]:
        return {key: SimpleNamespace(key=key) for key in self.upstream_of}

    def siblings(self, key: str) -> tuple[str, ...]:
        return (key,)


@dataclass
class World:
    """A record that goes on line by line."""

    graph: Line
    conditions: Mapping[str, Condition]
    daily: tuple[str, ...] = ()
    catch_up: CatchUp = field(default_factory=catch_up_all)
    now: datetime = BEGINNING
    facts: MemoryFacts = field(default_factory=MemoryFacts)

    def play(self, story: str) -> None:
        for number, line in enumerate(filter(None, map(str.strip, story.splitlines())), start=1):
            verb, _, rest = line.partition(" ")
            if verb == "due":
                assert f"line {number}: due {self.told()}" == f"line {number}: {line}"
            else:
                self.tell(verb, rest)

    def tell(self, verb: str, rest: str) -> None:
        words = rest.split()
        partitions = self.days(words[1]) if len(words) > 1 and verb != "wait" else ONLY
        match verb, words:
            case "wait", [number, unit]:
                self.now += int(number) * SPANS[unit.rstrip("s")]
            case "on", []:
                self.facts = self.facts.switch_on(self.conditions, self.now)
            case "sweep", []:
                for key, found in self.due().partitions.items():
                    self.facts = self.facts.request(key, found, at=self.now).publish(key, found, at=self.now)
            case "again", [key]:
                self.facts = self.facts.publish(key, at=self.now, same_data=True)
            case "made", [key, *_]:
                self.facts = self.facts.publish(key, partitions, at=self.now)
            case "tried", [key, *_]:
                self.facts = self.facts.request(key, partitions, at=self.now)
            case "wiped", [key, *_]:
                self.facts = self.facts.remove(key, partitions, at=self.now)
            case "failing", [key, *_]:
                self.facts = self.facts.mark("checks failed", key, partitions)
            case (("busy" | "idle"), [key, *_]):
                claimed = partitions if verb == "busy" else PartitionSet({})
                self.facts = self.facts.mark("in progress", key, claimed)
            case _:
                raise AssertionError(f"nobody understands '{verb} {rest}'")

    def due(self) -> Due:
        partitioning = self.partitioning()
        policies = dict.fromkeys(self.conditions, self.catch_up)
        found = [
            due(
                self.graph,
                self.conditions,
                self.facts,
                partitioning,
                self.now,
                catch_up=policies,
                thorough=thorough,
            )
            for thorough in (False, True)
        ]
        assert found[0].partitions == found[1].partitions
        return found[0]

    def told(self) -> str:
        names = self.partitioning().names
        found = self.due().partitions
        return ", ".join(f"{key} {names(key, some)}".rstrip() for key, some in found.items()) or "nothing"

    def partitioning(self) -> MemoryPartitioning:
        return MemoryPartitioning(now=self.now, daily=dict.fromkeys(self.daily, FIRST_DAY))

    @staticmethod
    def days(text: str) -> PartitionSet:
        first, _, last = text.partition("..")
        numbers = [date.fromisoformat(f"2024-{day}").toordinal() for day in (first, last or first)]
        return PartitionSet.span(*numbers)


AT_SIX = on_cron("0 18 * * *")

AS_DAGSTER = [
    pytest.param(
        "prices > returns",
        {"returns": eager()},
        "made prices; on; due nothing; wait 1 minute; due nothing; made prices; due returns; sweep; due nothing",
        id="eager: what was there before automation was switched on is no reason",
    ),
    pytest.param(
        "prices, rates > returns",
        {"returns": eager()},
        "on; wait 1 minute; made prices; due nothing; made rates; due returns",
        id="eager: waits until nothing upstream is missing, and does not forget",
    ),
    pytest.param(
        "prices > returns > risk",
        {"returns": eager(), "risk": eager()},
        "made prices; on; wait 1 minute; made prices; due returns, risk; sweep; due nothing",
        id="eager: a chain in one sweep",
    ),
    pytest.param(
        "prices > returns",
        {"returns": eager()},
        "on; wait 1 minute; made prices; made prices; made prices; due returns; sweep; due nothing",
        id="eager: several updates are one reason",
    ),
    pytest.param(
        "prices > returns",
        {"returns": eager()},
        "on; wait 1 minute; made prices; due returns; tried returns; wait 5 hours; due nothing",
        id="eager: what failed is not tried again",
    ),
    pytest.param(
        "prices > returns",
        {"returns": eager()},
        """on; wait 1 minute; made prices; busy returns; due nothing; idle returns; due returns
           busy prices; due nothing; idle prices; due returns""",
        id="eager: not while it is being made, or what it reads is",
    ),
    pytest.param(
        "prices > returns",
        {"returns": eager()},
        "on; wait 1 minute; made prices; made returns; due nothing",
        id="eager: made by hand after its upstream",
    ),
    pytest.param(
        "prices > returns",
        {"returns": eager()},
        "made prices; made returns; on; wait 1 minute; wiped returns; due returns",
        id="eager: what was wiped is made again",
    ),
    pytest.param(
        "prices",
        {"prices": AT_SIX},
        """on; due nothing; wait 1 hour; due prices; sweep; due nothing; wait 1 hour; due nothing
           wait 5 days; due prices; sweep; due nothing""",
        id="on_cron: a root runs at the tick, and once after five of them",
    ),
    pytest.param(
        "prices",
        {"prices": AT_SIX},
        "wait 31 minutes; on; due nothing; wait 1 hour; due nothing",
        id="on_cron: a tick just before automation was switched on is none",
    ),
    pytest.param(
        "prices, rates > returns",
        {"returns": AT_SIX},
        """on; made prices; made rates; wait 1 hour; due nothing; made prices; due nothing
           made rates; due returns; sweep; made prices; due nothing""",
        id="on_cron: waits until every upstream was updated after the tick",
    ),
    pytest.param(
        "prices > returns",
        {"returns": AT_SIX},
        "on; wait 1 hour; made prices; wait 1 day; due nothing; made prices; due returns",
        id="on_cron: the next tick asks for another update",
    ),
    pytest.param(
        "prices > returns",
        {"prices": AT_SIX, "returns": AT_SIX},
        "on; wait 1 hour; due prices, returns; sweep; due nothing",
        id="on_cron: what will be requested counts as updated",
    ),
    pytest.param(
        "report",
        {"report": on_missing()},
        "on; due nothing; wait 1 day; due nothing",
        id="on_missing: what was missing before automation was switched on is not made",
    ),
    pytest.param(
        "prices > returns",
        {"returns": eager() & all_upstream_checks_passed()},
        "on; wait 1 minute; made prices; failing prices; due nothing",
        id="a gate for what is visible and fails its checks",
    ),
]

AS_DAGSTER_BY_DAY = [
    pytest.param(
        {"returns": eager()},
        "prices, returns",
        "made prices 01-01..01-04; on; wait 1 minute; made prices 01-02; due nothing",
        id="eager: an old partition does not follow its upstream",
    ),
    pytest.param(
        {"returns": eager()},
        "prices, returns",
        "made prices 01-01..01-04; on; wait 1 minute; made prices 01-04; due returns 2024-01-04",
        id="eager: the latest does",
    ),
    pytest.param(
        {"returns": eager()},
        "prices",
        "on; wait 1 minute; made prices 01-04; due nothing; made prices 01-01..01-04; due returns",
        id="eager: one that reads a whole history waits for all of it",
    ),
    pytest.param(
        {"returns": on_missing()},
        "returns",
        "made prices; on; due nothing; wait 1 day; due returns 2024-01-05; sweep; due nothing",
        id="on_missing: a day that has ended",
    ),
    pytest.param(
        {"returns": AT_SIX},
        "prices, returns",
        """made prices 01-01..01-04; on; wait 1 hour; due nothing; made prices 01-03; due nothing
           made prices 01-04; due returns 2024-01-04""",
        id="on_cron: the latest day, when its own upstream was updated",
    ),
    pytest.param(
        {"returns": AT_SIX},
        "returns",
        """on; wait 1 hour; made prices; due returns 2024-01-04; sweep; wait 6 hours; due nothing
           wait 18 hours; made prices; due returns 2024-01-05""",
        id="on_cron: a day that ends after a tick waits for the next one",
    ),
]

ON_PURPOSE = [
    pytest.param(
        "rates > prices > returns",
        {"prices": eager(), "returns": eager()},
        "returns",
        "made rates; on; wait 1 minute; made rates; due prices, returns 2024-01-04",
        id="one sweep crosses partitionings: Dagster lets returns wait for the next tick",
    ),
    pytest.param(
        "prices > returns",
        {"returns": on_missing()},
        "returns",
        """made prices; on; wait 1 day; sweep; wait 3 days; due returns 2024-01-06..2024-01-08
           sweep; due nothing""",
        id="gaps are filled: Dagster makes 2024-01-08 alone",
    ),
    pytest.param(
        "prices > returns",
        {"returns": eager()},
        "prices, returns",
        """on; wait 3 days; made prices 01-05..01-07; due returns 2024-01-05..2024-01-07
           sweep; due nothing; made prices 01-05; due nothing""",
        id="gaps are filled: by eager, once",
    ),
    pytest.param(
        "prices > returns",
        {"returns": AT_SIX},
        "prices, returns",
        """on; wait 3 days; made prices 01-05..01-07; due returns 2024-01-05..2024-01-06
           sweep; due nothing; wait 1 hour; made prices 01-07; due returns 2024-01-07""",
        id="gaps are filled: by on_cron, of days that had their tick",
    ),
    pytest.param(
        "prices > returns",
        {"returns": eager()},
        "",
        "on; wait 1 minute; made prices; tried returns; made returns; made prices; due returns",
        id="two updates between two ticks are not lost",
    ),
    pytest.param(
        "prices > returns",
        {"returns": eager()},
        "",
        "on; made prices; made returns; wait 1 minute; again prices; due nothing",
        id="equal data are no update",
    ),
    pytest.param(
        "prices > returns",
        {"returns": AT_SIX},
        "",
        "on; made prices; wait 1 hour; due nothing; again prices; due returns",
        id="what was found current again was updated, for on_cron",
    ),
    pytest.param(
        "prices > returns",
        {"returns": any_upstream(newly_updated())},
        "",
        """made prices; on; due nothing; wait 1 minute; made prices; due returns
           wait 1 day; due returns; sweep; due nothing""",
        id="an occurrence alone is due until it was handled: a tick has no end",
    ),
    pytest.param(
        "prices > returns",
        {"returns": on_missing() | missing() & initial_evaluation()},
        "",
        "on; due returns; wait 1 day; due returns; tried returns; due nothing",
        id="a first evaluation lasts until something was done about it",
    ),
    pytest.param(
        "prices > returns",
        {"returns": eager().without(any_upstream_missing())},
        "prices",
        "on; wait 1 minute; made prices 01-04; due returns",
        id="a part can be left out",
    ),
    pytest.param(
        "prices, rates > returns",
        {"returns": eager().ignore("key:rates")},
        "",
        "on; wait 1 minute; made prices; made rates; sweep; made rates; due nothing; made prices; due returns",
        id="an upstream can be ignored",
    ),
]


def lines(story: str) -> str:
    return story.replace(";", "\n")


@pytest.mark.parametrize(("graph", "conditions", "story"), AS_DAGSTER)
def test_due_as_in_dagster(graph: str, conditions: Mapping[str, Condition], story: str) -> None:
    World(Line.of(graph), conditions).play(lines(story))


@pytest.mark.parametrize(("conditions", "daily", "story"), AS_DAGSTER_BY_DAY)
def test_due_as_in_dagster_by_day(conditions: Mapping[str, Condition], daily: str, story: str) -> None:
    World(Line.of("prices > returns"), conditions, daily=tuple(daily.split(", "))).play(lines(story))


@pytest.mark.parametrize(("graph", "conditions", "daily", "story"), ON_PURPOSE)
def test_due_unlike_dagster(graph: str, conditions: Mapping[str, Condition], daily: str, story: str) -> None:
    World(Line.of(graph), conditions, daily=tuple(daily.split(", "))).play(lines(story))


@pytest.mark.parametrize(
    ("policy", "due_then", "left_out"),
    [
        pytest.param(catch_up_all(), "2024-01-05..2024-01-08", "", id="all"),
        pytest.param(catch_up_last(2), "2024-01-07..2024-01-08", "2024-01-05..2024-01-06", id="the last two"),
        pytest.param(catch_up_none(), "2024-01-08", "2024-01-05..2024-01-07", id="none, as Dagster"),
    ],
)
def test_a_policy_says_what_it_leaves_out(policy: CatchUp, due_then: str, left_out: str) -> None:
    world = World(Line.of("returns"), {"returns": on_missing()}, daily=("returns",), catch_up=policy)
    world.play(lines(f"on; due nothing; wait 4 days; due returns {due_then}"))
    left = world.due().left_out.get("returns", PartitionSet({}))
    assert world.partitioning().names("returns", left) == left_out


def test_what_a_policy_leaves_out_upstream_is_waited_for_downstream() -> None:
    world = World(
        Line.of("prices > returns"),
        {"prices": on_missing(), "returns": on_missing()},
        daily=("prices", "returns"),
        catch_up=catch_up_none(),
    )
    world.play(lines("on; wait 4 days; due prices 2024-01-08, returns 2024-01-08"))
    world.catch_up = catch_up_all()
    assert world.due().left_out == {}


def test_what_is_made_together_is_due_together() -> None:
    @dataclass(frozen=True)
    class Twins(Line):
        def siblings(self, key: str) -> tuple[str, ...]:
            return ("highs", "lows") if key in {"highs", "lows"} else (key,)

    world = World(Twins.of("prices > highs, lows > range"), {"lows": eager(), "range": eager()})
    world.play(lines("on; wait 1 minute; made highs; made lows; made prices; due lows, highs, range"))
    assert world.due().with_others == {"highs": ONLY}


def test_an_asset_whose_automation_is_off_is_told_and_not_due() -> None:
    world = World(Line.of("prices > returns"), {"returns": eager()})
    world.play(lines("made prices; due nothing"))
    assert world.due().switched_off == ("returns",)


def test_what_will_be_made_anyway_is_told_downstream() -> None:
    world = World(Line.of("prices > returns"), {"returns": eager()})
    world.play(lines("made prices; on; due nothing"))
    found = due(
        world.graph, world.conditions, world.facts, world.partitioning(), world.now, also={"prices": ONLY}
    )
    assert found.partitions == {"returns": ONLY}
