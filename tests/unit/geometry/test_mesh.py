"""Normals of surfaces whose own are known."""

import numpy as np
import trimesh

from handlib.geometry.mesh import vertex_normals


def test_normals_of_a_sphere_point_outwards():
    sphere = trimesh.creation.icosphere(subdivisions=3)
    normals = vertex_normals(np.asarray(sphere.vertices), np.asarray(sphere.faces))
    np.testing.assert_allclose(normals, sphere.vertices, atol=0.02)


def test_a_vertex_without_faces_has_no_normal_and_larger_faces_count_more():
    corner = np.array([[0.0, 0, 0], [3, 0, 0], [0, 3, 0], [0, 0, 1], [9, 9, 9]], dtype=np.float32)
    normals = vertex_normals(corner, np.array([[0, 1, 2], [0, 2, 3]]))
    assert normals.dtype == np.float32
    np.testing.assert_allclose(normals[0], np.array((3, 0, 9)) / np.sqrt(90), atol=1e-6)
    np.testing.assert_array_equal(normals[4], 0)
