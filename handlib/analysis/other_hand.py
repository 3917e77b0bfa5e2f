"""What one hand of a pair tells of the other: how much of it could be known without seeing it."""

from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from handlib.data.rendered.placement import Pair
from handlib.data.rendered.posed_arm import BACK_TO_CAMERA, MIRROR, MIRRORED_POSE

RIDGE = 1.0
"""Weight of the penalty on the regression's coefficients, for standardised numbers."""
FOLDS = 5


def held_out_r2(known: Float[np.ndarray, "pairs known"], wanted: Float[np.ndarray, "pairs wanted"]) -> float:
    """Returns the share of the variance of ``wanted`` that a ridge regression from ``known`` explains on
    pairs that it wasn't fitted to (five folds); 0 or less: nothing can be told.
    """
    fold = np.arange(len(known)) % FOLDS
    left, total = 0.0, 0.0
    for k in range(FOLDS):
        fit, test = fold != k, fold == k
        mean, spread = known[fit].mean(0), known[fit].std(0) + 1e-9
        design, centre = (known - mean) / spread, wanted[fit].mean(0)
        a = design[fit]
        weights = np.linalg.solve(a.T @ a + RIDGE * np.eye(a.shape[1]), a.T @ (wanted[fit] - centre))
        left += float(((wanted[test] - centre - design[test] @ weights) ** 2).sum())
        total += float(((wanted[test] - centre) ** 2).sum())
    return 1 - left / total


def told_by_other(pairs: Iterable[Pair]) -> Mapping[str, float]:
    """Returns the held-out R² of the left hand's finger ``pose``, ``shape`` and ``turn`` from the right
    hand's.

    Left hands are mirrored first, so that equal numbers mean mirror images. The turn is the rotation vector
    from a hand whose back faces the camera.
    """
    made = list(pairs)
    pose = np.stack([pair.pose for pair in made])
    betas = np.stack([pair.betas for pair in made])
    root = np.stack([pair.root for pair in made])
    turns = [root[:, 1] @ BACK_TO_CAMERA.T, MIRROR @ root[:, 0] @ MIRROR @ BACK_TO_CAMERA.T]
    right_turn, left_turn = (Rotation.from_matrix(turn).as_rotvec() for turn in turns)
    return {
        "pose": held_out_r2(pose[:, 1], pose[:, 0] * MIRRORED_POSE),
        "shape": held_out_r2(betas[:, 1], betas[:, 0]),
        "turn": held_out_r2(right_turn, left_turn),
    }
