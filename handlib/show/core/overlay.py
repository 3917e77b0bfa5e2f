"""Draws hands over the picture in which they were found."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image
from torch import Tensor

from handlib.data.sample import Sample
from handlib.hand.hand import open_hand_data
from handlib.hand.skeleton import SIDES
from handlib.model.estimate import Estimate
from handlib.model.placed import picture_of, place
from handlib.show.core import palette
from handlib.show.core.hands_drawing import HAND_COLOURS
from handlib.show.core.raster import draw_skeleton, hands_layer_inputs, rgb, surface_layer

SURFACE_OPACITY = 0.72
SMALLEST_SIDE = 512


def to_pixels(uv: Float[np.ndarray, "*n 2"], width: int, height: int) -> Float[np.ndarray, "*n 2"]:
    """Converts uv in [-1, 1] over the picture's sides to continuous pixels."""
    return (uv + 1) * (np.array((width, height)) / 2)


def draw_overlay(
    image: UInt8[np.ndarray, "height width 3"],
    vertices: Float[np.ndarray, "hand vertices 3"],
    vertex_uv: Float[np.ndarray, "hand vertices 2"],
    joints_uv: Float[np.ndarray, "hand 21 2"],
    faces: Sequence[Int[np.ndarray, "faces 3"]] | None = None,
    opacity: float = SURFACE_OPACITY,
) -> UInt8[np.ndarray, "height width 3"]:
    """Draws shaded surfaces and skeletons over the picture, in the picture's own size.

    ``vertices`` are in metres, in one frame for both hands (z away from the viewer). They decide what hides
    what, and the shading. ``vertex_uv`` and ``joints_uv`` are the places in the picture, in [-1, 1] over its
    sides. Parts outside the picture are left out. ``faces`` default to the open hand's.
    """
    height, width = image.shape[:2]
    scale = 1 if min(width, height) > 2 * SMALLEST_SIDE else 2
    canvas = Image.fromarray(image).resize((scale * width, scale * height), Image.Resampling.BICUBIC)
    pixels = to_pixels(vertex_uv, canvas.width, canvas.height)
    if faces is None:
        faces = [open_hand_data(side).faces for side in SIDES]
    all_faces, colours = hands_layer_inputs(
        faces, [rgb(HAND_COLOURS[side][0]) for side in SIDES], vertices.shape[1]
    )
    layer = surface_layer(
        vertices.reshape(-1, 3), pixels.reshape(-1, 2), all_faces, colours, canvas.width, canvas.height
    )
    cover = opacity * layer[..., 3:]
    blended = np.asarray(canvas) / 255 * (1 - cover) + layer[..., :3] * cover
    canvas = Image.fromarray((blended * 255).round().astype(np.uint8))
    for side, hand in zip(SIDES, to_pixels(joints_uv, canvas.width, canvas.height), strict=True):
        draw_skeleton(
            canvas, hand, HAND_COLOURS[side][1], thickness=max(1.0, scale * min(width, height) / 320)
        )
    return np.asarray(canvas.resize((width, height), Image.Resampling.BOX))


def overlay_picture(
    picture: Sample | Tensor | np.ndarray,
    hands: Estimate | Sample,
    index: int = 0,
    faces: Sequence[Int[np.ndarray, "faces 3"]] | None = None,
) -> UInt8[np.ndarray, "height width 3"]:
    """Draws an estimate or a sample's truth by :func:`draw_overlay`; small pictures are enlarged first."""
    image = Image.fromarray(picture_of(picture, index))
    scale = max(1, round(SMALLEST_SIDE / min(image.size)))
    image = image.resize((scale * image.width, scale * image.height), Image.Resampling.BICUBIC)
    placed = place(hands, index)
    return draw_overlay(np.asarray(image), placed.vertices, placed.vertex_uv, placed.uv, faces)


def overlay_with_truth(
    sample: Sample,
    estimate: Estimate,
    index: int = 0,
    side: int = 320,
    faces: Sequence[Int[np.ndarray, "faces 3"]] | None = None,
) -> UInt8[np.ndarray, "{side} {side} 3"]:
    """Draws an estimate over its picture, with the true skeletons thin and grey on top; ``side`` in pixels.

    ``index`` chooses the picture of a batch.
    """
    drawn_side = round(0.8 * side)
    image = Image.fromarray(picture_of(sample, index)).resize((drawn_side,) * 2, Image.Resampling.BICUBIC)
    placed, truth = place(estimate, index), place(sample, index)
    drawn = draw_overlay(np.asarray(image), placed.vertices, placed.vertex_uv, placed.uv, faces)
    canvas = Image.fromarray(drawn).resize((side, side), Image.Resampling.BICUBIC)
    for hand in to_pixels(truth.uv, side, side):
        draw_skeleton(canvas, hand, palette.TRUTH, thickness=0.8)
    return np.asarray(canvas)
