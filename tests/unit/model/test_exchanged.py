"""A picture read the other way: left for right, near for far, and everything seen at the same place."""

import torch
from support.random_pairs import HANDS, noisy_estimate, random_pairs

from handlib.hand.hand import Hands
from handlib.hand.skeleton import SIDES
from handlib.model.estimate import estimate_of, exchanged
from handlib.model.joint_maps import LocatedJoints

PAIRS = random_pairs(4)
MODELS = Hands(dict(zip(SIDES, HANDS, strict=True)))
DEPTH = torch.tensor([1.0, 1.0, -1.0])


def test_the_picture_stays_as_it_is():
    noisy = noisy_estimate(PAIRS)
    before = estimate_of(noisy.params, noisy.offset, MODELS, log_scale=False)
    after = exchanged(before, MODELS, log_scale=False)
    torch.testing.assert_close(after.uv, before.uv.flip(1), atol=1e-4, rtol=0)
    torch.testing.assert_close(after.vertex_uv, before.vertex_uv.flip(1), atol=1e-4, rtol=0)
    torch.testing.assert_close(after.joints, before.joints.flip(1) * DEPTH, atol=1e-5, rtol=0)
    torch.testing.assert_close(after.params.betas, before.params.betas.flip(1))
    # The way from the left wrist to the right one is the other way round.
    torch.testing.assert_close(after.offset, -before.offset * DEPTH)


def test_exchanged_twice_all_is_as_before():
    noisy = noisy_estimate(PAIRS)
    for log_scale in (False, True):
        before = estimate_of(noisy.params, noisy.offset, MODELS, log_scale)
        twice = exchanged(exchanged(before, MODELS, log_scale), MODELS, log_scale)
        torch.testing.assert_close(twice.vertices, before.vertices, atol=1e-5, rtol=0)
        torch.testing.assert_close(twice.camera, before.camera, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(twice.params.pose, before.params.pose, atol=1e-4, rtol=0)


def test_located_joints_are_exchanged_alike():
    joints = LocatedJoints(
        torch.randn(2, 2, 21, 2), torch.randn(2, 2, 21, 3), torch.rand(2, 2, 21), torch.randn(2, 2)
    )
    other = joints.exchanged()
    assert torch.equal(other.uv[:, 0], joints.uv[:, 1])
    assert torch.equal(other.places[:, 1], joints.places[:, 0] * DEPTH)
    assert torch.equal(other.presence, joints.presence.flip(1))
