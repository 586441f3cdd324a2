"""What a quality report says in words, whatever it is written as."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

from checks.plain_values import Plain
from checks.quality_report import AssetQuality, CheckQuality, Published, QualityReport, Rejected, Said
from checks.sentences import shown
from checks.verdict import Verdict

_NAMED = 5
"""So many partitions are named one by one."""


def counted(number: int, thing: str) -> str:
    """A number with its noun.

    >>> counted(1, "check"), counted(1200, "check")
    ('1 check', '1,200 checks')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def moment(at: datetime) -> str:
    """A moment in UTC, to the minute: a report is read anywhere.

    >>> moment(datetime(2026, 3, 3, 12, 5, tzinfo=UTC))
    '2026-03-03 12:05 UTC'
    """
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def value_text(value: Plain) -> str:
    """A value as people read it: numbers to six digits, texts as they are.

    >>> value_text(1234567), value_text(0.123456789), value_text("a"), value_text(None)
    ('1,234,567', '0.123457', 'a', 'null')
    """
    match value:
        case None:
            return "null"
        case bool() | str():
            return str(value)
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.6g}" if abs(value) < 1e15 else f"{value:g}"
        case Decimal():
            return str(value)
        case _:
            return shown(value)


def finding(verdict: Verdict) -> str:
    """What a verdict found, without its sample; empty where it says no more than that it passed.

    >>> said = Verdict(
    ...     check="c", kind="not_null", digest="", severity="warn", passed=False, failing=2, rows=1000
    ... )
    >>> finding(said)
    '2 of 1,000 rows fail'
    """
    if verdict.error is not None:
        return verdict.error
    said = []
    if verdict.failing and not verdict.passed:
        thing = verdict.thing
        of = f" of {verdict.rows:,}" if thing == "row" and verdict.rows is not None else ""
        one = verdict.failing == 1 and not of
        said.append(f"{verdict.failing:,}{of} {thing}{' fails' if one else 's fail'}")
    if verdict.observed is not None:
        said.append(f"observed {value_text(verdict.observed)}")
    return ", ".join(said)


def of_partition(said: Said | Published | Rejected) -> str:
    """Which partition it is about, as the end of a sentence; empty for an asset without any."""
    return f" of {said.partition}" if said.partition else ""


def where_failing(check: CheckQuality) -> str:
    """In which partitions a check does not hold; empty where there is only one version to speak of.

    >>> where_failing(CheckQuality(name="c", promise="p"))
    ''
    """
    bad = [one.partition for one in check.said if one.status != "passed" and one.partition]
    if not bad:
        return ""
    more = f" and {len(bad) - _NAMED:,} more" if len(bad) > _NAMED else ""
    return f"in {len(bad):,} of {check.judged:,} judged: {', '.join(bad[:_NAMED])}{more}"


def served_text(rejected: Rejected) -> str:
    """What is served instead of a rejected version."""
    if rejected.served is None:
        return "nothing is served: no version was ever good"
    return f"served instead is the version made {moment(rejected.served.made_at)} ({rejected.served.version})"


def troubles(asset: AssetQuality) -> Iterator[str]:
    """What somebody should know of an asset, a sentence each without its full stop; nothing where all is sound."""
    for one in asset.rejected[:_NAMED]:
        yield (
            f"the version{of_partition(one)} made {moment(one.made_at)} was rejected, {one.reason}; {served_text(one)}"
        )
    if len(asset.rejected) > _NAMED:
        yield f"and {counted(len(asset.rejected) - _NAMED, 'version')} more were rejected"
    for check in asset.checks:
        worst = check.worst
        if worst is None or worst.status == "passed":
            continue
        found = ", ".join(filter(None, [finding(worst.verdict), where_failing(check)]))
        more = f" ({found})" if found else ""
        if worst.status == "cannot be judged":
            yield f"cannot be judged: {check.name}{more}"
        elif check.is_mild:
            yield f"{'warning' if worst.verdict.aside is None else 'moved aside'}, {check.name} fails{more}"
        elif worst.published:
            yield f"published, and {check.name} fails{more}"


def summary(report: QualityReport) -> str:
    """The report in one sentence."""
    if not report.assets:
        return "There are no assets."
    counts = {
        "rejected": report.count("rejected"),
        "published and failing": report.count("failing"),
        "with a check that cannot be judged": report.count("cannot be judged"),
        "with a warning": report.count("warning"),
    }
    wrong = [f"{number:,} {words}" for words, number in counts.items() if number]
    if wrong:
        return f"{counted(len(report.assets), 'asset')}: {', '.join(wrong)}."
    if not any(check.judged for check in report.checks):
        return "Nothing was judged yet."
    left = report.count("not judged") + report.count("nothing published")
    so_far = f"; {counted(left, 'asset')} waiting to be judged" if left else ""
    return f"Every check that was judged holds{so_far}."
