from collections import Counter

import numpy as np
import pytest
from support.geometry import penetration

from handlib.data.layered import people
from handlib.data.layered.people import (
    DISTANCES,
    HANDS_SHARE,
    RELATION_SHARES,
    RELATIONS,
    VIEW_SHARES,
    VIEWS,
    View,
    look,
    look_from,
    sample_pair,
    sample_seen_pair,
)
from handlib.data.rendered.arm import hand_faces
from handlib.data.rendered.placement import NEAR_TO, Pair
from handlib.data.sample import STRATA


def pairs(monkeypatch: pytest.MonkeyPatch, relation: str, count: int = 3) -> list[Pair]:
    monkeypatch.setattr(people, "RELATION_SHARES", [float(name == relation) for name in RELATIONS])
    rng = np.random.default_rng(4)
    return [sample_pair(rng) for _ in range(count)]


@pytest.mark.parametrize("relation", RELATIONS)
def test_two_hands_of_one_person_dont_pass_through_each_other(monkeypatch, relation: str):
    for pair in pairs(monkeypatch, relation, 12 if relation == "free" else 3):
        np.testing.assert_array_equal(pair.betas[0], pair.betas[1])
        left, right = pair.vertices
        faces = hand_faces()
        assert max(penetration(left, faces, right, faces), penetration(right, faces, left, faces)) < 0.0015
        assert pair.stratum in STRATA
        assert (pair.stratum == "interlocked") == (relation == "interlocked") or relation == "any way"
        if pair.stratum in ("near", "apart"):
            assert (pair.distance > NEAR_TO) == (pair.stratum == "apart")
            between = np.linalg.norm(left[:, None] - right, axis=-1).min()
            assert 0 < pair.distance <= between + 1e-6


def test_relations_have_their_shares(monkeypatch):
    drawn: Counter[str] = Counter()
    pair = pairs(monkeypatch, "free", 1)[0]
    monkeypatch.undo()

    def place(world, rng):
        assert world.one_person
        always = world.shares == (0.0, 0.0, 0.0, 1.0)
        drawn["interlocked" if always else "any way" if world is people.ANY_WAY else "together"] += 1
        return pair

    def free(rng):
        drawn["free"] += 1
        return pair

    monkeypatch.setattr(people, "place_pair", place)
    monkeypatch.setattr(people, "free_pair", free)
    rng = np.random.default_rng(0)
    for _ in range(400):
        sample_pair(rng)
    assert [drawn[name] / 400 for name in RELATIONS] == pytest.approx(RELATION_SHARES, abs=0.07)


def test_pairs_are_seen_whole_in_the_middle_with_room_around_from_views_in_their_shares(monkeypatch):
    pair = pairs(monkeypatch, "free", 1)[0]
    monkeypatch.setattr(people, "sample_pair", lambda rng: pair)
    rng = np.random.default_rng(0)
    seen = [sample_seen_pair(rng) for _ in range(300)]
    for one in seen[:50]:
        points = one.pair.vertices.reshape(-1, 3)
        in_picture = points[:, :2] / points[:, 2:] * one.intrinsics[:2] + one.intrinsics[2:]
        low, high = in_picture.min(0), in_picture.max(0)
        assert (high - low).max() == pytest.approx(HANDS_SHARE, abs=1e-4)
        np.testing.assert_allclose((low + high) / 2, 0.5, atol=1e-4)
        depth = (points[:, 2].min() + points[:, 2].max()) / 2
        assert DISTANCES[0] - 0.1 < depth < DISTANCES[1] + 0.1
        # Turned before the camera, not changed: root and joints go the same way.
        turn = one.pair.root[1] @ pair.root[1].T
        np.testing.assert_allclose(one.pair.root[0], turn @ pair.root[0], atol=1e-5)
        ways = [p.joints[:, 9] - p.joints[:, 0] for p in (one.pair, pair)]
        np.testing.assert_allclose(ways[0], ways[1] @ turn.T, atol=1e-5)
    counts = Counter(one.view for one in seen)
    assert [counts[view] / 300 for view in VIEWS] == pytest.approx(VIEW_SHARES, abs=0.08)


def test_the_owners_own_look_changes_nothing():
    np.testing.assert_allclose(look_from(50.0, 0.0, 50.0, 0.0), np.eye(3), atol=1e-9)


def test_across_from_hands_before_the_chest_one_sees_palms():
    np.testing.assert_allclose(look_from(0.0, 180.0, 0.0, 0.0), np.diag([-1, 1, -1]), atol=1e-9)


def test_across_a_table_fingers_point_down_and_backs_stay_visible():
    np.testing.assert_allclose(look_from(90.0, 180.0, 90.0, 0.0), np.diag([-1, -1, 1]), atol=1e-9)


@pytest.mark.parametrize(("view", "low", "high"), [("first person", 0.5, 1), ("facing", -1, 0)])
def test_who_looks_sees_the_owners_side_or_the_other(view: View, low: float, high: float):
    rng = np.random.default_rng(2)
    assert low < np.mean([look(rng, view)[2, 2] for _ in range(200)]) < high


def test_who_looks_from_the_side_does_so_from_either_side():
    rng = np.random.default_rng(3)
    turns = np.stack([look(rng, "side") for _ in range(200)])
    assert abs(turns[:, 2, 2].mean()) < 0.45
    assert np.mean(turns[:, 2, 0] > 0) == pytest.approx(0.5, abs=0.1)
    assert np.abs(turns[:, 2, 0]).mean() > 0.4
    np.testing.assert_allclose(np.linalg.det(turns), 1, atol=1e-9)
