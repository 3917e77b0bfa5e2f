"""Settings of a training that no training can use are refused, and named."""

import re

import pytest

from handlib.data.augment import Augmentation
from handlib.training.config import TrainConfig
from handlib.training.losses import LossWeights
from handlib.utils.errors import InputError


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        (LossWeights(), "uv", -5),
        (LossWeights(), "lovasz_on", "Scores"),
        (LossWeights(), "target_centre", "middle"),
        (TrainConfig(), "optimiser", "sgd"),
        (TrainConfig(), "clip", -1.0),
        (TrainConfig(), "weight_decay", -3.0),
        (Augmentation(), "scale", 1.5),
        (Augmentation(), "flip", 7.0),
        (Augmentation(), "noise", -1.0),
        (Augmentation(), "rotation", -10.0),
    ],
)
def test_what_no_training_can_use_is_refused_by_name(settings: object, field: str, value: object):
    # Set behind the constructor's back, whose annotations the tests' type checker enforces before it runs.
    object.__setattr__(settings, field, value)
    with pytest.raises(InputError, match=rf"{field}: expected .* got {re.escape(repr(value))}"):
        settings.__post_init__()


def test_no_augmentation_changes_nothing():
    assert set(vars(Augmentation.none()).values()) == {0.0}
