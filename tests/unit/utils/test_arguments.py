"""Numbers that aren't finite are named where they enter; arguments of other sorts are refused."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.random_pairs import HANDS, noisy_estimate, random_pairs

from handlib.data.rendered.render import PairScene
from handlib.evaluation.metrics import INTAG_MCP, INTERNET, evaluate_batch
from handlib.model.placed import place
from handlib.photos.gltf import HandMotion, write_hands
from handlib.photos.one_euro import OneEuro, smooth_rotations, smooth_vectors
from handlib.show.core.hands import HandsView
from handlib.utils.arguments import check_between, check_choice, check_finite, check_some, check_types
from handlib.utils.errors import InputError

PAIRS = random_pairs(2)
ESTIMATE = noisy_estimate(PAIRS)
PLACED = place(PAIRS)
TURNS = torch.eye(3).expand(4, 16, 3, 3)
Inputs = dict[str, torch.Tensor | np.ndarray]


def measure(**inputs: torch.Tensor) -> None:
    def changed(record, start: str):
        names = [field.name for field in fields(record) if start + field.name in inputs]
        return replace(record, **{name: inputs[start + name] for name in names})

    params = changed(ESTIMATE.params, "estimate.params.")
    estimate = changed(replace(ESTIMATE, params=params), "estimate.")
    evaluate_batch(estimate, changed(PAIRS, "sample."), INTAG_MCP, HANDS)


def export(path: Path) -> Callable[..., None]:
    def run(**inputs: torch.Tensor) -> None:
        motion = {name.removeprefix("motions[0]."): value for name, value in inputs.items()}
        write_hands(path / "hands.glb", [HandMotion(HANDS[0], **motion)])

    return run


ENTRIES: dict[str, tuple[Callable[..., object], Inputs]] = {
    "metrics": (
        measure,
        {f"estimate.{name}": getattr(ESTIMATE, name) for name in ("joints", "vertices", "uv", "offset")}
        | {f"estimate.params.{name}": value for name, value in vars(ESTIMATE.params).items()}
        | {f"sample.{name}": getattr(PAIRS, name) for name in ("joints", "vertices", "root", "intrinsics")},
    ),
    "hand": (
        lambda **inputs: HANDS[0](**inputs),
        {"root_6d": torch.eye(3)[:2].flatten(), "pose_pca": torch.zeros(3, 5), "betas": torch.zeros(3, 10)},
    ),
    "renderer": (
        PairScene,
        {"vertices": PAIRS.vertices[0].numpy(), "intrinsics": PAIRS.intrinsics[0].numpy() / PAIRS.size},
    ),
    "3D view": (HandsView, {"vertices": PLACED.vertices, "joints": PLACED.joints}),
    "vectors over time": (
        lambda values: smooth_vectors(values, 10.0, OneEuro()),
        {"values": torch.zeros(5, 2, 3)},
    ),
    "rotations over time": (
        lambda values: smooth_rotations(values, 10.0, OneEuro()),
        {"values": TURNS.clone()},
    ),
    "glTF": (
        export,
        {
            "motions[0].betas": torch.zeros(10),
            "motions[0].rotations": TURNS.clone(),
            "motions[0].wrist": torch.zeros(4, 3),
        },
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("export")


@pytest.mark.parametrize("entry", ENTRIES)
@settings(deadline=None, max_examples=12)
@given(st.data())
def test_a_number_that_is_not_finite_is_named_with_its_place(entry: str, folder: Path, data: st.DataObject):
    call, inputs = ENTRIES[entry]
    call = call(folder) if call is export else call
    call(**inputs)
    name = data.draw(st.sampled_from(sorted(inputs)))
    bad = data.draw(st.sampled_from((math.nan, math.inf, -math.inf)))
    shape = tuple(inputs[name].shape)
    place = tuple(data.draw(st.integers(0, length - 1)) for length in shape)
    value = inputs[name].clone() if isinstance(inputs[name], torch.Tensor) else inputs[name].copy()
    value[place] = bad
    wanted = f"{name}: expected finite numbers, got {bad} at [{', '.join(map(str, place))}]"
    before = list(folder.iterdir())
    with pytest.raises(InputError, match=re.escape(wanted)):
        call(**inputs | {name: value})
    assert list(folder.iterdir()) == before


def test_truth_that_a_mask_leaves_out_may_be_anything():
    joints, valid = PAIRS.joints.clone(), torch.ones(2, 2, 21, dtype=torch.bool)
    joints[1, 0, 7], valid[1, 0, 7] = torch.nan, False
    broken = replace(PAIRS, joints=joints)
    found = evaluate_batch(ESTIMATE, broken, INTERNET, HANDS, valid)
    torch.testing.assert_close(found, evaluate_batch(ESTIMATE, PAIRS, INTERNET, HANDS, valid))
    assert all(value.isfinite().all() for value in found.values())
    with pytest.raises(InputError, match=r"sample\.joints: .* at \[1, 0, 7, 0\]"):
        evaluate_batch(ESTIMATE, broken, INTERNET, HANDS)


@pytest.mark.parametrize("rate", [0.0, math.inf])
def test_rates(rate: float, tmp_path: Path):
    with pytest.raises(InputError, match="rate: expected a positive number"):
        smooth_vectors(torch.zeros(2, 1), rate, OneEuro())
    motion = HandMotion(HANDS[0], torch.zeros(10), TURNS, torch.zeros(4, 3))
    with pytest.raises(InputError, match="frames_per_second: expected a positive number"):
        write_hands(tmp_path / "hands.glb", [motion], rate)


def test_whatever_holds_no_floating_point_numbers_passes():
    for value in (None, "x", 3, True, torch.ones(2, dtype=torch.int64), np.array(["x"]), torch.zeros(0)):
        check_finite("value", value)


@check_types
def four(count: int, share: float = 0.5, names: Sequence[str] = (), numbers: Mapping[str, int] | None = None):
    return count


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("3",), "four: count: expected int, got str '3'"),
        ((3, None), "four: share: expected float, got NoneType None"),
        ((3, 0.5, ["a", "b", 3]), r"four: names: expected Sequence\[str\], got list"),
        ((3, 0.5, (), {"a": 1, "b": "2"}), "four: numbers: expected"),
        ((), "four: missing a required argument: 'count'"),
    ],
)
def test_types_by_the_signature(arguments: tuple, message: str):
    assert four(np.int64(3), 1, ["a"], {"a": 1}) == 3
    with pytest.raises(InputError, match=message):
        four(*arguments)


def test_choices_ranges_and_empty_collections():
    check_choice("hand", "left", ("left", "right"))
    check_between("index", 3, 0, 3)
    check_some("names", "x")
    for wrong in (["left"], None):
        with pytest.raises(InputError, match="hand: expected one of left, right"):
            check_choice("hand", wrong, ("left", "right"))
    for wrong in (4, math.nan, "1"):
        with pytest.raises(InputError, match="index: expected a number from 0 to 3"):
            check_between("index", wrong, 0, 3)
    with pytest.raises(InputError, match="names: expected at least one"):
        check_some("names", ())
