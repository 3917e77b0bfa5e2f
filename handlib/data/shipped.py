"""The pairs that ship with the repository: pictures and truth of the ``desk`` world in ``data_samples``.

Pictures, labels, dense maps and depth are PNG files. ``truth.npz`` holds the parameters; the hand model
computes vertices and joints from them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from handlib.data.sample import Sample, resize, stack
from handlib.data.shards import (
    SHARD_SIZE,
    DatasetInfo,
    open_hand_sha256,
    prepare_folder,
    shard_path,
    write_shard,
)
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES
from handlib.utils.arguments import check_choice, check_finite
from handlib.utils.files import reading
from handlib.utils.resources import samples_folder

SAMPLE_SPLITS = ("train", "test")
# Metres per step of the 16-bit depth pictures.
DEPTH_STEP = 1e-4


def write_samples(samples: list[Sample], folder: Path) -> None:
    """Writes samples for :func:`load_samples`: 0000.png and so on, the folder ``truth`` and ``truth.npz``."""
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    for number, sample in enumerate(samples):
        pictures = {
            folder / f"{number:04d}.png": sample.image.permute(1, 2, 0).numpy(),
            folder / "truth" / f"{number:04d}_label.png": sample.label.numpy(),
            folder / "truth" / f"{number:04d}_dense.png": sample.dense.permute(1, 2, 0).numpy(),
            folder / "truth" / f"{number:04d}_depth.png": (sample.depth / DEPTH_STEP)
            .round()
            .numpy()
            .astype(np.uint16),
        }
        for path, picture in pictures.items():
            Image.fromarray(picture).save(path, optimize=True)
    parameters: dict[str, Any] = {
        name: torch.stack([getattr(sample, name) for sample in samples]).numpy()
        for name in ("root", "pose", "betas", "intrinsics", "visible", "distance", "stratum")
    }
    wrists = torch.stack([sample.joints[:, 0] for sample in samples]).numpy()
    np.savez_compressed(folder / "truth.npz", wrist=wrists, **parameters)


def load_samples(split: str, folder: Path | None = None) -> list[Sample]:
    """Returns the 64 ``train`` or 16 ``test`` pairs at 256 px that ship, or the pairs of another folder.

    Raises:
        InputError: there is no such split, a number isn't finite, or a file is missing or damaged.
    """
    check_choice("split", split, SAMPLE_SPLITS)
    folder = (folder or samples_folder()) / split
    with reading(folder, "sample pairs as write_samples writes them"):
        with np.load(folder / "truth.npz", allow_pickle=False) as archive:
            truth = {name: torch.from_numpy(archive[name]) for name in archive.files}
        for name, values in truth.items():
            check_finite(f"{folder / 'truth.npz'}: {name}", values)
        wrists = truth.pop("wrist")[:, :, None]
        posed = [
            Hand.open(side)(
                root_rotation=truth["root"][:, k],
                pose_axis_angle=truth["pose"][:, k],
                betas=truth["betas"][:, k],
            )
            for k, side in enumerate(SIDES)
        ]
        vertices = torch.stack([hand.vertices for hand in posed], dim=1) + wrists
        joints = torch.stack([hand.joints for hand in posed], dim=1) + wrists
        return [
            Sample(
                **_read_pictures(folder, number),
                vertices=vertices[number],
                joints=joints[number],
                **{name: value[number] for name, value in truth.items()},
            )
            for number in range(len(wrists))
        ]


def store_samples(samples: Sequence[Sample], folder: str | Path, split: str, size: int) -> None:
    """Stores some of the repository's pairs as a data set for training, at another size.

    Nothing is written if the folder already holds as many pairs of the split.

    Raises:
        InputError: the folder holds another data set.
        ValueError: more samples than a shard holds.
    """
    if not 1 <= len(samples) <= SHARD_SIZE:
        raise ValueError(f"samples: expected 1 to {SHARD_SIZE}, got {len(samples)}")
    folder = Path(folder)
    info = DatasetInfo("data_samples", split, len(samples), size, 0, open_hand_sha256())
    prepare_folder(folder, info)
    if not shard_path(folder, 0).exists():
        write_shard(shard_path(folder, 0), resize(stack(samples), size))


def _read_pictures(folder: Path, number: int) -> dict[str, Tensor]:
    def read(path: Path) -> Tensor:
        with Image.open(path) as picture:
            return torch.from_numpy(np.array(picture))

    truth = folder / "truth"
    return {
        "image": read(folder / f"{number:04d}.png").permute(2, 0, 1).contiguous(),
        "label": read(truth / f"{number:04d}_label.png"),
        "dense": read(truth / f"{number:04d}_dense.png").permute(2, 0, 1).contiguous(),
        "depth": (read(truth / f"{number:04d}_depth.png").to(torch.int32) * DEPTH_STEP).float(),
    }
