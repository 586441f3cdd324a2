"""The HTML that reports are made of: escaped, headed."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.markup import Column, Markup, escaped, table

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


@given(TEXT)
def test_whatever_the_text_it_stays_text(text: str) -> None:
    element = ET.fromstring(f"<p>{escaped(text)}</p>")
    assert (element.text or "", len(element)) == (text, 0)


@given(TEXT)
def test_a_table_is_well_formed_whatever_is_in_it(text: str) -> None:
    made = ET.fromstring(table(text, [Column(text), Column("n", number=True)], [[text, text]], ids=[text]))
    assert made.attrib["aria-label"] == text
    cells = [cell.text or "" for cell in made.iter() if cell.tag in {"td", "th"}]
    assert cells == [text, "n", text, text]


def test_a_table_heads_its_columns_and_rows() -> None:
    made = ET.fromstring(table("Weights", [Column("Symbol"), Column("Weight", number=True)], [["A", "1 %"]]))
    assert [(cell.text, cell.attrib["scope"]) for cell in made.iter("th")] == [
        ("Symbol", "col"),
        ("Weight", "col"),
        ("A", "row"),
    ]
    assert [cell.text for cell in made.iter("caption")] == ["Weights"]


def test_a_row_must_have_as_many_cells_as_there_are_columns() -> None:
    with pytest.raises(ValueError, match="zip"):
        table("", [Column("a"), Column("b")], [["only one"]])


def test_markup_is_left_as_it_is() -> None:
    assert escaped(Markup("<b>bold</b>")) == "<b>bold</b>"
