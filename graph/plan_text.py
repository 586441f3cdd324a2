"""A plan as JSON, for keeping and for programs; and as text, for people. Both read the steps that the runner reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from graph.errors import PlanRefused
from graph.fingerprint import Basis
from graph.partition_set import PartitionSet
from graph.reasons import Reason, counted
from graph.state import Observed
from graph.steps import (
    Adopt,
    Check,
    Ground,
    Hold,
    Keep,
    LeftOut,
    Materialize,
    Observe,
    Plan,
    Step,
    is_work,
    name_of,
    step_name,
)

_KINDS: Mapping[str, type[Any]] = {
    kind.__name__.lower(): kind for kind in (Observe, Materialize, Adopt, Check, Keep, Hold)
}

_PLAIN: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "str | None": (str, type(None)),
    "int": (int,),
    "int | None": (int, type(None)),
    "bool": (bool,),
}
"""By what the fields of the nouns are annotated with, the types of JSON values that they hold."""

_WIDEST = 60
"""The characters that keys are padded to; a longer list of keys moves its own reason only."""

Noun = TypeVar("Noun", bound=Reason | Observed | Basis | Ground | Plan | Step)


def to_json(plan: Plan) -> str:
    """The plan as one JSON object; `from_json` is the inverse."""
    head = {name: getattr(plan, name) for name in ("selection", "targets", "environment", "sequence")}
    document = {
        **head,
        "made_at": plan.made_at.isoformat(),
        "read": {key: _plain(ground) for key, ground in plan.read.items()},
        "automatic": plan.automatic,
        "steps": [{"step": type(step).__name__.lower(), **_plain(step)} for step in plan.steps],
        "settled": {key: partitions.to_plain() for key, partitions in plan.settled.items()},
        "left_out": [_plain(one) for one in plan.left_out],
    }
    return json.dumps(document, separators=(",", ":"))


def from_json(text: str) -> Plan:
    """The plan that `to_json` wrote.

    Raises:
        PlanRefused: the text is no plan.
    """
    try:
        read = json.loads(text)
        plan = Plan(
            selection=read["selection"],
            targets=_several(read["targets"]),
            environment=read["environment"],
            made_at=datetime.fromisoformat(read["made_at"]),
            sequence=read["sequence"],
            steps=tuple(_step(step) for step in _list(read["steps"])),
            read={str(key): _ground(ground) for key, ground in read["read"].items()},
            settled={str(key): PartitionSet.from_plain(one) for key, one in read["settled"].items()},
            left_out=tuple(_left_out(one) for one in _list(read["left_out"])),
            automatic=bool(read["automatic"]),
        )
        return _checked(plan)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PlanRefused(f"this is not a plan: {type(error).__name__}: {error}") from error


def explain(plan: Plan, *, every: bool = False, notes: Mapping[str, str] | None = None) -> str:
    """The plan as lines: what will be done and why; with ``every``, also what is kept.

    Args:
        notes: by the names of steps, what else is said of them.
    """
    shown = [step for step in plan.steps if every or is_work(step) or isinstance(step, Hold)]
    names = [_made_by(step) for step in shown]
    width = min(max(map(len, names), default=0), _WIDEST)
    lines = [
        f"{_verb(step):<11} {name:<{width}}  {step.reason.text}" + _noted(step, notes or {})
        for step, name in zip(shown, names, strict=True)
    ]
    lines.extend(
        f"{'left out':<11} {one.key:<{width}}  {counted(len(one.partitions))}: {one.text}"
        for one in plan.left_out
    )
    kept = len({step.key for step in plan.steps} - {step.key for step in shown})
    if kept:
        lines.append(
            f"{'keep':<11} {kept} {'asset' if kept == 1 else 'assets'} as published"
            + (" already" if not shown else "")
        )
    return "\n".join(lines)


def _noted(step: Step, notes: Mapping[str, str]) -> str:
    note = notes.get(name_of(step))
    return f"; {note}" if note else ""


def _made_by(step: Step) -> str:
    """What a step is about: its key, or all that one function makes together."""
    keys = step.outputs if isinstance(step, Materialize) else (step.key,)
    named = ", ".join(step_name(key, step.label) for key in keys)
    return f"{named} ({len(step.partitions):,})" if len(step.partitions) > 1 else named


def _verb(step: Step) -> str:
    if isinstance(step, Materialize):
        return "build" if step.when == "always" else "maybe build"
    return type(step).__name__.lower()


def _plain(value: Any) -> dict[str, Any]:
    """A frozen noun as JSON values."""
    plain: dict[str, Any] = {}
    for field in fields(value):
        content = getattr(value, field.name)
        match content:
            case datetime():
                plain[field.name] = content.isoformat()
            case PartitionSet():
                plain[field.name] = content.to_plain()
            case Reason() | Observed() | Basis():
                plain[field.name] = _plain(content)
            case _:
                plain[field.name] = content
    return plain


def _step(plain: dict[str, Any]) -> Step:
    kind = _KINDS[plain.pop("step")]
    why = plain["reason"]
    why["until"] = datetime.fromisoformat(why["until"]) if why["until"] else None
    plain["reason"] = _checked(Reason(**why))
    for name in ("partitions", "served"):
        if name in plain:
            plain[name] = PartitionSet.from_plain(plain[name])
    for name in ("needs", "outputs"):
        if name in plain:
            plain[name] = _several(plain[name])
    if plain.get("valid_until"):
        plain["valid_until"] = datetime.fromisoformat(plain["valid_until"])
    if "observed" in plain:
        seen = plain["observed"]
        seen["as_of"] = datetime.fromisoformat(seen["as_of"]) if seen["as_of"] else None
        plain["observed"] = _checked(Observed(**seen))
    made: Step = _checked(kind(**plain))
    return made


def _left_out(plain: dict[str, Any]) -> LeftOut:
    return LeftOut(**{**plain, "partitions": PartitionSet.from_plain(plain["partitions"])})


def _ground(plain: dict[str, Any]) -> Ground:
    basis = None if plain["basis"] is None else _checked(Basis(**plain["basis"]))
    return _checked(
        Ground(**{**plain, "basis": basis, "partitions": PartitionSet.from_plain(plain["partitions"])})
    )


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


def _several(value: object) -> tuple[str, ...]:
    texts = _list(value)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{value!r} is no list of texts")
    return tuple(texts)


def _checked(noun: Noun) -> Noun:
    """A noun whose fields of plain types hold what they say."""
    for field in fields(noun):
        plain = _PLAIN.get(str(field.type))
        content = getattr(noun, field.name)
        if plain is not None and type(content) not in plain:
            raise TypeError(f"{type(noun).__name__}.{field.name} is {content!r}, not {field.type}")
    if isinstance(noun, Materialize) and noun.when not in ("always", "if upstream changes"):
        raise ValueError(f"Materialize.when is {noun.when!r}")
    return noun
