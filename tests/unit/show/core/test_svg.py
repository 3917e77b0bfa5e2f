import base64
import html
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.drawings import NAMESPACE, contrast, elements, luminance, root_of

from handlib.show.core import svg
from handlib.show.core.svg import COLOURS, Drawing, arrow, box, line, number, text

PLACES = st.floats(-1000, 1000)


def drawing(body: str = "", title: str = "A title") -> Drawing:
    return Drawing(title, "What it shows.", body, 300.0, 200.0)


def numbers_of(path: str) -> list[float]:
    return [float(value) for value in re.findall(r"-?[\d.]+", path)]


def test_a_drawing_names_itself_and_asks_for_nothing():
    root = root_of(drawing(title="a < b & c"))
    assert root.find(f"{NAMESPACE}title").text == "a < b & c"
    assert root.find(f"{NAMESPACE}desc").text == "What it shows."
    labels = root.get("aria-labelledby").split()
    assert labels == [root.find(NAMESPACE + tag).get("id") for tag in ("title", "desc")]
    assert [root.get(name) for name in ("role", "viewBox")] == ["img", "0 0 300 200"]
    assert not re.search(r"<script|href|url\(|@import|on\w+=", drawing().svg)


def test_a_notebook_gets_the_file_as_an_image_with_words():
    shown = drawing(text(1.0, 2.0, "x"), title='"quoted"')
    image = ElementTree.fromstring(shown._repr_html_().replace('">', '"/>'))
    kind, _, source = image.get("src").partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(source).decode() == shown.svg == shown._repr_svg_()
    assert image.get("alt") == '"quoted". What it shows.'
    assert repr(shown) == '"quoted"'


def test_every_colour_has_a_rule_in_both_themes():
    light, dark = svg.style_sheet().split("@media (prefers-color-scheme:dark)")
    for name, shades in COLOURS.items():
        for rules, shade in zip((light, dark), shades, strict=True):
            assert f".fill-{name}{{fill:{shade}}}" in rules
            assert f".line-{name}{{stroke:{shade}}}" in rules


def test_themes_are_light_and_dark():
    grounds = ("paper", "frame", *(name for name in COLOURS if name.endswith("-lane")))
    for name in grounds:
        light, dark = (luminance(shade) for shade in COLOURS[name])
        assert light > 0.8 and dark < 0.05
        assert contrast("arrow", name, 0) >= 3 and contrast("arrow", name, 1) >= 3
        assert contrast("here", name, 0) >= 3 and contrast("here", name, 1) >= 3


def test_words_are_escaped_and_may_be_missing():
    assert ">1 &lt; 2 &amp; 3<" in text(0.0, 0.0, "1 < 2 & 3")
    assert text(0.0, 0.0, "") == ""


@given(PLACES)
def test_a_number_is_short_and_right_to_a_tenth(value: float):
    assert abs(float(number(value)) - value) <= 0.05 + 1e-9
    assert number(-0.01) == "0"


def test_a_box_without_fill_is_empty():
    (filled,), (empty,) = (
        elements(drawing(box(1.0, 2.0, 3.0, 4.0, *colours)), "rect")[1:]
        for colours in (("map", ""), ("", "map-edge"))
    )
    assert filled.get("fill") is None and filled.get("class") == "fill-map"
    assert empty.get("fill") == "none" and empty.get("class") == "line-map-edge"


def test_a_line_begins_and_ends_at_its_ends_and_rounds_the_corner():
    (path,) = elements(drawing(line([(0.0, 0.0), (100.0, 0.0), (100.0, 50.0)])), "path")
    values = numbers_of(path.get("d"))
    assert values[:2] == [0, 0] and values[-2:] == [100, 50]
    assert [100.0, 0.0] not in [values[2:4]]
    before, corner, after = values[2:4], values[4:6], values[6:8]
    assert corner == [100, 0]
    assert before == [100 - svg.CORNER, 0] and after == [100, svg.CORNER]


@given(PLACES, PLACES, st.floats(20, 500), st.floats(0, 2 * np.pi))
def test_an_arrow_points_at_its_end(x: float, y: float, length: float, angle: float):
    end = x + length * np.cos(angle), y + length * np.sin(angle)
    shown = drawing(arrow([(x, y), end]))
    (head,), (shaft,) = elements(shown, "polygon"), elements(shown, "path")
    tip, left, right = np.array(numbers_of(head.get("points"))).reshape(3, 2)
    np.testing.assert_allclose(tip, end, atol=0.06)
    np.testing.assert_allclose((left + right) / 2, numbers_of(shaft.get("d"))[-2:], atol=0.2)
    assert np.linalg.norm(left - right) == pytest.approx(svg.HEAD, abs=0.2)


def test_alt_text_survives_quotes():
    shown = drawing(title='<"&>')
    assert html.unescape(re.search(r'alt="([^"]*)"', shown._repr_html_())[1]).startswith('<"&>. ')
