"""Hand models as files: MANO's pickles, read without chumpy and without running what a pickle asks for.

A pickle is a program. The reader here knows a handful of names (numpy's and scipy's array constructors
and stand-ins for two of chumpy's arrays) and refuses every other name before anything is called.
"""

import codecs
import pickle
from collections.abc import Mapping
from copyreg import _reconstructor  # type: ignore[attr-defined]
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Float, Int
from numpy._core import multiarray, numeric

from handlib.hand.skeleton import MANO_PARENTS, SIDES, Side
from handlib.utils.errors import InputError
from handlib.utils.files import replacing

NUM_VERTICES, NUM_FACES, NUM_BETAS, NUM_PCA = 778, 1538, 10, 45


class HandFileError(InputError):
    """A hand model file that can't be used; the message says what was expected."""


MODEL_ARRAYS = (
    "v_template",
    "shapedirs",
    "posedirs",
    "J_regressor",
    "weights",
    "hands_mean",
    "hands_components",
)
"""What makes a hand model, beside its side and faces."""


@dataclass(frozen=True)
class HandData:
    """The numbers of a hand model in the MANO format: metres, radians, float64.

    ``hands_components[k]`` and ``hands_mean`` are axis-angle poses of the 15 finger joints; ``posedirs``
    multiplies the 135 entries of R - I of the same joints.
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
        """The other hand: x negated, faces turned inside out, axis-angles negated in y and z."""
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


class _ChumpyArray:
    """Stands for ``chumpy.ch.Ch``: of what is pickled, only the array counts."""

    array: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        self.array = np.asarray(state["x"])


class _ChumpySelection(_ChumpyArray):
    """Stands for ``chumpy.reordering.Select``: entries of another array, by flat index.

    MANO stores its shape directions as the first 10 of 20 in this way.
    """

    def __setstate__(self, state: Any) -> None:
        chosen = state["a"].array.ravel()[state["idxs"]]
        self.array = chosen.reshape(state.get("preferred_shape", chosen.shape))


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("chumpy.ch", "Ch"): _ChumpyArray,
    ("chumpy.reordering", "Select"): _ChumpySelection,
    ("copy_reg", "_reconstructor"): _reconstructor,
    ("copyreg", "_reconstructor"): _reconstructor,
    ("__builtin__", "object"): object,
    ("builtins", "object"): object,
    ("__builtin__", "set"): set,
    ("builtins", "set"): set,
    ("_codecs", "encode"): codecs.encode,
}
for _package in ("numpy.core.multiarray", "numpy._core.multiarray"):
    _ALLOWED[_package, "_reconstruct"] = multiarray._reconstruct
    _ALLOWED[_package, "scalar"] = multiarray.scalar
for _package in ("numpy.core.numeric", "numpy._core.numeric"):
    _ALLOWED[_package, "_frombuffer"] = numeric._frombuffer  # type: ignore[attr-defined]
for _format in ("csc", "csr", "coo"):
    for _package in (f"scipy.sparse.{_format}", f"scipy.sparse._{_format}"):
        _ALLOWED[_package, f"{_format}_matrix"] = getattr(scipy.sparse, f"{_format}_matrix")


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no hand model needs")
        return _ALLOWED[module, name]


def read_restricted_pickle(path: Path) -> Any:
    """The content of a pickle that holds numpy, scipy.sparse or chumpy arrays in plain containers.

    Anything else in it, and any damage, is a :class:`HandFileError`; nothing that the pickle names is run.
    """
    try:
        with open(path, "rb") as file:
            return _RestrictedUnpickler(file, encoding="latin1").load()
    except OSError as error:
        raise HandFileError(f"{path}: can't be read: {error.strerror}") from error
    except Exception as error:
        raise HandFileError(f"{path}: not a hand model pickle: {error or type(error).__name__}") from error


def _array(content: Mapping[str, Any], field: str, shape: tuple[int, ...], path: Path) -> np.ndarray:
    if field not in content:
        raise HandFileError(f"{path}: field {field} is missing")
    value = content[field]
    if isinstance(value, _ChumpyArray):
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
    """Checks names, shapes and finiteness of MANO's fields; ``path`` only serves the error messages."""
    numbers = {
        "v_template": (NUM_VERTICES, 3),
        "shapedirs": (NUM_VERTICES, 3, NUM_BETAS),
        "posedirs": (NUM_VERTICES, 3, NUM_PCA * 3),
        "J_regressor": (16, NUM_VERTICES),
        "weights": (NUM_VERTICES, 16),
        "hands_mean": (NUM_PCA,),
        "hands_components": (NUM_PCA, NUM_PCA),
    }
    fields = {name: _array(content, name, shape, path).astype(np.float64) for name, shape in numbers.items()}
    faces = _array(content, "f", (NUM_FACES, 3), path).astype(np.int64)
    if faces.min() < 0 or faces.max() >= NUM_VERTICES:
        raise HandFileError(f"{path}: field f: expected vertex numbers below {NUM_VERTICES}")
    parents = _array(content, "kintree_table", (2, 16), path)[0].astype(np.int64)
    if tuple(parents[1:]) != MANO_PARENTS[1:]:
        raise HandFileError(f"{path}: field kintree_table: expected the parents {MANO_PARENTS[1:]}")
    return HandData(side=side, faces=faces, **fields)


def read_mano(path: str | Path, side: Side) -> HandData:
    """Reads ``MANO_RIGHT.pkl`` or ``MANO_LEFT.pkl`` (or the same fields as ``.npz``).

    The side can't be read off the content, so the file's name must not contradict ``side``. Raises
    :class:`HandFileError` for anything that is not such a file.
    """
    path = Path(path)
    other = "left" if side == "right" else "right"
    if other in path.stem.lower():
        raise HandFileError(f"{path}: expected the {side} hand, the file's name says {other}")
    if path.suffix == ".npz":
        try:
            with np.load(path, allow_pickle=False) as archive:
                content: Any = dict(archive)
        except Exception as error:  # zipfile, zlib and numpy raise what they like.
            raise HandFileError(f"{path}: not an npz archive of plain arrays: {error}") from error
    else:
        content = read_restricted_pickle(path)
    if not isinstance(content, Mapping):
        raise HandFileError(f"{path}: expected named fields, got {type(content).__name__}")
    return hand_data_from_mapping(content, side, path)


def left_has_sign_fault(left: HandData, right: HandData) -> bool:
    """Whether the x parts of both hands' shape directions agree, where a mirror image has opposite ones."""
    return bool(np.abs(left.shapedirs[:, 0] - right.shapedirs[:, 0]).sum() < 1)


def repair_left_shapedirs(left: HandData, right: HandData) -> HandData:
    """MANO's left file carries the right hand's sign in the x of its shape directions; mends just that.

    The fault is found by comparison; a file without it comes back as it is.
    """
    if not left_has_sign_fault(left, right):
        return left
    return replace(left, shapedirs=left.shapedirs * np.array([-1.0, 1.0, 1.0])[:, None])


def open_hand_file() -> Path:
    """The asset of the open hand: the hand model, its joints' axes and its texture."""
    return Path(str(files("handlib"))) / "assets" / "open_hand.npz"


@cache
def open_hand_data(side: Side) -> HandData:
    """The open hand that ships with the package (right as built, left its mirror image)."""
    with np.load(open_hand_file(), allow_pickle=False) as asset:
        right = HandData(
            side="right",
            faces=asset["faces"].astype(np.int64),
            **{name: asset[name].astype(np.float64) for name in MODEL_ARRAYS},
        )
    return right if side == "right" else right.mirrored()


def write_mano(data: HandData, path: Path) -> None:
    """Writes a hand as ``.pkl`` (protocol 2, plain numpy and scipy.sparse, as MANO's) or ``.npz``.

    The file appears whole or not at all.
    """
    parents = np.array([[2**32 - 1, *MANO_PARENTS[1:]], range(16)], dtype=np.uint32)
    fields: dict[str, Any] = {
        "v_template": data.v_template,
        "f": data.faces.astype(np.uint32),
        "shapedirs": data.shapedirs,
        "posedirs": data.posedirs,
        "J_regressor": data.J_regressor,
        "J": data.J_regressor @ data.v_template,
        "weights": data.weights,
        "kintree_table": parents,
        "hands_mean": data.hands_mean,
        "hands_components": data.hands_components,
        "hands_coeffs": np.zeros((1, NUM_PCA)),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }
    with replacing(path) as partial, open(partial, "wb") as file:
        if path.suffix == ".npz":
            np.savez_compressed(file, **fields)
        else:
            fields["J_regressor"] = scipy.sparse.csc_matrix(data.J_regressor)
            pickle.dump(fields, file, protocol=2)


def export_open_hand(out: Path) -> list[Path]:
    """Writes the open hand to a folder as MANO_LEFT and MANO_RIGHT, each as ``.pkl`` and ``.npz``.

    It has MANO's format, not its values. Returns the four paths; what can't be written is an ``OSError``.
    """
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for side in SIDES:
        for suffix in (".pkl", ".npz"):
            paths.append(out / f"MANO_{side.upper()}{suffix}")
            write_mano(open_hand_data(side), paths[-1])
    return paths
