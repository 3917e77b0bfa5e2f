import io

import numpy as np
import pytest
from PIL import Image

from handlib.show.core.raster import draw_skeleton, encode_png, surface_layer

SQUARE = np.array([[2.0, 2.0, 1.0], [6.0, 2.0, 1.0], [6.0, 6.0, 1.0], [2.0, 6.0, 1.0]])
SQUARE_FACES = np.array([[0, 1, 2], [0, 2, 3]])


def layer_of(vertices, faces, colours, size=8):
    return surface_layer(vertices, vertices[:, :2].copy(), faces, colours, size, size)


def test_square_covers_exactly_the_pixels_whose_centres_it_holds():
    layer = layer_of(SQUARE, SQUARE_FACES, np.ones((4, 3)))
    covered = np.zeros((8, 8))
    covered[2:6, 2:6] = 1
    np.testing.assert_array_equal(layer[..., 3], covered)


@pytest.mark.parametrize("nearer", [0, 1])
def test_the_nearer_of_two_surfaces_hides_the_other_whatever_their_order(nearer):
    depth = (1.0, 2.0) if nearer == 0 else (2.0, 1.0)
    red = SQUARE * (1, 1, 0) + (0, 0, depth[0])
    green = SQUARE * (1, 1, 0) + (1, 1, depth[1])
    colours = np.repeat([[1.0, 0, 0], [0, 1.0, 0]], 4, axis=0)
    layer = layer_of(np.concatenate((red, green)), np.concatenate((SQUARE_FACES, SQUARE_FACES + 4)), colours)
    assert layer[4, 4, nearer] > 0.3
    assert layer[4, 4, 1 - nearer] == 0
    assert layer[2, 2, 0] > 0.3 and layer[6, 6, 1] > 0.3


def test_surfaces_outside_the_picture_are_left_out_and_those_across_its_edge_are_cut():
    assert not layer_of(SQUARE + np.array((100, 0, 0)), SQUARE_FACES, np.ones((4, 3))).any()
    cut = layer_of(SQUARE - (4, 0, 0), SQUARE_FACES, np.ones((4, 3)))
    assert cut[..., 3].sum() == 2 * 4


def test_skeleton_is_drawn_at_its_joints_and_not_elsewhere():
    picture = Image.new("RGB", (60, 60), "#808080")
    joints = np.full((21, 2), 20.0)
    joints[4] = (40, 45)
    draw_skeleton(picture, joints, "#ff0000", thickness=1.0)
    assert picture.getpixel((40, 45)) == (255, 0, 0)
    assert picture.getpixel((30, 32)) != (128, 128, 128)
    assert picture.getpixel((5, 55)) == (128, 128, 128)


def test_png_keeps_all_colours_while_the_file_is_small():
    x, y = np.meshgrid(np.arange(200), np.arange(120))
    picture = np.stack((x, y, np.where(x > y, 200, 40)), axis=-1).astype(np.uint8)
    encoded = encode_png(picture)
    assert encoded == encode_png(picture.copy())
    assert (np.asarray(Image.open(io.BytesIO(encoded))) == picture).all()


def test_a_large_png_gets_a_palette_and_stays_faithful():
    smooth = np.cumsum(np.random.default_rng(0).normal(0, 1, (400, 500, 3)), axis=1)
    picture = np.clip(128 + 3 * smooth, 0, 255).astype(np.uint8)
    image = Image.open(io.BytesIO(encode_png(picture)))
    assert image.mode == "P"
    assert np.abs(np.asarray(image.convert("RGB")).astype(int) - picture).mean() < 16
