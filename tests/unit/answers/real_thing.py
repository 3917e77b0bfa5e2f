import numpy as np

FLIP = np.array([-1.0, 1, 1])[:, None]
ORDER = [20, *(4 * finger + k for finger in range(5) for k in (3, 2, 1, 0))]


def mended_shapes(left, right):
    return left * FLIP if np.abs(left[:, 0] - right[:, 0]).sum() < 1 else left


def fit_translation(R, t, trans, joint):
    return R @ (trans + joint) + t - joint


def from_annotation(joints):
    return joints.reshape(2, 21, 3)[::-1, ORDER] / 1000


SOLUTIONS = {
    "mended_shapes": mended_shapes,
    "fit_translation": fit_translation,
    "from_annotation": from_annotation,
}
MISTAKES = {
    "mended_shapes": [
        lambda left, right: left * FLIP,
        lambda left, right: left,
        lambda left, right: -left if np.allclose(left, right) else left,
        lambda left, right: left * FLIP[::-1] if np.allclose(left, right) else left,
    ],
    "fit_translation": [
        lambda R, t, trans, joint: R @ trans + t,
        lambda R, t, trans, joint: R @ (trans - joint) + t + joint,
        lambda R, t, trans, joint: R @ (trans + joint) + t,
        lambda R, t, trans, joint: R @ trans + t - joint,
        lambda R, t, trans, joint: trans + t,
    ],
    "from_annotation": [
        lambda joints: joints.reshape(2, 21, 3) / 1000,
        lambda joints: joints.reshape(2, 21, 3)[::-1] / 1000,
        lambda joints: joints.reshape(2, 21, 3)[::-1, ::-1] / 1000,
        lambda joints: 1000 * from_annotation(joints),
        lambda joints: from_annotation(joints)[::-1],
    ],
}
