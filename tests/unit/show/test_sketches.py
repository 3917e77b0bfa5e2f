import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.drawings import colour_of, elements, outside, overlapping, too_pale, words_in

from handlib.geometry.camera import project_weak_perspective
from handlib.model.projection import bone_masks
from handlib.show.core.svg import Drawing
from handlib.show.sketches import (
    CELL,
    CORNERS,
    EDGE,
    ENLARGED,
    draw_bilinear_sampling,
    draw_bone_plane,
    draw_weak_perspective,
)
from handlib.utils.errors import InputError

SKETCHES = [draw_weak_perspective, draw_bilinear_sampling, draw_bone_plane]


def said_in(drawing: Drawing) -> list[str]:
    return [words.said.replace("−", "-") for words in words_in(drawing)]


def numbers_after(name: str, drawing: Drawing, count: int) -> list[float]:
    """Of the line that begins with that name and says so many numbers."""
    lines = [re.findall(r"-?\d+\.\d{2,3}", said) for said in said_in(drawing) if said.startswith(f"{name} ")]
    (numbers,) = [line for line in lines if len(line) == count]
    return [float(value) for value in numbers]


@pytest.mark.parametrize("sketch", SKETCHES)
def test_sketches_can_be_read(sketch):
    drawing = sketch()
    assert drawing.title and drawing.words
    assert overlapping(drawing) == [] and outside(drawing) == [] and too_pale(drawing) == []


@given(st.floats(2, 9), st.floats(-0.5, 0.5), st.floats(-0.5, 0.8))
def test_a_camera_gives_the_uv_that_it_says(scale: float, u: float, v: float):
    drawing = draw_weak_perspective(scale, (u, v))
    point, flat = numbers_after("x", drawing, 3), numbers_after("x", drawing, 2)
    assert point[:2] == flat
    camera = torch.tensor([scale, u, v], dtype=torch.float64)
    uv = project_weak_perspective(torch.tensor([point], dtype=torch.float64), camera)[0]
    assert numbers_after("u", drawing, 2) == pytest.approx(uv.tolist(), abs=0.0051 + 0.0005 * scale)


def test_a_camera_without_shift_has_no_arrow():
    arrows = [
        [
            head
            for head in elements(draw_weak_perspective(shift=shift), "polygon")
            if colour_of(head, "line") is None
        ]
        for shift in ((0.0, 0.0), (0.3, 0.3))
    ]
    assert [len(heads) for heads in arrows] == [0, 1]


def test_sampling_reads_four_cells_whose_weights_are_products_of_nearness():
    size, uv = 8, (-0.18, 0.31)
    drawing = draw_bilinear_sampling(uv, size)
    read = {}
    for said in said_in(drawing):
        if found := re.fullmatch(r"([\d.]+) of column (\d), row (\d)", said):
            read[int(found[2]), int(found[3])] = float(found[1])
    x, y = ((value + 1) / 2 * size - 0.5 for value in uv)
    assert len(read) == 4
    for (column, row), weight in read.items():
        assert weight == pytest.approx((1 - abs(x - column)) * (1 - abs(y - row)), abs=0.006)


def test_a_weight_is_the_area_of_the_rectangle_opposite_to_its_centre():
    size, uv = 8, (-0.18, 0.31)
    drawing = draw_bilinear_sampling(uv, size)
    a, b = ((value + 1) / 2 * size - 0.5 for value in uv)
    a, b = a - int(a), b - int(b)
    rectangles = {colour_of(box, "fill"): box for box in elements(drawing, "rect")}
    for (column, row), colour in CORNERS.items():
        box = {name: float(rectangles[colour].get(name)) for name in ("x", "y", "width", "height")}
        weight = (a if column else 1 - a) * (b if row else 1 - b)
        assert box["width"] * box["height"] / ENLARGED**2 == pytest.approx(weight, abs=0.002)
        corner = box["x"] + (1 - column) * box["width"], box["y"] + (1 - row) * box["height"]
        opposite = [corner[0] + (2 * column - 1) * ENLARGED, corner[1] + (2 * row - 1) * ENLARGED]
        centres = [
            [float(disc.get("cx")), float(disc.get("cy"))]
            for disc in elements(drawing, "circle")
            if colour_of(disc, "fill") == colour
        ]
        assert any(centre == pytest.approx(opposite, abs=0.2) for centre in centres)


def test_a_place_on_a_centre_reads_one_cell():
    said = said_in(draw_bilinear_sampling((0.125, 0.125), 8))
    assert [one for one in said if "column" in one] == ["1.00 of column 4, row 4"]


@pytest.mark.parametrize("uv", [(-0.9, 0.0), (0.0, 0.95)])
def test_a_place_beyond_the_outer_centres_is_refused(uv: tuple[float, float]):
    with pytest.raises(InputError, match=r"^[uv]: expected a number from -0.875 to 0.875"):
        draw_bilinear_sampling(uv, 8)


def test_a_bone_covers_the_pixels_of_its_mask():
    ends, size, half_width = ((-0.62, 0.5), (0.55, -0.4)), 8, 0.25
    uv = torch.zeros(1, 1, 21, 2)
    uv[0, 0, [19, 20]] = torch.tensor(ends)
    mask = bone_masks(uv, size, half_width)[0, 0, 19].sum(0).numpy() > 0
    squares = [
        box
        for box in elements(draw_bone_plane(ends, size, half_width), "rect")
        if colour_of(box, "fill") == "first"
    ]
    cells = {
        (round((float(box.get("y")) - EDGE) / CELL), round((float(box.get("x")) - EDGE) / CELL))
        for box in squares
    }
    assert cells == {(int(row), int(column)) for row, column in np.argwhere(mask)}


@pytest.mark.parametrize("pixel", [(5, 3), (2, 4), (6, 2)])
def test_shares_of_a_pixel_follow_from_its_distances(pixel: tuple[int, int]):
    drawing = draw_bone_plane(pixel=pixel)
    said = said_in(drawing)
    (distances,) = [re.findall(r"[\d.]+", one) for one in said if "pixels from a" in one]
    d_a, d_b = map(float, distances)
    shares = [float(re.search(r"= ([\d.]+) of", one)[1]) for one in said if re.search(r"of [ab]$", one)]
    assert shares == pytest.approx([d_b / (d_a + d_b), d_a / (d_a + d_b)], abs=0.02)
    assert sum(shares) == pytest.approx(1, abs=0.011)


def test_a_pixel_off_the_bone_is_refused():
    with pytest.raises(InputError, match="pixel: expected one of"):
        draw_bone_plane(pixel=(0, 0))
