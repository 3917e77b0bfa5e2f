"""Rays: known hits, embree's and numpy's answers alike, and a picture without embree."""

import numpy as np
import pytest

from handlib.data.rendered.render import render_pair
from handlib.data.rendered.scenes import make_scene
from handlib.geometry import rays
from handlib.geometry.rays import EmbreeRays, NumpyRays

SQUARE = np.array([[-1, -1, 2], [1, -1, 2], [1, 1, 2], [-1, 1, 2]], np.float32)
FACES = np.array([[0, 1, 2], [0, 2, 3]])


@pytest.mark.parametrize("caster", [EmbreeRays, NumpyRays])
def test_rays_meet_the_nearest_surface_before_them(caster: type[EmbreeRays | NumpyRays]) -> None:
    scene = caster([(SQUARE + np.float32([0, 0, 1]), FACES), (SQUARE, FACES[::-1])])
    origins = np.float32([[0.5, -0.5, 0], [0.5, -0.5, 2.5], [0.5, -0.5, 4], [3, 0, 0]])
    towards = np.broadcast_to(np.float32([0, 0, 2]), origins.shape)
    hits = scene.first_hits(origins, towards)
    assert hits.met.tolist() == scene.blocked(origins, towards).tolist() == [True, True, False, False]
    assert hits.mesh[:2].tolist() == [1, 0] and hits.face.tolist() == [1, 0, -1, -1]
    np.testing.assert_allclose(hits.way[:2], [1, 0.25])
    np.testing.assert_allclose([hits.u[0], hits.v[0]], [0.5, 0.25], atol=1e-6)
    assert (np.abs(hits.normal[:2]) > 0).tolist() == [[False, False, True]] * 2


def test_a_ray_in_a_triangles_own_plane_passes_by() -> None:
    along = NumpyRays([(SQUARE, FACES)]).first_hits(np.float32([[-3, 0.2, 2]]), np.float32([[1, 0, 0]]))
    assert not along.met.any()


def test_without_embree_a_picture_and_its_truth_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = make_scene("desk", 3, 0)
    hands, intrinsics, appearance = scene.pair.vertices, scene.intrinsics * 16, scene.appearance(16)
    expected = render_pair(hands, intrinsics, 16, appearance)
    monkeypatch.setattr(rays, "EmbreeScene", None)
    found = render_pair(hands, intrinsics, 16, appearance)
    assert np.unique(expected.label).tolist() == [0, 1, 2]
    np.testing.assert_array_equal(found.label, expected.label)
    np.testing.assert_allclose(found.depth, expected.depth, atol=1e-5)
    for name in ("dense", "image"):
        of_both = (getattr(which, name).astype(int) for which in (found, expected))
        assert np.abs(np.subtract(*of_both)).max() <= 1, name
