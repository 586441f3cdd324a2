"""How counts, sizes, time spans and moments read."""

from __future__ import annotations

from datetime import datetime, timedelta


def counted(number: int, thing: str, things: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "asset"), counted(5860, "row"), counted(2, "query", "queries")
    ('1 asset', '5,860 rows', '2 queries')
    """
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def size_text(size: int) -> str:
    """Bytes in the decimal unit that people would use.

    >>> size_text(0), size_text(999), size_text(312_400), size_text(5_200_000_000)
    ('0 B', '999 B', '312 kB', '5.2 GB')
    """
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 99.5 else f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"


def span_text(span: timedelta) -> str:
    """A duration, as exact as it matters.

    >>> [span_text(timedelta(seconds=s)) for s in (0.004, 1.25, 75, 4000, 200_000)]
    ['0.00 s', '1.2 s', '1 min 15 s', '1 h 6 min', '2 days 7 h']
    """
    seconds = span.total_seconds()
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    for unit, size, smaller, small in (
        ("days", 86_400, "h", 3_600),
        ("h", 3_600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if seconds >= size:
            whole, rest = divmod(round(seconds), size)
            named = f"{whole} {'day' if (unit, whole) == ('days', 1) else unit}"
            return f"{named} {rest // small} {smaller}" if rest // small else named
    return f"{seconds:.0f} s"


def moment_text(moment: datetime | None, *, seconds: bool = False) -> str:
    """A moment in this machine's time zone, which is named; a dash for none."""
    if moment is None:
        return "-"
    return f"{moment.astimezone():{'%Y-%m-%d %H:%M:%S %Z' if seconds else '%Y-%m-%d %H:%M %Z'}}"


def first_line(text: str, width: int = 100) -> str:
    """The first line of a text, cut where it is too long to stand in a table."""
    line = text.strip().partition("\n")[0]
    return line if len(line) <= width else f"{line[: width - 1]}…"
