"""Normals and volumes of surfaces whose own are known."""

import numpy as np
import trimesh

from handlib.geometry.mesh import enclosed_volume, vertex_normals


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


def test_a_closed_surface_has_its_volume_from_any_point():
    box = trimesh.creation.box((2.0, 3.0, 4.0))
    vertices, faces = np.asarray(box.vertices), np.asarray(box.faces)
    for apex in ((0.0, 0, 0), (0.5, 1, -1), (7.0, -8, 9)):
        assert np.isclose(enclosed_volume(vertices, faces, np.array(apex)), 24)


def test_an_open_surface_is_closed_towards_the_point():
    cone = trimesh.creation.cone(radius=1.0, height=3.0, sections=64)
    vertices, faces = np.asarray(cone.vertices), np.asarray(cone.faces)
    open_cone = faces[~(np.isclose(vertices[faces, 2], 0).all(axis=1))]
    whole = enclosed_volume(vertices, faces, np.zeros(3))
    assert np.isclose(enclosed_volume(vertices, open_cone, np.zeros(3)), whole)
    assert enclosed_volume(vertices, open_cone, np.array([0.0, 0, 1])) < 0.7 * whole
