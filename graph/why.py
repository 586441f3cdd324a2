"""Why an asset is due, or what holds it: the trees of `graph.evaluation` as a sentence, as lines, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from graph.conditions import (
    All,
    Any,
    Condition,
    CronTick,
    FreshnessIs,
    Happened,
    Is,
    Latest,
    Leaf,
    Missing,
    NewlyTrue,
    Not,
    Since,
    SwitchedOn,
    Upstream,
    WillBeRequested,
)
from graph.evaluation import Tree
from graph.facts import Event, Moment, Partitioning, Status
from graph.partition_set import PartitionSet


def why(tree: Tree, partitioning: Partitioning, now: datetime) -> str:
    """Why an asset runs, or the first thing that holds it, in one sentence."""
    if not tree.within:
        return "waits: it has no partitions yet"
    told = _Telling(tree.key, partitioning, now)
    names = partitioning.names(tree.key, tree.true) if tree.true else ""
    head = f"runs {names}".rstrip() if tree.true else "waits"
    return f"{head}: {_sentence(_clauses(tree, bool(tree.true), told))}"


def tree_text(tree: Tree, partitioning: Partitioning, now: datetime) -> str:
    """The tree as lines: whether each part holds, and for which partitions."""
    told = _Telling(tree.key, partitioning, now)
    rows = list(_rows(tree, told))
    width = max(len(left) for left, _ in rows)
    return "\n".join(f"{left:<{width}}  {names}".rstrip() for left, names in rows)


def to_json(tree: Tree, partitioning: Partitioning, now: datetime) -> str:
    """The tree as one JSON object: ``key``, ``condition``, ``holds``, ``for``, ``because`` and ``parts``.

    ``for`` has the partitions for which it holds, by slice as ranges of ordinals; see `graph.partition_set`.
    """
    return json.dumps(_document(tree, _Telling(tree.key, partitioning, now)), separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class _Telling:
    """Whose tree it is, and how partitions and times are written."""

    root: str
    partitioning: Partitioning
    now: datetime

    def subject(self, key: str, partitions: PartitionSet) -> str:
        """An asset as the subject of a sentence, with the partitions that are meant."""
        if key == self.root:
            return "it"
        return f"{key} {self.partitioning.names(key, partitions)}".rstrip()

    def at(self, moment: Moment) -> str:
        """An instant, without the day where that is today."""
        day = "" if moment.at.date() == self.now.astimezone(moment.at.tzinfo).date() else "%Y-%m-%d "
        return moment.at.strftime(f"{day}%H:%M %Z")


# --- sentences --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Clause:
    subject: str
    predicate: str


_HAPPENED: Mapping[Event, str] = {
    "updated": "updated",
    "data changed": "changed",
    "removed": "removed",
    "requested": "requested",
    "handled": "handled",
}
_IS: Mapping[Status, tuple[str, str, str]] = {
    "in progress": ("is being made", "is not being made", "has begun to be made"),
    "failed": ("failed", "has not failed", "has failed"),
    "rejected": ("was rejected", "was not rejected", "was rejected"),
    "checks failed": ("fails its checks", "does not fail its checks", "fails its checks"),
    "code changed": ("was made by other code", "was made by today's code", "was made by other code"),
    "outdated": ("is outdated", "is not outdated", "has become outdated"),
}


def _sentence(clauses: Sequence[_Clause]) -> str:
    """Clauses as one sentence; a subject that comes again is left out."""
    text, before = "", ""
    for clause in clauses:
        words = clause.predicate if clause.subject == before else f"{clause.subject} {clause.predicate}"
        text += f" and {words}" if text else words
        before = clause.subject
    return text


def _clauses(tree: Tree, yes: bool, told: _Telling, subject: str | None = None) -> list[_Clause]:
    """What makes a condition hold, or what first keeps it from holding.

    Args:
        yes: tell that it holds. With a ``subject`` like "no upstream", also where it does not.
    """
    node = tree.condition.node
    match node:
        case Not():
            return _clauses(tree.parts[0], not yes, told, subject)
        case All():
            parts = _that_happened(tree.parts) if yes else [_first_that_fails(tree)]
            return [clause for part in parts for clause in _clauses(part, yes, told, subject)]
        case Any():
            found = [part for part in tree.parts if bool(part.true) == yes] or list(tree.parts)
            return _clauses(next(filter(_tells, found), found[0]), yes, told, subject)
        case Since(reset=reset):
            since = f" since {_reset(reset, tree.parts[1:], told)}"
            return [
                _Clause(one.subject, one.predicate + since)
                for one in _clauses(tree.parts[0], yes, told, subject)
            ]
        case NewlyTrue():
            return _newly(tree, yes, told, subject)
        case Upstream(every=every):
            return _of_upstream(tree, every, yes, told)
        case _:
            return [_of_leaf(tree, node, yes, told, subject)]


def _of_upstream(tree: Tree, every: bool, yes: bool, told: _Telling) -> list[_Clause]:
    if not tree.parts:
        return [_Clause(told.subject(tree.key, tree.within), "reads nothing")]
    if yes != every:  # one of them decides: the first that holds, or the first that does not
        return _clauses(
            next((part for part in tree.parts if bool(part.true) == yes), tree.parts[0]), yes, told
        )
    if len(tree.parts) == 1:
        return _clauses(tree.parts[0], yes, told)
    return _clauses(tree.parts[0], True, told, "every upstream" if every else "no upstream")


def _newly(tree: Tree, yes: bool, told: _Telling, subject: str | None) -> list[_Clause]:
    (part,) = tree.parts
    began = {
        Missing: "has become missing",
        Latest: "has become the latest",
    }
    match part.condition.node:
        case Missing() | Latest() as node:
            words = began[type(node)]
        case Is(status=status):
            words = _IS[status][2]
        case FreshnessIs(state=state):
            words = f"has become {state}"
        case _:
            clauses = _clauses(part, yes, told, subject)
            return [_Clause(one.subject, f"{one.predicate} newly") for one in clauses] if yes else clauses
    name = subject or told.subject(tree.key, tree.true or tree.within)
    return [_Clause(name, words if yes else words.replace("has ", "has not ", 1))]


def _of_leaf(tree: Tree, leaf: Leaf, yes: bool, told: _Telling, subject: str | None) -> _Clause:
    name = subject or told.subject(tree.key, tree.true if yes and tree.true else tree.within)
    negative = "" if yes else "not "
    match leaf:
        case Missing():
            return _Clause(name, f"is {negative}missing")
        case Is(status=status):
            return _Clause(name, _IS[status][0 if yes else 1])
        case Latest(lookback=lookback):
            window = "the latest window" if lookback is None else f"the last {lookback}"
            return _Clause(name, f"is {negative}in {window}")
        case FreshnessIs(state=state):
            return _Clause(name, f"is {negative}{state}")
        case WillBeRequested():
            return _Clause(name, f"will {negative}be requested")
        case Happened(event=event):
            return _Clause(name, f"was {negative}{_HAPPENED[event]}")
        case CronTick(cron=cron):
            if yes and tree.moment is not None:
                return _Clause(f"the tick of {told.at(tree.moment)}", "has passed")
            return _Clause(f"no tick of '{cron}'", "has passed")
        case SwitchedOn():
            return _Clause(
                name, f"was {negative}handled for the first time" if not yes else "is new to automation"
            )
        case _:
            assert_never(leaf)


def _reset(reset: Condition, parts: Sequence[Tree], told: _Telling) -> str:
    """What it is counted since."""
    tree = parts[0] if parts else None
    moment = tree.moment if tree else None
    match reset.node:
        case CronTick() if moment is not None:
            return f"the tick of {told.at(moment)}"
        case Happened(event=event) if tree is not None:
            if moment is None:
                return "automation was switched on"
            return f"{told.subject(tree.key, tree.within)} was last {_HAPPENED[event]} ({told.at(moment)})"
        case SwitchedOn():
            return "automation was switched on"
        case _:
            return str(reset)


def _that_happened(parts: Sequence[Tree]) -> Sequence[Tree]:
    """Of what holds together, what has happened: that is why. What is merely not in the way is left out."""
    return [part for part in parts if _happens(part.condition)] or parts


def _happens(condition: Condition) -> bool:
    return isinstance(condition.node, Since) or condition.is_occurrence or any(map(_happens, condition.parts))


def _first_that_fails(tree: Tree) -> Tree:
    left = tree.within
    for part in tree.parts:
        left &= part.true
        if not left:
            return part
    return tree.parts[-1]


def _tells(tree: Tree) -> bool:
    """Whether there is anything to tell of it: an asset that reads nothing does not wait for upstream."""
    return not isinstance(tree.condition.node, Upstream) or bool(tree.parts)


# --- lines and JSON ---------------------------------------------------------------------------------------


def _rows(tree: Tree, told: _Telling, depth: int = 0, key: str = "") -> Iterator[tuple[str, str]]:
    mark = "yes" if tree.true else "no"
    of = "" if tree.key in {told.root, key} else f"{tree.key}: "
    yield (
        f"{mark:<3} {'  ' * depth}{of}{_head(tree, told)}",
        told.partitioning.names(tree.key, tree.true) if tree.true else "",
    )
    shown = tree.parts[:1] if isinstance(tree.condition.node, Since) else tree.parts
    for part in shown:
        yield from _rows(part, told, depth + 1, tree.key)


def _head(tree: Tree, told: _Telling) -> str:
    condition = tree.condition
    if condition.label is not None:
        return condition.label
    match condition.node:
        case All():
            return "all of"
        case Any():
            return "any of"
        case Not():
            return "not"
        case Since(reset=reset):
            return f"since {_reset(reset, tree.parts[1:], told)}"
        case NewlyTrue():
            return "newly"
        case Upstream(every=every):
            return "all upstream" if every else "any upstream"
        case _:
            return str(condition)


def _document(tree: Tree, told: _Telling) -> Mapping[str, object]:
    return {
        "key": tree.key,
        "condition": str(tree.condition),
        "holds": bool(tree.true),
        "for": json.loads(tree.true.to_json()),
        "because": _sentence(_clauses(tree, bool(tree.true), told)),
        "parts": [_document(part, told) for part in tree.parts],
    }


__all__ = ["to_json", "tree_text", "why"]
