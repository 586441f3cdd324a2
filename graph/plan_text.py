"""A plan as JSON, for keeping and for programs; and as text, for people. Both read the steps that the runner reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from graph.errors import PlanRefused
from graph.plan import Adopt, Check, Hold, Keep, Materialize, Observe, Plan, Step, is_work, step_id
from graph.reasons import Reason
from graph.state import Observed

_KINDS: Mapping[str, type[Any]] = {
    kind.__name__.lower(): kind for kind in (Observe, Materialize, Adopt, Check, Keep, Hold)
}


def to_json(plan: Plan) -> str:
    """The plan as one JSON object; `from_json` is the inverse."""
    head = {name: getattr(plan, name) for name in ("selection", "targets", "environment", "sequence")}
    steps = [{"step": type(step).__name__.lower(), **_plain(step)} for step in plan.steps]
    return json.dumps({**head, "made_at": plan.made_at.isoformat(), "steps": steps}, separators=(",", ":"))


def from_json(text: str) -> Plan:
    """The plan that `to_json` wrote.

    Raises:
        PlanRefused: the text is no plan.
    """
    try:
        read = json.loads(text)
        return Plan(
            selection=read["selection"],
            targets=tuple(read["targets"]),
            environment=read["environment"],
            made_at=datetime.fromisoformat(read["made_at"]),
            sequence=read["sequence"],
            steps=tuple(_step(step) for step in read["steps"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise PlanRefused(f"this is not a plan: {type(error).__name__}: {error}") from error


def explain(plan: Plan, *, every: bool = False) -> str:
    """The plan as lines: what will be done and why; with ``every``, also what is kept."""
    shown = [step for step in plan.steps if every or is_work(step) or isinstance(step, Hold)]
    width = max((len(step_id(step.key, step.partition)) for step in shown), default=0)
    lines = [
        f"{_verb(step):<11} {step_id(step.key, step.partition):<{width}}  {step.reason.text}"
        for step in shown
    ]
    kept = len(plan.steps) - len(shown)
    if kept:
        lines.append(
            f"{'keep':<11} {kept} {'asset' if kept == 1 else 'assets'} as published"
            + (" already" if not shown else "")
        )
    return "\n".join(lines)


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
            case Reason() | Observed():
                plain[field.name] = _plain(content)
            case _:
                plain[field.name] = content
    return plain


def _step(plain: dict[str, Any]) -> Step:
    kind = _KINDS[plain.pop("step")]
    plain["reason"] = Reason(**plain["reason"])
    for name in ("needs", "outputs"):
        if name in plain:
            plain[name] = tuple(plain[name])
    if plain.get("valid_until"):
        plain["valid_until"] = datetime.fromisoformat(plain["valid_until"])
    if "observed" in plain:
        seen = plain["observed"]
        seen["as_of"] = datetime.fromisoformat(seen["as_of"]) if seen["as_of"] else None
        plain["observed"] = Observed(**seen)
    made: Step = kind(**plain)
    return made
