import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.drawings import colour_of, elements

from handlib.hand.skeleton import BONES, NUM_JOINTS, SIDES, joint_index
from handlib.show.core.glyphs import cuboid, grid, hand_graph, hand_shape, place_hand, standing, two_hands
from handlib.show.core.svg import Drawing


def drawn(body: str, tag: str) -> list:
    return elements(Drawing("", "", body, 100.0, 100.0), tag)


@pytest.mark.parametrize("side", SIDES)
def test_a_standing_hand_has_its_fingers_up_and_its_back_to_the_viewer(side: str):
    joints = standing(side)
    tips = joints[[joint_index(f"{finger}4") for finger in ("index", "middle", "ring", "little")]]
    assert (tips[:, 1] < joints[0, 1] - 0.1).all()
    inwards = 1 if side == "left" else -1
    assert inwards * (joints[joint_index("thumb4"), 0] - joints[joint_index("little4"), 0]) > 0.1


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(5, 200), st.floats(-1, 1))
def test_a_hand_stands_on_its_wrist_as_high_as_asked(x: float, y: float, height: float, lean: float):
    points = place_hand("right", (x, y), height, lean)
    np.testing.assert_allclose(points[0], (x, y), atol=1e-9)
    reach = np.linalg.norm(points[joint_index("middle4")] - points[0])
    assert reach == pytest.approx(height, rel=0.02)


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(20, 200))
def test_two_hands_fit_their_square_and_mirror_each_other(x: float, y: float, side: float):
    left, right = two_hands(x, y, side)
    for points in (left, right):
        assert (points >= (x, y)).all() and (points <= (x + side, y + side)).all()
    np.testing.assert_allclose(left[:, 0] - x, x + side - right[:, 0], atol=1e-6 * side)
    np.testing.assert_allclose(left[:, 1], right[:, 1], atol=1e-6 * side)


def test_a_graph_has_all_joints_and_bones_in_the_colour_of_its_hand():
    body = hand_graph(place_hand("left", (50.0, 90.0), 60.0), "left", 2.0)
    discs, bones = drawn(body, "circle"), drawn(body, "path")
    assert (len(discs), len(bones)) == (NUM_JOINTS, len(BONES))
    assert (
        {colour_of(disc, "fill") for disc in discs} == {colour_of(bone, "line") for bone in bones} == {"left"}
    )
    assert len(drawn(hand_shape(place_hand("left", (50.0, 90.0), 60.0), "left", 4.0), "polygon")) == 1


@pytest.mark.parametrize("cells", [1, 2, 8])
def test_a_grid_has_as_many_cells_as_asked(cells: int):
    assert len(drawn(grid(0.0, 0.0, 80.0, cells, "paper", "faint"), "path")) == 2 * (cells - 1)


def test_a_cuboid_stands_around_its_middle():
    body = cuboid(50.0, 80.0, 20.0, 10.0)
    xs = [float(pair.split(",")[0]) for face in drawn(body, "polygon") for pair in face.get("points").split()]
    assert (min(xs) + max(xs)) / 2 == pytest.approx(50)
    front = drawn(body, "rect")[1]
    assert float(front.get("y")) + float(front.get("height")) == 80
