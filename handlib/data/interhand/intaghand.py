"""Reads samples from the folder that IntagHand's preparation of InterHand2.6M writes (Li et al., CVPR 2022).

Each split holds ``img`` (cropped, 256 pixels), ``anno`` (MANO parameters and the crop's camera as pickles),
and ``mask``, ``dense`` and ``hms`` as JPEG pictures. The last three aren't read. Labels and dense maps are
drawn anew from the parameters: without JPEG's artefacts, and in the same colours as in all other samples.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from handlib.data.interhand.mano_fits import Camera, Fit, Unusable, read_usable, sample_from_fits
from handlib.data.photo import Crop
from handlib.data.sample import Sample
from handlib.hand.array_pickle import read_restricted_pickle
from handlib.hand.hand import Hand
from handlib.utils.errors import InputError


def _tensor(content: Any, keys: Sequence[str], shape: tuple[int, ...]) -> torch.Tensor:
    """Returns the numbers under nested keys; raises ``Unusable`` if they are missing or not finite."""
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    try:
        values = np.asarray(content, dtype=np.float64).reshape(shape)
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if not np.isfinite(values).all():
        raise Unusable("annotation", f"no usable {' '.join(keys)}")
    return torch.from_numpy(values).float()


def fit_from(content: Any, hand: Hand) -> Fit:
    """Returns a hand's fit in the world's frame.

    The file holds the root as a matrix and the finger pose as coefficients around the mean pose.
    """
    at = ("mano_params", hand.side)
    return Fit(
        root=_tensor(content, (*at, "R"), (3, 3)),
        pose=hand.pca_to_axis_angle(_tensor(content, (*at, "pose"), (45,))),
        betas=_tensor(content, (*at, "shape"), (10,)),
        translation=_tensor(content, (*at, "trans"), (3,)),
    )


def camera_from(content: Any) -> Camera:
    """Returns the crop's camera; the file holds its translation in metres and its intrinsics as a matrix."""
    matrix = _tensor(content, ("camera", "camera"), (3, 3))
    return Camera(
        rotation=_tensor(content, ("camera", "R"), (3, 3)),
        translation=_tensor(content, ("camera", "t"), (3,)),
        intrinsics=torch.stack((matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2])),
    )


class IntagHand:
    """One split; ``hands`` (left, right) are MANO's, since the annotations hold MANO's parameters.

    Raises:
        InputError: the folder has no annotations of this split.
    """

    name = "InterHand2.6M by IntagHand"

    def __init__(self, root: str | Path, split: str, hands: Sequence[Hand]):
        self.root, self.split, self.hands = Path(root), split, tuple(hands)
        self.left_out: dict[str, int] = {}
        self.skipped: dict[str, int] = {}
        found = (self.root / split / "anno").glob("*.pkl")
        self._numbers = sorted(int(path.stem) for path in found if path.stem.isdigit())
        if not self._numbers:
            raise InputError(f"{root}: expected annotations as {split}/anno/0.pkl and so on, found none")

    def __len__(self) -> int:
        """Returns the number of annotations."""
        return len(self._numbers)

    def sample(self, number: int, size: int) -> Sample:
        """Returns a sample of ``size`` pixels: the picture, and the truth from its parameters.

        Raises:
            Unusable: picture or annotation is missing or broken, or the picture doesn't show the hands.
        """
        folder, name = self.root / self.split, self._numbers[number]
        path = folder / "anno" / f"{name}.pkl"
        try:
            content = read_restricted_pickle(path)
        except InputError as error:
            raise Unusable(str(path), "broken annotation") from error
        picture = read_usable(folder / "img" / f"{name}.jpg", str(path))
        height, width = picture.shape[:2]
        if height != width:
            raise Unusable(str(path), "picture that isn't square")
        try:
            fits, camera = [fit_from(content, hand) for hand in self.hands], camera_from(content)
        except Unusable as error:
            raise Unusable(str(path), error.reason) from None
        return sample_from_fits(picture, fits, camera, self.hands, size, str(path), crop=Crop(0, 0, width))
