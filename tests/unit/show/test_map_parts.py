import pkgutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import handlib.exercises
from handlib.model.config import DIRConfig
from handlib.show.map_parts import (
    HEIGHT,
    NOTEBOOKS,
    PARTS,
    WIDTH,
    flows,
    maps_taken,
    planes_drawn,
    shape,
    trace_of,
)

SOURCES = Path(__file__).parents[3] / "notebooks" / "source"
SMALL = DIRConfig.small()


def test_every_notebook_has_a_part_under_the_name_of_its_exercises():
    numbers = {path.name[:2] for path in SOURCES.glob("[0-9][0-9]_*.py")}
    assert sorted(PARTS[name].notebook for name in NOTEBOOKS) == sorted(numbers)
    assert set(NOTEBOOKS) <= {module.name for module in pkgutil.iter_modules(handlib.exercises.__path__)}


def test_parts_lie_in_the_picture_and_apart():
    frame, blocks = PARTS["refinement"], [part for name, part in PARTS.items() if name != "refinement"]
    for part in PARTS.values():
        assert part.x >= 0 and part.y >= 0
        assert part.x + part.width <= WIDTH and part.y + part.height <= HEIGHT
    for k, a in enumerate(blocks):
        for b in blocks[:k]:
            apart = max(a.x, b.x) - min(a.x + a.width, b.x + b.width)
            above = max(a.y, b.y) - min(a.y + a.height, b.y + b.height)
            assert max(apart, above) >= 12, (a.name, b.name)
    for part in blocks:
        inside = frame.y <= part.y and part.y + part.height <= frame.y + frame.height
        assert inside == (part.of == "refinement"), part.name


def test_edges_are_the_middles_of_the_four_sides():
    part = PARTS["gcn"]
    (left, y), (right, _), (x, top), (_, bottom) = map(part.edge, ("left", "right", "top", "bottom"))
    assert (right - left, bottom - top) == (part.width, part.height)
    assert (x, y) == ((left + right) / 2, (top + bottom) / 2)


def on_border(name: str, point: tuple[float, float]) -> bool:
    part, (x, y) = PARTS[name], point
    across, down = 0 <= x - part.x <= part.width, 0 <= y - part.y <= part.height
    return (across and y in (part.y, part.y + part.height)) or (down and x in (part.x, part.x + part.width))


def test_arrows_end_at_the_part_that_they_lead_to():
    inner = 0
    for flow in flows(trace_of(SMALL), SMALL):
        ends_in_map = (
            flow.start == "fuse" and flow.end == "enhance" and not on_border("enhance", flow.points[-1])
        )
        inner += ends_in_map
        assert ends_in_map or on_border(flow.end, flow.points[-1]), flow
    assert inner == 1


def test_every_part_of_the_network_is_reached_and_left():
    found = list(flows(trace_of(SMALL), SMALL))
    through = {"encoder", "initial", "fuse", "sampling", "gcn", "transformer", "update", "hand", "camera"}
    through |= {"projection", "enhance", "estimate", "heads"}
    assert through | {"picture", "truth"} == {flow.start for flow in found}
    assert through | {"training", "evaluation"} == {flow.end for flow in found}


def test_shapes_leave_the_batch_out_and_say_s_for_the_size():
    assert shape(torch.zeros(7, 2, 21, 64)) == "2×21×64"
    assert shape(torch.zeros(7, 64, 16, 16), of_size=2) == "64×S×S"
    assert shape(torch.zeros(7, 0, 16, 16), of_size=2) == "none"


@pytest.mark.parametrize(
    "levels, said",
    [((3,), "c4 and c4"), ((1, 0), "c4 and c2, then c1"), ((2, 1, 0), "c4 and c3, then c2, then c1")],
)
def test_maps_taken_are_those_of_the_levels(levels: tuple[int, ...], said: str):
    assert maps_taken(replace(SMALL, stage_levels=levels)) == said


@pytest.mark.parametrize(
    "changes, said",
    [
        ({}, "40 planes, 16×S×S"),
        ({"projection": "joint", "plane_channels": 8}, "42 planes, 8×S×S"),
        ({"projection": "single"}, "1 plane, 16×S×S"),
        ({"projection": "joint", "tokens": "vertices"}, "168 planes, 16×S×S"),
        ({"projection": "none"}, "none"),
        ({"enhancement": False}, "none"),
    ],
)
def test_planes_are_those_of_the_projection(changes: dict, said: str):
    config = replace(SMALL, **changes)
    assert planes_drawn(trace_of(config), config) == said


def test_words_on_arrows_follow_the_configuration():
    config = replace(
        SMALL, image_size=64, channels=24, joint_features=32, token_features=20, stage_levels=(1,)
    )
    said = {(flow.start, flow.end): flow.words for flow in flows(trace_of(config), config) if flow.words}
    assert said["picture", "encoder"] == "3×64×64"
    assert said["fuse", "sampling"] == said["projection", "enhance"] == "24×S×S"
    assert said["sampling", "gcn"] == said["gcn", "transformer"] == "2×21×32"
    assert said["transformer", "update"] == said["transformer", "projection"] == "2×21×20"
    assert said["heads", "training"] == "3×8×8"
    assert said["camera", "training"].startswith("2 estimates")
    assert said["enhance", "fuse"] == said["camera", "estimate"] == "×1"


def test_a_trace_leaves_random_numbers_as_they_were():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trace_of(replace(SMALL, channels=40))
    assert torch.rand(3).equal(expected)
