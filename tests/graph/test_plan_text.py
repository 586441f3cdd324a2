"""A plan as text for people and as JSON for programs; what is no plan is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from graph.errors import PlanRefused
from graph.fingerprint import Basis
from graph.partition_set import EMPTY, ONLY, PartitionSet
from graph.plan_text import explain, from_json, to_json
from graph.reasons import Reason
from graph.state import Observed
from graph.steps import Ground, Hold, Keep, LeftOut, Materialize, Observe, Plan, Step

WHEN = datetime(2024, 1, 2, 9, tzinfo=UTC)
NEW = Reason.never_built()


def plan_of(*steps: Step) -> Plan:
    return Plan(
        selection="*", targets=("main/a",), environment="main", made_at=WHEN, sequence=3, steps=tuple(steps)
    )


def build(*outputs: str, label: str = "", partitions: PartitionSet = ONLY) -> Materialize:
    return Materialize(
        key=outputs[0],
        reason=NEW,
        when="always",
        outputs=outputs,
        label=label,
        partitions=partitions,
        served=EMPTY,
    )


WHOLE = plan_of(
    Observe(
        key="main/seen",
        reason=Reason.first_seen(),
        observed=Observed(data_version="1", as_of=WHEN, size=4),
        changed=True,
    ),
    build("main/train", "main/test"),
    Hold(key="main/held", reason=Reason.waits(["main/x"]), needs=("main/train",), served=ONLY),
)


def test_all_that_one_function_makes_is_named() -> None:
    keep = Keep(key="main/kept", reason=Reason.up_to_date(False))
    assert explain(plan_of(build("main/train", "main/test"), build("main/a"), keep)).splitlines() == [
        "build       main/train, main/test  never built",
        "build       main/a                 never built",
        "keep        1 asset as published",
    ]


def test_each_output_has_its_partition() -> None:
    day = "2024-01-02"
    assert explain(plan_of(build("a/x", "a/y", label=day))) == (
        "build       a/x@2024-01-02, a/y@2024-01-02  never built"
    )


def test_many_partitions_are_counted_and_what_was_left_out_is_told() -> None:
    days = PartitionSet.span(1, 9)
    plan = replace(
        plan_of(build("a/x", label="first..last", partitions=days)),
        left_out=(LeftOut(key="a/x", partitions=PartitionSet.span(-3, 0), text="last(9)"),),
        settled={"a/x": days},
        read={
            "a/x": Ground(
                partitions=days, declared="7", basis=Basis(code="c", resources={"r": "1"}), checks="k"
            )
        },
    )
    assert explain(plan).splitlines() == [
        "build       a/x@first..last (9)  never built",
        "left out    a/x                  4 partitions: last(9)",
    ]
    assert from_json(to_json(plan)) == plan


def test_many_outputs_do_not_push_the_other_reasons_away() -> None:
    many = build(*(f"main/output_{number}" for number in range(12)))
    assert (
        explain(plan_of(many, build("main/a"))).splitlines()[1] == f"build       {'main/a':<60}  never built"
    )


def test_a_plan_survives_being_written_down() -> None:
    assert from_json(to_json(WHOLE)) == WHOLE


def setting(value: object, *path: str | int) -> Callable[[Any], object]:
    """A change of a plan's JSON: the value at the path."""

    def change(plan: Any) -> object:
        at = plan
        for part in path[:-1]:
            at = at[part]
        at[path[-1]] = value
        return plan

    return change


def without(*path: str | int) -> Callable[[Any], object]:
    """A change of a plan's JSON: what is at the path is gone."""

    def change(plan: Any) -> object:
        at = plan
        for part in path[:-1]:
            at = at[part]
        del at[path[-1]]
        return plan

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda plan: [plan], id="a list"),
        pytest.param(lambda plan: "plan", id="a text"),
        pytest.param(lambda plan: None, id="nothing"),
        pytest.param(without("steps"), id="no steps"),
        pytest.param(setting("ab", "targets"), id="targets as one text"),
        pytest.param(setting([1], "targets"), id="targets that are numbers"),
        pytest.param(setting("3", "sequence"), id="the sequence as a text"),
        pytest.param(setting("today", "made_at"), id="no time"),
        pytest.param(setting(5, "made_at"), id="a time as a number"),
        pytest.param(setting({}, "steps"), id="steps as an object"),
        pytest.param(setting("main/a", "steps", 0), id="a text as a step"),
        pytest.param(setting(None, "steps", 0), id="nothing as a step"),
        pytest.param(setting("paint", "steps", 0, "step"), id="a step of an unknown kind"),
        pytest.param(setting([], "steps", 0, "step"), id="a kind that is a list"),
        pytest.param(without("steps", 1, "when"), id="a field is missing"),
        pytest.param(setting(1, "steps", 1, "more"), id="a field too many"),
        pytest.param(setting(1, "steps", 1, "key"), id="a key that is a number"),
        pytest.param(setting("never", "steps", 1, "when"), id="an unknown when"),
        pytest.param(setting("main/a", "steps", 1, "outputs"), id="outputs as one text"),
        pytest.param(setting("new", "steps", 1, "reason"), id="a reason as a text"),
        pytest.param(setting({}, "steps", 1, "reason"), id="a reason without a kind"),
        pytest.param(setting(7, "steps", 1, "valid_until"), id="valid until a number"),
        pytest.param(setting("all", "steps", 1, "partitions"), id="partitions as a text"),
        pytest.param(
            setting({"": [[5, 3]]}, "steps", 1, "partitions"), id="partitions that end before they start"
        ),
        pytest.param(setting({"": [[1, 2], [2, 3]]}, "steps", 1, "partitions"), id="partitions twice"),
        pytest.param(setting([], "settled"), id="what is settled as a list"),
        pytest.param(setting({"a": 1}, "read"), id="what was read as a number"),
        pytest.param(setting({"a": {}}, "read"), id="what was read is empty"),
        pytest.param(setting("1", "steps", 0, "observed"), id="what was observed as a text"),
        pytest.param(setting({}, "steps", 0, "observed"), id="what was observed is empty"),
        pytest.param(setting("big", "steps", 0, "observed", "size"), id="a size as a text"),
        pytest.param(setting("yes", "steps", 0, "changed"), id="a truth as a text"),
    ],
)
def test_what_is_no_plan_is_refused(change: Callable[[Any], object]) -> None:
    with pytest.raises(PlanRefused, match="this is not a plan"):
        from_json(json.dumps(change(json.loads(to_json(WHOLE)))))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000], ids=["no text", "half an object", "too deep"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(PlanRefused, match="this is not a plan"):
        from_json(text)
