"""Reads and writes hand models as files in MANO's format."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Float, Int

from handlib.hand.array_pickle import ChumpyArray, read_restricted_pickle
from handlib.hand.skeleton import MANO_PARENTS, SIDES, Side
from handlib.utils.errors import InputError
from handlib.utils.files import make_folder, reading, replacing

NUM_VERTICES, NUM_FACES, NUM_BETAS, NUM_PCA = 778, 1538, 10, 45


class HandFileError(InputError):
    """A hand model's file can't be used; the message says what was expected."""


MODEL_ARRAYS: dict[str, tuple[int, ...]] = {
    "v_template": (NUM_VERTICES, 3),
    "shapedirs": (NUM_VERTICES, 3, NUM_BETAS),
    "posedirs": (NUM_VERTICES, 3, NUM_PCA * 3),
    "J_regressor": (16, NUM_VERTICES),
    "weights": (NUM_VERTICES, 16),
    "hands_mean": (NUM_PCA,),
    "hands_components": (NUM_PCA, NUM_PCA),
}
"""The arrays of a hand model, beside its side and faces, and their shapes."""


@dataclass(frozen=True)
class HandData:
    """The numbers of a hand model in the MANO format: metres, radians, float64.

    ``hands_components[k]`` and ``hands_mean`` are axis-angle poses of the 15 finger joints. ``posedirs`` is
    multiplied by the 135 entries of R - I of the same joints.
    """

    side: Side
    v_template: Float[np.ndarray, "778 3"]
    faces: Int[np.ndarray, "1538 3"]
    shapedirs: Float[np.ndarray, "778 3 10"]
    posedirs: Float[np.ndarray, "778 3 135"]
    J_regressor: Float[np.ndarray, "16 778"]
    weights: Float[np.ndarray, "778 16"]
    hands_mean: Float[np.ndarray, "45"]
    hands_components: Float[np.ndarray, "45 45"]

    def mirrored(self) -> "HandData":
        """Returns the other hand: x negated, faces turned inside out, axis-angles negated in y and z."""
        flip = np.array([-1.0, 1.0, 1.0])
        turn = np.tile([1.0, -1.0, -1.0], 15)
        # (R - I)[a, b] of the mirrored joint is flip[a] flip[b] (R - I)[a, b].
        entries = np.tile(np.outer(flip, flip).ravel(), 15)
        return HandData(
            side="left" if self.side == "right" else "right",
            v_template=self.v_template * flip,
            faces=self.faces[:, ::-1].copy(),
            shapedirs=self.shapedirs * flip[:, None],
            posedirs=self.posedirs * flip[:, None] * entries,
            J_regressor=self.J_regressor,
            weights=self.weights,
            hands_mean=self.hands_mean * turn,
            hands_components=self.hands_components * turn,
        )


PUBLIC_NAMES = {
    b"cnumpy._core.multiarray\n": b"cnumpy.core.multiarray\n",
    b"cscipy.sparse._csc\n": b"cscipy.sparse\n",
}
"""Module names in a pickle (protocol 2) that moved, and the names that old and new numpy and scipy know."""
MANO_FOLDERS = ("models", "mano", "mano_v1_2/models")
"""Folders in which MANO's unpacked archive and smplx keep the files."""
LARGEST_HAND = 1.0
"""Metres; a larger template must be in other units."""


def _array(content: Mapping[str, Any], field: str, shape: tuple[int, ...], path: Path) -> np.ndarray:
    if field not in content:
        raise HandFileError(f"{path}: field {field} is missing")
    value = content[field]
    if isinstance(value, ChumpyArray):
        value = value.array
    if scipy.sparse.issparse(value):
        value = value.toarray()
    value = np.asarray(value)
    if value.dtype.kind not in "fiu":
        raise HandFileError(f"{path}: field {field}: expected numbers, got {value.dtype}")
    if value.shape != shape:
        raise HandFileError(f"{path}: field {field}: expected shape {shape}, got {value.shape}")
    if not np.isfinite(value).all():
        raise HandFileError(f"{path}: field {field}: expected finite numbers")
    return value


def hand_data_from_mapping(content: Mapping[str, Any], side: Side, path: Path) -> HandData:
    """Makes a hand model from MANO's fields. Checks their names and shapes, and that numbers are finite.

    ``path`` is only used in error messages.
    """
    fields = {
        name: _array(content, name, shape, path).astype(np.float64) for name, shape in MODEL_ARRAYS.items()
    }
    if np.ptp(fields["v_template"], axis=0).max() > LARGEST_HAND:
        raise HandFileError(
            f"{path}: field v_template: expected metres, got a hand larger than {LARGEST_HAND:.0f} m"
        )
    faces = _array(content, "f", (NUM_FACES, 3), path).astype(np.int64)
    if faces.min() < 0 or faces.max() >= NUM_VERTICES:
        raise HandFileError(f"{path}: field f: expected vertex numbers below {NUM_VERTICES}")
    parents = _array(content, "kintree_table", (2, 16), path)[0].astype(np.int64)
    if tuple(parents[1:]) != MANO_PARENTS[1:]:
        raise HandFileError(f"{path}: field kintree_table: expected the parents {MANO_PARENTS[1:]}")
    return HandData(side=side, faces=faces, **fields)


def find_mano(folder: Path, side: Side) -> Path:
    """Finds a side's file in a folder or its :data:`MANO_FOLDERS`; prefers ``.pkl`` to ``.npz``.

    Raises:
        HandFileError: there is no such file.
    """
    names = [f"MANO_{side.upper()}{suffix}" for suffix in (".pkl", ".npz")]
    paths = [folder / place / name for place in ("", *MANO_FOLDERS) for name in names]
    found = next((path for path in paths if path.exists()), None)
    if found is None:
        raise HandFileError(f"{folder}: expected {' or '.join(names)}, here or in {', '.join(MANO_FOLDERS)}")
    return found


def read_mano(path: str | Path, side: Side) -> HandData:
    """Reads ``MANO_RIGHT.pkl`` or ``MANO_LEFT.pkl`` (or the same fields as ``.npz``).

    The content doesn't say which side it is, so the file's name must not contradict ``side``. Raises
    :class:`HandFileError` for any other file.
    """
    path = Path(path)
    other = "left" if side == "right" else "right"
    if other in path.stem.lower():
        raise HandFileError(f"{path}: expected the {side} hand, the file's name says {other}")
    try:
        if path.suffix == ".npz":
            with (
                reading(path, "an npz archive of plain arrays"),
                np.load(path, allow_pickle=False) as archive,
            ):
                content: Any = dict(archive)
        else:
            content = read_restricted_pickle(path)
    except InputError as error:
        raise HandFileError(str(error)) from error
    if not isinstance(content, Mapping):
        raise HandFileError(f"{path}: expected named fields, got {type(content).__name__}")
    return hand_data_from_mapping(content, side, path)


def repair_left_shapedirs(left: HandData, right: HandData) -> HandData:
    """Mends the known fault of MANO's left file: the x of its shape directions has the right hand's sign.

    The two hands are mirror images, so this x must have opposite signs; the comparison shows the fault. A
    hand without the fault is returned unchanged.
    """
    if np.abs(left.shapedirs[:, 0] - right.shapedirs[:, 0]).sum() >= 1:
        return left
    return replace(left, shapedirs=left.shapedirs * np.array([-1.0, 1.0, 1.0])[:, None])


def open_hand_file() -> Path:
    """Returns the path of the open hand's asset: the hand model, its joints' axes and its texture."""
    return Path(str(files("handlib"))) / "assets" / "open_hand.npz"


@cache
def open_hand_data(side: Side) -> HandData:
    """Returns the open hand that ships with the package (the right one as built, the left one mirrored)."""
    with np.load(open_hand_file(), allow_pickle=False) as asset:
        right = HandData(
            side="right",
            faces=asset["faces"].astype(np.int64),
            **{name: asset[name].astype(np.float64) for name in MODEL_ARRAYS},
        )
    return right if side == "right" else right.mirrored()


def write_mano(data: HandData, path: Path) -> None:
    """Writes a hand as ``.pkl`` (protocol 2 with plain numpy and scipy.sparse, like MANO's) or ``.npz``.

    Programs with numpy 1 or 2 can read both. The file is written whole or not at all.
    """
    parents = np.array([[2**32 - 1, *MANO_PARENTS[1:]], range(16)], dtype=np.uint32)
    fields: dict[str, Any] = {
        **{name: getattr(data, name) for name in MODEL_ARRAYS},
        "f": data.faces.astype(np.uint32),
        "J": data.J_regressor @ data.v_template,
        "kintree_table": parents,
        "hands_coeffs": np.zeros((1, NUM_PCA)),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }
    with replacing(path) as partial, open(partial, "wb") as file:
        if path.suffix == ".npz":
            np.savez_compressed(file, **fields)
        else:
            fields["J_regressor"] = scipy.sparse.csc_matrix(data.J_regressor)
            written = pickle.dumps(fields, protocol=2)
            for name, public in PUBLIC_NAMES.items():
                written = written.replace(name, public)
            file.write(written)


def export_open_hand(out: Path) -> list[Path]:
    """Writes the open hand to a folder as MANO_LEFT and MANO_RIGHT, each as ``.pkl`` and ``.npz``.

    The files have MANO's format, but not its values. Returns the four paths. A file that can't be written
    raises an ``OSError``.
    """
    make_folder(out)
    paths = []
    for side in SIDES:
        for suffix in (".pkl", ".npz"):
            paths.append(out / f"MANO_{side.upper()}{suffix}")
            write_mano(open_hand_data(side), paths[-1])
    return paths
