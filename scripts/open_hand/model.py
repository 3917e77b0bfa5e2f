"""Puts the parts together: makes the arrays of a hand model in the MANO format from the table."""

from collections.abc import Callable

import numpy as np

from open_hand.design import DESIGN_TO_MANO, MANO_JOINTS, joint_axes, to_mano
from open_hand.fit import number_vertices, restore_volume
from open_hand.grid import SampledField
from open_hand.pose import pose_directions, pose_statistics
from open_hand.remesh import remesh
from open_hand.shape import shape_directions
from open_hand.weights import joint_regressor, skinning_weights

GRID_STEP = 1.25


def build_model(report: Callable[[str], None]) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Returns vertices (778, 3) in the design frame, faces (1538, 3), and the asset's arrays except the skin.

    In the asset, vertices, shape and pose directions are in metres in the MANO frame. ``joint_axes`` are
    those of ``open_hand.design.joint_axes``.
    """
    report("sampling the solid")
    field = SampledField.sample(GRID_STEP)
    report("remeshing its surface")
    vertices, faces, tips = remesh(field, report)
    vertices = restore_volume(vertices, faces, tips, field)
    vertices, faces = number_vertices(vertices, faces, tips)
    report("weights, shape and pose")
    weights = skinning_weights(vertices, faces)
    vertex_motion, joint_motion = shape_directions(vertices, faces, MANO_JOINTS)
    regressor = joint_regressor(vertices, MANO_JOINTS, vertex_motion, joint_motion)
    axes = joint_axes()
    hands_mean, hands_components = pose_statistics(axes)
    arrays = {
        "v_template": to_mano(vertices).astype(np.float32),
        "faces": faces.astype(np.uint16),
        "shapedirs": np.einsum("ij,njk->nik", DESIGN_TO_MANO * 1e-3, vertex_motion).astype(np.float32),
        "posedirs": pose_directions(vertices, faces, weights).astype(np.float16),
        "J_regressor": regressor.astype(np.float32),
        "weights": weights.astype(np.float32),
        "hands_mean": hands_mean.astype(np.float32),
        "hands_components": hands_components.astype(np.float32),
        "joint_axes": axes.astype(np.float32),
    }
    return vertices, faces, arrays
