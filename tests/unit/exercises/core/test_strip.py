"""The strip tells of every part whose code runs it, in HTML and as text."""

import re

import pytest

from handlib.exercises.core.strip import Strip
from handlib.model.parts import PARTS


@pytest.mark.parametrize("own", [frozenset(), frozenset({"skin", "huber"}), frozenset(PARTS)])
def test_every_part_is_told_in_its_order(own: frozenset[str]):
    strip = Strip(own)
    chips = re.findall(r'<li style="([^"]+)"><span[^>]*>(\w+)</span>.*?<b>(.*?)</b>', strip._repr_html_())
    assert [name for _, name, _ in chips] == list(PARTS)
    rows = [line.split() for line in repr(strip).splitlines()[1:]]
    for (style, name, whose), row in zip(chips, rows, strict=True):
        assert whose == row[0] == ("yours" if name in own else "library's")
        assert ("solid" in style) == (name in own) and name in row
    assert f"{len(own)} of {len(PARTS)}" in strip._repr_html_()


def test_a_faults_words_are_no_html():
    assert "line 3: &lt;b&gt;" in Strip(frozenset(), "line 3: <b>")._repr_html_()
