"""Exercises of notebook 14, the real thing."""

import numpy as np
from scipy.spatial.transform import Rotation

from handlib.data.interhand.files import ANNOTATED_TO_21
from handlib.exercises import Wrong, ask, exercise
from handlib.hand.skeleton import SIDES


@exercise("mended_shapes")
def _mended_shapes(answer: object) -> None:
    rng = np.random.default_rng(3)
    right = rng.normal(size=(778, 3, 10)) * 0.003
    true_left = right * np.array([-1.0, 1, 1])[:, None]
    for left, fault in ((right.copy(), True), (true_left.copy(), False)):
        got = ask(answer, left.copy(), right.copy(), shape=(778, 3, 10))
        if np.allclose(got, true_left):
            continue
        if not fault:
            raise Wrong("a file without the fault has to come back as it is")
        if np.allclose(got, right):
            raise Wrong("the fault is there: the x parts of both hands agree")
        if np.allclose(got, -right):
            raise Wrong("only the x part has the wrong sign")
        raise Wrong("the x part, entry [:, 0], changes its sign; nothing else does")


@exercise("mend_translation")
def _mend_translation(answer: object) -> None:
    rng = np.random.default_rng(5)
    for _ in range(3):
        camera, world = (Rotation.random(rng=rng).as_matrix() for _ in range(2))
        naive, joint = rng.normal(size=(2, 3)) * 0.3
        root = camera @ world
        got = ask(answer, naive.copy(), world.copy(), root.copy(), joint.copy(), shape=(3,))
        if np.allclose(got, naive + camera @ joint - joint):
            continue
        if np.allclose(got, naive):
            raise Wrong("the hand is turned about its root joint, which isn't at the origin")
        if np.allclose(got, naive - camera @ joint + joint):
            raise Wrong("the right two terms, with the wrong signs")
        if np.allclose(got, naive + root @ joint - joint):
            raise Wrong("the camera alone moves the root joint; the hand's own turn leaves it")
        if np.allclose(got, naive + camera.T @ joint - joint):
            raise Wrong("that is the camera's rotation backwards: it leads from the world's frame to its own")
        raise Wrong("how far does the camera's rotation move the root joint?")


@exercise("to_annotation")
def _to_annotation(answer: object) -> None:
    joints = np.random.default_rng(7).normal(size=(2, 21, 3)) / 10
    wanted = np.empty((42, 3))
    for side, of_hand in zip(SIDES, joints, strict=True):
        wanted[list(ANNOTATED_TO_21[side])] = 1000 * of_hand
    got = ask(answer, joints.copy(), shape=(42, 3))
    if np.allclose(got, wanted):
        return
    if np.allclose(1000 * got, wanted):
        raise Wrong("the annotation's unit is the millimetre, ours the metre")
    if np.allclose(got, wanted.reshape(2, 21, 3)[::-1].reshape(42, 3)):
        raise Wrong("the annotation lists the right hand first, we the left one")
    if np.allclose(got, 1000 * joints[::-1].reshape(42, 3)):
        raise Wrong("each finger is listed from tip to base, and the wrist comes last")
    raise Wrong("right hand first; thumb to little finger, from tip to base, then the wrist; millimetres")
