"""The hand network's own answers, and hands turned upright for it."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from handlib.data.sample import normalise
from handlib.hand.skeleton import joint_index
from handlib.model.hand_backbone import WEIGHTS
from handlib.photos.hand_network import EXTENT, SIZE, hand_network, second_opinion, upright


def waves(phase: float) -> np.ndarray:
    """The pictures that the wheel's interpreter was shown."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    colours = np.sin(9 * x + 4 * y + phase), np.cos(7 * y - 3 * x + phase), np.sin(20 * x * y - phase)
    return np.rint(127.5 + 100 * np.stack(colours, axis=-1)).astype(np.uint8)


def test_it_answers_as_the_wheels_interpreter():
    proof = np.load(WEIGHTS.parent / "proof.npz")
    pictures = np.stack([waves(phase) for phase in proof["phases"]])
    with torch.no_grad():
        landmarks, presence, side = hand_network()(normalise(torch.from_numpy(pictures).permute(0, 3, 1, 2)))
    np.testing.assert_allclose(landmarks, proof["landmarks"], atol=1e-3)
    np.testing.assert_allclose(presence.sigmoid(), proof["presence"][:, 0], atol=1e-6)
    np.testing.assert_allclose(side.sigmoid(), proof["side"][:, 0], atol=1e-5)


def hand_at(angle: float, size: float) -> np.ndarray:
    """Joints of a flat hand whose fingers point up, turned by degrees clockwise, about (500, 400)."""
    joints = np.zeros((21, 2))
    for place, finger in enumerate(("thumb", "index", "middle", "ring", "little")):
        for k in range(1, 5):
            joints[joint_index(f"{finger}{k}")] = ((place - 2) * 0.2, -0.4 - 0.15 * k)
    turn = np.deg2rad(angle)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return size * joints @ matrix.T + (500, 400)


@pytest.mark.parametrize("angle", [0.0, 90.0, -135.0, 180.0])
def test_a_hand_is_turned_upright_and_fills_the_square_alike(angle: float):
    joints = hand_at(angle, 150.0)
    picture = Image.new("RGB", (1000, 800))
    draw = ImageDraw.Draw(picture)
    colours = {0: (255, 0, 0), joint_index("middle2"): (0, 255, 0), joint_index("little1"): (0, 0, 255)}
    for joint, colour in colours.items():
        x, y = joints[joint]
        draw.ellipse([x - 8, y - 8, x + 8, y + 8], fill=colour)
    square = upright(np.asarray(picture), joints)
    assert square.shape == (SIZE, SIZE, 3)
    centre = {}
    for joint, channel in zip(colours, range(3), strict=True):
        rows, columns = np.nonzero(square[..., channel] > 128)
        centre[joint] = np.array([columns.mean(), rows.mean()])
    wrist, middle, little = centre.values()
    # Up is up, the little finger lies to the right of the line, and the size doesn't depend on the turn.
    assert abs(middle[0] - wrist[0]) < 2 and middle[1] < wrist[1]
    assert little[0] > wrist[0] + 10
    extent = joints[EXTENT] - joints[0]
    assert np.ptp(extent, axis=0).max() > 0
    expected = SIZE / 2 / 0.8  # The box around wrist and knuckles is 0.7 high and 0.8 wide, doubled.
    assert wrist[1] - middle[1] == pytest.approx(0.7 * expected, rel=0.05)


def test_noise_is_no_hand():
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    presence, right = second_opinion(noise, np.stack([hand_at(0.0, 60.0) - (350, 250)]))
    assert presence.shape == right.shape == (1,)
    assert float(presence[0]) < -3
