"""Figures and numbers as the report shows them; its HTML is that of `checks.markup`."""

from __future__ import annotations

from decimal import Decimal

from checks.markup import Markup, escaped


def figure(caption: str, explanation: str, svg: str) -> Markup:
    """A picture with what it shows above it."""
    return Markup(
        f"<figure><figcaption><strong>{escaped(caption)}</strong> {escaped(explanation)}</figcaption>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escaped(caption)}">{svg}</div></figure>'
    )


def percent(fraction: float | None, decimals: int = 1) -> str:
    """A fraction as percent.

    >>> percent(0.1234), percent(-0.5, 0), percent(None)
    ('12.3 %', '\u221250 %', 'not defined')
    """
    return "not defined" if fraction is None else minus(f"{fraction * 100:,.{decimals}f} %")


def points(fraction: float) -> str:
    """A difference of fractions in percentage points.

    >>> points(0.02), points(-0.001), points(-0.0001)
    ('+2.0', '\u22120.1', '0.0')
    """
    rounded = round(fraction * 100, 1)
    return minus(f"{rounded:+.1f}") if rounded else "0.0"


def number(value: float | None, decimals: int = 2) -> str:
    """A plain number.

    >>> number(1234.567), number(None)
    ('1,234.57', 'not defined')
    """
    return "not defined" if value is None else minus(f"{value:,.{decimals}f}")


def dollars(amount: Decimal, *, cents: bool = True) -> str:
    """An amount in US dollars.

    >>> dollars(Decimal("-1234.5")), dollars(Decimal("1234.5"), cents=False)
    ('\u2212$1,234.50', '$1,234')
    """
    text = f"${abs(amount):,.{2 if cents else 0}f}"
    return f"\N{MINUS SIGN}{text}" if amount < 0 else text


def minus(text: str) -> str:
    """The same with real minus signs.

    >>> minus("-1")
    '\u22121'
    """
    return text.replace("-", "\N{MINUS SIGN}")
