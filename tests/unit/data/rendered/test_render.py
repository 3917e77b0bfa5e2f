from dataclasses import replace

import numpy as np
import pytest

from handlib.data.rendered.arm import add_forearm, arm_faces, hand_faces
from handlib.data.rendered.placement import WORLDS, look_at, place_pair
from handlib.data.rendered.render import PairScene, RenderedPair, render_pair
from handlib.data.rendered.shading import Appearance
from handlib.data.sample import BACKGROUND, LEFT, RIGHT
from handlib.geometry.rays import NumpyRays
from handlib.hand.hand import Hand, open_hand_data
from handlib.hand.skeleton import SIDES

SIZE = 96
MIRROR = np.array([-1.0, 1.0, 1.0], dtype=np.float32)


def appearance(size: int = SIZE, tone: float = 1.0, light: tuple = (-0.4, -0.7, -0.6)) -> Appearance:
    background = np.random.default_rng(0).uniform(0.2, 0.4, (size, size, 3)).astype(np.float32)
    return Appearance(np.full(3, tone, np.float32), np.array(light, np.float32), background)


@pytest.fixture(scope="module")
def view() -> tuple[np.ndarray, np.ndarray]:
    """A touching pair and the intrinsics of a picture of side 1."""
    rng = np.random.default_rng(4)
    world = replace(WORLDS["desk"], shares=(0.0, 0.0, 1.0, 0.0))
    pair, intrinsics = look_at(world, place_pair(world, rng), rng)
    return pair.vertices, intrinsics


@pytest.fixture(scope="module")
def rendered(view) -> RenderedPair:
    vertices, intrinsics = view
    return render_pair(vertices, intrinsics * SIZE, SIZE, appearance())


def flat_hands(*places: tuple[float, float, float]) -> np.ndarray:
    """Two flat hands, fingers up, backs to the camera, wrists at ``places`` (left, right)."""
    back = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]], dtype=np.float32)
    right = Hand.open("right")().vertices.numpy() @ back.T
    return np.stack([right * MIRROR, right]) + np.array(places, dtype=np.float32)[:, None]


def test_truth_is_what_brute_force_finds_at_pixel_centres(view, rendered):
    vertices, (fx, fy, cx, cy) = view
    rng = np.random.default_rng(1)
    rows, columns = rng.integers(0, SIZE, (2, 150))
    rays = np.stack(
        (((columns + 0.5) / SIZE - cx) / fx, ((rows + 0.5) / SIZE - cy) / fy, np.ones(150)), axis=1
    )
    arms = [(add_forearm(hand, side), arm_faces()) for hand, side in zip(vertices, SIDES, strict=True)]
    first = NumpyRays(arms).first_hits(np.zeros_like(rays), rays)
    hit, face = first.met, first.face
    weights = np.stack((1 - first.u - first.v, first.u, first.v), axis=1)
    expected = np.where(hit, first.mesh + 1, BACKGROUND)
    assert set(expected) == {BACKGROUND, LEFT, RIGHT}
    np.testing.assert_array_equal(rendered.label[rows, columns], expected)
    np.testing.assert_allclose(rendered.depth[rows, columns][hit], first.way[hit], atol=1e-5)
    assert (rendered.depth[rows, columns][~hit] == 0).all()

    rest = open_hand_data("right").v_template
    low, high = rest.min(0), rest.max(0)
    on_hand = hit & (face < len(hand_faces()))
    points = (rest[hand_faces()[face[on_hand]]] * weights[on_hand, :, None]).sum(1)
    found = low + (rendered.dense[rows, columns][on_hand] - 1.0) / 254 * (high - low)
    # Half a step of the colour scale.
    assert np.abs(found - points).max() <= (0.51 / 254 * (high - low)).max()
    assert (rendered.dense[rows, columns][~on_hand] == 0).all()


def test_mirrored_hands_give_the_mirrored_truth(view, rendered):
    vertices, intrinsics = view
    mirrored = intrinsics * np.float32(SIZE)
    mirrored[2] = SIZE - mirrored[2]
    other = render_pair(vertices[::-1] * MIRROR, mirrored, SIZE, appearance())
    swapped = np.array([BACKGROUND, RIGHT, LEFT])[other.label[:, ::-1]]
    same = swapped == rendered.label
    assert same.mean() > 0.999
    np.testing.assert_allclose(other.depth[:, ::-1][same], rendered.depth[same], atol=1e-3)
    difference = np.abs(other.dense[:, ::-1].astype(int) - rendered.dense)[same]
    assert (difference <= 1).mean() > 0.999


def test_background_is_untouched_away_from_the_arms(rendered):
    from scipy.ndimage import binary_dilation

    away = ~binary_dilation(rendered.label != BACKGROUND, np.ones((3, 3)))
    plain = (appearance().background ** (1 / 2.2) * 255 + 0.5).astype(int)
    assert away.mean() > 0.2
    assert np.abs(rendered.image.astype(int) - plain)[away].max() <= 1
    assert np.abs(rendered.image.astype(int) - plain)[~away].mean() > 20


def test_tone_darkens_skin_and_light_comes_from_its_side():
    vertices = flat_hands((-0.12, 0.1, 0.6), (0.12, 0.1, 0.6))
    intrinsics = np.array([120.0, 120.0, 48.0, 48.0], dtype=np.float32)
    light, dark = (render_pair(vertices, intrinsics, SIZE, appearance(tone=t)) for t in (1.0, 0.2))
    skin = light.label != BACKGROUND
    assert dark.image[skin].mean() < 0.6 * light.image[skin].mean()
    above, below = (
        render_pair(vertices, intrinsics, SIZE, appearance(light=(0, y, -0.5))) for y in (-1.0, 1.0)
    )
    # The finger tips' ends look up.
    tips = skin & (np.cumsum(skin, axis=0) <= 2)
    assert above.image[tips].mean() > below.image[tips].mean() + 10


def test_visible_share_compares_with_the_hand_rendered_alone(view):
    vertices, intrinsics = view
    together = PairScene(vertices, intrinsics)
    visible, area = together.visibility()
    for hand in (0, 1):
        alone = vertices.copy()
        alone[1 - hand, :, 0] += 50
        shown, unhidden = PairScene(alone, intrinsics).visibility()
        assert shown[hand] == 1
        assert visible[hand] == pytest.approx(area[hand] / unhidden[hand], abs=0.005)
    assert visible.min() < 1


def test_an_arm_behind_the_camera_is_refused():
    with pytest.raises(ValueError, match="in front of the camera"):
        PairScene(flat_hands((0, 0, 0.5), (0, 0, 0.01)), np.array([1.0, 1.0, 0.5, 0.5]))
