"""The error tree, and the near miss that every "unknown name" offers.

AssetGraphError
├── DefinitionErrors      declarations that cannot work: all of them, each with its place
├── SelectionError        a selection that cannot be read, or names nothing
├── PlanRefused           a saved plan no longer describes what would happen
└── ...                   other packages derive their own from AssetGraphError
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


class AssetGraphError(Exception):
    """Anything this project refuses to do, said in one sentence with the remedy."""


def near_miss(word: str, candidates: Iterable[str]) -> str:
    """The words " Did you mean 'x'?" for the closest of ``candidates``, or nothing.

    >>> near_miss("price", ["prices", "returns"])
    " Did you mean 'prices'?"
    >>> near_miss("price", ["volume"])
    ''
    """
    names = list(candidates)
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if not close:  # a bare name is as near to "group/name" as to "name"
        tails = {name.rsplit("/", 1)[-1]: name for name in names}
        close = [tails[tail] for tail in get_close_matches(word.rsplit("/", 1)[-1], tails, n=1, cutoff=0.7)]
    return f" Did you mean '{close[0]}'?" if close else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A place in the source: a file, relative to the project where possible, and a line."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a declaration."""

    key: str
    where: Where | None
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        return f"asset '{self.key}'{place} {self.message}{self.remedy}"


class DefinitionErrors(AssetGraphError):
    """Every problem of a set of declarations, found together."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 definition error" if count == 1 else f"{count} definition errors"
        super().__init__("\n".join([f"{head}:", *(f"  {problem}" for problem in self.problems)]))


class PlanRefused(AssetGraphError):
    """A saved plan whose pointers, definitions or config have moved since it was made."""
