"""What a check is: a promise about a value, with its name, its severity and its digest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

from checks.plain_values import Plain, to_json
from checks.row_conditions import RowCondition
from checks.row_conditions import row_condition as as_row_condition
from checks.sentences import sentence
from graph.errors import AssetGraphError, near_miss
from graph.fingerprint import digest

Severity: TypeAlias = Literal["error", "warn", "quarantine"]

# Part of every digest: moved when a rule of judging changes, so that what is published is judged again.
_RULES = "1"

COMPARING = frozenset("same_schema not_fewer_rows same_size usual_row_count usual usual_distribution".split())
"""The kinds that compare with what they observed before, so that it has to be kept whole."""

# Of what is good or bad row by row, whatever other rows there are.
_ABOUT_ROWS = frozenset(
    "not_null unique between one_of matches expression no_future_timestamps references point_in_time local_time".split()
)
_EXPECTED_OF_ROWS = (
    "expect_column_values_to_",
    "expect_column_pair_values_",
    "expect_compound_",
    "expect_multicolumn_values_",
    "expect_select_",
)
_NOT_BY_ROWS = (
    "_increasing",
    "_decreasing",
    "_of_type",
    "_in_type_list",
    "_parseable",
    "_match_json_schema",
    "_match_strftime_format",
)


class InvalidCheck(AssetGraphError):
    """A check that cannot be declared like this; ``check`` is its kind or name."""

    def __init__(self, check: str, problem: str) -> None:
        self.check = check
        super().__init__(f"check '{check}' {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A promise about a value. ``severity="error"`` holds the version back, ``"warn"`` only tells.

    ``"quarantine"`` moves the rows that fail into an asset of their own, and the rest is published.

    Args:
        name: unique within an asset; verdicts are kept under it.
        kind: what is promised: the name of the constructor that made it.
        columns: the columns that it looks at, as far as it says.
        parameters: the rest of the promise, as pairs of name and plain value.
        mostly: the part of what is looked at that has to be good, above 0 and up to 1.
        row_condition: which rows are looked at; None for all.
        needs: the parameters of the asset's function whose values it looks at, with the columns that it needs there.
        whole: it is about all partitions of the asset together; see `across_partitions`.
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
    needs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    whole: bool = False
    function: Callable[..., Any] | None = None
    code: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise InvalidCheck(self.kind, f"has the name {self.name!r}; give it a text.")
        if self.severity not in get_args(Severity):
            miss = near_miss(str(self.severity), get_args(Severity))
            raise InvalidCheck(
                self.name,
                f"has the severity {self.severity!r}, which is not 'error', 'warn' or 'quarantine'.{miss}",
            )
        if not isinstance(self.mostly, int | float) or not 0 <= self.mostly <= 1:
            raise InvalidCheck(self.name, f"has mostly={self.mostly!r}, which must lie between 0 and 1.")
        if self.severity == "quarantine" and (problem := self._keeps_its_rows()):
            raise InvalidCheck(
                self.name, f"cannot move rows aside: {problem}; make it an error or a warning."
            )

    def _keeps_its_rows(self) -> str:
        """Why no rows can be moved aside for it; empty where they can."""
        expected = self.kind.startswith(_EXPECTED_OF_ROWS) and not self.kind.endswith(_NOT_BY_ROWS)
        if self.kind not in _ABOUT_ROWS and not expected:
            return f"'{self.kind}' does not say of each row by itself whether it is good"
        if self.mostly != 1:
            return "with mostly= some rows may fail; give row_count a minimum to say how much has to be left"
        return "it is about all partitions together" if self.whole else ""

    @property
    def only_columns(self) -> tuple[str, ...] | None:
        """The columns that the table has and no others, where it promises that."""
        return self.columns if self.kind == "schema" and self["exact"] else None

    @property
    def compares(self) -> bool:
        """Whether it keeps what it observed, to compare it with what comes."""
        return self.kind in COMPARING

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
            *(("needs", to_json(self.needs)) if self.needs else ()),
            *(("whole",) if self.whole else ()),
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
        given = dict(self.parameters)
        said = sentence(self.kind, self.columns, {**given, "needs": self.needs} if self.needs else given)
        if self.whole:
            said += ", in all partitions together"
        if self.mostly != 1:
            said += f", in at least {self.mostly:.15g} of the cases"
        return said if self.row_condition is None else f"{said}, where {self.row_condition.sql}"


def declared(
    kind: str,
    columns: tuple[str, ...],
    parameters: Mapping[str, Plain],
    name: str | None,
    severity: Severity,
    mostly: float = 1.0,
    row_condition: RowCondition | str | None = None,
    *,
    needs: tuple[tuple[str, tuple[str, ...]], ...] = (),
) -> Check:
    """The check of this kind, its columns looked at; without a name, that is its kind and its columns.

    Raises:
        InvalidCheck: a column is no text, or is named twice.
    """
    label = name if name is not None else f"{kind}({', '.join(map(str, columns))})" if columns else kind
    for column in columns:
        if not isinstance(column, str):
            raise InvalidCheck(label, f"names the column {column!r}; give it the name of a column.")
    if len(set(columns)) < len(columns):
        raise InvalidCheck(label, "names a column twice.")
    return Check(
        name=label,
        kind=kind,
        columns=columns,
        parameters=tuple(parameters.items()),
        severity=severity,
        mostly=mostly,
        row_condition=as_row_condition(row_condition),
        needs=needs,
    )


def columns_of(by: Collection[str] | str) -> tuple[str, ...]:
    """The columns that make a group, of which one may stand alone."""
    return (by,) if isinstance(by, str) else tuple(by)


def by_groups(groups: tuple[str, ...]) -> str:
    """How the columns that make a group are told in a check's name."""
    return f" by {', '.join(map(str, groups))}" if groups else ""
