"""Two spheres: how far apart they are, and when they cross."""

import numpy as np
import pytest
import trimesh

from handlib.geometry.mesh import edges_of
from handlib.geometry.rays import ray_scene
from handlib.geometry.surfaces import pierces, surface_distance

SPHERE = trimesh.creation.icosphere(subdivisions=3)
VERTICES, FACES = SPHERE.vertices.astype(np.float32), SPHERE.faces.astype(np.int32)


def test_every_edge_is_there_once():
    assert len(edges_of(FACES)) == len(VERTICES) + len(FACES) - 2


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 0.6, 0.8), (0.48, -0.6, 0.64)])
def test_the_distance_of_spheres_is_that_of_their_centres_less_their_radii(direction):
    other = VERTICES + np.float32(3) * np.array(direction, dtype=np.float32)
    assert surface_distance(VERTICES, other, FACES, FACES) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("centre", "crosses"), [(0.2, False), (1.0, True), (1.7, False)])
def test_spheres_cross_where_neither_holds_the_other(centre: float, crosses: bool):
    """The second sphere has half the radius."""
    small = VERTICES / 2 + np.array([centre, 0, 0], dtype=np.float32)
    edges = edges_of(FACES)
    crossing = (
        pierces(small, edges, ray_scene((VERTICES, FACES))),
        pierces(VERTICES, edges, ray_scene((small, FACES))),
    )
    assert any(crossing) == crosses
