import numpy as np
import pytest
from support.random_pairs import HANDS, random_pairs, true_estimate

from handlib import show
from handlib.model.estimate import LENGTH_UNIT
from handlib.model.placed import picture_of, place
from handlib.show.core.hands import HandsView
from handlib.show.core.hands_drawing import HAND_COLOURS, Links, framing_of, upright
from handlib.show.core.raster import rgb
from handlib.show.hand import pose_hands


@pytest.fixture(scope="module")
def posed():
    return pose_hands(HANDS, [0.0], [0.0])


GREEN = np.array([0, 255, 0], np.uint8)


def links_of(pairs, widths) -> Links:
    """Green links."""
    return Links(np.array(pairs).reshape(-1, 2), np.tile(GREEN, (len(pairs), 1)), np.array(widths, float))


def test_upright_brings_the_fingers_up_and_the_chosen_side_to_the_eye():
    for side, outward in (("left", 1), ("right", -1)):
        for facing, palm in (("palm", -1), ("back", 1)):
            rotation = upright(side, facing)
            np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
            assert np.linalg.det(rotation) == pytest.approx(1)
            np.testing.assert_allclose(rotation @ (outward, 0, 0), (0, -1, 0), atol=1e-12)
            np.testing.assert_allclose(rotation @ (0, palm, 0), (0, 0, -1), atol=1e-12)
    with pytest.raises(ValueError, match="expected one of palm, back"):
        upright("left", "front")


def test_update_moves_the_hands_but_not_the_eye(posed):
    widget = HandsView(*posed)
    assert widget.joint_label(-1) == "" and widget.joint_label(29) == "right index4"
    np.testing.assert_array_equal(np.frombuffer(widget._faces, "<u4").reshape(2, -1, 3)[0], HANDS[0].faces)
    framing = list(widget.framing)
    colours = np.tile(GREEN, (2, 778, 1))
    widget.update(posed[0] + 0.01, posed[1] + 0.01, colours)
    np.testing.assert_allclose(widget.vertices, posed[0] + 0.01, atol=1e-6)
    assert widget.framing == framing
    assert len(widget._colours) == colours.size
    widget.update(*posed)
    assert len(widget._colours) == colours.size, "what isn't given stays"
    widget.shown = "surface"
    assert near(widget.picture()[:330].astype(float), np.array([0, 1.0, 0])).mean() > 0.2
    widget.clear_colours()
    assert widget._colours == b""


def test_wrong_shapes_are_refused(posed):
    with pytest.raises(ValueError, match="one per side"):
        HandsView(*posed, sides=("left",))
    with pytest.raises(ValueError, match="expected vertices of shape"):
        HandsView(*posed).update(posed[0][:1])
    with pytest.raises(ValueError, match="joints 0 to 41"):
        HandsView(*posed).update(links=links_of([(0, 42)], [1.0]))


def near(picture: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Which pixels have a colour, whatever their brightness."""
    hue = picture / np.maximum(picture.max(-1, keepdims=True), 1)
    return (np.abs(hue - colour / colour.max()) < 0.08).all(-1) & (picture.min(-1) < 200)


def test_picture_shows_each_hand_on_its_side_upright(posed):
    picture = HandsView(*posed, shown="surface").picture()[:330].astype(float)
    left, right = (near(picture, rgb(HAND_COLOURS[side][0])) for side in ("left", "right"))
    assert left[:, :280].mean() > 0.1 and left[:, 280:].mean() < 0.01
    assert right[:, 280:].mean() > 0.1 and right[:, :280].mean() < 0.01
    # The wrist is narrower than the hand and below it.
    rows = left.any(axis=1).nonzero()[0]
    width = left.sum(axis=1)
    assert width[rows[-5]] < width[(rows[0] + rows[-1]) // 2]


def test_the_legend_names_hands_only_where_their_colours_are_seen(posed):
    def in_legend(widget: HandsView) -> int:
        return int((widget.picture()[335:] < 250).any(-1).sum())

    coloured = np.tile(GREEN, (2, posed[0].shape[1], 1))
    for shown, named in (("surface", False), ("both", True)):
        assert in_legend(HandsView(*posed, shown=shown)) > 100
        assert (in_legend(HandsView(*posed, shown=shown, colours=coloured)) > 100) == named


def green_pixels(widget: HandsView) -> np.ndarray:
    """How many pixels of the widget's picture are pure green."""
    return (widget.picture()[:330] == GREEN).all(-1)


def test_links_join_joints_of_both_hands_as_wide_as_they_say(posed):
    widget = HandsView(*posed)
    assert len(widget.links.pairs) == 0
    drawn = {}
    for width in (0.0, 0.3, 1.0):
        widget.update(links=links_of([(0, 21)], [width]))
        drawn[width] = green_pixels(widget)
    assert drawn[0.0].sum() == 0
    assert 0 < drawn[0.3].sum() < drawn[1.0].sum() / 2
    # Both wrists are equally high: the line is level and spans the gap between the hands.
    rows, columns = drawn[1.0].nonzero()
    assert np.ptp(rows) < 8 < 150 < np.ptp(columns)
    widget.update(links=Links.none())
    assert green_pixels(widget).sum() == 0


def test_links_come_back_as_they_were_given_and_follow_the_joints(posed):
    widget = HandsView(*posed, shown="skeleton")
    given = links_of([(8, 29), (0, 41)], [1.0, 0.25])
    widget.update(links=given)
    assert len(widget._links) == 2 * 6 * 4
    for name in ("pairs", "colours", "widths"):
        np.testing.assert_array_equal(getattr(widget.links, name), getattr(given, name))
    before = green_pixels(widget)
    widget.update(joints=posed[1] + (0, 0.05, 0))
    assert green_pixels(widget).nonzero()[0].mean() > before.nonzero()[0].mean() + 20


def test_joint_colours_paint_the_balls_and_not_the_bones(posed):
    widget = HandsView(*posed, shown="skeleton")
    plain = widget.picture()
    colours = np.tile(GREEN, (2, 21, 1))
    widget.update(joint_colours=colours)
    green = green_pixels(widget)
    assert green.sum() > 42 * 9
    bones = near(widget.picture()[:330].astype(float), rgb(HAND_COLOURS["right"][1]))
    assert bones.sum() > 300
    widget.clear_colours()
    np.testing.assert_array_equal(widget.picture(), plain)


def test_a_faded_surface_is_nearer_to_white_and_lets_nothing_else_change(posed):
    widget = HandsView(*posed, shown="surface")
    full = widget.picture()[:330].astype(float)
    widget.surface_opacity = 0.25
    faded = widget.picture()[:330].astype(float)
    np.testing.assert_allclose(255 - faded, (255 - full) / 4, atol=1.5)
    widget.surface_opacity = 0.0
    assert widget.picture()[:330].min() == 255


def test_framing_holds_every_vertex():
    vertices = random_pairs(1).vertices[0].numpy().astype(float)
    *centre, half_height = framing_of(vertices)
    low, high = vertices.reshape(-1, 3).min(0), vertices.reshape(-1, 3).max(0)
    np.testing.assert_allclose(centre, (low + high) / 2)
    assert half_height > (high - low)[1] / 2
    assert half_height * 560 / 360 > (high - low)[0] / 2


def test_sample_is_placed_in_the_cameras_frame_and_estimate_around_the_left_wrist():
    sample = random_pairs(3)
    truth, estimate = place(sample, 2), place(true_estimate(sample), 2)
    np.testing.assert_allclose(truth.joints, sample.joints[2].numpy(), atol=1e-6)
    np.testing.assert_allclose(estimate.joints[0, 0], 0, atol=1e-6)
    np.testing.assert_allclose(estimate.joints, truth.joints - truth.joints[0, 0], atol=1e-6)
    offset = true_estimate(sample).offset[2].numpy() * LENGTH_UNIT
    np.testing.assert_allclose(estimate.joints[1, 0], offset, atol=1e-6)
    np.testing.assert_allclose(place(sample[2]).uv, truth.uv)
    with pytest.raises(TypeError, match="Estimate"):
        place(sample.image)


def test_pictures_come_from_samples_tensors_and_arrays():
    sample = random_pairs(2)
    assert picture_of(sample, 1).shape == picture_of(sample[1]).shape == (16, 16, 3)
    assert picture_of(np.zeros((4, 6, 3), np.uint8)).shape == (4, 6, 3)
    with pytest.raises(ValueError, match="expected bytes"):
        picture_of(np.full((4, 6, 3), 2.0))


def test_hands_shows_a_sample_and_then_an_estimate():
    sample = random_pairs(1)
    widget = show.hands(sample)
    np.testing.assert_allclose(widget.joints, sample.joints[0].numpy(), atol=1e-6)
    widget.show(true_estimate(sample))
    np.testing.assert_allclose(widget.joints[0, 0], 0, atol=1e-6)
