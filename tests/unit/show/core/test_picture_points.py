import io

import numpy as np
import pytest
from PIL import Image

from handlib import show

GREY = np.full((60, 120, 3), 128, np.uint8)


def test_points_are_uv_of_the_picture_not_of_the_margin():
    points = show.PicturePoints(GREY, [[-1.0, 0.0]], colours=["#ff0000"], margin=0.25, width=200)
    drawn = points.picture()
    assert drawn.shape == (100, 200, 3)
    # 200 pixels show u from -1.25 to 1.25: u = -1 is at pixel 20, v = 0 in the middle.
    assert tuple(drawn[50, 20]) == (255, 0, 0)
    assert tuple(drawn[20, 30]) == (128, 128, 128)
    assert tuple(drawn[5, 30]) == (228, 228, 228)


def test_update_keeps_what_is_not_given_and_sends_a_png():
    points = show.PicturePoints(GREY, [[0.1, 0.2], [0.3, 0.4]])
    points.update(points=[[0.5, 0.5], [0.0, 0.0]])
    np.testing.assert_allclose(points.uv, [[0.5, 0.5], [0.0, 0.0]])
    white = np.full_like(GREY, 255)
    points.update(picture=white)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(points._picture)).convert("RGB")), white)
    assert points.points == [[0.5, 0.5], [0.0, 0.0]]


def test_numbers_of_labels_and_points_must_agree():
    with pytest.raises(ValueError, match="2 points, 1 labels and 2 colours"):
        show.PicturePoints(GREY, np.zeros((2, 2)), labels=["one"])
    points = show.PicturePoints(GREY, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="expected 2, got 3"):
        points.update(points=np.zeros((3, 2)))
