"""Both hands of an estimate or a sample in one frame, as arrays for drawing."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from handlib.data.photo import as_picture
from handlib.data.sample import Sample
from handlib.model.estimate import LENGTH_UNIT, Estimate
from handlib.utils.arguments import check_between
from handlib.utils.errors import InputError
from handlib.utils.reprs import in_shapes


@dataclass(frozen=True)
class PlacedHands:
    """Two hands, (left, right), in one frame (x right, y down, z away; metres) and in the picture (uv)."""

    vertices: Float[np.ndarray, "hand=2 778 3"]
    joints: Float[np.ndarray, "hand=2 21 3"]
    vertex_uv: Float[np.ndarray, "hand=2 778 2"]
    uv: Float[np.ndarray, "hand=2 21 2"]

    __repr__ = in_shapes


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()


def place(hands: Estimate | Sample, index: int = 0) -> PlacedHands:
    """Puts both hands of one picture into one frame.

    A sample's hands are in the camera's frame. An estimate has each hand relative to its own wrist, and the
    offset from the left wrist to the right one. So its frame has the left wrist at the origin. ``index``
    chooses the picture of a batch.
    """
    if isinstance(hands, Sample):
        one = one_of(hands, index)
        return PlacedHands(_array(one.vertices), _array(one.joints), _array(one.vertex_uv), _array(one.uv))
    if not isinstance(hands, Estimate):
        raise TypeError(f"hands: expected an Estimate or a Sample, got {type(hands).__name__}")
    shift = np.zeros((2, 1, 3))
    shift[1, 0] = _array(hands.offset[index]) * LENGTH_UNIT
    return PlacedHands(
        _array(hands.vertices[index]) + shift,
        _array(hands.joints[index]) + shift,
        _array(hands.vertex_uv[index]),
        _array(hands.uv[index]),
    )


def one_of(sample: Sample, index: int) -> Sample:
    """Returns the sample itself, or the sample ``index`` of a batch; else raises an :class:`InputError`."""
    if sample.image.ndim == 3:
        return sample
    if sample.image.ndim != 4:
        shape = tuple(sample.image.shape)
        raise InputError(f"sample: expected a picture (3, size, size) or a batch of these, got {shape}")
    check_between("index", index, 0, len(sample) - 1)
    return sample[index]


def check_one(sample: Sample) -> None:
    """Raises an :class:`InputError` if a batch is given instead of one sample."""
    if sample.image.ndim != 3:
        raise InputError(f"sample: expected one, got a batch of {len(sample)}; batch[0] is its first")


def picture_of(picture: Sample | Tensor | np.ndarray, index: int = 0) -> np.ndarray:
    """Returns a picture as (height, width, 3) bytes: a sample's, or any that ``photo.as_picture`` accepts.

    ``index`` chooses the picture of a batch.
    """
    if isinstance(picture, Sample):
        picture = picture.image
    return as_picture(picture if picture.ndim < 4 else picture[index])
