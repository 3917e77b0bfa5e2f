"""Hand models as files: what MANO's pickles hold is read, all else is refused with one clear error."""

import pickle
import pickletools
import sys
import types
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from support.malformed import Command, assert_read_or_refused, malformed_bytes, malformed_content

from handlib.hand.hand import Hand
from handlib.hand.mano_file import (
    HandData,
    HandFileError,
    export_open_hand,
    open_hand_data,
    read_mano,
    repair_left_shapedirs,
    write_mano,
)
from handlib.hand.skeleton import MANO_PARENTS, SIDES


def same(a: HandData, b: HandData) -> bool:
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(HandData))


def content(side) -> dict[str, object]:
    """The fields of a MANO pickle, of the open hand."""
    data = open_hand_data(side)
    named = {f.name: getattr(data, f.name) for f in fields(HandData) if f.name not in ("side", "faces")}
    parents = np.array([[2**32 - 1, *MANO_PARENTS[1:]], range(16)], dtype=np.uint32)
    return {**named, "f": data.faces.astype(np.uint32), "kintree_table": parents, "bs_type": "lrotmin"}


def dump(content: object, path: Path, protocol: int = 2) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write_mano(open_hand_data("right"), tmp_path / "MANO_RIGHT.pkl")
    return tmp_path / "MANO_RIGHT.pkl"


def test_what_is_exported_is_read(tmp_path: Path):
    paths = export_open_hand(tmp_path / "new" / "mano")
    assert sorted(paths) == sorted((tmp_path / "new" / "mano").iterdir()) and len(paths) == 4
    for path in paths:
        side = "left" if "LEFT" in path.name else "right"
        assert same(read_mano(path, side), open_hand_data(side))


SPARSE = [
    getattr(scipy.sparse, f"{layout}_{kind}")
    for layout in ("csc", "csr", "coo")
    for kind in ("matrix", "array")
]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("regressor", [np.asarray, np.asmatrix, *SPARSE])
def test_every_protocol_and_container(tmp_path: Path, protocol: int, regressor: Callable):
    fields = OrderedDict(content("right"))
    fields["J_regressor"] = regressor(fields["J_regressor"])
    path = dump(fields, tmp_path / "hand.pkl", protocol)
    assert same(read_mano(path, "right"), open_hand_data("right"))


OLD_AND_NEW = {
    "numpy.core.multiarray _reconstruct",
    "numpy ndarray",
    "numpy dtype",
    "scipy.sparse csc_matrix",
    "_codecs encode",
}


def test_what_is_written_names_only_what_old_and_new_libraries_have(written: Path):
    """numpy 2 renamed ``numpy.core``, scipy 1.8 ``scipy.sparse.csc``: pickles by the new names need them."""
    opcodes = list(pickletools.genops(written.read_bytes()))
    assert {argument for opcode, argument, _ in opcodes if "GLOBAL" in opcode.name} == OLD_AND_NEW
    assert opcodes[0][1] == 2, "the protocol that Python 2 knows too"


@pytest.mark.parametrize(
    ("sparse", "numpy"),
    [(b"cscipy.sparse.csc\n", b"cnumpy.core."), (b"cscipy.sparse._csc\n", b"cnumpy._core.")],
)
def test_names_of_modules_that_moved(written: Path, sparse: bytes, numpy: bytes):
    named = written.read_bytes().replace(b"cscipy.sparse\n", sparse).replace(b"cnumpy.core.", numpy)
    written.write_bytes(named)
    assert same(read_mano(written, "right"), open_hand_data("right"))


@pytest.mark.parametrize("place", [".", "models", "mano", "mano_v1_2/models"])
@pytest.mark.parametrize("suffix", [".pkl", ".npz"])
def test_files_are_found_where_they_are_unpacked(tmp_path: Path, place: str, suffix: str):
    with pytest.raises(HandFileError, match=r"MANO_LEFT\.pkl or MANO_LEFT\.npz, here or in models, mano"):
        Hand.from_mano(tmp_path, "left")
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    for side in SIDES:
        write_mano(open_hand_data(side), tmp_path / place / f"MANO_{side.upper()}{suffix}")
    found, expected = Hand.from_mano(tmp_path, "left"), Hand.open("left")
    assert found.side == "left" and found.shapedirs.equal(expected.shapedirs)


def test_chumpy_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As MANO's files are: a plain chumpy array, and shape directions chosen from 20 by flat index."""
    with monkeypatch.context() as patch:
        for name, classes in (("chumpy.ch", ("Ch",)), ("chumpy.reordering", ("Select",)), ("chumpy", ())):
            body = {"__module__": name, "__init__": lambda self, **state: vars(self).update(state)}
            made = {c: type(c, (), body) for c in classes}
            patch.setitem(sys.modules, name, types.SimpleNamespace(**made))
        Ch, Select = sys.modules["chumpy.ch"].Ch, sys.modules["chumpy.reordering"].Select
        fields = content("right")
        twenty = np.concatenate((fields["shapedirs"], np.full((778, 3, 10), 7.0)), axis=-1)
        chosen = np.arange(twenty.size).reshape(twenty.shape)[:, :, :10].ravel()
        fields["shapedirs"] = Select(a=Ch(x=twenty), idxs=chosen, preferred_shape=(778, 3, 10))
        fields["v_template"] = Ch(x=fields["v_template"], _dirty_vars={"x"})
        path = dump(fields, tmp_path / "MANO_RIGHT.pkl")
    assert same(read_mano(path, "right"), open_hand_data("right"))


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_commands_are_refused_and_not_run(tmp_path: Path, protocol: int):
    fields = content("right") | {"bs_style": Command(tmp_path / "trace")}
    path = dump(fields, tmp_path / "MANO_RIGHT.pkl", protocol)
    with pytest.raises(HandFileError, match=r"MANO_RIGHT.pkl: .* it asks for (posix|nt)\.mkdir"):
        read_mano(path, "right")
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("name", ["builtins eval", "numpy load", "copyreg add_extension"])
def test_other_names_of_allowed_modules_are_refused(tmp_path: Path, name: str):
    path = tmp_path / "hand.pkl"
    path.write_bytes(b"\x80\x02c" + name.replace(" ", "\n").encode() + b"\n.")
    with pytest.raises(HandFileError, match=f"it asks for {name.replace(' ', '.')}"):
        read_mano(path, "right")


@pytest.mark.parametrize("suffix", [".pkl", ".npz"])
@given(data=st.data())
def test_broken_files_are_refused_in_one_line_that_names_them(
    tmp_path: Path, suffix: str, data: st.DataObject
):
    path = tmp_path / f"MANO_RIGHT{suffix}"
    if suffix == ".pkl" and data.draw(st.booleans()):
        dump(data.draw(malformed_content(content("right"))), path)
    else:
        write_mano(open_hand_data("right"), path)
        path.write_bytes(data.draw(malformed_bytes(path.read_bytes())))
    assert_read_or_refused(lambda: read_mano(path, "right"), path.name)


@pytest.mark.parametrize(("name", "side"), [("MANO_LEFT.pkl", "right"), ("my_right_hand.pkl", "left")])
def test_name_of_the_other_side(tmp_path: Path, name: str, side):
    path = dump(content(side), tmp_path / name)
    with pytest.raises(HandFileError, match=f"{name}: expected the {side} hand"):
        read_mano(path, side)


@pytest.mark.parametrize(
    ("field", "change", "message"),
    [
        ("posedirs", lambda values: values[:-1], r"expected shape \(778, 3, 135\), got \(777, 3, 135\)"),
        ("f", lambda values: values.astype(str), "expected numbers"),
        ("J_regressor", lambda values: np.full_like(values, np.nan), "expected finite numbers"),
        ("v_template", lambda values: 1000 * values, "expected metres, got a hand larger than 1 m"),
        ("f", lambda values: values + 1, "expected vertex numbers below 778"),
        ("kintree_table", lambda values: values[:, ::-1], "expected the parents"),
    ],
)
def test_fields_that_are_no_hands(tmp_path: Path, field: str, change: Callable, message: str):
    fields = content("right")
    with pytest.raises(HandFileError, match=f"field {field}: {message}"):
        read_mano(dump(fields | {field: change(fields[field])}, tmp_path / "hand.pkl"), "right")
    del fields[field]
    with pytest.raises(HandFileError, match=f"field {field} is missing"):
        read_mano(dump(fields, tmp_path / "hand.pkl"), "right")


def test_left_sign_fault_is_mended_and_nothing_else():
    left, right = open_hand_data("left"), open_hand_data("right")
    assert same(repair_left_shapedirs(replace(left, shapedirs=right.shapedirs), right), left)
    other = replace(left, shapedirs=np.random.default_rng(0).normal(size=(778, 3, 10)))
    for without in (left, other):
        assert repair_left_shapedirs(without, right) is without
