"""The algebra of automation: a condition is a state or an occurrence of one asset's partitions, and how they compose.

`graph.automation` has the words to make them, and says what they mean; `graph.evaluation` asks the record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import assert_never
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from graph.facts import Event, FreshnessState, Status
from graph.selection import Selection, parse

# --- the nouns --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Missing:
    """State: nothing is visible."""


@dataclass(frozen=True, slots=True)
class Is:
    """State: what the record says of a partition."""

    status: Status


@dataclass(frozen=True, slots=True)
class Latest:
    """State: in the newest window of time that has ended, or in one that began ``lookback`` before its end."""

    lookback: timedelta | None


@dataclass(frozen=True, slots=True)
class FreshnessIs:
    """State, of an asset as a whole."""

    state: FreshnessState


@dataclass(frozen=True, slots=True)
class WillBeRequested:
    """State: found due in this very evaluation."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Occurrence: what the record has moments of."""

    event: Event


@dataclass(frozen=True, slots=True)
class CronTick:
    """Occurrence: each tick of a cron expression in a time zone."""

    cron: str
    timezone: str


@dataclass(frozen=True, slots=True)
class SwitchedOn:
    """Occurrence: automation of the asset was switched on."""


@dataclass(frozen=True, slots=True)
class Not:
    """State: where ``of`` does not hold."""

    of: Condition


@dataclass(frozen=True, slots=True)
class All:
    """Where each one holds."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Where at least one holds."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Since:
    """State: ``of`` has happened later than ``reset`` did last."""

    of: Condition
    reset: Condition


@dataclass(frozen=True, slots=True)
class NewlyTrue:
    """Occurrence: the state ``of`` began to hold, and still does."""

    of: Condition


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where ``of`` holds for some partition that is read: of any upstream asset, or of ``every`` one.

    Only upstream that is in ``allow`` and not in ``ignore`` counts.
    """

    of: Condition
    every: bool
    allow: Selection | None = None
    ignore: Selection | None = None


Leaf = Missing | Is | Latest | FreshnessIs | WillBeRequested | Happened | CronTick | SwitchedOn
Node = Leaf | Not | All | Any | Since | NewlyTrue | Upstream


# --- the algebra ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Condition:
    """A condition on the partitions of one asset: made by the words of `graph.automation`, combined by ``& | ~``.

    Args:
        label: the word for it, where it has one: it is shown instead of what it is composed of.
    """

    node: Node
    label: str | None = None

    def __and__(self, other: Condition) -> Condition:
        """Where both hold."""
        return Condition(All((*self._operands(All), *other._operands(All))))

    def __or__(self, other: Condition) -> Condition:
        """Where either holds."""
        return Condition(Any((*self._operands(Any), *other._operands(Any))))

    def __invert__(self) -> Condition:
        """Where it does not hold."""
        return Condition(Not(self))

    def since(self, reset: Condition) -> Condition:
        """Where this has happened since ``reset`` did; when both are of one moment, ``reset`` counts."""
        return Condition(Since(self, reset))

    def since_last_handled(self) -> Condition:
        """Where this has happened since the partition was handled last, and since automation was switched on."""
        return self.since(HANDLED)

    def newly_true(self) -> Condition:
        """The moment at which a state began that still holds."""
        return Condition(NewlyTrue(self))

    def with_label(self, label: str | None) -> Condition:
        """The same, shown by another word."""
        return replace(self, label=label)

    def allow(self, selection: Selection | str) -> Condition:
        """The same, looking only at upstream that is selected here or was allowed before."""
        return _restricted(self, _selected(selection), None)

    def ignore(self, selection: Selection | str) -> Condition:
        """The same, not looking at upstream that is selected."""
        return _restricted(self, None, _selected(selection))

    def replace(self, old: Condition | str, new: Condition) -> Condition:
        """The same with ``new`` wherever it has ``old``: a condition, or its label."""
        if old in {self, self.label}:
            return new
        parts = tuple(part.replace(old, new) for part in self.parts)
        return self if parts == self.parts else replace(self.rebuilt(parts), label=None)

    def without(self, part: Condition | str) -> Condition:
        """The same without one of the parts that are joined by ``&`` or ``|``, given as itself or by its label.

        A part that says ``~something`` is found by ``something`` as well.

        Raises:
            ValueError: it has no such part.
        """
        joined = self.parts if isinstance(self.node, All | Any) else ()
        left = tuple(one for one in joined if not _is(one, part))
        if not left or len(left) == len(joined):
            names = ", ".join(map(str, joined)) or "none, for & and | alone make parts"
            raise ValueError(f"'{self}' has no part '{part}' that could be left out; its parts are {names}")
        return left[0] if len(left) == 1 else replace(self.rebuilt(left), label=None)

    @property
    def parts(self) -> tuple[Condition, ...]:
        """What it is composed of, one level down."""
        match self.node:
            case Not(of=of) | NewlyTrue(of=of) | Upstream(of=of):
                return (of,)
            case All(of=several) | Any(of=several):
                return several
            case Since(of=of, reset=reset):
                return (of, reset)
            case _:
                return ()

    def rebuilt(self, parts: tuple[Condition, ...]) -> Condition:
        """The same with other parts, as many as `parts` has."""
        match self.node:
            case Not():
                node: Node = Not(parts[0])
            case NewlyTrue():
                node = NewlyTrue(parts[0])
            case Upstream():
                node = replace(self.node, of=parts[0])
            case All() | Any():
                node = type(self.node)(parts)
            case Since():
                node = Since(*parts)
            case _:
                return self
        return replace(self, node=node)

    @property
    def is_occurrence(self) -> bool:
        """Whether it has moments that make no state yet: it has to be said since when."""
        match self.node:
            case Happened() | CronTick() | SwitchedOn() | NewlyTrue():
                return True
            case Since():
                return False
            case _:
                return any(part.is_occurrence for part in self.parts)

    def problems(self) -> list[str]:
        """What is wrong with this condition, in words; empty when nothing is."""
        found = list(self._own_problems())
        for part in self.parts:
            found += [problem for problem in part.problems() if problem not in found]
        return found

    def __str__(self) -> str:
        return self.label or _written(self)

    def __repr__(self) -> str:
        return str(self)

    def __bool__(self) -> bool:
        raise TypeError(
            "a condition is neither true nor false by itself: combine with & | ~, compare with None"
        )

    def _operands(self, kind: type[All | Any]) -> tuple[Condition, ...]:
        return self.node.of if isinstance(self.node, kind) and self.label is None else (self,)

    def _own_problems(self) -> Iterator[str]:
        match self.node:
            case CronTick(cron=cron, timezone=timezone):
                yield from _cron_problems(cron, timezone)
            case Latest(lookback=timedelta() as lookback) if lookback <= timedelta(0):
                yield f"looks back {lookback} for the latest partitions: the span must be positive"
            case NewlyTrue(of=of) if not of.has_beginning:
                yield (
                    f"asks when '{of}' began, which is not on record; newly_true() is for missing(), in_progress(), "
                    "execution_failed(), rejected(), in_latest_window(), the freshness states, and these with & and |"
                )
            case Since(reset=reset) if not reset.has_moments:
                yield (
                    f"counts since '{reset}', of which no moments are on record; since() takes handled(), "
                    "newly_updated(), newly_requested(), data_version_changed(), cron_tick_passed(), "
                    "initial_evaluation(), and these with |"
                )
            case _:
                pass

    @property
    def has_beginning(self) -> bool:
        """Whether the record tells when this state began."""
        match self.node:
            case Missing() | Latest() | FreshnessIs() | Is(status="in progress" | "failed" | "rejected"):
                return True
            case All(of=several) | Any(of=several):
                return all(one.has_beginning for one in several)
            case _:
                return False

    @property
    def has_moments(self) -> bool:
        """Whether the record tells the last moment of this occurrence for each partition."""
        match self.node:
            case Happened() | CronTick() | SwitchedOn():
                return True
            case Any(of=several):
                return all(one.has_moments for one in several)
            case _:
                return False


def _is(condition: Condition, other: Condition | str) -> bool:
    inner = condition.node.of if isinstance(condition.node, Not) else condition
    return other in {condition, condition.label, inner, inner.label}


HANDLED = Condition(Happened("handled"))


def as_state(condition: Condition) -> Condition:
    """The condition with what occurs in it, and does not say since when, counted since it was last handled."""
    if not condition.is_occurrence:
        return condition
    if isinstance(condition.node, All | Any | Not):
        return condition.rebuilt(tuple(as_state(part) for part in condition.parts))
    return condition.since_last_handled()


def _restricted(condition: Condition, allow: Selection | None, ignore: Selection | None) -> Condition:
    parts = tuple(_restricted(part, allow, ignore) for part in condition.parts)
    made = condition if parts == condition.parts else replace(condition.rebuilt(parts), label=None)
    if not isinstance(made.node, Upstream):
        return made
    node = replace(made.node, allow=_either(made.node.allow, allow), ignore=_either(made.node.ignore, ignore))
    return Condition(node)


def _selected(selection: Selection | str) -> Selection:
    return parse(selection) if isinstance(selection, str) else selection


def _either(one: Selection | None, other: Selection | None) -> Selection | None:
    if one is None or other is None:
        return other if one is None else one
    return one | other


def _cron_problems(cron: str, timezone: str) -> Iterator[str]:
    from cronsim import CronSim, CronSimError

    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        yield f"names a time zone that does not exist: '{timezone}'"
    try:
        CronSim(cron, datetime(2024, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        yield f"has '{cron}', which is not a cron expression: {error}"


# --- conditions as text -----------------------------------------------------------------------------------

_HAPPENED: dict[Event, str] = {
    "updated": "newly_updated()",
    "data changed": "data_version_changed()",
    "removed": "newly_removed()",
    "requested": "newly_requested()",
    "handled": "handled()",
}
_IS: dict[Status, str] = {
    "in progress": "in_progress()",
    "failed": "execution_failed()",
    "rejected": "rejected()",
    "checks failed": "checks_failed()",
    "code changed": "code_changed()",
    "outdated": "outdated()",
}


def _written(condition: Condition) -> str:
    """The Python that makes a condition."""
    match condition.node:
        case Not(of=of):
            return f"~{_operand(of)}"
        case All(of=several):
            return " & ".join(_operand(one, within=All) for one in several)
        case Any(of=several):
            return " | ".join(_operand(one, within=Any) for one in several)
        case Since(of=of, reset=reset):
            return f"{_operand(of)}." + ("since_last_handled()" if reset == HANDLED else f"since({reset})")
        case NewlyTrue(of=of):
            return f"{_operand(of)}.newly_true()"
        case Upstream(of=of, every=every, allow=allow, ignore=ignore):
            words = f"{'all' if every else 'any'}_upstream({of})"
            words += f".allow({str(allow)!r})" if allow is not None else ""
            return words + (f".ignore({str(ignore)!r})" if ignore is not None else "")
        case _:
            return _word(condition.node)


def _word(leaf: Leaf) -> str:
    match leaf:
        case Missing():
            return "missing()"
        case Is(status=status):
            return _IS[status]
        case Latest(lookback=None):
            return "in_latest_window()"
        case Latest(lookback=lookback):
            return f"in_latest_window({repr(lookback).removeprefix('datetime.')})"
        case FreshnessIs(state=state):
            return f"{state.replace(' ', '_')}()"
        case WillBeRequested():
            return "will_be_requested()"
        case Happened(event=event):
            return _HAPPENED[event]
        case CronTick(cron=cron, timezone=timezone):
            return f"cron_tick_passed({cron_arguments(cron, timezone)})"
        case SwitchedOn():
            return "initial_evaluation()"
        case _:
            assert_never(leaf)


def _operand(condition: Condition, within: type[All | Any] | None = None) -> str:
    """A condition as part of another: in brackets where it would be read otherwise."""
    loose = condition.label is None and isinstance(condition.node, All | Any | Not)
    bound = within is not None and not isinstance(condition.node, Any)  # ~ binds before &, & before |
    return f"({condition})" if loose and not bound else str(condition)


def cron_arguments(cron: str, timezone: str) -> str:
    """A cron expression and its time zone as arguments of a word."""
    return f'"{cron}"' if timezone == "UTC" else f'"{cron}", "{timezone}"'
