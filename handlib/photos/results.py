"""Writes a reconstruction as files for other programs."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from handlib.hand.skeleton import JOINT_NAMES, SIDES
from handlib.model.estimate import LENGTH_UNIT
from handlib.model.placed import place
from handlib.photos.gltf import motions_of, write_hands, write_surface
from handlib.photos.reconstruct import Reconstruction
from handlib.utils.files import writing

FILES = ("left.glb", "right.glb", "hands.glb", "overlay.png", "result.json")
ABOUT = {
    "asked": "in a batch, all that the answer depends on: SHA256 of the picture's file and of the network, "
    "the given box, the package's version; a later run skips pictures for which all of it is the same",
    "pixels": "*_px, box, crop: of the picture turned upright; x right, y down; the first covers 0 to 1",
    "box": "the box that was reconstructed; origin: given, found (by the network) or whole picture",
    "crop": "the square that the network saw; it may reach beyond the picture",
    "hands_seen": "both hands, left hand only, right hand only or no hand; the numbers of a hand that isn't "
    "seen mean nothing. A judgement by confidence and area, see handlib.photos.presence",
    "confidence": "confidence of this hand, 0 to 1, see handlib.photos.presence",
    "area": "the share of the crop that the segmentation gives to this hand, 0 to 1",
    "joints_m": "metres; x right, y down, z away from the viewer; origin: the left wrist, for both hands",
    "camera_px": "[s, tx, ty]: pixels = s (x, y) + (tx, ty) for metres from this hand's own wrist",
    "root_6d": "the wrist's rotation, two 3-vectors (see handlib.geometry.rotation)",
    "pose_pca": "coefficients of the hand model's pose components, around its mean pose",
    "betas": "coefficients of the hand model's shape components",
    "offset_m": "metres, from the left wrist to the right one",
    "left.glb, right.glb, hands.glb": "metres; x right, y up, z towards the viewer; origin: the left wrist; "
    "hands.glb has both hands with skeleton and skin weights, to be posed further",
}


def frame_record(result: Reconstruction) -> dict:
    """Returns all numbers of one picture; ``ABOUT`` has units and frames."""

    def numbers(values: Tensor | np.ndarray) -> list | float:
        if isinstance(values, Tensor):
            values = values.numpy(force=True)
        return values.astype(np.float64).round(6).tolist()

    final, placed, presence = result.prediction.final, place(result.prediction.final), result.presence
    return {
        "picture": dict(zip(("width", "height"), result.picture.shape[1::-1], strict=True)),
        "box": asdict(result.box) | {"origin": result.origin},
        "crop": asdict(result.crop),
        "hands_seen": str(presence),
        "offset_m": numbers(final.offset[0] * LENGTH_UNIT),
        "hands": {
            side: {
                "confidence": numbers(presence.confidence[h]),
                "area": numbers(presence.area[h]),
                "joints_m": numbers(placed.joints[h]),
                "joints_px": numbers(result.joint_pixels[h]),
                "camera_px": numbers(result.camera[h]),
                "root_6d": numbers(final.params.root[0, h]),
                "pose_pca": numbers(final.params.pose[0, h]),
                "betas": numbers(final.params.betas[0, h]),
            }
            for h, side in enumerate(SIDES)
        },
    }


def write_results(result: Reconstruction, folder: Path, asked: dict | None = None) -> None:
    """Writes ``FILES`` into a folder, made if missing; if an error occurs, the folder stays as it was.

    ``asked`` are the settings by which :mod:`handlib.photos.batch` recognises a finished result.

    Raises:
        OSError: the folder can't be written.
    """
    with writing(folder, FILES) as unfinished:
        Image.fromarray(result.overlay()).save(unfinished / "overlay.png")
        vertices = place(result.prediction.final).vertices
        for side, surface, corners in zip(SIDES, vertices, result.faces, strict=True):
            write_surface(unfinished / f"{side}.glb", side, surface, corners)
        motions = motions_of([result.prediction.final], result.network.hands)
        write_hands(unfinished / "hands.glb", motions)
        head = {"about": ABOUT, "model": result.network.name, "asked": asked, "joint_names": JOINT_NAMES}
        record = json.dumps(head | frame_record(result), indent=1)
        (unfinished / "result.json").write_text(record + "\n")
