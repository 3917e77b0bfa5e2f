import xml.etree.ElementTree as ET

import pytest
import torch

from handlib.show import table

ROWS = {
    "GCN": {"error (mm)": 14.649, "pairs": 2000},
    "a < b": {"error (mm)": torch.tensor(1234.5), "pairs": 7},
}


def test_text_and_page_hold_every_value_in_three_digits():
    shown = table(ROWS, "Errors")
    page = ET.fromstring(shown._repr_html_())
    values = [[cell.text or "" for cell in row] for row in page.iter("tr")]
    assert values == [["", "error (mm)", "pairs"], ["GCN", "14.6", "2000"], ["a < b", "1234", "7"]]
    assert page.find("caption").text == "Errors"
    lines = repr(shown).splitlines()
    assert [line.split() for line in lines[2:]] == [["GCN", "14.6", "2000"], ["a", "<", "b", "1234", "7"]]
    assert len({len(line) for line in lines[1:]}) == 1


def test_rows_with_different_columns_are_refused():
    with pytest.raises(ValueError, match="same columns"):
        table({"a": {"x": 1}, "b": {"y": 1}})
