"""Makes samples from fits of a hand model to real pictures.

A fit is a hand's parameters in some frame. Annotations have one fit per moment for all cameras, in the
world's frame. A sample needs the fit in its camera's frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import roma
import torch
from jaxtyping import Float
from torch import Tensor

from handlib.data.interhand.hand_maps import hand_maps, hands_distance
from handlib.data.photo import HANDS_SHARE, Box, Crop, Picture, PictureError, cut_square, read_picture
from handlib.data.rendered.placement import NEAR_FROM, NEAR_TO
from handlib.data.sample import STRATA, Sample
from handlib.geometry.camera import crop_intrinsics, project_pinhole
from handlib.hand.hand import Hand, HandOutput
from handlib.utils.errors import InputError

LARGEST = 10
"""Largest side of the square around the hands, in sides of the picture; beyond it, the fit is broken."""
NEAREST, FARTHEST = 0.1, 10.0
"""Metres between hands and camera; outside this range a fit or a camera is broken, or has other units."""


class Unusable(InputError):
    """A picture can't be used as a sample. ``reason`` is for counting.

    ``fault``: something is wrong with the picture. Otherwise the picture just isn't in the subset.
    """

    def __init__(self, name: str, reason: str, fault: bool = True):
        super().__init__(f"{name}: {reason}")
        self.reason, self.fault = reason, fault


def read_usable(path: Path, name: str) -> Picture:
    """Reads a picture's file; raises ``Unusable``, with ``name``, if it is missing or broken."""
    if not path.exists():
        raise Unusable(name, "no picture file")
    try:
        return read_picture(path)
    except PictureError as error:
        raise Unusable(name, "broken picture") from error


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in the world: x_camera = ``rotation`` x_world + ``translation``, metres.

    ``intrinsics`` are (fx, fy, cx, cy) in pixels.
    """

    rotation: Float[Tensor, "3 3"]
    translation: Float[Tensor, "3"]
    intrinsics: Float[Tensor, "4"]

    def see(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Converts points from the world's frame to the camera's frame."""
        return points @ self.rotation.T + self.translation


@dataclass(frozen=True)
class Fit:
    """One hand's parameters: root rotation, finger pose, shape and translation.

    The pose is axis-angle around the flat hand. The translation (metres) is added to the posed hand in its
    model's own frame.
    """

    root: Float[Tensor, "3 3"]
    pose: Float[Tensor, "45"]
    betas: Float[Tensor, "10"]
    translation: Float[Tensor, "3"]

    @classmethod
    def from_neural_annot(
        cls,
        hand: Hand,
        pose: Float[np.ndarray, "48"],
        shape: Float[np.ndarray, "10"],
        trans: Float[np.ndarray, "3"],
    ) -> "Fit":
        """Makes a fit from InterHand2.6M's MANO file, which has axis-angle poses around the mean pose."""
        vector = torch.from_numpy(pose).float()
        root = roma.rotvec_to_rotmat(vector[:3])
        betas, translation = torch.from_numpy(shape).float(), torch.from_numpy(trans).float()
        return cls(root, vector[3:] + hand.hands_mean, betas, translation)

    def posed(self, hand: Hand) -> HandOutput:
        """Returns the posed hand in the fit's frame."""
        posed = hand(root_rotation=self.root, pose_axis_angle=self.pose, betas=self.betas, centre=None)
        return HandOutput(posed.vertices + self.translation, posed.joints + self.translation)

    def seen_by(self, camera: Camera, hand: Hand) -> "Fit":
        """Returns the same hand's fit in the camera's frame.

        The hand turns about its root joint J, which isn't the model's origin. So the camera's rotation R
        shifts the hand by R J - J in addition to the translation: ``trans' = R trans + t + R J - J``.
        """
        joint = hand.at_rest(self.betas)[1][0]
        return replace(
            self,
            root=camera.rotation @ self.root,
            translation=camera.see(self.translation) + camera.rotation @ joint - joint,
        )


def stratum_of(distance: float) -> int:
    """Returns the index of the stratum that a distance (metres) belongs to.

    The distance doesn't show whether hands interlock; interlocked hands count as touching.
    """
    if distance <= NEAR_FROM:
        return STRATA.index("touching")
    return STRATA.index("near" if distance <= NEAR_TO else "apart")


def crop_around_hands(
    vertices: Float[Tensor, "2 778 3"], intrinsics: Float[Tensor, "4"], share: float = HANDS_SHARE
) -> Crop:
    """Returns the square crop whose side the box around both projected hands fills to ``share``.

    IntagHand crops in the same way.
    """
    pixels = project_pinhole(vertices, intrinsics[None]).reshape(-1, 2)
    low, high = pixels.amin(0), pixels.amax(0)
    return Crop.around(Box(*low.tolist(), *(high - low).tolist()), share)


def sample_from_fits(
    picture: Picture,
    fits: Sequence[Fit],
    camera: Camera,
    hands: Sequence[Hand],
    size: int,
    name: str,
    crop: Crop | None = None,
) -> Sample:
    """Makes a sample of ``size`` pixels from a picture and two fits (left, right) in the world's frame.

    ``crop`` is the square to cut out; by default it is the square around the hands. Labels, dense map and
    depth are drawn from the fits, without forearms.

    Raises:
        Unusable: a hand is behind the camera, or the hands are outside the picture, far larger than the
        picture,
            or at a distance that only wrong units explain.
    """
    try:
        fits = [fit.seen_by(camera, hand) for fit, hand in zip(fits, hands, strict=True)]
        posed = [fit.posed(hand) for fit, hand in zip(fits, hands, strict=True)]
        vertices = torch.stack([hand.vertices for hand in posed])
        if vertices[..., 2].min() <= 0:
            raise Unusable(name, "a hand behind the camera")
        if not NEAREST < vertices[..., 2].mean() < FARTHEST:
            raise Unusable(
                name, f"hands not {NEAREST} to {FARTHEST:.0f} m from the camera (are lengths in metres?)"
            )
        around = crop_around_hands(vertices, camera.intrinsics)
    except Unusable:
        raise
    except InputError as error:
        raise Unusable(name, "a fit or a camera out of range") from error
    height, width = picture.shape[:2]
    right, bottom = around.x + around.side, around.y + around.side
    if around.x >= width or around.y >= height or right <= 0 or bottom <= 0:
        raise Unusable(name, "hands outside the picture")
    if around.side > LARGEST * max(height, width):
        raise Unusable(name, "hands far larger than the picture")
    crop = crop or around
    corner = torch.tensor((crop.x, crop.y), dtype=torch.float32)
    intrinsics = crop_intrinsics(camera.intrinsics, corner, size / crop.side)
    surfaces = vertices.numpy()
    maps = hand_maps(hands, surfaces, intrinsics.numpy(), size)
    distance = hands_distance(hands, surfaces)
    return Sample(
        image=torch.from_numpy(cut_square(picture, crop, size)).permute(2, 0, 1).contiguous(),
        label=torch.from_numpy(maps.label),
        dense=torch.from_numpy(maps.dense).permute(2, 0, 1).contiguous(),
        depth=torch.from_numpy(maps.depth),
        vertices=vertices,
        joints=torch.stack([hand.joints for hand in posed]),
        root=torch.stack([fit.root for fit in fits]),
        pose=torch.stack([fit.pose for fit in fits]),
        betas=torch.stack([fit.betas for fit in fits]),
        intrinsics=intrinsics,
        visible=torch.from_numpy(maps.visible),
        distance=torch.tensor(distance, dtype=torch.float32),
        stratum=torch.tensor(stratum_of(distance)),
    )
