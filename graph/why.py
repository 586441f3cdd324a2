"""Why an asset is due, or what holds it: the trees of `graph.evaluation` as a sentence, as lines, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from zoneinfo import ZoneInfo

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
    return f"{head}: {_because(tree, told)}"


def because(tree: Tree, partitioning: Partitioning, now: datetime) -> str:
    """Why what is true of a tree is so, without the partitions for which it is."""
    return _because(tree, _Telling(tree.key, partitioning, now))


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

    def at(self, moment: Moment, timezone: str = "UTC") -> str:
        """An instant as a time zone has it, without the day where that is today."""
        local, today = (at.astimezone(ZoneInfo(timezone)) for at in (moment.at, self.now))
        return local.strftime("%H:%M %Z" if local.date() == today.date() else "%Y-%m-%d %H:%M %Z")


# --- sentences --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Clause:
    key: str
    subject: str
    predicate: str


_HAPPENED: Mapping[Event, tuple[str, str, str]] = {
    "updated": ("was updated", "was not updated", "was last updated"),
    "data changed": ("changed", "did not change", "last changed"),
    "removed": ("was removed", "was not removed", "was last removed"),
    "requested": ("was requested", "was not requested", "was last requested"),
    "handled": ("was handled", "was not handled", "was last handled"),
}
"""Of an event: it happened, it did not, and when it did last."""

_IS: Mapping[Status, tuple[str, str, str]] = {
    "in progress": ("is being made", "is not being made", "has begun to be made"),
    "failed": ("failed", "has not failed", "has failed"),
    "rejected": ("was rejected", "was not rejected", "has been rejected"),
    "checks failed": ("fails its checks", "does not fail its checks", "has failed its checks"),
    "code changed": ("was made by other code", "was made by today's code", "has come to be of other code"),
    "outdated": ("is outdated", "is not outdated", "has become outdated"),
}
"""Of a status: it holds, it does not, and it began to."""


def _because(tree: Tree, told: _Telling) -> str:
    return _sentence(_clauses(tree, bool(tree.true), tree.true or tree.within, told))


def _sentence(clauses: Sequence[_Clause]) -> str:
    """Clauses as one sentence; a subject that comes again is left out."""
    text, before = "", ""
    for clause in clauses:
        words = clause.predicate if clause.key == before else f"{clause.subject} {clause.predicate}"
        text += f" and {words}" if text else words
        before = clause.key
    return text


def _clauses(
    tree: Tree, yes: bool, of: PartitionSet, told: _Telling, subject: str | None = None
) -> list[_Clause]:
    """What makes a condition hold, or what first keeps it from holding.

    Args:
        yes: tell that it holds; with a ``subject`` like "no upstream", also where it does not.
        of: for which partitions.
    """
    node = tree.condition.node
    match node:
        case Not():
            return _clauses(tree.parts[0], not yes, of, told, subject)
        case All():
            parts = _that_happened(tree.parts) if yes else [_first_that_fails(tree, of)]
            return [clause for part in parts for clause in _clauses(part, yes, of, told, subject)]
        case Any():
            parts = [part for part in tree.parts if bool(part.true & of) == yes] or list(tree.parts)
            return _clauses(next(filter(_tells, parts), parts[0]), yes, of, told, subject)
        case Since(reset=reset):
            since = f" since {_reset(reset, tree.parts[1:], told)}"
            found = _clauses(tree.parts[0], yes, of, told, subject)
            return [_Clause(one.key, one.subject, one.predicate + since) for one in found]
        case NewlyTrue():
            return _newly(tree, yes, of, told, subject)
        case Upstream(every=every):
            return _of_upstream(tree, every, yes, of, told)
        case _:
            return [_of_leaf(tree, node, yes, of, told, subject)]


def _of_upstream(tree: Tree, every: bool, yes: bool, of: PartitionSet, told: _Telling) -> list[_Clause]:
    if not tree.parts:
        return [_Clause(tree.key, told.subject(tree.key, of), "reads nothing")]
    read = {part.key: told.partitioning.upstream(of, tree.key, part.key) for part in tree.parts}
    first = tree.parts[0]
    if yes != every:  # one of them decides: the first that holds, or the first that does not
        decisive = (part for part in tree.parts if bool(part.true & read[part.key]) == yes)
        first = next(decisive, first)
    if yes != every or len(tree.parts) == 1:
        return _clauses(first, yes, read[first.key], told)
    return _clauses(first, True, read[first.key], told, "every upstream" if every else "no upstream")


def _newly(tree: Tree, yes: bool, of: PartitionSet, told: _Telling, subject: str | None) -> list[_Clause]:
    (part,) = tree.parts
    match part.condition.node:
        case Missing():
            words = "has become missing"
        case Latest():
            words = "has become the latest"
        case Is(status=status):
            words = _IS[status][2]
        case FreshnessIs(state=state):
            words = f"has become {state}"
        case _:
            found = _clauses(part, yes, of, told, subject)
            return (
                [_Clause(one.key, one.subject, f"{one.predicate} newly") for one in found] if yes else found
            )
    name = subject or told.subject(tree.key, _meant(tree, yes, of))
    return [_Clause(tree.key, name, words if yes else words.replace("has ", "has not ", 1))]


def _of_leaf(
    tree: Tree, leaf: Leaf, yes: bool, of: PartitionSet, told: _Telling, subject: str | None
) -> _Clause:
    name = subject or told.subject(tree.key, _meant(tree, yes, of))
    negative = "" if yes else "not "
    match leaf:
        case Missing():
            words = f"is {negative}missing"
        case Is(status=status):
            words = _IS[status][0 if yes else 1]
        case Latest(lookback=None):
            words = f"is {negative}in the latest window"
        case Latest(lookback=lookback):
            words = f"is {negative}within {lookback} of the latest window's end"
        case FreshnessIs(state=state):
            words = f"is {negative}{state}"
        case WillBeRequested():
            words = f"will {negative}be requested"
        case Happened(event=event):
            words = _HAPPENED[event][0 if yes else 1]
        case CronTick(cron=cron, timezone=timezone):
            ticked = tree.moment if yes else None
            name = f"the tick of {told.at(ticked, timezone)}" if ticked else f"no tick of '{cron}'"
            words = "has passed"
        case SwitchedOn():
            words = "was not handled yet" if yes else "was handled"
        case _:
            assert_never(leaf)
    return _Clause(tree.key if not isinstance(leaf, CronTick) else leaf.cron, name, words)


def _meant(tree: Tree, yes: bool, of: PartitionSet) -> PartitionSet:
    """The partitions to name: of those asked about, the ones for which it is so."""
    return (tree.true & of if yes else of - tree.true) or of


def _reset(reset: Condition, parts: Sequence[Tree], told: _Telling) -> str:
    """What it is counted since."""
    tree = parts[0] if parts else None
    moment = tree.moment if tree else None
    match reset.node:
        case CronTick(timezone=timezone) if moment is not None:
            return f"the tick of {told.at(moment, timezone)}"
        case Happened(event=event) if tree is not None and moment is not None:
            return f"{told.subject(tree.key, tree.within)} {_HAPPENED[event][2]} ({told.at(moment)})"
        case Happened() | SwitchedOn():
            return "automation was switched on"
        case _:
            return str(reset)


def _that_happened(parts: Sequence[Tree]) -> Sequence[Tree]:
    """Of what holds together, what has happened: that is why. What is merely not in the way is left out."""
    return [part for part in parts if _happens(part.condition) and _tells(part)] or parts


def _happens(condition: Condition) -> bool:
    return isinstance(condition.node, Since) or condition.is_occurrence or any(map(_happens, condition.parts))


def _first_that_fails(tree: Tree, of: PartitionSet) -> Tree:
    for part in tree.parts:
        of &= part.true
        if not of:
            return part
    return tree.parts[-1]


def _tells(tree: Tree) -> bool:
    """Whether there is anything to tell of it: an asset that reads nothing does not wait for upstream."""
    return not isinstance(tree.condition.node, Upstream) or bool(tree.parts)


# --- lines and JSON ---------------------------------------------------------------------------------------


def _rows(tree: Tree, told: _Telling, depth: int = 0, key: str = "") -> Iterator[tuple[str, str]]:
    mark = "yes" if tree.true else "no"
    of = "" if tree.key in {told.root, key} else f"{tree.key}: "
    names = told.partitioning.names(tree.key, tree.true) if tree.true else ""
    yield f"{mark:<3} {'  ' * depth}{of}{_head(tree, told)}", names
    for part in _shown(tree):
        yield from _rows(part, told, depth + 1, tree.key)


def _shown(tree: Tree) -> Sequence[Tree]:
    """The parts that get lines of their own: what is negated stands in the line that negates it."""
    match tree.condition.node:
        case Not() if tree.condition.label is None:
            return _shown(tree.parts[0])
        case Since():
            return tree.parts[:1]
        case _:
            return tree.parts


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
            return f"not {_head(tree.parts[0], told)}"
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
        "because": _because(tree, told),
        "parts": [_document(part, told) for part in tree.parts],
    }


__all__ = ["because", "to_json", "tree_text", "why"]
