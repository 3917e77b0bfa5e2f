"""Hand models as files: what MANO's pickles hold is read, all else is refused with one clear error."""

import copyreg
import os
import pickle
import pickletools
import sys
import types
from collections import OrderedDict
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from support.malformed import assert_read_or_refused, malformed_bytes, malformed_content

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
    return a.side == b.side and all(
        np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(HandData) if f.name != "side"
    )


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
def chumpy(monkeypatch: pytest.MonkeyPatch):
    """Classes that pickle as chumpy's ``Ch`` and ``Select`` do; the real package isn't needed."""
    modules = {name: types.ModuleType(name) for name in ("chumpy", "chumpy.ch", "chumpy.reordering")}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)

    class Ch:
        def __init__(self, x: np.ndarray):
            self.x = x
            self._dirty_vars = {"x"}

    class Select(Ch):
        def __init__(self, a: Ch, idxs: np.ndarray, preferred_shape: tuple[int, ...]):
            self.a, self.idxs, self.preferred_shape = a, idxs, preferred_shape

    Ch.__module__, Select.__module__ = "chumpy.ch", "chumpy.reordering"
    Ch.__qualname__, Select.__qualname__ = "Ch", "Select"
    modules["chumpy.ch"].Ch, modules["chumpy.reordering"].Select = Ch, Select
    return modules["chumpy"], Ch, Select


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("suffix", [".pkl", ".npz"])
def test_what_is_written_is_read(tmp_path: Path, side, suffix: str):
    path = tmp_path / f"MANO_{side.upper()}{suffix}"
    write_mano(open_hand_data(side), path)
    assert same(read_mano(path, side), open_hand_data(side))
    assert os.listdir(tmp_path) == [path.name]


def test_export(tmp_path: Path):
    paths = export_open_hand(tmp_path / "new" / "mano")
    assert {p.name for p in paths} == {"MANO_LEFT.pkl", "MANO_LEFT.npz", "MANO_RIGHT.pkl", "MANO_RIGHT.npz"}
    assert sorted(paths) == sorted((tmp_path / "new" / "mano").iterdir())


def test_failed_write_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "MANO_RIGHT.pkl"
    write_mano(open_hand_data("right"), path)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_mano(replace(open_hand_data("right"), weights=(x for x in [1])), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_every_protocol(tmp_path: Path, protocol: int):
    path = dump(content("right"), tmp_path / "MANO_RIGHT.pkl", protocol)
    assert same(read_mano(path, "right"), open_hand_data("right"))


@pytest.mark.parametrize(
    "layout", [f"{k}_{kind}" for k in ("csc", "csr", "coo") for kind in ("matrix", "array")]
)
def test_sparse_regressor(tmp_path: Path, layout: str):
    fields = content("right")
    fields["J_regressor"] = getattr(scipy.sparse, layout)(fields["J_regressor"])
    assert same(read_mano(dump(fields, tmp_path / "hand.pkl"), "right"), open_hand_data("right"))


@pytest.mark.parametrize("protocol", [2, 4])
def test_other_containers(tmp_path: Path, protocol: int):
    fields = OrderedDict(content("right"))
    fields["J_regressor"] = np.asmatrix(fields["J_regressor"])
    path = dump(fields, tmp_path / "hand.pkl", protocol)
    assert same(read_mano(path, "right"), open_hand_data("right"))


OLD_AND_NEW = {
    "numpy.core.multiarray _reconstruct",
    "numpy ndarray",
    "numpy dtype",
    "scipy.sparse csc_matrix",
    "_codecs encode",
}


def test_what_is_written_names_only_what_old_and_new_libraries_have(tmp_path: Path):
    """numpy 2 renamed ``numpy.core``, scipy 1.8 ``scipy.sparse.csc``: pickles by the new names need them."""
    path = tmp_path / "MANO_RIGHT.pkl"
    write_mano(open_hand_data("right"), path)
    opcodes = list(pickletools.genops(path.read_bytes()))
    assert {argument for opcode, argument, _ in opcodes if "GLOBAL" in opcode.name} == OLD_AND_NEW
    assert opcodes[0][1] == 2, "the protocol that Python 2 knows too"


@pytest.mark.parametrize("sparse", [b"scipy.sparse.csc", b"scipy.sparse._csc"])
def test_names_of_modules_that_moved(tmp_path: Path, sparse: bytes):
    path = tmp_path / "MANO_RIGHT.pkl"
    write_mano(open_hand_data("right"), path)
    written = path.read_bytes().replace(b"cscipy.sparse\n", b"c" + sparse + b"\n")
    if b"_csc" in sparse:
        written = written.replace(b"cnumpy.core.", b"cnumpy._core.")
    path.write_bytes(written)
    assert same(read_mano(path, "right"), open_hand_data("right"))


@pytest.mark.parametrize("place", [".", "models", "mano", "mano_v1_2/models"])
@pytest.mark.parametrize("suffix", [".pkl", ".npz"])
def test_files_are_found_where_they_are_unpacked(tmp_path: Path, place: str, suffix: str):
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    for side in SIDES:
        write_mano(open_hand_data(side), tmp_path / place / f"MANO_{side.upper()}{suffix}")
    hand = Hand.from_mano(tmp_path, "left")
    np.testing.assert_array_equal(
        hand.v_template.numpy(), open_hand_data("left").v_template.astype(np.float32)
    )


def test_a_folder_without_the_files_says_where_they_are_looked_for(tmp_path: Path):
    with pytest.raises(
        HandFileError, match=r"MANO_LEFT\.pkl or MANO_LEFT\.npz, here or in models, mano, mano_v1_2"
    ):
        Hand.from_mano(tmp_path, "left")


def test_a_hand_in_millimetres_is_refused(tmp_path: Path):
    fields = content("right")
    fields["v_template"] = 1000 * fields["v_template"]
    with pytest.raises(HandFileError, match="field v_template: expected metres, got a hand larger than 1 m"):
        read_mano(dump(fields, tmp_path / "hand.pkl"), "right")


def test_chumpy_arrays(tmp_path: Path, chumpy, monkeypatch: pytest.MonkeyPatch):
    """As MANO's files are: a plain chumpy array, and shape directions chosen from 20 by flat index."""
    _, Ch, Select = chumpy
    fields = content("right")
    twenty = np.concatenate((fields["shapedirs"], np.full((778, 3, 10), 7.0)), axis=-1)
    chosen = np.arange(twenty.size).reshape(twenty.shape)[:, :, :10].ravel()
    fields["shapedirs"] = Select(Ch(twenty), chosen, (778, 3, 10))
    fields["v_template"] = Ch(fields["v_template"])
    path = dump(fields, tmp_path / "MANO_RIGHT.pkl")
    for name in ("chumpy", "chumpy.ch", "chumpy.reordering"):
        monkeypatch.delitem(sys.modules, name)
    assert same(read_mano(path, "right"), open_hand_data("right"))


class Command:
    """Pickles as an order to make a folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_commands_are_refused_and_not_run(tmp_path: Path, protocol: int):
    trace = tmp_path / "trace"
    fields = content("right") | {"bs_style": Command(trace)}
    path = dump(fields, tmp_path / "MANO_RIGHT.pkl", protocol)
    with pytest.raises(
        HandFileError,
        match=r"MANO_RIGHT.pkl: expected a pickle of plain arrays: it asks for (posix|nt)\.mkdir",
    ):
        read_mano(path, "right")
    assert not trace.exists()


@pytest.mark.parametrize("module", ["builtins", "__builtin__", "os", "numpy", "copyreg", "scipy.sparse"])
@pytest.mark.parametrize("name", ["eval", "system", "load", "add_extension", "load_npz"])
def test_other_names_are_refused(tmp_path: Path, module: str, name: str):
    path = tmp_path / "hand.pkl"
    path.write_bytes(b"\x80\x02c" + f"{module}\n{name}\n".encode() + b".")
    with pytest.raises(HandFileError, match=f"it asks for {module}.{name}"):
        read_mano(path, "right")


def test_object_of_an_allowed_class_is_no_model(tmp_path: Path):
    path = tmp_path / "hand.pkl"
    path.write_bytes(pickle.dumps(np.zeros(3), protocol=2))
    with pytest.raises(HandFileError, match="expected named fields, got ndarray"):
        read_mano(path, "right")


def test_chumpy_array_without_its_array(tmp_path: Path):
    class Bare:
        def __reduce_ex__(self, protocol):
            return copyreg._reconstructor, (Bare, object, None)

    Bare.__module__, Bare.__qualname__, Bare.__name__ = "chumpy.ch", "Ch", "Ch"
    module = types.ModuleType("chumpy.ch")
    module.Ch = Bare
    sys.modules |= {"chumpy": types.ModuleType("chumpy"), "chumpy.ch": module}
    try:
        path = dump(content("right") | {"v_template": Bare()}, tmp_path / "hand.pkl")
    finally:
        del sys.modules["chumpy"], sys.modules["chumpy.ch"]
    with pytest.raises(HandFileError, match="field v_template: expected numbers, got object"):
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


def test_an_array_is_no_archive(tmp_path: Path):
    path = tmp_path / "MANO_RIGHT.npz"
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "array.npy").rename(path)
    with pytest.raises(HandFileError, match=r"MANO_RIGHT\.npz: expected an npz archive"):
        read_mano(path, "right")


@pytest.mark.parametrize("suffix", [".pkl", ".npz"])
def test_missing_file(tmp_path: Path, suffix: str):
    with pytest.raises(HandFileError, match=f"MANO_RIGHT{suffix}"):
        read_mano(tmp_path / f"MANO_RIGHT{suffix}", "right")


@pytest.mark.parametrize(("name", "side"), [("MANO_LEFT.pkl", "right"), ("my_right_hand.pkl", "left")])
def test_name_of_the_other_side(tmp_path: Path, name: str, side):
    path = dump(content(side), tmp_path / name)
    with pytest.raises(HandFileError, match=f"{name}: expected the {side} hand"):
        read_mano(path, side)


@pytest.mark.parametrize(
    "field",
    ["v_template", "shapedirs", "posedirs", "J_regressor", "weights", "hands_mean", "hands_components", "f"],
)
class TestFields:
    def read(self, tmp_path: Path, field: str, change) -> None:
        fields = content("right")
        fields[field] = change(fields[field])
        read_mano(dump(fields, tmp_path / "hand.pkl"), "right")

    def test_wrong_shape(self, tmp_path: Path, field: str):
        with pytest.raises(HandFileError, match=rf"field {field}: expected shape \(.*\), got \(.*\)"):
            self.read(tmp_path, field, lambda value: value[:-1])

    def test_not_numbers(self, tmp_path: Path, field: str):
        with pytest.raises(HandFileError, match=rf"field {field}: expected numbers"):
            self.read(tmp_path, field, lambda value: value.astype(str))

    def test_missing(self, tmp_path: Path, field: str):
        fields = content("right")
        del fields[field]
        with pytest.raises(HandFileError, match=rf"field {field} is missing"):
            read_mano(dump(fields, tmp_path / "hand.pkl"), "right")

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_not_finite(self, tmp_path: Path, field: str, bad: float):
        def spoil(value: np.ndarray) -> np.ndarray:
            value = value.astype(np.float64)
            value.flat[7] = bad
            return value

        with pytest.raises(HandFileError, match=rf"field {field}: expected finite numbers"):
            self.read(tmp_path, field, spoil)


def test_vertex_number_out_of_range(tmp_path: Path):
    fields = content("right")
    fields["f"][3, 1] = 778
    with pytest.raises(HandFileError, match="field f: expected vertex numbers below 778"):
        read_mano(dump(fields, tmp_path / "hand.pkl"), "right")


def test_other_skeleton(tmp_path: Path):
    fields = content("right")
    fields["kintree_table"][0, 4] = 3
    with pytest.raises(HandFileError, match="field kintree_table: expected the parents"):
        read_mano(dump(fields, tmp_path / "hand.pkl"), "right")


def test_left_sign_fault_is_mended():
    left, right = open_hand_data("left"), open_hand_data("right")
    faulty = replace(left, shapedirs=right.shapedirs * np.array([1.0, 1.0, 1.0])[:, None])
    assert same(repair_left_shapedirs(faulty, right), left)


def test_left_without_the_fault_is_left_alone():
    left, right = open_hand_data("left"), open_hand_data("right")
    assert repair_left_shapedirs(left, right) is left
    other = replace(left, shapedirs=np.random.default_rng(0).normal(size=(778, 3, 10)))
    assert repair_left_shapedirs(other, right) is other


def test_mirroring_twice_changes_nothing():
    right = open_hand_data("right")
    assert same(right.mirrored().mirrored(), right)
