"""What a check found: the finding of a user's function, and the verdict that is kept with a version."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from checks.declaration import Severity
from checks.plain_values import Plain, tagged, untagged
from checks.sentences import shown

# What fails of a kind, where it is no row.
# In the mapping of a sampled row, its number in the table, from 0.
ROW_NUMBER = "#"

MASK = "(private)"
"""What stands in the place of a value of a private column."""

_THINGS = {
    "sums_to": "group",
    "same_sum": "group",
    "not_all_zero": "group",
    "schema": "column",
    "same_schema": "column",
    "needs": "column",
    "covers": "key",
    "complete": "missing time",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a function check may return instead of a bool.

    Args:
        observed: the value that decided.
        failing: how many rows (or other things) are bad.
        sample: a few of them, each as a mapping.
        counted: of how many.
        rows: how many rows were looked at, if not all.
        expected: what `observed` was expected to be, where that was learned and not declared.
    """

    passed: bool
    observed: object = None
    failing: int | None = None
    counted: int | None = None
    rows: int | None = None
    expected: object = None
    sample: Sequence[Mapping[str, object]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one check said of one value.

    Args:
        check, kind, digest, severity: of the check that judged.
        failing: how many rows failed (for `sums_to` and `not_all_zero` groups, for `schema` columns, for `complete`
            what is missing); None where nobody counted.
        counted: of how many, nulls left out; None where nobody counted.
        rows: how many rows the value has, of those that meet the row condition; None when it is no table.
        promise: what was promised, in words.
        observed: the value that decided, such as the smallest one found, or None.
        expected: what the asset's own history lets one expect of it, such as ``{"low": 90.0, "high": 130.0}``; a text
            where there is too little history to expect anything, and then the check holds; None for other checks.
        part: of a check of all partitions together, what was counted of this one alone: failing, counted, rows.
        aside: how many rows were moved aside because of it; None where none were.
        sample: some of what failed, at most as many as were asked for: the row's number under ``"#"``, then its
            values, the columns that were judged first.
        error: why it could not be judged: a column is missing, a type is wrong, the user's function raised.
    """

    check: str
    kind: str
    digest: str
    severity: Severity
    passed: bool
    failing: int | None = None
    counted: int | None = None
    rows: int | None = None
    observed: Plain = None
    expected: Plain = None
    promise: str = ""
    aside: int | None = None
    part: tuple[int, int, int] | None = None
    sample: tuple[Mapping[str, Plain], ...] = field(default=(), hash=False)
    error: str | None = None

    @property
    def blocks(self) -> bool:
        """Whether it holds the version back: also where rows were to be moved aside, and were not."""
        if self.severity == "quarantine":
            return not self.passed and self.aside is None
        return not self.passed and self.severity == "error"

    @property
    def thing(self) -> str:
        """What it counts: rows, unless it is about groups, columns, or what is missing."""
        return _THINGS.get(self.kind, "row")

    def describe(self) -> str:
        """The verdict as one line.

        >>> Verdict(
        ...     check="row_count", kind="row_count", digest="", severity="warn", passed=True, rows=3
        ... ).describe()
        'row_count holds'
        """
        if self.passed:
            return f"{self.check} holds{f' ({self.expected})' if isinstance(self.expected, str) else ''}"
        if self.error is not None:
            return f"{self.check} cannot be judged: {self.error}"
        text = f"{self.check} fails"
        if self.failing is not None:
            of = f" of {self.rows}" if self.thing == "row" and self.rows is not None else ""
            text += f" for {self.failing}{of} {self.thing}{'' if self.failing == 1 and not of else 's'}"
        if self.observed is not None and self.kind != "same_schema":  # there the sample says what differs
            seen = self.observed if isinstance(self.observed, str) else shown(self.observed)
            text += f" (observed {seen}{_expectation(self.expected)})"
        if self.aside is not None:
            text += ", moved aside"
        return text + "".join(f"\n  {_row(row)}" for row in self.sample)

    def to_json(self) -> str:
        """The JSON text of it; `from_json` is the inverse."""
        return json.dumps(
            {
                "check": self.check,
                "kind": self.kind,
                "digest": self.digest,
                "severity": self.severity,
                "passed": self.passed,
                "failing": self.failing,
                "counted": self.counted,
                "rows": self.rows,
                "observed": tagged(self.observed),
                "expected": tagged(self.expected),
                "promise": self.promise,
                **({"aside": self.aside} if self.aside is not None else {}),
                **({"part": self.part} if self.part is not None else {}),
                "sample": [{name: tagged(value) for name, value in row.items()} for row in self.sample],
                "error": self.error,
            },
            allow_nan=False,
        )

    @classmethod
    def from_json(cls, text: str) -> Verdict:
        """The verdict of a text that `to_json` wrote."""
        read = json.loads(text)
        read["observed"] = untagged(read["observed"])
        read["part"] = tuple(read["part"]) if read.get("part") else None
        read["expected"] = untagged(read.get("expected"))  # older ones have none
        read["sample"] = tuple(
            {name: untagged(value) for name, value in row.items()} for row in read["sample"]
        )
        return cls(**read)


def blocking(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """The verdicts that hold the version back; none, when it may be published."""
    return tuple(verdict for verdict in verdicts if verdict.blocks)


def _expectation(expected: Plain) -> str:
    match expected:
        case {"low": float() | int() as low, "high": float() | int() as high}:
            return f", expected {low:.6g} to {high:.6g}"
        case {"low": float() | int() as low, "high": None}:
            return f", expected at least {low:.6g}"
        case {"low": None, "high": float() | int() as high}:
            return f", expected at most {high:.6g}"
        case {"low": low, "high": high}:
            return f", expected {shown(low)} to {shown(high)}"
    return ""


def _row(row: Mapping[str, Plain]) -> str:
    number = f"row {shown(row[ROW_NUMBER])}: " if ROW_NUMBER in row else ""
    return number + ", ".join(f"{name} {shown(value)}" for name, value in row.items() if name != ROW_NUMBER)
