"""How a rule is judged in SQL: the nouns that rules are turned into."""

from __future__ import annotations

from dataclasses import dataclass

TIMES, FIRST = '"(times)"', '"(first row)"'
"""Names that no column has, which stand in queries beside those of the table: how often, and where first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """How one rule is judged.

    Args:
        judge: an SQL expression over the table: a struct of ``failing`` and ``counted``, of how many, and ``observed``.
        rows: a query for the numbers of the failing rows, in order; to be limited.
        groups: where groups fail and not rows, a query for them; to be limited.
        found: where neither rows nor groups of the table fail, a query for what does; to be limited.
        proof: a cheaper expression of the same form: where it finds nothing failing, nothing does.
    """

    judge: str
    rows: str = ""
    groups: str = ""
    found: str = ""
    proof: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The table as SQL names it, and the rows of it that are looked at.

    Args:
        row: the name of the column that `numbered` has for a row's number.
        where: a condition in SQL; empty for all rows.
    """

    table: str
    row: str
    where: str = ""

    @property
    def rows(self) -> str:
        """The table, or a sub-query: the rows that are looked at."""
        return f"(FROM {self.table} WHERE (\n{self.where}\n))" if self.where else self.table

    @property
    def numbered(self) -> str:
        """A sub-query: those rows with their numbers in the table, in order."""
        every = f"(SELECT *, row_number() OVER () - 1 AS {self.row} FROM {self.table})"
        return f"(FROM {every} WHERE (\n{self.where}\n))" if self.where else every


def judged(failing: str, observed: str = "NULL", counted: str = "0") -> str:
    """The struct that a probe's ``judge`` is."""
    return f"{{'failing': {failing}, 'observed': {observed}, 'counted': {counted}}}"
