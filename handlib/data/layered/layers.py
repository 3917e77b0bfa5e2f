"""Pairs of arms drawn alone, in layers. Their surroundings are added later, anew each time a pair is used.

The layers are the skin's colour with its coverage, the part of the arm that each pixel shows, the dense map
and depth. Pictures are larger than a network's picture, so that they can be turned, scaled and shifted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from safetensors import safe_open
from safetensors.torch import save_file
from scipy.ndimage import binary_dilation
from torch import Tensor

from handlib.data.layered.forearm import SKIN_RINGS, add_bent_forearm, sample_forearms
from handlib.data.layered.people import VIEWS, SeenPair, sample_seen_pair
from handlib.data.rendered.arm import build_scene, hand_faces, wrist_loop
from handlib.data.rendered.render import PairScene, dense_colour
from handlib.data.rendered.scenes import SPLITS, sample_tone
from handlib.data.rendered.shading import Appearance, linear_to_srgb_bytes
from handlib.data.sample import STRATA
from handlib.data.shards import (
    FORMAT,
    SHARD_SIZE,
    DatasetInfo,
    make_shards,
    open_hand_sha256,
    prepare_folder,
    read_info,
    shard_path,
    shard_ranges,
)
from handlib.hand.skeleton import SIDES
from handlib.utils.arguments import check_at_least
from handlib.utils.errors import InputError
from handlib.utils.files import reading, replacing

HAND, FOREARM, SLEEVE = 0, 1, 2
"""Parts of an arm.

A map of parts holds 1 + arm + 2 * part, and 0 where no arm is: hands 1, 2, forearms 3, 4, sleeves 5, 6.
"""
LAYERED = "wild-layers"
"""The world's name in ``dataset.json``."""
SIZE = 256
SAMPLES = 2
LEAST_SHARE, LEAST_SEEN = 0.08, 0.25
"""Smallest share of both hands' area that each hand has, and smallest visible share of each silhouette."""
NEAREST = 0.12
"""Metres; no hand comes nearer to the camera than this."""


@dataclass(frozen=True)
class LayeredPair:
    """A pair without its surroundings, or a batch of them; ``hand`` is (left, right), metres, camera frame.

    ``colour`` is sRGB with coverage as its fourth channel. ``part`` is explained at ``HAND``. ``view`` is an
    index into ``people.VIEWS``. The other fields are those of :class:`handlib.data.sample.Sample`.
    """

    colour: UInt8[Tensor, "*batch size size rgba=4"]
    part: UInt8[Tensor, "*batch size size"]
    dense: UInt8[Tensor, "*batch size size 3"]
    depth: Float[Tensor, "*batch size size"]
    vertices: Float[Tensor, "*batch hand=2 778 3"]
    joints: Float[Tensor, "*batch hand=2 21 3"]
    root: Float[Tensor, "*batch hand=2 3 3"]
    pose: Float[Tensor, "*batch hand=2 45"]
    betas: Float[Tensor, "*batch hand=2 10"]
    intrinsics: Float[Tensor, "*batch 4"]
    visible: Float[Tensor, "*batch hand=2"]
    distance: Float[Tensor, "*batch"]
    stratum: Int[Tensor, "*batch"]
    view: Int[Tensor, "*batch"]

    @classmethod
    def of(cls, layers: Mapping[str, Any]) -> "LayeredPair":
        """Makes a pair from arrays or tensors of :func:`make_layers` or a shard; depth becomes float32."""
        tensors = {name: torch.as_tensor(values) for name, values in layers.items()}
        return cls(**{**tensors, "depth": tensors["depth"].float()})


FIELDS = tuple(field.name for field in fields(LayeredPair))


class LayeredScene(PairScene):
    """Two arms with bent, perhaps sleeved forearms; see :class:`handlib.data.rendered.render.PairScene`."""

    def __init__(
        self,
        vertices: Float[np.ndarray, "2 778 3"],
        intrinsics: Float[np.ndarray, "4"],
        arms: Sequence[Float[np.ndarray, "arm 3"]],
    ):
        self.vertices = np.ascontiguousarray(vertices, dtype=np.float32)
        self.intrinsics, self.arms = intrinsics.astype(np.float32), list(arms)
        self.scene = build_scene(*self.arms)

    def layers(
        self, size: int, light: Float[np.ndarray, "3"], tone: Float[np.ndarray, "3"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Returns colour with coverage, part, dense map and depth."""
        rows, columns = self.pixels(size)
        hits = self.cast(self.directions(rows, columns, size, 1))
        place = rows[hits.ray], columns[hits.ray]
        bare = len(hand_faces()) + 2 * len(wrist_loop()) * SKIN_RINGS
        kind = np.where(hits.face < len(hand_faces()), HAND, np.where(hits.face < bare, FOREARM, SLEEVE))
        part, depth = np.zeros((size, size), np.uint8), np.zeros((size, size), np.float16)
        part[place], depth[place] = 1 + hits.arm + 2 * kind, hits.depth
        dense = np.zeros((size, size, 3), np.uint8)
        on = kind == HAND
        dense[place[0][on], place[1][on]] = dense_colour(hits.face[on], hits.weights[on])

        colour = np.zeros((size, size, 4), np.uint8)
        rows, columns = np.nonzero(binary_dilation(part, np.ones((3, 3))))
        drawn = rows.astype(np.int32), columns.astype(np.int32)
        rays = self.directions(*drawn, size, SAMPLES)
        met = self.cast(rays)
        nothing = Appearance(tone, light, np.zeros((size, size, 3), np.float32))
        layer = torch.zeros(len(rays), 4)
        shaded = self.shade(met, SAMPLES**2, nothing)
        layer[torch.from_numpy(met.ray)] = torch.cat((shaded, torch.ones(len(met.ray), 1)), dim=1)
        mean = layer.unflatten(0, (-1, SAMPLES**2)).mean(1).numpy()
        skin = linear_to_srgb_bytes(mean[:, :3] / np.maximum(mean[:, 3:], 1e-3))
        colour[drawn] = np.concatenate((skin, np.rint(mean[:, 3:] * 255).astype(np.uint8)), axis=1)
        return colour, part, dense, depth


def sample_scene(rng: np.random.Generator) -> tuple[SeenPair, LayeredScene, Float[np.ndarray, "2"]]:
    """Draws a pair whose hands are both visible.

    Returns it, its scene, and each silhouette's visible share.
    """
    while True:
        seen = sample_seen_pair(rng)
        if seen.pair.vertices[..., 2].min() < NEAREST:
            continue
        forearms = sample_forearms(rng)
        arms = [
            add_bent_forearm(hand, side, forearm)
            for hand, side, forearm in zip(seen.pair.vertices, SIDES, forearms, strict=True)
        ]
        if min(arm[:, 2].min() for arm in arms) < NEAREST / 4:
            continue
        scene = LayeredScene(seen.pair.vertices, seen.intrinsics, arms)
        visible, area = scene.visibility()
        if area.min() > LEAST_SHARE * area.sum() and visible.min() > LEAST_SEEN:
            return seen, scene, visible


def make_layers(seed: int, index: int, split: str, size: int = SIZE) -> dict[str, np.ndarray]:
    """Returns the fields of pair ``index`` of a split; they depend on seed, split and index alone."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), index, 7)))
    seen, scene, visible = sample_scene(rng)
    light = rng.normal(size=3) * (0.8, 0.7, 0.6) + (0, -0.45, -0.5)
    colour, part, dense, depth = scene.layers(size, light.astype(np.float32), sample_tone(rng))
    pair = seen.pair
    return {
        "colour": colour,
        "part": part,
        "dense": dense,
        "depth": depth,
        **{name: getattr(pair, name) for name in ("vertices", "joints", "root", "pose", "betas")},
        "intrinsics": seen.intrinsics * size,
        "visible": visible,
        "distance": np.float32(pair.distance),
        "stratum": np.int64(STRATA.index(pair.stratum)),
        "view": np.int64(VIEWS.index(seen.view)),
    }


def write_layers(folder: Path, info: DatasetInfo, number: int, indices: range) -> int:
    """Makes and writes a shard, whole or not at all. Returns the number of its pairs."""
    made = [make_layers(info.seed, index, info.split, info.size) for index in indices]
    tensors = {name: torch.from_numpy(np.stack([pair[name] for pair in made])) for name in FIELDS}
    with replacing(shard_path(folder, number)) as temporary:
        save_file(tensors, temporary)
    return len(indices)


def make_layered_dataset(
    out: Path, split: str, count: int, seed: int, size: int = SIZE, workers: int = 1
) -> None:
    """Makes ``count`` layered pairs in shards. If it is called again, it makes the missing shards.

    Raises:
        InputError: a number is less than 1, or the folder holds other pairs.
    """
    for name, value in (("count", count), ("size", size), ("workers", workers)):
        check_at_least(name, value, 1)
    info = DatasetInfo(LAYERED, split, count, size, seed, open_hand_sha256())
    prepare_folder(out, info)
    shards = list(enumerate(shard_ranges(count)))
    missing = [shard for shard in shards if not shard_path(out, shard[0]).exists()]
    done = count - sum(len(indices) for _, indices in missing)
    for made in make_shards(partial(write_layers, out, info), missing, workers):
        done += made
        print(f"wild {split}: {done} of {count}", flush=True)


class LayeredDataset:
    """Layered pairs on disk; each pair is read when it is used."""

    def __init__(self, folder: Path):
        self.info = read_info(folder)
        if self.info.format != FORMAT:
            raise InputError(f"{folder}: expected format {FORMAT}, got {self.info.format}")
        self.paths = [shard_path(folder, number) for number in range(len(shard_ranges(self.info.count)))]
        missing = [path.name for path in self.paths if not path.exists()]
        if missing:
            raise InputError(f"{folder}: {len(missing)} of {len(self.paths)} shards are missing")
        self._open: dict[int, dict[str, Any]] = {}

    def __len__(self) -> int:
        """Returns the number of pairs."""
        return self.info.count

    def _shard(self, number: int) -> dict[str, Any]:
        if number not in self._open:
            with reading(self.paths[number], "a shard of layered pairs"):
                shard = safe_open(self.paths[number], "pt")
                self._open[number] = {name: shard.get_slice(name) for name in FIELDS}
        return self._open[number]

    def __getitem__(self, index: int) -> LayeredPair:
        """Returns one pair."""
        number, k = divmod(index, SHARD_SIZE)
        one = {name: values[k : k + 1][0] for name, values in self._shard(number).items()}
        return LayeredPair.of(one)
