"""Reads samples from InterHand2.6M v1.0 (Moon et al., ECCV 2020) in its own folder.

The subset is that of IntagHand and DIR: pictures of two interacting hands with a valid hand type and MANO
fits of both hands, except dark pictures. A folder may hold five or thirty frames per second.

MANO fits have errors of up to some 40 mm in places, and shapes that change from frame to frame; they are used
as they are. Principal points are used as continuous pixels (:mod:`handlib.geometry.camera`); the dataset
doesn't say whether it means a pixel's centre or its corner.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from handlib.data.interhand.files import ANNOTATED_TO_21, FIT_SIZES, Annotators, find_sources
from handlib.data.interhand.index import Record, open_index
from handlib.data.interhand.mano_fits import Camera, Fit, Unusable, read_usable, sample_from_fits
from handlib.data.sample import Sample
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES

MILLIMETRE = 1e-3
DARKEST = 10
"""Pictures whose mean is below this (of 255) are left out."""
APART = 0.2
"""Largest mean distance, in metres, between fitted and annotated joints; beyond it, units must be wrong."""


def camera_of(record: Record) -> Camera:
    """Returns a picture's camera, X_camera = R X + t in metres; the record has its place in millimetres."""
    place, rotation, focal, centre = np.split(record.camera, (3, 12, 14))
    rotation = rotation.reshape(3, 3)
    return Camera(
        rotation=torch.from_numpy(rotation).float(),
        translation=torch.from_numpy(-rotation @ place * MILLIMETRE).float(),
        intrinsics=torch.from_numpy(np.concatenate((focal, centre))).float(),
    )


def fits_of(record: Record, hands: Sequence[Hand]) -> list[Fit]:
    """Returns both hands' fits (left, right) in the world's frame."""
    ends = np.cumsum(list(FIT_SIZES.values()))[:-1]
    return [
        Fit.from_neural_annot(hand, *np.split(record.fits[side], ends))
        for side, hand in zip(SIDES, hands, strict=True)
    ]


class InterHand:
    """One split; ``hands`` (left, right) are MANO's, since the fits are MANO's parameters.

    The first time, the annotations are indexed into the folder ``index`` (``handlib_index`` in the dataset's
    folder if not given), which takes minutes. Afterwards opening is quick. ``left_out`` and ``skipped``
    count, by reason, the pictures that aren't in the subset and those that can't be used, as far as the
    annotations show.

    Raises:
        InputError: this isn't the dataset's folder; or, with ``strict``, an annotation can't be used.
    """

    def __init__(
        self,
        root: str | Path,
        split: str,
        hands: Sequence[Hand],
        annotators: Annotators = "both",
        index: str | Path | None = None,
        strict: bool = False,
    ):
        self.root, self.split, self.hands = Path(root), split, tuple(hands)
        kind = "" if annotators == "both" else f", {annotators} annotators"
        self.name = f"InterHand2.6M{kind}"
        folder = Path(index) if index else self.root / "handlib_index"
        sources = find_sources(self.root, split, annotators)
        self.index = open_index(sources, folder / f"{split}-{annotators}.sqlite", strict)
        self.left_out, self.skipped = self.index.left_out, self.index.skipped

    def __len__(self) -> int:
        """Returns the number of pictures with usable annotations; their files aren't checked yet."""
        return len(self.index)

    def sample(self, number: int, size: int) -> Sample:
        """Returns a sample: the picture cropped around its hands to ``size`` pixels, the truth from the fits.

        Raises:
            Unusable: the picture is missing, broken, dark or doesn't show the hands, or the fits are far from
                the annotated joints.
        """
        record = self.index[number]
        path = self.root / "images" / self.split / record.file_name
        picture = read_usable(path, str(path))
        if picture.shape[1::-1] != record.size:
            raise Unusable(str(path), "picture of another size than annotated")
        if picture.mean() < DARKEST:
            raise Unusable(str(path), "dark picture", fault=False)
        fits = fits_of(record, self.hands)
        sample = sample_from_fits(picture, fits, camera_of(record), self.hands, size, str(path))
        annotated, valid = self.annotated_joints(number)
        if valid.any() and (sample.joints - annotated)[valid].norm(dim=-1).mean() > APART:
            told = (
                "fits far from annotated joints (expected: fits in metres, joints and cameras in millimetres)"
            )
            raise Unusable(str(path), told)
        return sample

    def annotated_joints(self, number: int) -> tuple[Float[Tensor, "2 21 3"], Bool[Tensor, "2 21"]]:
        """Returns the annotated joints (metres, camera's frame), and whether each of them is valid.

        People or machines marked them; they differ from the fits' joints. Protocols with annotated joints use
        them.
        """
        record = self.index[number]
        order = np.array([ANNOTATED_TO_21[side] for side in SIDES])
        joints = torch.from_numpy(record.joints[order] * MILLIMETRE).float()
        return camera_of(record).see(joints), torch.from_numpy(record.valid[order])
