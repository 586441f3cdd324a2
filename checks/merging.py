"""Checks of all partitions together, from what was counted of each: only new partitions need to be scanned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from checks.declaration import Check
from checks.schemas import SHAPES
from checks.verdict import Verdict

_ADDS_UP = frozenset("not_null between one_of matches expression point_in_time local_time row_count".split())
_EXPECTED = ("expect_column_values_to_", "expect_column_pair_values_", "expect_multicolumn_values_")
_NOT_BY_ROWS = SHAPES | {
    "expect_column_values_to_be_unique",
    "expect_column_values_to_be_increasing",
    "expect_column_values_to_be_decreasing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What was counted of one partition: how many rows fail, of how many that count, and how many it has."""

    failing: int = 0
    counted: int = 0
    rows: int = 0

    def __add__(self, other: Part) -> Part:
        return Part(
            failing=self.failing + other.failing,
            counted=self.counted + other.counted,
            rows=self.rows + other.rows,
        )


def adds_up(check: Check) -> bool:
    """Whether what is counted of each partition tells what it says of all together."""
    known = check.kind in _ADDS_UP or check.kind.startswith(_EXPECTED)
    return known and check.kind not in _NOT_BY_ROWS


def part_of(verdict: Verdict) -> Part | None:
    """What a verdict about one partition counted; None where it could not be judged."""
    if verdict.error is not None:
        return None
    return Part(failing=verdict.failing or 0, counted=verdict.counted or 0, rows=verdict.rows or 0)


def together(check: Check, verdict: Verdict, others: Iterable[Part]) -> Verdict:
    """What ``check`` says of all partitions, ``verdict`` being what it says of the new ones alone.

    The sample is that of the new ones, and nothing is observed, except how many rows there are.
    """
    own = part_of(verdict)
    if own is None:
        return verdict
    total = sum(others, own)
    if check.kind == "row_count":
        low, high = check["minimum"], check["maximum"]
        enough = (low is None or total.rows >= low) and (high is None or total.rows <= high)
        return replace(verdict, passed=enough, observed=total.rows, rows=total.rows)
    share = 1.0 if not total.counted else (total.counted - total.failing) / total.counted
    return replace(
        verdict,
        passed=not total.failing or share >= check.mostly,
        failing=total.failing,
        counted=total.counted,
        rows=total.rows,
        observed=None,
    )
