"""From a picture to files: find the hands, reconstruct them, write what other programs read."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image
from torch import Tensor

from handlib.data.photo import HANDS_SHARE, Box, BoxError, Crop, Picture, check_picture, square_crop
from handlib.data.sample import BACKGROUND, normalise
from handlib.geometry.camera import fit_weak_perspective, pixels_to_uv
from handlib.hand.skeleton import JOINT_NAMES, SIDES
from handlib.model.estimate import LENGTH_UNIT, Prediction
from handlib.model.network import DIR
from handlib.model.placed import place
from handlib.photos.gltf import motions_of, write_hands, write_surface
from handlib.photos.presence import MIN_HAND_PIXELS, Presence, hands_present
from handlib.show.core.overlay import draw_overlay
from handlib.utils.files import writing

MIN_BOX_SHARE = 0.1
"""A box whose longer side is a smaller share of what was looked at is no pair of hands."""
MAX_LOOKS = 8
SETTLED = 0.9
"""Two boxes that overlap more than this are the same."""
OVERLAY_SIDE = 1600
"""Pixels; the drawing over a larger picture is made at this size."""
FILES = ("left.glb", "right.glb", "hands.glb", "overlay.png", "result.json")


@dataclass(frozen=True)
class Reconstruction:
    """Both hands of a picture; ``hand`` is (left, right), pixels are the whole picture's.

    ``box`` is what was cut out and ``origin`` where it came from, ``crop`` the square that the network saw,
    ``prediction`` its answer, a batch of one.
    """

    box: Box
    origin: Literal["given", "found", "whole picture"]
    crop: Crop
    prediction: Prediction

    @property
    def joint_pixels(self) -> Float[Tensor, "hand=2 21 2"]:
        """Where the joints are seen."""
        return self.crop.to_picture(self.prediction.final.uv[0])

    @property
    def vertex_pixels(self) -> Float[Tensor, "hand=2 778 2"]:
        """Where the vertices are seen."""
        return self.crop.to_picture(self.prediction.final.vertex_uv[0])

    @property
    def camera(self) -> Float[Tensor, "hand=2 3"]:
        """The weak perspective (s, tx, ty) from metres around each hand's own wrist to pixels."""
        return fit_weak_perspective(self.prediction.final.joints[0], self.joint_pixels)

    @property
    def presence(self) -> Presence:
        """Which hands the segmentation shows, see :mod:`handlib.photos.presence`."""
        return hands_present(self.prediction.segmentation[0])

    @property
    def confidence(self) -> Float[Tensor, "hand=2"]:
        """How sure the segmentation is of each hand, 0 to 1."""
        return self.presence.confidence


def box_of_hands(segmentation: Float[Tensor, "3 size size"], crop: Crop, picture: Picture) -> Box | None:
    """The box around all hand pixels of a segmentation of ``crop``, in the picture's pixels.

    None where there are too few of them, or where they are too small a part of the crop to be trusted or lie
    outside the picture.
    """
    pixels = (segmentation.argmax(0) != BACKGROUND).nonzero().flip(-1)
    if len(pixels) < MIN_HAND_PIXELS:
        return None
    corners = torch.stack((pixels.amin(0), pixels.amax(0) + 1)).float()
    corner, opposite = crop.to_picture(pixels_to_uv(corners, segmentation.shape[-1]))
    if (opposite - corner).max() < MIN_BOX_SHARE * crop.side:
        return None
    try:
        return Box(*corner.tolist(), *(opposite - corner).tolist()).inside(picture)
    except BoxError:
        return None


@torch.no_grad()
def look(model: DIR, picture: Picture, box: Box, share: int | float) -> tuple[Crop, Prediction]:
    """One pass of the network over the square that a box fills to ``share``."""
    square, crop = square_crop(picture, box, model.config.image_size, share)
    device = next(model.parameters()).device
    image = torch.from_numpy(square).permute(2, 0, 1)[None].to(device)
    return crop, model(normalise(image))


def reconstruct(model: DIR, picture: Picture, box: Box | None = None) -> Reconstruction:
    """Both hands of a picture, by a network in evaluation mode.

    With a box the network looks once, at the square that the box fills to 80 %. Without one it looks at the
    whole picture, then at the box around what its own segmentation called hand, and again until the box
    settles: hands that are small in the picture are first seen roughly, then closer and closer. Where a box
    can't be trusted, the first look stands and ``origin`` says so.

    Raises:
        PictureError: the picture isn't an array of bytes (height, width, 3).
        BoxError: the box lies outside the picture.
    """
    check_picture(picture)
    if box is not None:
        return Reconstruction(box.inside(picture), "given", *look(model, picture, box, HANDS_SHARE))
    whole = Box.around(picture)
    first = result = Reconstruction(whole, "whole picture", *look(model, picture, whole, share=1))
    for _ in range(MAX_LOOKS - 1):
        found = box_of_hands(result.prediction.segmentation[0], result.crop, picture)
        if found is None:
            return first
        if result is not first and found.overlap(result.box) > SETTLED:
            break
        result = Reconstruction(found, "found", *look(model, picture, found, HANDS_SHARE))
    return result


def overlay(
    result: Reconstruction,
    picture: Picture,
    faces: list[Int[np.ndarray, "faces 3"]],
    side: int = OVERLAY_SIDE,
) -> UInt8[np.ndarray, "drawn_height drawn_width 3"]:
    """The hands drawn over the picture, at most ``side`` pixels wide and high."""
    extent = torch.tensor(picture.shape[1::-1])
    image = Image.fromarray(picture)
    image.thumbnail((side, side))
    vertex_uv, joint_uv = (
        (p.cpu() * 2 / extent - 1).numpy() for p in (result.vertex_pixels, result.joint_pixels)
    )
    vertices = place(result.prediction.final).vertices
    return draw_overlay(np.asarray(image), vertices, vertex_uv, joint_uv, faces)


ABOUT = {
    "pixels": "*_px, box, crop: of the picture turned upright; x right, y down; the first covers 0 to 1",
    "box": "what was reconstructed; origin: given, found (by the network's segmentation) or whole picture",
    "crop": "the square that the network saw; it may reach beyond the picture",
    "hands_seen": "both hands, left hand only, right hand only or no hand; the numbers of a hand that isn't "
    "seen mean nothing. A judgement by confidence and area, see handlib.photos.presence",
    "confidence": "mean probability of the pixels that are this hand in the segmentation; 0: none are",
    "area": "their share of the crop, 0 to 1",
    "joints_m": "metres; x right, y down, z away from the viewer; origin: the left wrist, for both hands",
    "camera_px": "[s, tx, ty]: pixels = s (x, y) + (tx, ty) for metres from this hand's own wrist",
    "root_6d": "the wrist's rotation, two 3-vectors (see handlib.geometry.rotation)",
    "pose_pca": "coefficients of the hand model's pose components, around its mean pose",
    "betas": "coefficients of the hand model's shape components",
    "offset_m": "metres, from the left wrist to the right one",
    "left.glb, right.glb, hands.glb": "metres; x right, y up, z towards the viewer; origin: the left wrist; "
    "hands.glb has both hands with skeleton and skin weights, to be posed further",
}


def frame_record(result: Reconstruction, width: int, height: int) -> dict:
    """All numbers of one picture, whose size in pixels is given; ``ABOUT`` says units and frames."""

    def numbers(values: Tensor | np.ndarray) -> list | float:
        return np.asarray(values, dtype=np.float64).round(6).tolist()

    final, placed, presence = result.prediction.final, place(result.prediction.final), result.presence
    return {
        "picture": {"width": width, "height": height},
        "box": asdict(result.box) | {"origin": result.origin},
        "crop": asdict(result.crop),
        "hands_seen": str(presence),
        "offset_m": numbers(final.offset[0].cpu() * LENGTH_UNIT),
        "hands": {
            side: {
                "confidence": numbers(presence.confidence[h].cpu()),
                "area": numbers(presence.area[h].cpu()),
                "joints_m": numbers(placed.joints[h]),
                "joints_px": numbers(result.joint_pixels[h].cpu()),
                "camera_px": numbers(result.camera[h].cpu()),
                "root_6d": numbers(final.params.root[0, h].cpu()),
                "pose_pca": numbers(final.params.pose[0, h].cpu()),
                "betas": numbers(final.params.betas[0, h].cpu()),
            }
            for h, side in enumerate(SIDES)
        },
    }


def result_record(result: Reconstruction, picture: Picture, model_name: str) -> dict:
    """Everything that ``result.json`` holds; its entry ``about`` says units and frames."""
    head = {"about": ABOUT, "model": model_name, "joint_names": JOINT_NAMES}
    return head | frame_record(result, *picture.shape[1::-1])


def write_results(
    result: Reconstruction, picture: Picture, model: DIR, model_name: str, folder: str | Path
) -> None:
    """Writes ``FILES`` into a folder, made if missing; an error on the way leaves the folder as it was.

    Raises:
        OSError: the folder can't be written.
    """
    with writing(Path(folder), FILES) as unfinished:
        faces = [model.hands[side].faces for side in SIDES]
        Image.fromarray(overlay(result, picture, faces)).save(unfinished / "overlay.png")
        vertices = place(result.prediction.final).vertices
        for side, surface, corners in zip(SIDES, vertices, faces, strict=True):
            write_surface(unfinished / f"{side}.glb", side, surface, corners)
        motions = motions_of([result.prediction.final], dict(model.hands.items()))
        write_hands(unfinished / "hands.glb", motions)
        record = json.dumps(result_record(result, picture, model_name), indent=1)
        (unfinished / "result.json").write_text(record + "\n")
