import numpy as np

FLIP = np.array([-1.0, 1, 1])[:, None]
ORDER = [20, *(4 * finger + k for finger in range(5) for k in (3, 2, 1, 0))]


def mended_shapes(left, right):
    return left * FLIP if np.abs(left[:, 0] - right[:, 0]).sum() < 1 else left


def mend_translation(naive, root_world, root_camera, joint):
    return naive + (root_camera @ root_world.T - np.eye(3)) @ joint


def to_annotation(joints):
    return 1000 * joints[::-1, np.argsort(ORDER)].reshape(42, 3)


SOLUTIONS = {
    "mended_shapes": mended_shapes,
    "mend_translation": mend_translation,
    "to_annotation": to_annotation,
}
MISTAKES = {
    "mended_shapes": [
        lambda left, right: left * FLIP,
        lambda left, right: left,
        lambda left, right: -left if np.allclose(left, right) else left,
        lambda left, right: left * FLIP[::-1] if np.allclose(left, right) else left,
    ],
    "mend_translation": [
        lambda naive, world, root, joint: naive,
        lambda naive, world, root, joint: naive - root @ world.T @ joint + joint,
        lambda naive, world, root, joint: naive + root @ joint - joint,
        lambda naive, world, root, joint: naive + world @ root.T @ joint - joint,
        lambda naive, world, root, joint: naive + root @ world.T @ joint,
        lambda naive, world, root, joint: naive - joint,
    ],
    "to_annotation": [
        lambda joints: 1000 * joints.reshape(42, 3),
        lambda joints: 1000 * joints[::-1].reshape(42, 3),
        lambda joints: 1000 * joints[::-1, ORDER].reshape(42, 3),
        lambda joints: to_annotation(joints) / 1000,
        lambda joints: to_annotation(joints[::-1]),
    ],
}
