import re
from dataclasses import replace

import pytest
from support.drawings import (
    NAMESPACE,
    Room,
    colour_of,
    elements,
    outside,
    overlapping,
    root_of,
    too_pale,
    words_in,
)

from handlib.model.config import DIRConfig
from handlib.show.map import dir_map, mark_of
from handlib.show.map_parts import NOTEBOOKS, PARTS, flows, trace_of
from handlib.utils.errors import InputError

SMALL = DIRConfig.small()
EVERYWHERE = (None, *NOTEBOOKS)
CONFIGS = {
    "small": SMALL,
    "wild": DIRConfig.wild(),
    "released": DIRConfig.released(),
    "vertices": replace(SMALL, tokens="vertices", projection="joint"),
    "bare": replace(SMALL, enhancement=False, inter_hand="none", gcn_layers=0),
    "three stages": replace(SMALL, stage_levels=(2, 1, 0)),
}
"""What is published and ships, what tokens may be, what may be left out, how often may be refined."""


def said_in(here: str | None = None, config: DIRConfig | None = None) -> list[str]:
    return [words.said for words in words_in(dir_map(here, config))]


def inside(room: Room, name: str) -> bool:
    part = PARTS[name]
    within = part.x <= room[0] and room[2] <= part.x + part.width
    return within and part.y <= room[1] and room[3] <= part.y + part.height


@pytest.mark.parametrize("here", NOTEBOOKS)
def test_the_reader_is_in_one_place(here: str):
    shown, part = dir_map(here), PARTS[here]
    assert [words.said for words in words_in(shown)].count("you are here") == 1
    assert (
        root_of(shown).find(f"{NAMESPACE}title").text
        == f"Map of DIR. You are here: {part.title}"
        == repr(shown)
    )
    marked = [
        (float(box.get("x")), float(box.get("y")))
        for box in elements(shown, "rect")
        if colour_of(box, "line") == "here" and float(box.get("width")) > 100
    ]
    assert marked == [(part.x, part.y)]
    (mark,) = [words.room for words in words_in(shown) if words.said == "you are here"]
    assert part.x <= mark[0] and mark[2] <= part.x + part.width
    assert mark[1] >= part.y - 10 and mark[3] <= part.y + part.height


def test_nobody_is_on_the_map_of_the_book():
    assert "you are here" not in said_in()
    assert not re.search(r'class="[^"]*here', dir_map().body)
    titles = {part.title for part in PARTS.values()}
    assert {words.colour for words in words_in(dir_map()) if words.said in titles} == {"ink"}


def test_what_a_notebook_is_about_does_not_fade():
    assert {name for name in PARTS if mark_of(name, "encoder") == "usual"} == {"picture", "initial"}
    assert {name for name in PARTS if mark_of(name, "gcn") == "usual"} == set()
    within = {name for name, part in PARTS.items() if part.of == "refinement"}
    assert {name for name in PARTS if mark_of(name, "refinement") == "usual"} == within
    faded = {name for name in PARTS if mark_of(name, "robustness") == "faded"}
    assert faded == {"tour", "ablations", "photos", "released"}
    assert {mark_of(name, None) for name in PARTS} == {"usual"}


@pytest.mark.parametrize("here", ["gcn", "projection", "encoder", "evaluation"])
def test_arrows_at_the_readers_place_are_brought_out(here: str):
    touching = [flow for flow in flows(trace_of(SMALL), SMALL) if here in (flow.start, flow.end)]
    heads = [head for head in elements(dir_map(here), "polygon") if colour_of(head, "fill") == "here"]
    assert len(heads) == len(touching) > 0


@pytest.mark.parametrize("here", EVERYWHERE)
def test_words_can_be_read_in_both_themes(here: str | None):
    assert too_pale(dir_map(here)) == []


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_words_have_room_even_in_a_wide_font(config: DIRConfig):
    for here in (None, "refinement", "encoder"):
        shown = dir_map(here, config)
        assert overlapping(shown) == []
        assert outside(shown) == []


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_blocks_hold_their_words(config: DIRConfig):
    words = words_in(dir_map(None, config))
    for name, part in PARTS.items():
        if part.name != "Picture":
            rooms = [one.room for one in words if one.said.startswith(part.title) or one.said == part.does]
            assert any(inside(room, name) for room in rooms), part


def crosses(start: tuple[float, float], end: tuple[float, float], room: Room) -> bool:
    """Whether a level or upright line goes through words."""
    left, right = sorted((start[0], end[0]))
    top, bottom = sorted((start[1], end[1]))
    return left < room[2] and right > room[0] and top < room[3] and bottom > room[1]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_no_arrow_goes_through_words(config: DIRConfig):
    rooms = [words for words in words_in(dir_map(None, config)) if not words.said.startswith("×")]
    for flow in flows(trace_of(config), config):
        for start, end in zip(flow.points[:-1], flow.points[1:], strict=True):
            assert [words.said for words in rooms if crosses(start, end, words.room)] == [], flow


def test_shapes_are_those_of_the_configuration():
    small, wild = said_in(), said_in(config=DIRConfig.wild())
    assert {"32×32×32", "64×16×16", "128×8×8", "256×8×8", "2×8×8", "3×128×128"} <= set(small)
    assert {"24×56×56", "40×28×28", "192×14×14", "192×7×7", "2×7×7", "3×224×224"} <= set(wild)
    assert "S = 16, then 32" in small and "S = 14, then 28" in wild
    assert "08 Refinement stage × 2" in small
    three = said_in(config=replace(SMALL, stage_levels=(2, 1, 0)))
    assert {"08 Refinement stage × 3", "S = 8, then 16, then 32", "×3"} <= set(three)


def test_the_network_is_named():
    def caption(config: DIRConfig) -> str:
        return next(said for said in said_in(config=config) if said.startswith("Shapes"))

    captions = [caption(config) for config in (SMALL, DIRConfig.wild(), replace(SMALL, channels=40))]
    assert "network small," in captions[0] and "network wild," in captions[1]
    assert "another configuration" in captions[2]


def test_bad_input_is_refused():
    with pytest.raises(InputError, match=r"here: expected one of .*gcn.*, got 'GCN'"):
        dir_map("GCN")
    with pytest.raises(InputError, match="stage_levels"):
        dir_map(config=replace(SMALL, stage_levels=()))
