"""The folder that IntagHand's preparation of InterHand2.6M writes (Li et al., CVPR 2022), read into samples.

Each split holds ``img`` (cropped, 256 pixels), ``anno`` (MANO parameters and the crop's camera as pickles),
and ``mask``, ``dense`` and ``hms`` as JPEG pictures. Those three aren't read: labels and dense maps are drawn
anew from the parameters, without JPEG's smear and in the colours that every other source of samples has.
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
    """The finite numbers under nested keys; ``Unusable`` names what is missing."""
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
    """A hand's fit in the world: root as a matrix, finger pose as coefficients around the mean pose."""
    at = ("mano_params", hand.side)
    return Fit(
        root=_tensor(content, (*at, "R"), (3, 3)),
        pose=hand.pca_to_axis_angle(_tensor(content, (*at, "pose"), (45,))),
        betas=_tensor(content, (*at, "shape"), (10,)),
        translation=_tensor(content, (*at, "trans"), (3,)),
    )


def camera_from(content: Any) -> Camera:
    """The crop's camera; its translation is in metres, its intrinsics are a matrix."""
    matrix = _tensor(content, ("camera", "camera"), (3, 3))
    return Camera(
        rotation=_tensor(content, ("camera", "R"), (3, 3)),
        translation=_tensor(content, ("camera", "t"), (3,)),
        intrinsics=torch.stack((matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2])),
    )


class IntagHand:
    """One split; ``hands`` (left, right) are MANO's, whose parameters the annotations hold.

    Raises:
        InputError: this isn't such a folder.
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
        """Returns how many annotations there are."""
        return len(self._numbers)

    def sample(self, number: int, size: int) -> Sample:
        """A picture at ``size`` pixels with what its parameters say.

        Raises:
            Unusable: picture or annotation is missing or broken, or doesn't show the hands.
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
