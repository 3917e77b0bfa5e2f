import math
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import binary_dilation

from handlib.data.layered import compose as module
from handlib.data.layered.compose import (
    CLEAR,
    FAR,
    LEAST_INSIDE,
    NOMINAL,
    Backdrops,
    Cut,
    Ranges,
    arms_of,
    bounds_of,
    compose,
    with_edges,
)
from handlib.data.layered.layers import LayeredPair, make_layers
from handlib.data.rendered.posed_arm import hands
from handlib.data.sample import Sample
from handlib.geometry.camera import project_pinhole, uv_to_pixels
from handlib.hand.upright import turn_to_upright

SIZE = 96
NOTHING = {field.name: 0.0 for field in fields(Ranges)} | {"scale": 1.0}
"""Every chance and range off: a picture straight from the middle."""


class Grey(Backdrops):
    """Nothing but one colour behind hands."""

    def __init__(self) -> None:
        super().__init__(())

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        return np.full((size, size, 3), 250, np.float32)


@pytest.fixture(scope="module")
def pairs() -> list[LayeredPair]:
    """Hands that touch, two that are apart and all to be seen, and one hand partly behind the other."""
    return [LayeredPair.of(make_layers(3, index, "train", SIZE)) for index in (0, 13, 2, 3)]


def never() -> LayeredPair:
    raise AssertionError("nobody asked for a stranger")


def made(pair: LayeredPair, seed: int, backdrops: Backdrops | None = None, **changes: float) -> Sample:
    ranges = Ranges(**{**NOTHING, **changes})
    return compose(pair, never, np.random.default_rng(seed), SIZE, ranges, backdrops or Backdrops(()))


def cut_of(pair: LayeredPair, seed: int, **changes: float) -> Cut:
    """The cut that ``made`` begins with."""
    return Cut.sample(np.random.default_rng(seed), pair, SIZE, Ranges(**{**NOTHING, **changes}))


def picture(sample: Sample) -> np.ndarray:
    return sample.image.permute(1, 2, 0).numpy().astype(float)


def same(one: Sample, other: Sample, names: Sequence[str] = tuple(f.name for f in fields(Sample))) -> bool:
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in names)


def test_random_numbers_decide_the_picture(pairs):
    def one(seed: int) -> Sample:
        return compose(pairs[0], lambda: pairs[1], np.random.default_rng(seed), SIZE, Ranges(), Backdrops(()))

    for seed in range(6):
        first = one(seed)
        assert same(first, one(seed)) and not torch.equal(first.image, one(seed + 1).image)
        assert first.image.dtype == torch.uint8 and first.image.shape == (3, SIZE, SIZE)


@pytest.mark.parametrize("place", range(4))
def test_truth_moves_with_the_cut(pairs, place: int):
    pair, changes = pairs[place], {"turn": 60.0, "scale": 1.4, "shift": 0.15}
    stored = project_pinhole(pair.joints, pair.intrinsics).numpy()
    for seed in range(3):
        sample, cut = made(pair, seed, **changes), cut_of(pair, seed, **changes)
        expected = stored @ cut.matrix.T + cut.shift
        np.testing.assert_allclose(uv_to_pixels(sample.uv, SIZE), expected, atol=1e-2)
        np.testing.assert_allclose(cut.matrix @ cut.matrix.T, np.eye(2) * cut.scale**2, atol=1e-9)
        # Root and joints turn alike: the hand model, posed with the sample's numbers, gives its joints.
        for arm, hand in enumerate(hands()):
            posed = hand(
                root_rotation=sample.root[arm], pose_axis_angle=sample.pose[arm], betas=sample.betas[arm]
            ).joints
            torch.testing.assert_close(
                posed - posed[0], sample.joints[arm] - sample.joints[arm, 0], atol=1e-4, rtol=0
            )
        along, before = (hand.joints[:, 9] - hand.joints[:, 0] for hand in (sample, pair))
        angles = [torch.atan2(way[:, 1], way[:, 0]) for way in (along, before)]
        turned = torch.remainder(angles[0] - angles[1] - cut.angle + torch.pi, 2 * torch.pi) - torch.pi
        torch.testing.assert_close(turned, torch.zeros(2), atol=1e-4, rtol=0)
        torch.testing.assert_close(along[:, 2], before[:, 2])


def test_upright_cuts_let_hands_point_up(pairs):
    for seed, pair in enumerate(pairs):
        assert abs(float(turn_to_upright(made(pair, seed, upright=1.0).uv))) < 1e-3
    rough = [
        abs(float(turn_to_upright(made(pairs[0], seed, upright=1.0, turn=20.0).uv))) for seed in range(5)
    ]
    assert 0.05 < max(rough) < math.radians(20)


def test_labels_depth_and_dense_maps_lie_where_the_hands_are(pairs):
    for seed, pair in enumerate(pairs):
        sample = made(pair, seed, turn=60.0, scale=1.1)
        label, pixels = sample.label.numpy(), uv_to_pixels(sample.uv, SIZE).floor().long()
        np.testing.assert_array_equal((sample.dense.numpy() > 0).all(0), label > 0)
        np.testing.assert_array_equal(sample.depth.numpy() > 0, label > 0)
        for arm in np.flatnonzero(pair.visible.numpy() > 0.95):
            inside = ((pixels[arm] >= 0) & (pixels[arm] < SIZE)).all(-1)
            column, row = pixels[arm][inside].unbind(-1)
            assert inside.sum() > 10
            assert (label[row, column] == 1 + arm).mean() > 0.75
            depth, z = sample.depth.numpy()[label == 1 + arm], sample.vertices[arm, :, 2].numpy()
            assert z.min() - 2e-3 < depth.min() and depth.max() < z.max() + 2e-3


def test_a_hand_is_visible_as_far_as_it_is_in_the_picture(pairs):
    whole, shares = made(pairs[1], 0), []
    for seed in range(40):
        sample = made(pairs[1], seed, shift=0.6)
        for arm in (0, 1):
            share = int((sample.label == 1 + arm).sum()) / int((whole.label == 1 + arm).sum())
            shares.append(share)
            if abs(share - LEAST_INSIDE) > 0.03:
                assert sample.visible[arm] == (pairs[1].visible[arm] if share > LEAST_INSIDE else 0)
    assert np.histogram(shares, (0, 0.01, LEAST_INSIDE, 0.9, 2))[0].min() > 3


@pytest.mark.parametrize("place", [1, 2])
def test_a_hand_that_is_left_out_has_no_truth_and_the_other_one_keeps_its_own(pairs, place: int):
    left_out = set()
    for seed in range(6):
        sample, whole = made(pairs[place], seed, one_hand=1.0), made(pairs[place], seed)
        gone = int(sample.visible.argmin())
        left_out.add(gone)
        assert sample.visible[gone] == 0 and sample.visible[1 - gone] == whole.visible[1 - gone] > CLEAR
        assert not (sample.label == 1 + gone).any()
        assert torch.equal(sample.label == 2 - gone, whole.label == 2 - gone)
        kept = (sample.label > 0).numpy()
        assert np.array_equal(sample.depth.numpy() > 0, kept)
        assert np.array_equal((sample.dense.numpy() > 0).any(0), kept)
    assert left_out == {0, 1}


@pytest.mark.parametrize("where", ["inside", "along its outline"])
@pytest.mark.parametrize("place", [1, 2])
def test_a_hand_that_is_left_out_leaves_no_colour(pairs, place: int, where: str):
    for seed in range(4):
        sample = made(pairs[place], seed, Grey(), one_hand=1.0)
        gone = int(sample.visible.argmin())
        part = cut_of(pairs[place], seed, one_hand=1.0).apply(pairs[place].part.numpy(), smooth=False)
        theirs, kept = arms_of(part) == 1 + gone, binary_dilation(arms_of(part) == 2 - gone, iterations=3)
        around = binary_dilation(theirs, iterations=2)
        asked = (theirs if where == "inside" else around & ~theirs) & ~kept
        empty = ~around & ~kept
        assert asked.sum() > 50
        # The noise of a pixel is at most 8.
        assert abs(picture(sample)[asked].mean() - picture(sample)[empty].mean()) < 3


def test_hands_that_hide_each_other_stay_together(pairs):
    assert pairs[3].visible.min() < CLEAR
    for seed in range(4):
        assert same(made(pairs[3], seed, one_hand=1.0), made(pairs[3], seed))


def test_a_picture_without_hands_has_no_truth_of_any(pairs):
    sample = made(pairs[0], 0, Grey(), no_hand=1.0)
    assert not sample.visible.any() and not sample.label.any()
    assert not sample.depth.any() and not sample.dense.any()


def test_things_hide_what_is_under_them_and_nothing_else(pairs, monkeypatch):
    thing = np.array((255, 0, 255), np.float32)
    monkeypatch.setattr(module, "surface", lambda rng, size, backdrops: thing)
    monkeypatch.setattr(module, "recoloured", lambda rng, colour, strength: colour)
    lost = {"held": 0, "in_front": 0}
    for seed in range(12):
        pair = pairs[seed % 4]
        whole = made(pair, seed, Grey())
        for kind in lost:
            sample = made(pair, seed, Grey(), **{kind: 1.0})
            is_thing = np.abs(picture(sample) - thing).max(-1) < 60
            gone = (whole.label != sample.label).numpy()
            assert not sample.label.numpy()[is_thing].any() and not sample.label.numpy()[gone].any()
            assert is_thing[gone].all()
            lost[kind] += int(gone.sum())
            for arm in (0, 1):
                before, after = ((one.label == 1 + arm).sum() for one in (whole, sample))
                expected = whole.visible[arm] * after / before
                torch.testing.assert_close(sample.visible[arm], expected, atol=1e-5, rtol=0)
            if kind == "held":
                depth = whole.depth.numpy()
                nearest = np.quantile(depth[depth > 0], 0.2)
                assert (depth[gone] >= nearest).all()
    assert min(lost.values()) > 100


def test_a_bystander_is_in_the_picture_and_not_in_its_truth(pairs):
    asked = []

    def stranger() -> LayeredPair:
        asked.append(1)
        return pairs[2]

    ranges, seen = Ranges(**NOTHING | {"bystander": 1.0}), 0.0
    for seed in range(4):
        sample = compose(pairs[1], stranger, np.random.default_rng(seed), SIZE, ranges, Grey())
        alone = made(pairs[1], seed, Grey())
        assert same(sample, alone, [f.name for f in fields(Sample) if f.name != "image"])
        seen += (np.abs(picture(sample) - picture(alone)).mean(-1) > 60).mean()
    assert len(asked) == 4 and seen > 0.05


def test_edges_dont_touch_hands_and_are_repeated_outside():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    label = np.zeros((40, 40), np.uint8)
    label[12:30, 18:27] = 2
    cut = 0
    for chosen in (label, np.zeros_like(label)):
        for _ in range(12):
            edged = with_edges(rng, picture, chosen)
            kept = (edged == picture).all(-1)
            (left, top), (right, bottom) = bounds_of(kept)
            assert kept[top:bottom, left:right].all() and kept[chosen > 0].all()
            around = ((top, 40 - bottom), (left, 40 - right), (0, 0))
            assert np.array_equal(np.pad(picture[top:bottom, left:right], around, mode="edge"), edged)
            cut += not kept.all()
    assert 10 < cut < 24


def test_edges_leave_labels_as_they_are(pairs):
    for seed in range(4):
        edged, whole = made(pairs[0], seed, edges=1.0), made(pairs[0], seed)
        assert torch.equal(edged.label, whole.label)
        assert torch.equal(edged.image * (edged.label > 0), whole.image * (whole.label > 0))


def test_hands_that_are_far_are_small(pairs):
    nominal = cut_of(pairs[0], 0).scale
    assert nominal == pytest.approx(SIZE / (SIZE * NOMINAL))
    for seed in range(10):
        assert FAR[0] <= cut_of(pairs[0], seed, far=1.0).scale / nominal <= FAR[1]
        assert 1 / 1.3 <= cut_of(pairs[0], seed, scale=1.3).scale / nominal <= 1.3
    near, far = (int((made(pairs[0], 0, far=chance).label > 0).sum()) for chance in (0.0, 1.0))
    assert FAR[0] ** 2 * 0.9 < far / near < FAR[1] ** 2 * 1.1


def test_a_hand_that_is_close_fills_the_picture_from_its_middle(pairs):
    looked_at = set()
    for seed in range(12):
        label = made(pairs[1], seed, close=1.0).label.numpy()
        boxes = [bounds_of(label == 1 + arm) for arm in (0, 1) if (label == 1 + arm).any()]
        middles = [(low + high) / 2 for low, high in boxes]
        chosen = int(np.argmin([np.abs(middle - SIZE / 2).max() for middle in middles]))
        low, high = boxes[chosen]
        assert np.abs(middles[chosen] - SIZE / 2).max() < 2
        assert 0.4 * SIZE - 3 < (high - low).max() < 0.8 * SIZE + 3
        looked_at.add(int(label[label > 0][0]) if len(boxes) == 1 else 1 + chosen)
    assert looked_at == {1, 2}
    # Hands that touch are never looked at one by one.
    assert all(cut_of(pairs[0], seed, close=1.0).scale == cut_of(pairs[0], seed).scale for seed in range(4))


def test_backdrops_are_drawn_or_photographs(tmp_path: Path):
    drawn = Backdrops(()).sample(np.random.default_rng(0), 48)
    assert drawn.shape == (48, 48, 3) and drawn.min() >= 0 and drawn.max() <= 255
    assert np.array_equal(drawn, Backdrops(()).sample(np.random.default_rng(0), 48))
    assert not np.array_equal(drawn, Backdrops(()).sample(np.random.default_rng(1), 48))

    Image.new("RGB", (70, 50), (200, 10, 30)).save(tmp_path / "red.png")
    photographs = Backdrops((tmp_path / "red.png",), side=64, drawn=0.3)
    samples = [photographs.sample(np.random.default_rng(seed), 20) for seed in range(40)]
    red = [bool((sample == (200, 10, 30)).all()) for sample in samples]
    assert np.mean(red) == pytest.approx(0.7, abs=0.2)
    assert all(sample.shape == (20, 20, 3) for sample in samples)
