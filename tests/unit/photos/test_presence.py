"""Which hands are there: by the definition, and by the shipped network on painted-over pictures."""

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter
from torch import Tensor

from handlib.data.rendered.backgrounds import sample_background
from handlib.data.sample import LEFT, RIGHT, Sample, normalise, resize
from handlib.data.shipped import load_samples
from handlib.model.estimate import Prediction
from handlib.model.joint_maps import LocatedJoints
from handlib.model.network import DIR
from handlib.photos.presence import (
    CALIBRATION,
    EVIDENCE,
    SEEN_CONFIDENCE,
    hands_present,
    hands_segmented,
)


def scores(left: tuple[int, float], right: tuple[int, float], side: int = 16) -> Tensor:
    """A segmentation of background but for so many pixels of each hand, at such a probability."""
    probability = torch.tensor([0.98, 0.01, 0.01])[:, None].repeat(1, side * side)
    for hand, (count, sure), start in ((LEFT, left, 0), (RIGHT, right, side * side // 2)):
        rest = (1 - sure) / 2
        column = torch.full((3,), rest)
        column[hand] = sure
        probability[:, start : start + count] = column[:, None]
    return probability.log().unflatten(1, (side, side))


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ((100, 0.95), (60, SEEN_CONFIDENCE + 1e-4), "both hands"),
        ((100, 0.95), (60, SEEN_CONFIDENCE - 1e-4), "left hand only"),
        ((100, 0.95), (5, 0.99), "left hand only"),
        ((0, 0.9), (6, 0.9), "right hand only"),
        ((0, 0.9), (0, 0.9), "no hand"),
    ],
)
def test_a_hand_is_there_if_it_is_sure_and_large_enough(left: tuple, right: tuple, expected: str):
    presence = hands_segmented(scores(left, right))
    assert str(presence) == expected
    torch.testing.assert_close(presence.area, torch.tensor([left[0], right[0]]) / 256)
    for h, (count, sure) in enumerate((left, right)):
        assert presence.confidence[h] == pytest.approx(sure if count >= 4 else 0, abs=1e-5)


def test_confidence_is_the_mean_probability_of_the_hands_pixels():
    probability = torch.full((3, 8, 8), 0.1)
    probability[0] = 0.8
    probability[:, :2, :4] = torch.tensor([0.1, 0.7, 0.2])[:, None, None]
    probability[:, 4, :4] = torch.tensor([0.3, 0.2, 0.5])[:, None]
    probability[:, 5, :4] = torch.tensor([0.0, 0.1, 0.9])[:, None]
    presence = hands_segmented(probability.log())
    torch.testing.assert_close(presence.confidence, torch.tensor([0.7, 0.7]))
    torch.testing.assert_close(presence.area, torch.tensor([8 / 64, 8 / 64]))
    probability[:, 5] = probability[:, 4, 1:] = torch.tensor([0.8, 0.1, 0.1])[:, None]
    assert hands_segmented(probability.log()).confidence[1] == 0


def painted_over(sample: Sample, *hands: int) -> Tensor:
    """The picture with these hands and their arms covered by the background around them, blurred."""
    label, picture = sample.label.numpy(), sample.image.numpy()
    hidden = binary_dilation(np.isin(label, hands), iterations=2)
    _, nearest = distance_transform_edt(binary_dilation(label > 0, iterations=2), return_indices=True)
    smooth = gaussian_filter(picture[:, *nearest].astype(float), (0, 3, 3))
    return torch.from_numpy(np.where(hidden, smooth, picture).round().astype(np.uint8))


def located(log_odds: float, certainty: float) -> Prediction:
    """A prediction whose right hand is told so; the left one isn't there."""
    joints = LocatedJoints(
        torch.zeros(1, 2, 21, 2),
        torch.zeros(1, 2, 21, 3),
        torch.full((1, 2, 21), certainty),
        torch.tensor([[-9.0, log_odds]]),
    )
    maps = scores((0, 0.9), (100, 0.95))[None]
    return Prediction((), maps, torch.zeros_like(maps), located=joints)


def test_a_located_hands_confidence_is_a_logistic_regression_of_what_is_known(
    monkeypatch: pytest.MonkeyPatch,
):
    told = {"constant": 0.5, "presence": 0.25, "certainty": 2.0, "segmentation": 1.0, "opinion": 0.5}
    monkeypatch.setattr("handlib.photos.presence.CALIBRATION", told)
    presence = hands_present(located(4.0, 0.5), torch.tensor([-6.0, 3.0]))
    expected = 1 / (1 + np.exp(-(0.5 + 0.25 * 4 + 2 * np.log(0.5) + 0.95 + 0.5 * 3)))
    assert float(presence.confidence[1]) == pytest.approx(expected, abs=1e-4)
    assert presence.sides == ("right",)
    assert str(hands_present(located(-4.0, 0.2), torch.tensor([-6.0, -6.0]))) == "no hand"


def test_without_a_second_opinion_the_network_itself_is_asked():
    presence = hands_present(located(2.0, 0.5))
    torch.testing.assert_close(presence.confidence, torch.tensor([-9.0, 2.0]).sigmoid())


def test_the_calibration_that_ships_trusts_what_is_surer():
    weights = dict(CALIBRATION)
    assert set(weights) == {"constant", *EVIDENCE}
    sure = [
        float(hands_present(located(odds, 0.5), torch.tensor([-5.0, odds])).confidence[1])
        for odds in (-6.0, 0.0, 6.0)
    ]
    assert sure == sorted(sure) and sure[0] < 0.5 < sure[-1]


@pytest.fixture(scope="module")
def network() -> DIR:
    return DIR.from_pretrained("small").eval()


@torch.no_grad()
def share_right(network: DIR, pictures: list[Tensor], expected: str) -> float:
    segmentations = network(normalise(torch.stack(pictures))).segmentation
    return float(np.mean([str(hands_segmented(one)) == expected for one in segmentations]))


@pytest.mark.parametrize(
    ("hidden", "expected"),
    [
        ((), "both hands"),
        ((RIGHT,), "left hand only"),
        ((LEFT,), "right hand only"),
        ((LEFT, RIGHT), "no hand"),
    ],
)
def test_the_shipped_network_misses_the_hand_that_was_painted_over(
    network: DIR, hidden: tuple, expected: str
):
    samples = [resize(sample, network.config.image_size) for sample in load_samples("test")]
    assert share_right(network, [painted_over(sample, *hidden) for sample in samples], expected) > 0.75


def test_the_shipped_network_sees_no_hands_on_empty_desks(network: DIR):
    size = network.config.image_size
    desks = [sample_background(np.random.default_rng(seed), size) for seed in range(24)]
    pictures = [torch.from_numpy((desk * 255).round().astype(np.uint8)).permute(2, 0, 1) for desk in desks]
    assert share_right(network, pictures, "no hand") > 0.75
