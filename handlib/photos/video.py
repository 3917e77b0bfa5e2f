"""Reconstructs a sequence of pictures: hands in every frame, smoothed over time if wanted, as one animation.

Each frame is reconstructed by itself. Smoothing then works on numbers that don't depend on a frame's crop:
rotations of all joints, shape, the offset from wrist to wrist, and each hand's camera in the picture's
pixels.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import roma
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from handlib.data.photo import MID_GREY, Box, Picture, PictureError
from handlib.geometry.rotation import rotation_from_6d, rotation_to_6d
from handlib.hand.hand import HandParams
from handlib.hand.skeleton import JOINT_NAMES, SIDES
from handlib.model.estimate import estimate_of
from handlib.photos.frames import Frames
from handlib.photos.gltf import motions_of, write_hands
from handlib.photos.one_euro import OneEuro, smooth_rotations, smooth_vectors
from handlib.photos.reconstruct import Network, Reconstruction, reconstruct
from handlib.photos.results import ABOUT, frame_record
from handlib.utils.files import writing

FILES = ("hands.glb", "overlay.webp", "result.json")
OVERLAY_SIDE = 512
"""Largest side of an overlay in pixels, small because all overlays of a sequence are in memory at once."""
ABOUT_SEQUENCE = {
    "frames": "one entry per picture, in order; frame: its name",
    "smoothing": "settings of the one-euro filter, see handlib.photos.one_euro; null: not smoothed",
    "hands.glb": "the sequence as an animation, each hand with its mean shape; metres; x right, y up, "
    "z towards the viewer; origin: the left wrist",
}


@dataclass(frozen=True)
class Track:
    """Both hands over a sequence, independent of the crops: the numbers that are smoothed.

    ``rotations`` are those of the root and the 15 finger joints. ``camera`` is the weak perspective (s, tx,
    ty) from metres to shares of the pictures' longer side.
    """

    rotations: Float[Tensor, "frames hand=2 16 3 3"]
    betas: Float[Tensor, "frames hand=2 10"]
    camera: Float[Tensor, "frames hand=2 3"]
    offset: Float[Tensor, "frames 3"]


def track_of(results: Sequence[Reconstruction]) -> Track:
    """Returns the track of the frames' last estimates."""
    hands, extent = results[0].network.hands, max(results[0].picture.shape[:2])
    estimates = [result.prediction.final for result in results]
    root = rotation_from_6d(torch.cat([estimate.params.root for estimate in estimates]))
    pose = torch.cat([estimate.params.pose for estimate in estimates])
    fingers = torch.stack([hands[side].pca_to_axis_angle(pose[:, h]) for h, side in enumerate(SIDES)], 1)
    rotations = torch.cat((root[:, :, None], roma.rotvec_to_rotmat(fingers.unflatten(-1, (15, 3)))), dim=2)
    return Track(
        rotations,
        torch.cat([estimate.params.betas for estimate in estimates]),
        torch.stack([result.camera for result in results]) / extent,
        torch.cat([estimate.offset for estimate in estimates]),
    )


def stretches(seen: Bool[Tensor, "frames"]) -> list[slice]:
    """Returns the frames in which a hand is seen, as slices without a gap."""
    edges = torch.nn.functional.pad(seen.int(), (1, 1)).diff()
    starts, ends = ((edges == step).nonzero().flatten().tolist() for step in (1, -1))
    return [slice(start, end) for start, end in zip(starts, ends, strict=True)]


def smooth_track(track: Track, seen: Bool[Tensor, "frames hand=2"], rate: float, settings: OneEuro) -> Track:
    """Smooths a track with one-euro filters, rotations as rotations; ``rate`` is in frames per second.

    The numbers of a hand that isn't seen mean nothing. They stay as they are, and the filters start anew
    where the hand comes back; those of the offset need both hands.
    """

    def per_hand(values: Tensor, smooth: Callable[[Tensor, float, OneEuro], Tensor]) -> Tensor:
        result = values.clone()
        for h in range(len(SIDES)):
            for some in stretches(seen[:, h]):
                result[some, h] = smooth(values[some, h], rate, settings)
        return result

    scale, place = track.camera.split((1, 2), dim=-1)
    offset = track.offset.clone()
    for some in stretches(seen.all(1)):
        offset[some] = smooth_vectors(offset[some], rate, settings)
    return Track(
        per_hand(track.rotations, smooth_rotations),
        per_hand(track.betas, smooth_vectors),
        torch.cat([per_hand(part, smooth_vectors) for part in (scale, place)], dim=-1),
        offset,
    )


def posed(track: Track, results: Sequence[Reconstruction]) -> list[Reconstruction]:
    """Returns the results with the track's hands as their last estimates."""
    model, extent = results[0].network, max(results[0].picture.shape[:2])
    angles = roma.rotmat_to_rotvec(track.rotations[:, :, 1:]).flatten(-2)
    pose = torch.stack([model.hands[side].axis_angle_to_pca(angles[:, h]) for h, side in enumerate(SIDES)], 1)
    cameras = []
    for result, camera in zip(results, extent * track.camera, strict=True):
        # An estimate's camera refers to the crop that the network saw.
        scale, place = camera.split((1, 2), dim=-1)
        cameras.append(torch.cat((scale * (2 / result.crop.side), result.crop.to_uv(place)), dim=-1))
    root = rotation_to_6d(track.rotations[:, :, 0])
    params = HandParams(root, pose, track.betas, torch.stack(cameras))
    smooth = estimate_of(params, track.offset, model.hands, model.config.log_scale)
    return [
        replace(
            result,
            prediction=replace(
                result.prediction, estimates=(*result.prediction.estimates[:-1], smooth[k : k + 1])
            ),
        )
        for k, result in enumerate(results)
    ]


@torch.no_grad()
def smoothed(results: Sequence[Reconstruction], rate: float, settings: OneEuro) -> list[Reconstruction]:
    """Returns the same frames with hands smoothed over time; ``rate`` is in frames per second."""
    seen = torch.stack([result.presence.there for result in results])
    return posed(smooth_track(track_of(results), seen, rate, settings), results)


def reconstruct_frames(
    network: Network, frames: Iterable[tuple[str, Picture]], box: Box | None = None
) -> list[Reconstruction]:
    """Reconstructs each named frame by itself, in the same box or wherever the network finds hands.

    The results hold grey pictures, which need no memory; a thousand real frames would need too much.

    Raises:
        PictureError: a frame can't be read, or frames differ in size.
        BoxError: the box is outside the frames.
    """
    results: list[Reconstruction] = []
    for name, picture in frames:
        if results and picture.shape != results[0].picture.shape:
            got = " x ".join(map(str, picture.shape[1::-1]))
            raise PictureError(f"{name}: expected frames of one size, got {got} among others")
        grey = np.broadcast_to(np.array(MID_GREY, np.uint8), picture.shape)
        results.append(replace(reconstruct(picture, box, network), picture=grey))
    return results


def write_sequence(
    results: Sequence[Reconstruction], frames: Frames, smoothing: OneEuro | None, folder: Path
) -> None:
    """Writes ``FILES`` into a folder, made if missing; if an error occurs, the folder stays as it was.

    Raises:
        PictureError: a frame can no longer be read.
        OSError: the folder can't be written.
    """
    with writing(folder, FILES) as unfinished:
        first, *others = (
            Image.fromarray(replace(result, picture=picture).overlay(OVERLAY_SIDE))
            for result, picture in zip(results, frames, strict=True)
        )
        first.save(
            unfinished / "overlay.webp",
            save_all=True,
            append_images=others,
            duration=round(1000 / frames.rate),
            loop=0,
        )
        estimates = [result.prediction.final for result in results]
        motions = motions_of(estimates, results[0].network.hands)
        write_hands(unfinished / "hands.glb", motions, frames.rate)
        named = zip(frames.names, results, strict=True)
        record = {
            "about": ABOUT | ABOUT_SEQUENCE,
            "model": results[0].network.name,
            "frames_per_second": frames.rate,
            "smoothing": smoothing and asdict(smoothing),
            "joint_names": JOINT_NAMES,
            "frames": [{"frame": name} | frame_record(result) for name, result in named],
        }
        (unfinished / "result.json").write_text(json.dumps(record, indent=1) + "\n")
