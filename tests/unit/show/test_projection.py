"""The projection explorer: what meeting hands lose, and a panel that follows its controls."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.random_pairs import random_pairs

from handlib.analysis.projection import plane_shares, read_back_error, seen_at_joints
from handlib.hand.skeleton import BONES, joint_index
from handlib.show.projection import (
    MAP_SIZES,
    PROJECTION_NAMES,
    ProjectionExplorer,
    bring_together,
    planes_so_far,
    projection_state,
)

SIZE, HALF_WIDTH = 16, 0.125
TIP, BEFORE = joint_index("index4"), joint_index("index3")
PROJECTIONS = tuple(PROJECTION_NAMES.values())


def uv_of(pixels: np.ndarray, size: int = SIZE) -> torch.Tensor:
    return torch.as_tensor(pixels, dtype=torch.float32) * 2 / size - 1


def two_fingers(gap: float, size: int = SIZE) -> torch.Tensor:
    """Index fingers in a row, tips a gap apart, the left one on a pixel's centre, all else 6 pixels away."""
    pixels = np.empty((2, 21, 2))
    pixels[0], pixels[1] = (1.5, 7.5), (7.5 + gap + 6, 7.5)
    pixels[0, TIP], pixels[1, TIP] = (7.5, 7.5), (7.5 + gap, 7.5)
    return uv_of(pixels, size)


def random_uv(seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(-0.95, 0.95, (2, 21, 2))).float()


def all_errors(uv: torch.Tensor, projection: str, size: int = SIZE) -> torch.Tensor:
    shares = plane_shares(uv, size, HALF_WIDTH, projection)
    return read_back_error(seen_at_joints(shares, uv)).diagonal()


def test_tips_in_one_place_lose_half_on_a_shared_plane_and_nothing_on_their_own():
    # Both tips on one pixel's centre, where their bones show nothing of the joints before.
    lost = {p: projection_state(two_fingers(0), 0.0, p, HALF_WIDTH, SIZE).errors for p in PROJECTIONS}
    np.testing.assert_allclose(lost["single"], 0.5, atol=1e-4)
    np.testing.assert_allclose(lost["bone"], 0, atol=1e-4)
    np.testing.assert_allclose(lost["joint"], 0, atol=1e-4)
    assert projection_state(two_fingers(4), 4.0, "single", HALF_WIDTH, SIZE).errors.max() < 1e-4


def test_a_joint_that_draws_no_pixel_is_lost():
    uv = two_fingers(4) + 1 / SIZE  # Every joint on the corner of four pixels.
    state = projection_state(uv, 4.0, "joint", 0.7 * 2 / SIZE, SIZE)
    np.testing.assert_allclose(state.errors, 1)
    assert "100 % of the left one" in state.caption


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(MAP_SIZES[1:]))
def test_more_planes_never_tell_less(seed, size):
    # The shared plane is a sum of bone planes, so their reader can do whatever its reader can.
    uv = random_uv(seed)
    single, bone, joint = (all_errors(uv, p, size) for p in ("single", "bone", "joint"))
    assert (bone <= single + 1e-6).all()
    assert (joint < 1e-6).all()
    assert ((single >= 0) & (single <= 1)).all()


@given(st.integers(0, 10_000), st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_hands_are_brought_together_without_being_turned(seed, gap):
    uv = random_uv(seed)
    moved = bring_together(uv, TIP, gap)
    torch.testing.assert_close(moved - moved[:, :1], uv - uv[:, :1], atol=1e-5, rtol=0)
    assert float((moved[1, TIP] - moved[0, TIP]).norm()) == pytest.approx(gap, abs=1e-5)
    torch.testing.assert_close(moved[:, TIP].mean(0), uv[:, TIP].mean(0), atol=1e-5, rtol=0)


def test_joints_in_one_place_part_along_x():
    uv = torch.zeros(2, 21, 2)
    moved = bring_together(uv, TIP, 0.5)
    assert moved[:, TIP].tolist() == [[-0.25, 0], [0.25, 0]]


def test_planes_that_are_read_hold_the_right_joints():
    uv = random_uv(3)
    gap = float((uv[1, TIP] - uv[0, TIP]).norm()) * SIZE / 2  # The hands stay where they are.
    for projection in PROJECTIONS:
        state = projection_state(uv, gap, projection, HALF_WIDTH, SIZE)
        np.testing.assert_allclose(state.uv, uv, atol=1e-5)
        shares = plane_shares(torch.from_numpy(state.uv), SIZE, HALF_WIDTH, projection).numpy()
        bone = BONES.index((BEFORE, TIP))
        plane = {"single": (0, 0), "bone": (bone, 20 + bone), "joint": (TIP, 21 + TIP)}[projection]
        for h in range(2):
            np.testing.assert_allclose(state.read_from[h, 0], shares[plane[h], 21 * h + TIP], atol=1e-6)
            np.testing.assert_allclose(state.read_from[h].sum(0), shares[plane[h]].sum(0), atol=1e-5)
            assert state.read_from[h, 2].any() == (projection == "single")
        np.testing.assert_allclose(state.added[1], shares[:, 21:].sum((0, 1)), atol=1e-4)
        assert state.zeros == pytest.approx((shares.sum(1) == 0).mean())


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_planes_fill_bone_by_bone_until_all_are_drawn(projection):
    uv = random_uv(5)
    steps = [planes_so_far(uv, SIZE, HALF_WIDTH, projection, TIP, drawn) for drawn in range(1, 21)]
    torch.testing.assert_close(steps[-1], plane_shares(uv, SIZE, HALF_WIDTH, projection))
    for before, after in pairwise(steps):
        assert (after - before > -1e-6).all()
    assert (steps[4] > steps[0]).any() and (steps[10] > steps[4]).any()


@pytest.mark.parametrize(
    ("projection", "filled"),
    [("bone", {7, 27}), ("joint", {BEFORE, TIP, 21 + BEFORE, 21 + TIP}), ("single", {0})],
)
def test_the_bone_that_ends_in_the_joint_is_drawn_first(projection, filled):
    planes = planes_so_far(random_uv(6), SIZE, HALF_WIDTH, projection, TIP, 1)
    assert {k for k, plane in enumerate(planes) if plane.any()} == filled
    assert set(planes.sum((0, 2, 3)).nonzero().flatten().tolist()) == {
        BEFORE,
        TIP,
        21 + BEFORE,
        21 + TIP,
    }


def test_half_width_slider_reaches_where_bones_vanish():
    panel = ProjectionExplorer(random_pairs(1, seed=4, size=64)[0])
    assert panel.half_width.min < math.sqrt(0.5) * 2 / 8 < panel.half_width.max
