"""Why a step is in the plan: a kind for programs, a sentence for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from graph.fingerprint import Basis
from graph.partition_set import PartitionSet
from graph.state import Attempt

Kind = Literal[
    "never built",
    "forced",
    "due",
    "code changed",
    "config changed",
    "resource changed",
    "upstream changed",
    "upstream may change",
    "up to date",
    "failing",
    "checks changed",
    "asked",
    "known",
    "waits",
    "not observed",
    "first seen",
    "source moved",
    "source unmoved",
    "rejected before",
    "failed before",
    "skipped before",
    "upstream skipped",
    "rolled back",
    "unfinished",
    "already performed",
    "in trouble",
    "rehearsed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason; ``kind`` is stable, ``text`` is for reading; it counts until a time, or for good.

    ``because`` is why an automatic run looked at it.
    """

    kind: Kind
    text: str
    until: datetime | None = None
    because: str = ""

    def __str__(self) -> str:
        return self.text

    def due_because(self, because: str) -> Reason:
        """The same in an automatic run."""
        return replace(self, text=f"{self.text}; {because}", because=because)

    @classmethod
    def never_built(cls) -> Reason:
        """There is no published version."""
        return cls(kind="never built", text="never built")

    @classmethod
    def forced(cls) -> Reason:
        """Somebody asked for it."""
        return cls(kind="forced", text="forced")

    @classmethod
    def due(cls, as_of: datetime, now: datetime) -> Reason:
        """The clock made a volatile asset due."""
        return cls(kind="due", text=f"due: its data are {age(now - as_of)} old")

    @classmethod
    def upstream_changed(cls, keys: Iterable[str]) -> Reason:
        """What it read has moved."""
        return cls(kind="upstream changed", text=f"upstream changed: {', '.join(keys)}")

    @classmethod
    def if_changed(cls, keys: Iterable[str]) -> Reason:
        """Upstream will run; whether this has to is seen then."""
        return cls(kind="upstream may change", text=f"if {' or '.join(keys)} changes")

    @classmethod
    def up_to_date(cls, failing: bool) -> Reason:
        """Nothing moved."""
        if failing:
            return cls(kind="failing", text="up to date, though its checks fail")
        return cls(kind="up to date", text="up to date")

    @classmethod
    def asked(cls) -> Reason:
        """Somebody, or a job, asked what the checks say now."""
        return cls(kind="asked", text="asked to be judged again")

    @classmethod
    def checks_changed(cls) -> Reason:
        """The promises changed, not the value."""
        return cls(kind="checks changed", text="its checks changed")

    @classmethod
    def known(cls, why: Reason | None) -> Reason:
        """The same was computed before."""
        before = f"{why.text}; " if why else ""
        return cls(kind="known", text=f"{before}a version made from the same exists")

    @classmethod
    def waits(cls, keys: Iterable[str]) -> Reason:
        """Upstream has nothing to read."""
        return cls(kind="waits", text=f"waits for {', '.join(keys)}, of which no version is published")

    @classmethod
    def runs_by_itself(cls, key: str) -> Reason:
        """A continuous asset of which nothing is published yet."""
        return cls(
            kind="waits", text=f"is continuous, and nothing is published; run: assets run-continuous {key}"
        )

    @classmethod
    def upstream_skipped(cls, why: Mapping[str, str]) -> Reason:
        """Upstream decided that there was nothing to do."""
        text = "; ".join(f"{key} was skipped ({reason})" for key, reason in why.items())
        return cls(kind="upstream skipped", text=text)

    @classmethod
    def unfinished(cls, occasions: Iterable[str]) -> Reason:
        """An effect was begun and not all of it is settled."""
        return cls(kind="unfinished", text=f"not finished: {'; '.join(occasions)}")

    @classmethod
    def already_performed(cls, occasion: str) -> Reason:
        """There are receipts for this occasion, whatever goes in now."""
        return cls(
            kind="already performed",
            text=f"already performed for {occasion}; only `assets effects reissue` does it again",
        )

    @classmethod
    def in_trouble(cls, troubles: Iterable[str]) -> Reason:
        """Something upstream is wrong, and an effect does not act on that."""
        return cls(kind="in trouble", text=f"held: {'; '.join(troubles)}")

    @classmethod
    def absent(cls, needed: Mapping[str, PartitionSet]) -> Reason:
        """It needs partitions of upstream that will never exist."""
        text = ", ".join(f"{counted(len(partitions))} of {key}" for key, partitions in needed.items())
        return cls(kind="waits", text=f"needs {text} that do not exist")

    @classmethod
    def rolled_back(cls) -> Reason:
        """Somebody has taken back what would be made again."""
        text = "rolled back, and neither code nor inputs have moved since; mend either, or use --force"
        return cls(kind="rolled back", text=text)

    @classmethod
    def unseen(cls, error: str) -> Reason:
        """A source could not be observed."""
        return cls(kind="not observed", text=f"could not be observed: {error}")

    @classmethod
    def unready(cls, why: str) -> Reason:
        """What it reads outside could not be looked at."""
        return cls(kind="not observed", text=why)

    @classmethod
    def first_seen(cls) -> Reason:
        """A source is observed for the first time."""
        return cls(kind="first seen", text="first observation")

    @classmethod
    def source_moved(cls) -> Reason:
        """A source shows another version."""
        return cls(kind="source moved", text="the data outside have changed")

    @classmethod
    def source_unmoved(cls) -> Reason:
        """A source shows the version that is known."""
        return cls(kind="source unmoved", text="the data outside are unchanged")


def moved(was: Basis, basis: Basis) -> Reason | None:
    """Why what was made with a basis is outdated apart from its upstream, or None."""
    if was.code != basis.code:
        return Reason(kind="code changed", text="its code changed")
    if was.config != basis.config:
        return Reason(
            kind="config changed", text=f"its config changed: {_differences(was.config, basis.config)}"
        )
    for name in sorted(was.resources.keys() | basis.resources.keys()):
        before, after = was.resources.get(name, ""), basis.resources.get(name, "")
        if before != after:
            return Reason(kind="resource changed", text=f"{name} changed: {_differences(before, after)}")
    return None


def held_after(
    tried: Attempt, mark: str, checks: Sequence[str], now: datetime, failures_hold: timedelta | None = None
) -> Reason | None:
    """Why an attempt with the same fingerprint holds the next one back; None lets it go on.

    What was rejected is tried again when its checks have changed since.

    A failed attempt holds automatic runs alone, and for so long as ``failures_hold`` says; an interrupted one nobody.
    """
    if tried.fingerprint != mark or (tried.until is not None and tried.until <= now):
        return None
    why = tried.reason or "no reason was given"
    match tried.outcome:
        case "rejected" if len(checks) > 1 or [tried.checks] == list(checks):
            text = f"rejected before with the same code and inputs ({why}); mend either, or use --force"
            return Reason(kind="rejected before", text=text)
        case "skipped":
            until = f" until {tried.until:%Y-%m-%d %H:%M %Z}" if tried.until else ""
            return Reason(kind="skipped before", text=f"skipped{until}: {why}", until=tried.until)
        case "failed" if failures_hold is not None:
            if failures_hold == timedelta.max:
                text = (
                    f"failed before with the same code and inputs ({why}); mend either, or build it by hand"
                )
                return Reason(kind="failed before", text=text)
            again = tried.ended_at + failures_hold
            if again <= now:
                return None
            text = f"failed before ({why}); tried again at {again:%Y-%m-%d %H:%M %Z}"
            return Reason(kind="failed before", text=text, until=again)
        case "held":
            return Reason(kind="already performed", text=why)
        case _:
            return None


def counted(partitions: int) -> str:
    """A number of partitions in words.

    >>> counted(1), counted(1258)
    ('1 partition', '1,258 partitions')
    """
    return f"{partitions:,} {'partition' if partitions == 1 else 'partitions'}"


def age(span: timedelta) -> str:
    """A time span in the one unit that people would use.

    >>> age(timedelta(hours=30)), age(timedelta(minutes=5)), age(timedelta(days=9))
    ('30 h', '5 min', '9 days')
    """
    seconds = span.total_seconds()
    for unit, size, from_size in (("days", 86_400, 172_800), ("h", 3_600, 3_600), ("min", 60, 60)):
        if seconds >= from_size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _differences(before: str, after: str) -> str:
    """Where two canonical JSON objects differ, as ``name old -> new``."""
    old, new = _object(before), _object(after)
    names = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    return (
        ", ".join(f"{name} {_short(old.get(name))} -> {_short(new.get(name))}" for name in names)
        or "as a whole"
    )


def _object(text: str) -> Mapping[str, object]:
    loaded = json.loads(text) if text else {}
    return loaded if isinstance(loaded, dict) else {}


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."
