"""Judging a value: all checks of a table in one query, and a sample of what failed in a second, bounded one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from checks.declaration import Check, InvalidCheck
from checks.functions import call
from checks.plain_values import Plain, cut, plain
from checks.probes import CannotJudge, Frame, Probe, probe_of
from checks.schemas import schema_finding
from checks.table import ParquetFiles, Source, mappings, opened, rows_at, source_of
from checks.verdict import Finding, Verdict
from graph.errors import near_miss

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_LONGEST_ERROR = 2000
_LONGEST_OBSERVED = 500


def evaluate(
    data: pa.Table | ParquetFiles | object, checks: Sequence[Check], *, now: datetime, sample_rows: int = 5
) -> tuple[Verdict, ...]:
    """One verdict for each check, in their order.

    A check that cannot be judged, because a column is missing, a type is wrong or the user's function raised, is a
    failed verdict with an ``error``. A file that cannot be read raises: nothing is wrong with the value then.

    Args:
        data: an Arrow table, Parquet files, or any other value (for function checks, and `row_count` of a sized one).
        now: the time of judging, aware.
        sample_rows: at most so many failing rows are kept with a verdict.

    Raises:
        InvalidCheck: two checks have one name.
        ValueError: ``now`` has no time zone.
    """
    if now.utcoffset() is None:
        raise ValueError(f"now={now} has no time zone")
    if twice := [name for name, times in Counter(check.name for check in checks).items() if times > 1]:
        raise InvalidCheck(twice[0], "is there twice; give one of them a name=.")
    source = source_of(data)
    found: dict[str, Finding | str] = {}
    scanned: list[Check] = []
    for check in checks:
        if check.kind in {"check", "row_count", "schema"}:
            found[check.name] = _without_scan(check, data, source, now, sample_rows)
        elif source is None:
            found[check.name] = f"it is about a table, but the value is of type {type(data).__name__}"
        else:
            scanned.append(check)
    if source is not None and scanned:
        found |= _scan(source, scanned, now, sample_rows)
    rows = source.count() if source is not None and checks else None
    return tuple(_verdict(check, found[check.name], rows) for check in checks)


def _verdict(check: Check, found: Finding | str, rows: int | None) -> Verdict:
    """The verdict of a finding, or of the reason why there is none."""
    passed = isinstance(found, Finding) and bool(found.passed)
    finding = found if isinstance(found, Finding) else Finding(passed=False)
    return Verdict(
        check=check.name,
        kind=check.kind,
        digest=check.digest,
        severity=check.severity,
        passed=passed,
        failing=finding.failing,
        rows=rows,
        observed=plain(finding.observed, longest=_LONGEST_OBSERVED),
        sample=tuple({name: plain(value) for name, value in row.items()} for row in finding.sample),
        error=None if isinstance(found, Finding) else cut(found, _LONGEST_ERROR),
    )


def _without_scan(
    check: Check, data: object, source: Source | None, now: datetime, limit: int
) -> Finding | str:
    """The finding of a check that needs no query."""
    match check.kind:
        case "check":
            try:
                return call(check, data, source, now, limit)
            except Exception as error:  # noqa: BLE001  # the edge of the user's code: its errors are verdicts
                return f"{type(error).__name__}: {error}"
        case "row_count":
            if source is None and not isinstance(data, list | tuple | Mapping):
                return f"it counts rows or items, but the value is of type {type(data).__name__}"
            return _row_count(check, source.count() if source is not None else len(data))  # type: ignore[arg-type]
        case _:
            if source is None:
                return f"it is about a table, but the value is of type {type(data).__name__}"
            return schema_finding(check, source.schemas())


def _row_count(check: Check, rows: int) -> Finding:
    enough = check["minimum"] is None or rows >= check["minimum"]
    return Finding(passed=enough and (check["maximum"] is None or rows <= check["maximum"]), observed=rows)


def _scan(source: Source, checks: Sequence[Check], now: datetime, limit: int) -> dict[str, Finding | str]:
    """The findings of all checks that SQL can judge; a text is the reason why there is none."""
    found: dict[str, Finding | str] = {}
    probes: dict[str, Probe] = {}
    with opened(source, checks, now) as (cursor, frame):
        for check in checks:
            try:
                probes[check.name] = probe_of(check, frame)
            except CannotJudge as reason:
                found[check.name] = str(reason)
        judged = _judge(cursor, frame, probes)
        for check in checks:
            match judged.get(check.name):
                case str() as error:
                    found[check.name] = error
                case {"failing": failing, "observed": observed}:
                    bad = (
                        _sample(source, cursor, frame, check, probes[check.name], limit)
                        if failing and limit
                        else []
                    )
                    found[check.name] = Finding(
                        passed=not failing, failing=failing or 0, observed=_settled(observed), sample=bad
                    )
    return found


def _judge(
    cursor: duckdb.DuckDBPyConnection, frame: Frame, probes: Mapping[str, Probe]
) -> dict[str, Mapping[str, Any] | str]:
    """Each probe's answer, or the error of its SQL: all in one query, and one by one only if that one fails."""
    if not probes:
        return {}
    # The count makes the query an aggregate, also where every probe is a sub-query.
    everything = ", ".join(["count(*)", *(probe.judge for probe in probes.values())])
    try:
        ((_, *answers),) = _ask(cursor, f"SELECT {everything} FROM {frame.table}")
        return dict(zip(probes, answers, strict=True))
    except CannotJudge as reason:
        if len(probes) == 1:
            return dict.fromkeys(probes, _explained(str(reason), frame))
    return {name: _judge(cursor, frame, {name: probe})[name] for name, probe in probes.items()}


def _sample(
    source: Source, cursor: duckdb.DuckDBPyConnection, frame: Frame, check: Check, probe: Probe, limit: int
) -> Sequence[Mapping[str, Plain]]:
    """Some of what failed: rows of the table, or groups."""
    if probe.groups:
        return mappings(cursor.sql(f"{probe.groups} LIMIT {limit}").to_arrow_table())
    if not probe.rows:
        return ()
    numbers = [number for (number,) in _ask(cursor, f"{probe.rows} LIMIT {limit}")]
    return rows_at(source, cursor, frame, numbers, first=check.columns)


def _ask(cursor: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    """The rows of a query.

    Raises:
        CannotJudge: the query or the data are at fault; faults of files and memory go through as they are.
    """
    import duckdb

    try:
        return cursor.execute(query).fetchall()
    except (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError) as error:
        raise CannotJudge(str(error)) from error


def _explained(error: str, frame: Frame) -> str:
    """DuckDB's message without the quotation of our SQL; of a missing column, our own."""
    if missing := re.search(r'Referenced column "(.+?)" not found', error):
        return f"column '{missing[1]}' is missing.{near_miss(missing[1], frame.columns)}"
    return error.split("\n\nLINE ", maxsplit=1)[0].strip()


def _settled(observed: object) -> object:
    """A float to 15 digits: in the last ones, the order in which threads have summed shows."""
    return float(f"{observed:.15g}") if isinstance(observed, float) else observed
