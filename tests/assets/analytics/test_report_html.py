"""The figures and numbers of the report: escaped, with real minus signs."""

from __future__ import annotations

from assets.analytics.report_html import figure, minus, percent


def test_a_figure_is_escaped_but_for_its_picture() -> None:
    assert "<svg></svg>" in figure("a < b", "c", "<svg></svg>")
    assert "a &lt; b" in figure("a < b", "c", "<svg></svg>")


def test_numbers_have_real_minus_signs() -> None:
    assert minus("-0.5") == "\N{MINUS SIGN}0.5"
    assert percent(-0.4106) == "\N{MINUS SIGN}41.1 %"
