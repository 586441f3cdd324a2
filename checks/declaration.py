"""What a check is: a promise about a value, with its name, its severity and its digest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

from checks.plain_values import Plain, to_json
from checks.row_conditions import RowCondition
from checks.sentences import sentence
from graph.errors import AssetGraphError, near_miss
from graph.fingerprint import digest

Severity: TypeAlias = Literal["error", "warn"]

# Part of every digest: moved when a rule of judging changes, so that what is published is judged again.
_RULES = "1"


class InvalidCheck(AssetGraphError):
    """A check that cannot be declared like this; ``check`` is its kind or name."""

    def __init__(self, check: str, problem: str) -> None:
        self.check = check
        super().__init__(f"check '{check}' {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A promise about a value. ``severity="error"`` holds the version back, ``"warn"`` only tells.

    Args:
        name: unique within an asset; verdicts are kept under it.
        kind: what is promised: the name of the constructor that made it.
        columns: the columns that it looks at, as far as it says.
        parameters: the rest of the promise, as pairs of name and plain value.
        mostly: the part of what is looked at that has to be good, above 0 and up to 1.
        row_condition: which rows are looked at; None for all.
        function: the user's function, for the kind ``check``.
        code: the digest of that function's code, given by `with_code`.
    """

    name: str
    kind: str
    columns: tuple[str, ...] = ()
    parameters: tuple[tuple[str, Plain], ...] = ()
    severity: Severity = "error"
    mostly: float = 1.0
    row_condition: RowCondition | None = None
    function: Callable[..., Any] | None = None
    code: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise InvalidCheck(self.kind, f"has the name {self.name!r}; give it a text.")
        if self.severity not in get_args(Severity):
            miss = near_miss(str(self.severity), get_args(Severity))
            raise InvalidCheck(
                self.name, f"has the severity {self.severity!r}, which is not 'error' or 'warn'.{miss}"
            )
        if not isinstance(self.mostly, int | float) or not 0 <= self.mostly <= 1:
            raise InvalidCheck(self.name, f"has mostly={self.mostly!r}, which must lie between 0 and 1.")

    def __getitem__(self, parameter: str) -> Any:
        """The value of one parameter."""
        return dict(self.parameters)[parameter]

    @property
    def digest(self) -> str:
        """Moves with the name, the promise, the severity and the function's code: then it is to be judged again."""
        return digest(
            _RULES,
            self.name,
            self.kind,
            to_json(self.columns),
            to_json(self.parameters),
            self.severity,
            ""
            if self.function is None
            else self.code or f"{self.function.__module__}.{self.function.__qualname__}",
            *(("mostly", repr(float(self.mostly))) if self.mostly != 1 else ()),
            *(("where", self.row_condition.sql) if self.row_condition is not None else ()),
        )

    def with_code(self, code: str) -> Check:
        """The same check knowing the digest of its function's code; a check without a function stays as it is."""
        return self if self.function is None else replace(self, code=code)

    def describe(self) -> str:
        """The promise as one sentence.

        >>> from checks import between
        >>> between("close", 0, None).describe()
        'close is at least 0'
        """
        if self.function is not None:
            return (self.function.__doc__ or "").strip().split("\n")[0].rstrip(".") or f"{self.name} holds"
        said = sentence(self.kind, self.columns, dict(self.parameters))
        if self.mostly != 1:
            said += f", in at least {self.mostly:.15g} of the cases"
        return said if self.row_condition is None else f"{said}, where {self.row_condition.sql}"
