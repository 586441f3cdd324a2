"""What a check across assets asks of the tables that are really there, and the SQL that judges it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from checks.beside import Beside
from checks.columns import CannotJudge, Column, find, literal, quoted
from checks.declaration import Check
from checks.probe import Frame, Probe, judged
from checks.rules import Covering, Figure, Querying, Reconciling, Referring
from checks.table import Source, source_of
from checks.verdict import Finding
from graph.errors import near_miss

ACROSS = frozenset({"references", "covers", "same_row_count", "same_sum"})
"""The kinds that compare the table with one upstream."""


@dataclass(slots=True, kw_only=True)
class Upstream:
    """The values that the asset's function was given, each loaded when a check first asks for it."""

    beside: Beside
    loaded: dict[str, Any]

    def value(self, parameter: str) -> object:
        """The value of one parameter.

        Raises:
            CannotJudge: it is not known, or cannot be read.
        """
        if parameter not in self.loaded:
            load = self.beside.upstream.get(parameter)
            if load is None:
                known = self.beside.upstream
                raise CannotJudge(
                    f"it compares with '{parameter}', of which no value is known here."
                    f"{near_miss(parameter, known)}"
                )
            try:
                self.loaded[parameter] = load()
            except Exception as error:
                raise CannotJudge(f"'{parameter}' cannot be read: {error}", quotes=True) from error
        return self.loaded[parameter]

    def table(self, parameter: str) -> Source:
        """The same, where it is a table.

        Raises:
            CannotJudge: it is none.
        """
        value = self.value(parameter)
        found = source_of(value)
        if found is None:
            raise CannotJudge(f"'{parameter}' is no table, but of type {type(value).__name__}.")
        return found

    def tables(self) -> Mapping[str, Source]:
        """The tables among what was loaded."""
        found = {name: source_of(value) for name, value in self.loaded.items()}
        return {name: source for name, source in found.items() if source is not None}


def needs_finding(check: Check, upstream: Upstream) -> Finding:
    """Which of the columns that are read upstream are missing there."""
    ((parameter, wanted),) = check.needs
    names = upstream.table(parameter).schema.names
    missing = [column for column in wanted if column not in names]
    said = [f"'{column}' is missing.{near_miss(column, names)}".rstrip(".") for column in missing]
    return Finding(passed=not missing, failing=len(missing), observed="; ".join(said) or None)


def rule_across(
    check: Check, columns: Mapping[str, Column | None], upstream: Upstream
) -> Referring | Covering | Reconciling | Querying | Figure | None:
    """What ``check`` asks of the table and of its upstream; None where it is no check across assets.

    Raises:
        CannotJudge: a column or a value is missing, or of a type that the check knows nothing of.
    """
    if check.kind == "sql":
        words = set(_words(check["query"]))
        for parameter in upstream.beside.upstream:
            if parameter.lower() in words and parameter != "this":  # which is the value itself
                upstream.table(parameter)
        return Querying(sql=check["query"])
    if check.kind not in ACROSS:
        return None
    ((parameter, others),) = check.needs
    there = upstream.table(parameter).columns()
    own = tuple(find(columns, name) for name in check.columns)
    theirs = tuple(find(there, name, of=parameter) for name in others)
    match check.kind:
        case "references":
            return Referring(key=own, upstream=parameter, others=theirs)
        case "covers":
            return Covering(key=own, upstream=parameter, others=theirs)
        case "same_sum":
            for column in (own[0], theirs[0]):
                if column.family not in {"number", "null"}:
                    raise CannotJudge(
                        f"column '{column.name}' is of type {column.type_name}, which has no sum."
                    )
            return Reconciling(
                column=own[0],
                by=own[1:],
                upstream=parameter,
                other=theirs[0],
                others=theirs[1:],
                tolerance=check["tolerance"],
            )
    tolerance = check["tolerance"]
    return Figure(
        value=f"{{'here': count(*), 'there': (SELECT count(*) FROM {quoted(parameter)})}}",
        passes=lambda seen: abs(seen["here"] - seen["there"]) <= tolerance * seen["there"],
        told=lambda seen: f"{seen['here']} here, {seen['there']} in {parameter}",
    )


def _words(text: str) -> list[str]:
    """The words of a text in lower case, as names in SQL are told apart."""
    return "".join(letter.lower() if letter.isalnum() or letter == "_" else " " for letter in text).split()


def probe_across(rule: Referring | Covering | Reconciling | Querying, frame: Frame) -> Probe:
    """How a rule across assets is judged."""
    match rule:
        case Referring():
            return _referring(rule, frame)
        case Covering():
            return _covering(rule, frame)
        case Reconciling():
            return _reconciling(rule, frame)
    return Probe(
        judge=f"(SELECT {judged('count(*)')} FROM (\n{rule.sql}\n))", found=f"SELECT * FROM (\n{rule.sql}\n)"
    )


# Names that no column has: they stand in queries beside those of the table.
_TIMES, _KNOWN, _TOTAL = '"(times)"', '"(known)"', '"(total)"'
_HERE, _THERE = '"sum here"', '"sum there"'


def _place(number: int) -> str:
    """The name of a part of a key."""
    return f'"(key {number})"'


def _referring(rule: Referring, frame: Frame) -> Probe:
    own = ", ".join(column.sql for column in rule.key)
    whole = " AND ".join(f"{column.sql} IS NOT NULL" for column in rule.key)
    known = f"(SELECT DISTINCT {_renamed(rule.others)}, true AS {_KNOWN} FROM {quoted(rule.upstream)})"
    on = " AND ".join(f"t.{column.sql} = u.{_place(n)}" for n, column in enumerate(rule.key))
    counted = f"(SELECT {own}, count(*) AS {_TIMES} FROM {frame.rows} WHERE {whole} GROUP BY ALL)"
    found = f"{counted} t LEFT JOIN {known} u ON {on}"
    bad = f"coalesce(sum({_TIMES}) FILTER (WHERE {_KNOWN} IS NULL), 0)"
    return Probe(
        judge=f"(SELECT {judged(bad, counted=f'coalesce(sum({_TIMES}), 0)')} FROM {found})",
        rows=f"SELECT {frame.row} FROM {frame.numbered} t LEFT JOIN {known} u ON {on}"
        f" WHERE {_KNOWN} IS NULL AND {' AND '.join(f't.{column.sql} IS NOT NULL' for column in rule.key)}"
        f" ORDER BY {frame.row}",
    )


def _covering(rule: Covering, frame: Frame) -> Probe:
    own = ", ".join(f"{column.sql} AS {_place(n)}" for n, column in enumerate(rule.key))
    here = f"(SELECT DISTINCT {own}, true AS {_KNOWN} FROM {frame.rows})"
    whole = " AND ".join(f"{column.sql} IS NOT NULL" for column in rule.others)
    names = ", ".join(column.sql for column in rule.others)
    there = f"(SELECT DISTINCT {names} FROM {quoted(rule.upstream)} WHERE {whole})"
    on = " AND ".join(f"u.{column.sql} = t.{_place(n)}" for n, column in enumerate(rule.others))
    joined = f"{there} u LEFT JOIN {here} t ON {on}"
    return Probe(
        judge=f"(SELECT {judged(f'count_if({_KNOWN} IS NULL)', counted='count(*)')} FROM {joined})",
        found=f"SELECT {names} FROM {joined} WHERE {_KNOWN} IS NULL ORDER BY ALL",
    )


def _reconciling(rule: Reconciling, frame: Frame) -> Probe:
    here = _sums(rule.column, rule.by, frame.rows)
    there = _sums(rule.other, rule.others, quoted(rule.upstream))
    on = (
        " AND ".join(f"h.{_place(n)} IS NOT DISTINCT FROM t.{_place(n)}" for n in range(len(rule.by)))
        or "true"
    )
    groups = ", ".join(
        f"coalesce(h.{_place(n)}, t.{_place(n)}) AS {quoted(column.name)}" for n, column in enumerate(rule.by)
    )
    both = f"coalesce(h.{_TOTAL}, 0) AS {_HERE}, coalesce(t.{_TOTAL}, 0) AS {_THERE}"
    joined = f"(SELECT {groups}{', ' if groups else ''}{both} FROM {here} h FULL JOIN {there} t ON {on})"
    places = ", ".join(str(n + 1) for n in range(len(rule.by)))
    away = f"abs({_HERE}::DOUBLE - {_THERE}::DOUBLE)"
    bad = f"({away} <= {literal(rule.tolerance)}) IS NOT TRUE"
    text = f"concat({_HERE}, ' here, ', {_THERE}, {literal(f' in {rule.upstream}')})"
    worst = f"max({{'away': {away}, 'text': {text}}}).text"
    return Probe(
        judge=f"(SELECT {judged(f'count_if({bad})', worst, 'count(*)')} FROM {joined})",
        found=f"SELECT * FROM {joined} WHERE {bad} ORDER BY {away} DESC, {places}" if rule.by else "",
    )


def _sums(column: Column, by: tuple[Column, ...], table: str) -> str:
    total = f"{'fsum' if column.float_bits else 'sum'}({column.place}) AS {_TOTAL}"
    if not by:
        return f"(SELECT {total} FROM {table})"
    return f"(SELECT {_renamed(by)}, {total} FROM {table} GROUP BY {', '.join(one.sql for one in by)})"


def _renamed(columns: tuple[Column, ...]) -> str:
    return ", ".join(f"{column.sql} AS {_place(n)}" for n, column in enumerate(columns))
