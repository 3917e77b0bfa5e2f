"""Exercises of notebook 14, the real thing."""

import numpy as np
from scipy.spatial.transform import Rotation

from handlib.data.interhand_files import ANNOTATED_TO_21
from handlib.exercises import Wrong, ask, exercise
from handlib.skeleton import SIDES


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


@exercise("fit_translation")
def _fit_translation(answer: object) -> None:
    rng = np.random.default_rng(5)
    for _ in range(3):
        turn, (trans, t, joint) = Rotation.random(rng=rng).as_matrix(), rng.normal(size=(3, 3)) * 0.3
        got = ask(answer, turn.copy(), t.copy(), trans.copy(), joint.copy(), shape=(3,))
        moved = turn @ trans + t
        if np.allclose(got, moved + turn @ joint - joint):
            continue
        if np.allclose(got, moved):
            raise Wrong("the hand is turned about its root joint, which isn't at the origin")
        if np.allclose(got, moved - turn @ joint + joint):
            raise Wrong("the right two terms, with the wrong signs")
        if np.allclose(got, moved - joint):
            raise Wrong("the root joint is seen by the camera too: turn it")
        if np.allclose(got, moved + turn @ joint):
            raise Wrong("the model adds its root joint again; take it off")
        raise Wrong("where does the camera see the root joint, and where would the model put it?")


@exercise("from_annotation")
def _from_annotation(answer: object) -> None:
    joints = np.random.default_rng(7).normal(size=(42, 3)) * 100
    wanted = np.stack([joints[list(ANNOTATED_TO_21[side])] for side in SIDES]) / 1000
    got = ask(answer, joints.copy(), shape=(2, 21, 3))
    if np.allclose(got, wanted):
        return
    if np.allclose(got, 1000 * wanted):
        raise Wrong("the annotation's unit is the millimetre, ours the metre")
    if np.allclose(got, wanted[::-1]):
        raise Wrong("the annotation lists the right hand first, we the left one")
    if np.allclose(got, joints.reshape(2, 21, 3)[::-1] / 1000):
        raise Wrong("each finger is listed from tip to base, and the wrist comes last")
    if np.allclose(got, joints.reshape(2, 21, 3)[::-1, ::-1] / 1000):
        raise Wrong("turned around, the wrist comes first, but the little finger before the thumb")
    raise Wrong("wrist first, then thumb to little finger, each from base to tip; left hand first; metres")
