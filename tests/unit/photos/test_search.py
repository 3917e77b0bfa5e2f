"""How hands are found: from far to near, window by window, each alone, everybody's."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from jaxtyping import Float
from support.colour_seer import COLOURS, ColourSeer, painted
from torch import Tensor
from torch.nn.functional import interpolate

from handlib.data.photo import Box, Crop
from handlib.data.sample import IMAGE_MEAN, IMAGE_STD
from handlib.model.estimate import Prediction
from handlib.model.joint_maps import JointMaps, LocatedJoints
from handlib.photos.reconstruct import reconstruct, reconstruct_everyone
from handlib.photos.search import (
    find_everyone,
    find_hands,
    glance_at,
    look_at,
    look_at_each,
    sureness,
    windows,
)

LEAST = 8
"""Pixels of its 128: a hand that is smaller isn't seen."""
CELLS = 64
"""Size of its joint maps."""


class JointSeer(ColourSeer):
    """Sees colours as joints: 21 along the diagonal of the box that a colour fills, if it is large enough."""

    def __init__(self) -> None:
        super().__init__()
        self.config = replace(self.config, initial_head="joints")

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> Prediction:
        whole = [super(JointSeer, self).forward(one[None]) for one in image]
        uv, presence = torch.zeros(len(image), 2, 21, 2), torch.full((len(image), 2), -9.0)
        mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGE_MEAN, IMAGE_STD))
        for k, one in enumerate(image * std + mean):
            for h, colour in enumerate(torch.tensor(COLOURS).float() / 255):
                places = ((one - colour[:, None, None]).abs().sum(0) < 0.2).nonzero().flip(-1)
                extent = places.amax(0) - places.amin(0) + 1 if len(places) else torch.zeros(2)
                if extent.max() > LEAST and len(places) > extent.prod() / 2:
                    low, high = (p * 2 / image.shape[-1] - 1 for p in (places.amin(0), places.amax(0) + 1))
                    uv[k, h] = low + torch.linspace(0, 1, 21)[:, None] * (high - low)
                    presence[k, h] = 9.0
        located = LocatedJoints(
            uv, torch.zeros(len(image), 2, 21, 3), torch.ones(len(image), 2, 21), presence
        )
        scores = torch.cat([prediction.segmentation for prediction in whole])
        vectors = torch.cat([prediction.final.params.to_vector() for prediction in whole])
        offset = torch.cat([prediction.final.offset for prediction in whole])
        return Prediction((self.decode(vectors, offset),), scores, torch.zeros_like(scores), located=located)

    def joint_maps(self, image: Float[Tensor, "batch 3 size size"]) -> JointMaps:
        prediction = self(image)
        located = prediction.located
        assert located is not None
        ticks = (torch.arange(CELLS) + 0.5) * (2 / CELLS) - 1
        across, down = ((located.uv[..., axis, None] - ticks).square() for axis in (0, 1))
        heat = -1e4 * (across[..., None, :] + down[..., :, None])
        return JointMaps(
            interpolate(prediction.segmentation, size=CELLS),
            heat,
            torch.zeros(len(image), 2, 21, 3, CELLS, CELLS),
            located.presence,
        )


@pytest.fixture(scope="module")
def model() -> JointSeer:
    return JointSeer().eval()


@pytest.fixture(autouse=True)
def sure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Confidence is what the seer says."""
    told = {"constant": 0.0, "presence": 1.0, "certainty": 0.0, "segmentation": 0.0, "opinion": 0.0}
    monkeypatch.setattr("handlib.photos.presence.CALIBRATION", told)
    monkeypatch.setattr("handlib.photos.presence.LOCATED_AREA", 0.0)
    opinion = torch.zeros(2), torch.tensor([-5.0, 5.0])
    monkeypatch.setattr("handlib.photos.search.second_opinion", lambda picture, joints: opinion)


def box_of(*squares: tuple[int, int, int]) -> Box:
    left, top = (min(square[k] for square in squares) for k in (0, 1))
    right, bottom = (max(square[k] + square[2] for square in squares) for k in (0, 1))
    return Box(left, top, right - left, bottom - top)


def test_hands_too_small_for_the_first_look_are_found_window_by_window(model: JointSeer):
    squares = (900, 500, 40), (960, 520, 40)
    picture = painted(1200, 700, *squares)
    (whole,) = look_at(model, picture, [Crop.around(Box.around(picture), share=1)])
    assert not whole.presence.sides
    found = find_hands(model, picture)
    assert found is not None and found.presence.sides == ("left", "right")
    box = found.box(picture)
    assert box is not None and box.overlap(box_of(*squares)) > 0.9


def test_an_empty_picture_has_no_hands(model: JointSeer):
    picture = painted(300, 200)
    assert find_hands(model, picture) is None
    assert find_everyone(model, picture) == []
    result = reconstruct(picture, model=model)
    assert (result.origin, str(result.presence)) == ("whole picture", "no hand")


@pytest.mark.parametrize(("width", "height"), [(640, 480), (200, 1000), (333, 333)])
def test_windows_cover_every_pixel_and_stay_inside(width: int, height: int):
    covered = np.zeros((height, width), bool)
    for crop in windows(Box(0, 0, width, height)):
        assert crop.x >= 0 and crop.y >= 0
        assert crop.x + crop.side <= width + 1e-6 and crop.y + crop.side <= height + 1e-6
        covered[round(crop.y) : round(crop.y + crop.side), round(crop.x) : round(crop.x + crop.side)] = True
    assert covered.all()


def test_everybodys_hands_are_found_once(model: JointSeer):
    one, other = ((60, 60, 60), (130, 80, 60)), ((700, 420, 60), (780, 400, 60))
    picture = painted(900, 560, *one)
    for colour, (left, top, side) in zip(COLOURS, other, strict=True):
        picture[top : top + side, left : left + side] = colour
    results = reconstruct_everyone(picture, model)
    boxes = [box_of(*one), box_of(*other)]
    best = [max(result.box.overlap(box) for result in results) for box in boxes]
    assert min(best) > 0.8
    pairs = [(a, b) for k, a in enumerate(results) for b in results[:k]]
    assert max((a.box.overlap(b.box) for a, b in pairs), default=0.0) < 0.4


def test_a_single_hand_is_told_as_one(model: JointSeer):
    picture = painted(600, 400)
    picture[150:250, 300:400] = COLOURS[1]
    result = reconstruct(picture, model=model)
    assert str(result.presence) == "right hand only"
    assert result.box.overlap(Box(300, 150, 100, 100)) > 0.9


def test_hands_far_apart_are_told_by_looks_of_their_own(model: JointSeer):
    """Each wrist then lies at its colour's centre within a pixel of the closer look, not of the first."""
    squares = (100, 300, 120), (960, 250, 120)
    picture = painted(1200, 700, *squares)
    (look,) = look_at(model, picture, [Crop.around(box_of(*squares), 0.8)])
    together = look_at_each(model, picture, look).final
    closer = look_at(model, picture, [Crop.around(box_of(square), 0.6) for square in squares])
    for h, (one, (left, top, side)) in enumerate(zip(closer, squares, strict=True)):
        own = one.crop.to_picture(one.prediction.final.vertex_uv[0, h])
        told = look.crop.to_picture(together.vertex_uv[0, h])
        torch.testing.assert_close(told, own, atol=4.0, rtol=0)
        wrist = look.crop.to_picture(together.uv[0, h, 0])
        assert torch.dist(wrist, torch.tensor([left + side / 2, top + side / 2])) < 2
    torch.testing.assert_close(together.offset, look.prediction.final.offset)


def test_hands_close_together_are_told_by_the_first_look(model: JointSeer):
    squares = (100, 100, 90), (180, 120, 90)
    picture = painted(400, 300, *squares)
    (look,) = look_at(model, picture, [Crop.around(box_of(*squares), 0.8)])
    assert look_at_each(model, picture, look) is look.prediction


def test_hands_in_a_loose_box_are_looked_at_closely(model: JointSeer):
    squares = (300, 200, 50), (360, 220, 50)
    picture = painted(900, 600, *squares)
    close = find_hands(model, picture, Box(150, 100, 400, 300))
    assert close is not None and close.crop.side == pytest.approx(110 / 0.8, rel=0.1)


def test_hands_beside_a_box_are_not_meant(model: JointSeer):
    picture = painted(900, 600, (300, 200, 50), (360, 220, 50))
    box = Box(390, 100, 440, 400)
    assert find_hands(model, picture, box) is None
    result = reconstruct(picture, box, model)
    assert (result.origin, result.box, result.crop) == ("given", box, Crop.around(box, 0.8))


def test_one_hand_that_was_given_to_both_counts_once(model: JointSeer):
    picture = painted(400, 300, (100, 100, 90), (200, 120, 90))
    (look,) = look_at(model, picture, [Crop(50, 50, 280)])
    located = look.prediction.located
    assert located is not None
    same = replace(located, uv=located.uv[:, [0, 0]], presence=torch.tensor([[9.0, 1.0]]))
    double = replace(look, answer=replace(look.prediction, located=same))
    assert sureness(look) == pytest.approx(2, abs=0.05)
    assert sureness(double) == pytest.approx(1, abs=0.05)


def test_a_glance_tells_what_a_look_tells_but_makes_no_prediction(model: JointSeer):
    picture = painted(400, 300, (100, 100, 90), (200, 120, 90))
    crops = [Crop(50, 50, 280), Crop(0, 0, 300), Crop(300, 0, 60)]
    for glance, look in zip(glance_at(model, picture, crops), look_at(model, picture, crops), strict=True):
        assert glance.presence.sides == look.presence.sides
        seen, box = glance.box(picture), look.box(picture)
        assert (seen is None) == (box is None)
        assert seen is None or box is None or seen.overlap(box) > 0.9
        with pytest.raises(TypeError, match="glance"):
            _ = glance.prediction
