"""The micro-task of the multi-plane projection: its claim holds, and falls with the planes."""

import pytest
import torch

from handlib.analysis.micro_tasks import read_back as task
from handlib.analysis.micro_tasks.result import MicroTaskResult
from handlib.model.projection import MultiPlaneProjection, bone_masks

PLANES = next(claim for claim in task.CLAIMS if claim.row == "8 x 8, bone planes")


def quick() -> MicroTaskResult:
    return task.read_back(range(5), (PLANES.row, PLANES.reference), steps=50)


def test_planes_keep_more_than_one_plane():
    result = quick()
    assert PLANES in result.claims
    assert result.holds(PLANES)


def test_blank_planes_make_the_claim_fall(monkeypatch: pytest.MonkeyPatch):
    def blank(*arguments):
        return torch.zeros_like(bone_masks(*arguments))

    monkeypatch.setattr(MultiPlaneProjection, "bone_masks", staticmethod(blank))
    result = quick()
    assert not result.holds(PLANES)
    assert max(result.rows[PLANES.row]) < 3


def test_bones_over_a_joint_are_counted_at_its_pixel():
    # All joints in one pixel, whose 40 bones then all lie over it; a joint off the map has none.
    uv = torch.full((1, 2, 21, 2), 0.1)
    assert task.bones_over(uv, 8).unique().tolist() == [40]
    uv[0, 1, 4] = 5.0
    assert task.bones_over(uv, 8)[0, 1, 4] == 0
    # A pinky's tip far from everything else lies under its own last bone.
    uv[0, 0, 20] = torch.tensor([-0.9, -0.9])
    assert task.bones_over(uv, 8)[0, 0, 20] == 1


def test_moved_pairs_keep_their_shape():
    places = task.joint_places()[:6]
    moved = task.moved(places, torch.Generator().manual_seed(0))
    assert not torch.allclose(moved, places, atol=0.01)
    for before, after in zip(places.flatten(1, 2), moved.flatten(1, 2), strict=True):
        torch.testing.assert_close(torch.pdist(before), torch.pdist(after), atol=1e-4, rtol=0)


def test_a_wide_plane_has_the_weights_of_all_bone_planes():
    def weights(planes: str) -> int:
        return task.ReadBack(*task.PLANES[planes], 8).project.gather.weight.numel()

    assert weights("one plane, 40 times as wide") == weights("bone planes") == 40 * weights("one plane")


def test_what_is_read_is_also_told_by_bones(monkeypatch):
    bones = torch.arange(1, 43).view(1, 2, 21)

    def unread(planes, size, seed, steps):
        return bones / 100 + seed, bones

    monkeypatch.setattr(task, "unread", unread)
    result = task.read_back((0, 1), ("8 x 8, joint planes",))
    assert result.rows == {"8 x 8, joint planes": pytest.approx([78.5, -21.5])}
    assert list(result.parts) == [f"8 x 8, joint planes, {crowd} bones" for crowd in task.CROWDS]
    for crowd, (fewest, most) in task.CROWDS.items():
        middle = (max(fewest, 1) + min(most, 42)) / 2
        read = result.parts[f"8 x 8, joint planes, {crowd} bones"]
        assert read == pytest.approx([100 - middle, -middle], abs=1e-3)
