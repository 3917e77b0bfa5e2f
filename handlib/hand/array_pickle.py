"""Reads pickles of arrays without chumpy and without running other code that a pickle asks for.

A pickle is a program. This reader knows a handful of names: numpy's and scipy's array constructors, and
stand-ins for two of chumpy's arrays. It refuses every other name before calling anything.
"""

import codecs
import pickle
from collections import OrderedDict
from copyreg import _reconstructor  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
from numpy._core import multiarray, numeric

from handlib.utils.files import reading


class ChumpyArray:
    """Stands for ``chumpy.ch.Ch``; of the pickled state, only the array is kept."""

    array: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        self.array = np.asarray(state["x"])


class _ChumpySelection(ChumpyArray):
    """Stands for ``chumpy.reordering.Select``: entries of another array, chosen by flat index.

    MANO stores its 10 shape directions in this way, as the first of 20.
    """

    def __setstate__(self, state: Any) -> None:
        chosen = state["a"].array.ravel()[state["idxs"]]
        self.array = chosen.reshape(state.get("preferred_shape", chosen.shape))


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "matrix"): np.ndarray,
    ("numpy.matrixlib.defmatrix", "matrix"): np.ndarray,
    ("collections", "OrderedDict"): OrderedDict,
    ("chumpy.ch", "Ch"): ChumpyArray,
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
    for _name in (f"{_format}_matrix", f"{_format}_array"):
        for _package in ("scipy.sparse", f"scipy.sparse.{_format}", f"scipy.sparse._{_format}"):
            _ALLOWED[_package, _name] = getattr(scipy.sparse, _name)


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs")
        return _ALLOWED[module, name]


def read_restricted_pickle(path: Path) -> Any:
    """Returns the content of a pickle that holds numpy, scipy.sparse or chumpy arrays in plain containers.

    Any other content, and any damage, raises an :class:`InputError`. No other code named in the pickle is
    run.
    """
    with reading(path, "a pickle of plain arrays"), open(path, "rb") as file:
        try:
            return _RestrictedUnpickler(file, encoding="latin1").load()
        except MemoryError as error:
            raise pickle.UnpicklingError("it asks for more memory than there is") from error
