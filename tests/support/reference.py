"""A made-up instance of the released network: weights, hand model and inputs, all pseudo-random.

The authors' code was run on exactly these numbers, and what it computed is stored beside this file:
``forward_<seed>.npz`` (outputs stage by stage) and ``losses_<seed>.json`` (the loss terms). Every array
depends on a seed and its own name alone, so nothing trained, licensed or large has to be kept:
``released_entries.tsv`` lists the checkpoint's names, shapes and types, and this module fills them.

In seed 2 every joint falls inside the picture; seed 108 shows the hands larger, and a few fall outside.
"""

import csv
import hashlib
import json
import pickle
from functools import cache
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

HERE = Path(__file__).parents[1] / "parity"
SEEDS = (2, 108)
FIRST_SEED_OUTSIDE = 100
MANO_PARENTS = (2**32 - 1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)


def generator(seed: int, name: str) -> np.random.Generator:
    """A source of random numbers of its own for every name."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


@cache
def mano_fields(seed: int, side: str) -> dict[str, object]:
    """A shapeless hand with the fields of a MANO file; of the left one, template and shapes are mirrored."""
    random = generator(seed, "mano")
    mirror = np.array([-1.0 if side == "left" else 1.0, 1.0, 1.0])
    # The order of the draws is part of the reference.
    template = random.normal(size=(778, 3)) * [0.05, 0.02, 0.04] * mirror
    regressor = np.zeros((16, 778))
    for row in regressor:
        chosen = random.choice(778, 12, replace=False)
        row[chosen] = random.dirichlet(np.ones(12))
    skinning = random.random((778, 16)) ** 8
    components = np.linalg.qr(random.normal(size=(45, 45))).Q
    mean = random.normal(size=45) * 0.2
    shapes = random.normal(size=(778, 3, 10)) * 0.003 * mirror[:, None]
    correctives = random.normal(size=(778, 3, 135)) * 0.001
    coefficients = random.normal(size=(50, 45))
    k = np.arange(1538)
    return {
        "v_template": template,
        "f": (np.stack((7 * k, 7 * k + 3, 11 * k + 5), axis=1) % 778).astype(np.uint32),
        "kintree_table": np.array([MANO_PARENTS, range(16)], dtype=np.uint32),
        "J_regressor": scipy.sparse.csc_matrix(regressor),
        "J": regressor @ template,
        "weights": skinning / skinning.sum(1, keepdims=True),
        "hands_components": components,
        "hands_mean": mean,
        "hands_coeffs": coefficients,
        "shapedirs": shapes,
        "posedirs": correctives,
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }


def hand_buffer(seed: int, name: str) -> np.ndarray:
    """An entry of the hand model that the released checkpoint carries in its buffers."""
    fields = mano_fields(seed, "left" if ".mano_layer_left." in name else "right")
    match name.rsplit(".th_", 1)[1]:
        case "betas":
            return np.zeros((1, 10))
        case "v_template" | "hands_mean" as field:
            return fields[field][None]
        case "J_regressor":
            return fields["J_regressor"].toarray()
        case "comps" | "selected_comps":
            return fields["hands_components"]
        case "faces":
            return fields["f"]
        case field:
            return fields[field]


def network_weight(seed: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A weight of a size at which signals neither die nor explode on their way through the network."""
    value = generator(seed, name).standard_normal(shape)
    vector = len(shape) == 1
    if name.endswith(("mano_left.bias", "mano_right.bias")):
        value *= 0.1
        # The 6D root is a disturbed unit matrix, the camera shows the hand in or beyond the picture.
        value[[0, 4]] = 1
        value[-3] += 6 if seed < FIRST_SEED_OUTSIDE else 14
        value[-2] = 0.2 * np.sign(value[-2])
        return value
    if name.endswith("running_var"):
        return 1 + 0.1 * np.abs(value)
    if name.endswith("running_mean") or (vector and not name.endswith("weight")):
        return value * 0.05
    if vector:
        return 1 + 0.1 * value
    if ".e_" in name or "pos_embed" in name:
        return value
    inputs = shape[2] if name.endswith(".W") else np.prod(shape[1:])
    value /= np.sqrt(inputs)
    return value * 0.1 if name.endswith(("mano_left.weight", "mano_right.weight", "offset.weight")) else value


def pixel_centres(count: int) -> np.ndarray:
    """Centres of a square map's pixels in row-major order, (count, 2)."""
    y, x = np.divmod(np.arange(count), round(count**0.5))
    return np.stack((x, y), axis=1) + 0.5


def entries() -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """Shape and type of every entry of the released checkpoint, in its order."""
    with open(HERE / "released_entries.tsv", newline="") as file:
        return {
            row["name"]: (
                tuple(map(int, filter(None, row["shape"].split("x")))),
                getattr(torch, row["dtype"]),
            )
            for row in csv.DictReader(file, delimiter="\t")
        }


def state_dict(seed: int) -> dict[str, Tensor]:
    """The 95 million numbers of the released checkpoint's ``net``."""
    filled = {}
    for name, (shape, dtype) in entries().items():
        if ".mano_layer_" in name:
            value = hand_buffer(seed, name)
        elif name.endswith("img_gird"):
            value = pixel_centres(shape[0])
        elif name.endswith("num_batches_tracked"):
            value = np.zeros(())
        elif name == "seg_loss.weight":
            value = np.array([0.1, 0.45, 0.45])
        else:
            value = network_weight(seed, name, shape)
        filled[name] = torch.from_numpy(
            np.array(value, dtype=np.int64 if dtype == torch.int64 else np.float32)
        )
        assert filled[name].shape == shape, name
    return filled


def inputs(seed: int, batch: int = 2) -> dict[str, np.ndarray]:
    """A normalised image and the truth, named and laid out as the release's loader gives them.

    Points are metres in the camera's frame; 2D points are (u, v, ignored) in [-1, 1] and a little beyond.
    """
    random = generator(seed, "inputs")
    values = {"img": random.standard_normal((batch, 3, 256, 256))}
    for side in ("left", "right"):
        for kind, count in (("joint", 21), ("mesh", 778)):
            values[f"{kind}_3d_{side}"] = random.normal(size=(batch, count, 3)) * 0.05 + [0.02, 0.01, 0.6]
        values[f"center_{side}"] = values[f"joint_3d_{side}"][:, 9:10]
        for kind, count in (("joint", 21), ("mesh", 778)):
            values[f"{kind}_2d_{side}"] = random.uniform(-1.1, 1.1, size=(batch, count, 3))
    labels = random.integers(0, 3, size=(batch, 1, 8, 8))
    values["seg"] = labels.repeat(32, axis=2).repeat(32, axis=3)
    values["dense"] = random.random((batch, 3, 256, 256))
    return {name: value.astype(np.float32) for name, value in values.items()}


def stored_outputs(seed: int) -> dict[str, np.ndarray]:
    """What the released network computed on :func:`inputs`, stage by stage."""
    with np.load(HERE / f"forward_{seed}.npz") as stored:
        return dict(stored)


def stored_losses(seed: int) -> dict[str, float]:
    """What the release's loss functions made of the outputs and the truth in :func:`inputs`."""
    return json.loads((HERE / f"losses_{seed}.json").read_text())


def write_mano(seed: int, folder: Path) -> None:
    """MANO_LEFT.pkl and MANO_RIGHT.pkl, pickled as MANO's are."""
    folder.mkdir(parents=True, exist_ok=True)
    for side in ("left", "right"):
        (folder / f"MANO_{side.upper()}.pkl").write_bytes(pickle.dumps(mano_fields(seed, side), protocol=2))
