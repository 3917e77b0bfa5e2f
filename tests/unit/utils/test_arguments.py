"""Numbers that aren't finite are named where they enter; arguments of other sorts are refused."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.random_pairs import HANDS, noisy_estimate, random_pairs

from handlib.data.rendered.render import PairScene
from handlib.data.sample import Sample
from handlib.evaluation.metrics import INTAG_MCP, INTERNET, evaluate_batch
from handlib.model.estimate import Estimate
from handlib.model.placed import place
from handlib.photos.gltf import HandMotion, write_hands
from handlib.photos.one_euro import OneEuro, smooth_vectors
from handlib.show.core.hands import HandsView
from handlib.utils.arguments import check_between, check_choice, check_finite, check_some, check_types
from handlib.utils.errors import InputError

PAIRS = random_pairs(2)
ESTIMATE = noisy_estimate(PAIRS)
PLACED = place(PAIRS)
TURNS = torch.eye(3).expand(4, 16, 3, 3)
INTRINSICS = PAIRS.intrinsics[0].numpy() / PAIRS.size


@given(st.data())
def test_a_number_that_is_not_finite_is_named_with_its_place(data: st.DataObject):
    name = data.draw(st.sampled_from(("root", "pose", "betas", "camera")))
    bad = data.draw(st.sampled_from((math.nan, math.inf, -math.inf)))
    values = getattr(ESTIMATE.params, name).clone()
    place = tuple(data.draw(st.integers(0, length - 1)) for length in values.shape)
    values[place] = bad
    broken = replace(ESTIMATE, params=replace(ESTIMATE.params, **{name: values}))
    wanted = f"x.params.{name}: expected finite numbers, got {bad} at [{', '.join(map(str, place))}]"
    check_finite("x", ESTIMATE)
    with pytest.raises(InputError, match=re.escape(wanted)):
        check_finite("x", broken)


def broken(values: torch.Tensor) -> torch.Tensor:
    """The numbers, the first of them not finite."""
    return torch.cat((torch.tensor([math.nan]), values.flatten()[1:])).view(values.shape)


def measure(estimate: Estimate = ESTIMATE, sample: Sample = PAIRS) -> None:
    evaluate_batch(estimate, sample, INTAG_MCP, HANDS)


ENTRIES: dict[str, Callable[[], object]] = {
    "estimate.joints": lambda: measure(replace(ESTIMATE, joints=broken(ESTIMATE.joints))),
    "sample.joints": lambda: measure(sample=replace(PAIRS, joints=broken(PAIRS.joints))),
    "pose_pca": lambda: HANDS[0](pose_pca=broken(torch.zeros(3, 5))),
    "intrinsics": lambda: PairScene(PAIRS.vertices[0].numpy(), np.append(INTRINSICS[:3], np.nan)),
    "joints": lambda: HandsView(PLACED.vertices, broken(torch.tensor(PLACED.joints)).numpy()),
    "values": lambda: smooth_vectors(broken(torch.zeros(5, 2, 3)), 10.0, OneEuro()),
    "motions[0].wrist": lambda: write_hands(
        Path("never.glb"), [HandMotion(HANDS[0], torch.zeros(10), TURNS, broken(torch.zeros(4, 3)))]
    ),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_entries_refuse_numbers_that_are_not_finite(name: str):
    with pytest.raises(InputError, match=re.escape(f"{name}: expected finite numbers, got nan at")):
        ENTRIES[name]()


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
