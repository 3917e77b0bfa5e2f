"""Pairs that aren't alone: labels and visible shares say what is drawn, the pair itself stays the same."""

import hashlib
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from handlib.data.rendered.arm import add_forearm, arm_faces
from handlib.data.rendered.occluders.cluttered_scene import ClutteredScene
from handlib.data.rendered.occluders.solids import KINDS, sample_thing
from handlib.data.rendered.occluders.surroundings import (
    LARGEST,
    cover,
    hidden_share,
    hold,
    seen_of_hands,
)
from handlib.data.rendered.scenes import Scene, hidden_scenes, make_scene, with_objects
from handlib.data.rendered.synthetic import make_sample
from handlib.data.sample import BACKGROUND, Sample
from handlib.geometry.rays import NumpyRays
from handlib.hand.skeleton import SIDES

SIZE = 64
TRUTH = ("vertices", "joints", "root", "pose", "betas", "intrinsics", "distance", "stratum")
# What make_samples gave before anything could stand around a pair.
FORMER_SCENES = "1f5a6794aa1873fc88554e8dcd8982b66bd4c32fa79d0b6e6d142619d3f69291"


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene("desk", 5, 1, "test")


@pytest.fixture(scope="module")
def around(scene) -> Scene:
    """The scene with a thing in front and other hands behind."""
    rng = np.random.default_rng(2)
    thing = cover(sample_thing(rng), scene.built, 0.3, rng)
    others = make_scene("desk-others", 5, 1, "test").others
    return replace(scene, things=(thing,), others=others)


def same(first: Sample, second: Sample, names: tuple[str, ...]) -> bool:
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in names)


def test_worlds_without_anything_around_are_what_they_were():
    digest = hashlib.sha256()
    for world in ("desk", "studio", "desk-full", "studio-full"):
        for index in range(3):
            sample = make_sample(world, 32, 11, index, "test")
            for name in ("pose", "betas", "stratum"):
                digest.update(getattr(sample, name).numpy().tobytes())
    assert digest.hexdigest() == FORMER_SCENES


def test_an_empty_clutter_draws_what_the_pair_alone_does(scene):
    bare = scene.sample(SIZE)
    empty = ClutteredScene(scene.pair.vertices, scene.intrinsics)
    for mine, its in zip(empty.truth(SIZE), (bare.label, bare.dense, bare.depth), strict=True):
        assert np.array_equal(mine, its.permute(1, 2, 0).numpy() if its.ndim == 3 else its.numpy())
    assert np.array_equal(empty.visibility()[0], bare.visible.numpy())


def test_truth_is_what_brute_force_finds_at_pixel_centres(around):
    vertices, things = around.pair.vertices, around.things
    arms = [
        (add_forearm(hand, side), arm_faces())
        for pair in (vertices, around.others[0].vertices)
        for hand, side in zip(pair, SIDES, strict=True)
    ]
    caster = NumpyRays([*arms, *((thing.vertices, thing.faces) for thing in things)])
    rng = np.random.default_rng(1)
    rows, columns = rng.integers(0, SIZE, (2, 150))
    fx, fy, cx, cy = around.intrinsics
    rays = np.stack(
        (((columns + 0.5) / SIZE - cx) / fx, ((rows + 0.5) / SIZE - cy) / fy, np.ones(150)), axis=1
    )
    first = caster.first_hits(np.zeros_like(rays), rays)
    label, _, drawn_depth = around.built.truth(SIZE)
    expected = np.where(first.met & (first.mesh < 2), first.mesh + 1, BACKGROUND)
    assert {0, 1, 2} <= set(expected) and (first.mesh > 3).any()
    assert (label[rows, columns] == expected).mean() > 0.99
    hands = expected > 0
    np.testing.assert_allclose(drawn_depth[rows, columns][hands], first.way[hands], atol=1e-4)


def test_all_that_is_true_of_the_pair_stays_and_labels_only_lose(scene, around):
    bare, full = scene.sample(SIZE), around.sample(SIZE)
    assert same(bare, full, TRUTH)
    kept = full.label > 0
    assert torch.equal(full.label[kept], bare.label[kept])
    assert torch.equal(full.depth > 0, kept)
    assert not full.dense.bool().any(0)[~kept].any()
    lost = 1 - kept.sum() / (bare.label > 0).sum()
    assert 0.1 < lost < 0.5
    changed = (full.image != bare.image).any(0)
    assert changed[(bare.label > 0) & ~kept].float().mean() > 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_visible_shares_fall_as_told(scene, kind):
    seen = seen_of_hands(scene.built)
    bare = float(scene.visibility[1].sum())
    for share in (0.1, 0.4, 0.7):
        drawn = sample_thing(np.random.default_rng(4), kind)
        thing = cover(drawn, scene.built, share, np.random.default_rng(5))
        assert hidden_share(thing, seen) == pytest.approx(share, abs=0.02)
        assert thing.vertices[:, 2].max() < seen.depth.min()
        shown = float(replace(scene, things=(thing,)).visibility[1].sum())
        assert shown == pytest.approx((1 - share) * bare, abs=0.03 * bare)


def test_held_things_touch_hands_and_dont_sink_in():
    found = 0
    for index in range(8):
        scene = make_scene("desk", 5, index, "test")
        held = hold(sample_thing(np.random.default_rng(index)), scene.pair.vertices, scene.pair.joints)
        if held is None:
            continue
        found += 1
        skin = scene.pair.vertices.reshape(-1, 3)
        assert not held.contains(skin).any()
        larger = replace(held, half_sizes=1.03 * held.half_sizes)
        assert larger.contains(skin).any() or held.half_sizes.max() > 0.95 * LARGEST
    assert found >= 3


def test_other_hands_are_behind_and_background(scene):
    with_others = make_scene("desk-others", 5, 1, "test")
    (others,) = with_others.others
    assert others.vertices[..., 2].min() > scene.pair.vertices[..., 2].max()
    bare, full = scene.sample(SIZE), with_others.sample(SIZE)
    assert same(bare, full, (*TRUTH, "label", "dense", "depth", "visible"))
    assert ((bare.image != full.image).any(0) & (bare.label == 0)).float().mean() > 0.01


@pytest.mark.parametrize("world", ["desk-objects", "desk-others", "desk-stacked"])
def test_pairs_with_surroundings_can_be_made_again(world):
    made, again = (make_sample(world, 32, 8, 2) for _ in range(2))
    assert same(made, again, tuple(vars(made)))
    assert not torch.equal(made.image, make_sample(world, 32, 9, 2).image)


def test_objects_hide_something_but_never_a_whole_hand():
    scenes = [make_scene("desk-objects", 3, index) for index in range(12)]
    bare = [make_scene("desk", 3, index) for index in range(12)]
    hidden = [1 - s.visibility[1].sum() / b.visibility[1].sum() for s, b in zip(scenes, bare, strict=True)]
    assert min(hidden) >= 0 and max(hidden) > 0.2 and np.mean(hidden) > 0.05
    assert all(1 <= len(s.things) <= 2 and s.visibility[1].min() > 0 for s in scenes)


def test_hidden_scenes_are_the_hidden_ones_of_their_world():
    first = list(islice(hidden_scenes(5), 3))
    assert all(scene.visibility[0].min() < 0.2 < scene.visibility[0].max() for scene in first)
    stacked = [make_scene("desk-stacked", 5, index, "test") for index in range(4)]
    expected = [scene for scene in stacked if scene.visibility[0].min() < 0.2]
    assert np.array_equal(first[0].pair.vertices, expected[0].pair.vertices)


def test_a_crowd_of_things_is_drawn_with_shadows(scene):
    crowded = with_objects(scene, np.random.default_rng(1))
    assert crowded.things and crowded.pair is scene.pair
    full, bare = crowded.sample(SIZE), scene.sample(SIZE)
    still_seen = (full.label > 0) & (full.label == bare.label)
    # Where a hand still shows it can only have become darker, but for the rims of pixels.
    brighter = (full.image.int() - bare.image.int()).amax(0)[still_seen] > 2
    assert brighter.float().mean() < 0.12


def test_a_thousand_scenes_may_be_kept(scene):
    copies = [replace(scene) for _ in range(1100)]
    assert all(np.array_equal(copy.visibility[0], scene.visibility[0]) for copy in copies)
