"""The project's own checks against an asset's history: has its schema changed, is its volume usual, has it drifted?

What a check observed of earlier values, published ones, is what it compares with (`checks.beside.Beside.earlier`).
Until there are enough of them it holds, and its verdict says so. An alarm is a doubt and no proof, so that the three
about figures warn unless they are told to be errors. How often they alarm for nothing, and what they find, is measured
in ``docs/anomalies.md``.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias, get_args

from checks.declaration import Check, InvalidCheck, Severity, declared
from checks.plain_values import Plain
from checks.row_conditions import RowCondition
from checks.vocabulary import Number, family_of
from graph.errors import near_miss

FigureName: TypeAlias = Literal["mean", "median", "std", "null_share", "distinct", "min", "max", "sum"]
Side: TypeAlias = Literal["both", "low", "high"]
Scale: TypeAlias = Literal["linear", "log"]
Season: TypeAlias = Literal["week"]

FEWEST = 7
"""Earlier values, below which medians tell nothing at any useful rate."""
FEWEST_VECTORS = 14
LOWEST_RATE, HIGHEST_RATE = 0.0001, 0.1


def same_schema(*, allow_new: bool = False, name: str | None = None, severity: Severity = "error") -> Check:
    """The columns and their types are those of the last value; the first value of all passes.

    Neither the order of the columns counts nor the layout of a type, as in `schema`. Observed is the schema; a sample
    names the columns that differ, what they were and what they are. A schema that was changed on purpose is published
    by hand once, and is then the one to compare with.

    Args:
        allow_new: there may be columns that the last value had not.
    """
    return declared("same_schema", (), {"allow_new": allow_new}, name, severity)


def not_fewer_rows(*, tolerance: float = 0.0, name: str | None = None, severity: Severity = "error") -> Check:
    """There are no fewer rows than in the last value, give or take a part ``tolerance`` of them: for what only grows.

    The first value of all passes. Observed is how many there are.
    """
    if family_of(tolerance) != "number" or not 0 <= tolerance < 1:
        raise InvalidCheck(
            name or "not_fewer_rows",
            f"has the tolerance {tolerance!r}; give it a part of the rows, from 0 to below 1.",
        )
    return declared("not_fewer_rows", (), {"tolerance": float(tolerance)}, name, severity)


def same_size(
    column: str,
    *,
    within: float = 3.0,
    name: str | None = None,
    severity: Severity = "error",
    row_condition: RowCondition | str | None = None,
) -> Check:
    """The column's numbers are about as large as in the last value: a slip from dollars to cents is not.

    Their size is the median of the absolute values that are not zero. It may be up to ``within`` times what it was, and
    down to a ``within``-th of it. The first value of all passes; a NaN fails. Observed is the size.
    """
    label = name if name is not None else f"same_size({column})"
    if family_of(within) != "number" or not 1 < within < 100:
        raise InvalidCheck(
            label,
            f"has within={within!r}; give it a factor above 1, and below 100, so that percents are seen.",
        )
    given: dict[str, Plain] = {"within": float(within)}
    return declared("same_size", (column,), given, label, severity, row_condition=row_condition)


def usual_row_count(
    *,
    false_alarms: float = 0.001,
    side: Side = "both",
    warm_up: int = 14,
    history: int = 100,
    season: Season | None = None,
    scale: Scale = "linear",
    tolerance: Number = 0,
    name: str | None = None,
    severity: Severity = "warn",
) -> Check:
    """The number of rows (or of items of a list or mapping) is as usual; see `usual` for what that means."""
    label = name if name is not None else "usual_row_count"
    parameters = _parameters(label, false_alarms, side, warm_up, history, FEWEST)
    parameters |= _shape(label, season, scale, tolerance)
    return declared("usual_row_count", (), parameters, label, severity)


def usual(
    column: str,
    figure: FigureName,
    *,
    false_alarms: float = 0.001,
    side: Side = "both",
    warm_up: int = 14,
    history: int = 100,
    season: Season | None = None,
    scale: Scale = "linear",
    tolerance: Number = 0,
    name: str | None = None,
    severity: Severity = "warn",
    row_condition: RowCondition | str | None = None,
) -> Check:
    """A figure of the column lies as near to the median of its earlier values as they let one expect.

    How near is told by their median absolute deviation, so that single outliers among them do no harm, and by their
    number. The verdict keeps the figure as observed, and the expected range. A history of which half is one and the
    same value is measured by its standard deviation instead; one that never moved expects that very value, within the
    tolerance. A NaN or an infinity fails, always; a figure that is not there, as the mean of no value, fails as soon
    as something is expected.

    Args:
        figure: ``null_share`` counts a NaN as a null, and ``distinct`` leaves nulls out.
        false_alarms: the part of judgements that alarm for nothing, where values are normal and independent.
        side: ``"low"`` alarms only for what is too low, ``"high"`` for what is too high; the whole rate goes there.
        warm_up: with fewer earlier values than this nothing is expected, and the check holds.
        history: so many of the last values are looked at.
        season: ``"week"`` compares with the same day of the week (in UTC): with its own values alone where there are
            twice as many as the warm-up takes, else with its median, and the deviations from theirs of all days.
        scale: ``"log"`` compares by factors and not by differences, for figures above zero: one that is not fails on
            the low side, and is left out of the history.
        tolerance: how far from what is usual a figure may always lie, in its own unit.

    Source: Leys et al. (2013), Journal of Experimental Social Psychology 49(4), for the median absolute deviation; its
        limits for few values are simulated, see `checks.anomalies`.
    """
    label = name if name is not None else f"usual({figure} of {column})"
    if figure not in get_args(FigureName):
        known = get_args(FigureName)
        miss = near_miss(str(figure), known)
        raise InvalidCheck(label, f"has the figure {figure!r}, which is none of {', '.join(known)}.{miss}")
    parameters = {"figure": figure, **_parameters(label, false_alarms, side, warm_up, history, FEWEST)}
    parameters |= _shape(label, season, scale, tolerance)
    return declared("usual", (column,), parameters, label, severity, row_condition=row_condition)


def usual_distribution(
    column: str,
    *,
    false_alarms: float = 0.001,
    warm_up: int = 28,
    history: int = 100,
    name: str | None = None,
    severity: Severity = "warn",
    row_condition: RowCondition | str | None = None,
) -> Check:
    """The column's numbers are distributed as usual: none of eleven quantiles is where it never was.

    Observed are the quantiles (1%, the nine deciles, 99%). The distance of a value from its history is that of the
    quantile farthest from its median, in units of its spread (the median absolute deviation). It may be as large as
    the distances of the earlier values from one another let one expect. It is for columns of many different numbers:
    quantiles of few distinct ones stand still, and then leap. A NaN or an infinity fails, always.

    Args:
        false_alarms, warm_up, history: as for `usual`.
    """
    label = name if name is not None else f"usual_distribution({column})"
    parameters = _parameters(label, false_alarms, "high", warm_up, history, FEWEST_VECTORS)
    del parameters["side"]
    return declared("usual_distribution", (column,), parameters, label, severity, row_condition=row_condition)


def _parameters(
    check: str, false_alarms: float, side: str, warm_up: int, history: int, fewest: int
) -> dict[str, Plain]:
    if family_of(false_alarms) != "number" or not LOWEST_RATE <= false_alarms <= HIGHEST_RATE:
        raise InvalidCheck(
            check, f"has false_alarms={false_alarms!r}; give it a rate from {LOWEST_RATE} to {HIGHEST_RATE}."
        )
    if side not in get_args(Side):
        miss = near_miss(str(side), get_args(Side))
        raise InvalidCheck(check, f"has the side {side!r}, which is not 'both', 'low' or 'high'.{miss}")
    for what, count in (("warm_up", warm_up), ("history", history)):
        if not isinstance(count, int) or isinstance(count, bool) or count < fewest:
            raise InvalidCheck(check, f"has {what}={count!r}; give it a whole number, {fewest} or more.")
    if warm_up > history:
        raise InvalidCheck(
            check, f"never warms up: it takes {warm_up} earlier values, but looks at {history}."
        )
    return {"false_alarms": float(false_alarms), "side": side, "warm_up": warm_up, "history": history}


def _shape(check: str, season: str | None, scale: str, tolerance: Number) -> dict[str, Plain]:
    if season not in (None, *get_args(Season)):
        raise InvalidCheck(check, f"has the season {season!r}; there is only 'week'.")
    if scale not in get_args(Scale):
        miss = near_miss(str(scale), get_args(Scale))
        raise InvalidCheck(check, f"has the scale {scale!r}, which is not 'linear' or 'log'.{miss}")
    if family_of(tolerance) != "number" or not math.isfinite(tolerance) or tolerance < 0:
        raise InvalidCheck(check, f"has the tolerance {tolerance!r}; give it a finite number, zero or more.")
    return {"season": season, "scale": scale, "tolerance": float(tolerance)}
