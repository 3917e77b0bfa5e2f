"""Fits in the world and in the camera, crops, strata."""

import numpy as np
import pytest
import roma
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.random_pairs import HANDS
from torch import Tensor

from handlib.data.interhand.mano_fits import Camera, Fit, Unusable, sample_from_fits, stratum_of
from handlib.data.interhand.stand_ins import make_moments
from handlib.data.sample import STRATA

MILLIMETRE = 1e-3


def random_tensor(g: np.random.Generator, scale: float, *shape: int) -> Tensor:
    return torch.from_numpy(g.normal(scale=scale, size=shape)).float()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31))
def test_both_ways_from_the_world_to_the_camera_meet(seed: int):
    g = np.random.default_rng(seed)
    camera = Camera(roma.rotvec_to_rotmat(random_tensor(g, 2, 3)), random_tensor(g, 1, 3), torch.ones(4))
    for hand in HANDS:
        fit = Fit(
            roma.rotvec_to_rotmat(random_tensor(g, 2, 3)),
            random_tensor(g, 0.3, 45),
            random_tensor(g, 1, 10),
            random_tensor(g, 1, 3),
        )
        in_world, in_camera = fit.posed(hand), fit.seen_by(camera, hand).posed(hand)
        for name in ("vertices", "joints"):
            moved, computed = camera.see(getattr(in_world, name)), getattr(in_camera, name)
            assert (moved - computed).abs().max() < 0.01 * MILLIMETRE


def test_strata_follow_from_the_distance():
    names = [STRATA[stratum_of(metres)] for metres in (0.0, 0.0019, 0.0021, 0.029, 0.031)]
    assert names == ["touching", "touching", "near", "near", "apart"]


@pytest.mark.parametrize(
    ("shift", "reason"),
    [
        ((0, 0, -9), "a hand behind the camera"),
        ((9, 0, 0), "hands outside the picture"),
        ((0, 0, 900), r"hands not 0\.1 to 10 m from the camera \(are lengths in metres\?\)"),
    ],
)
def test_hands_that_the_picture_cannot_show(shift: tuple[float, float, float], reason: str):
    (moment,) = make_moments(1, seed=0, width=32, height=40)
    view = moment.views[0]
    camera = Camera(
        torch.from_numpy(view.rotation).float(),
        torch.from_numpy(view.translation).float() + torch.tensor(shift),
        torch.from_numpy(view.intrinsics).float(),
    )
    fits = []
    for hand in HANDS:
        values = {name: torch.from_numpy(value).float() for name, value in moment.fits[hand.side].items()}
        fits.append(Fit(values["root"], values["pose"], values["shape"], values["trans"]))
    with pytest.raises(Unusable, match=f"picture 7: {reason}"):
        sample_from_fits(view.picture, fits, camera, HANDS, 16, "picture 7")
