"""The open hand's asset: every property that the format, the design table and the notebooks rely on."""

import hashlib
from importlib.resources import files

import numpy as np
import pytest
import torch
import trimesh
from open_hand import design, pose, shape, skin, weights
from scipy.spatial.transform import Rotation

from handlib.data.rendered.arm import add_forearm, build_scene
from handlib.data.rendered.posed_arm import count_self_crossings
from handlib.data.rendered.poses import joint_axes
from handlib.hand.hand import Hand
from handlib.hand.mano_file import open_hand_data
from handlib.hand.skeleton import FINGERS, MANO_JOINT_NAMES, SIDES, TIP_CONVENTIONS

ASSET = files("handlib") / "assets" / "open_hand.npz"
LAYOUT = {
    "v_template": ("float32", (778, 3)),
    "faces": ("uint16", (1538, 3)),
    "shapedirs": ("float32", (778, 3, 10)),
    "posedirs": ("float16", (778, 3, 135)),
    "J_regressor": ("float32", (16, 778)),
    "weights": ("float32", (778, 16)),
    "hands_mean": ("float32", (45,)),
    "hands_components": ("float32", (45, 45)),
    "joint_axes": ("float32", (15, 3, 3)),
    "albedo": ("uint8", (1538, 45, 3)),
    "normal": ("int8", (1538, 45, 3)),
    "gloss": ("uint8", (1538, 45)),
}


@pytest.fixture(scope="module")
def asset() -> dict[str, np.ndarray]:
    with np.load(ASSET, allow_pickle=False) as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def right():
    return open_hand_data("right")


@pytest.fixture(scope="module")
def designed(right) -> np.ndarray:
    """The asset's vertices in the design frame, mm."""
    return (right.v_template - design.WRIST_IN_MANO) @ design.DESIGN_TO_MANO * 1e3


def crossings(vertices: np.ndarray) -> int:
    """How often a right hand, its forearm attached, crosses itself."""
    arm = add_forearm(vertices.astype(np.float32), "right")
    return count_self_crossings(arm, build_scene(arm))


def test_layout(asset):
    assert {name: (str(a.dtype), a.shape) for name, a in asset.items()} == LAYOUT
    assert ASSET.stat().st_size <= 600_000
    digest = hashlib.sha256(ASSET.read_bytes()).hexdigest()
    assert ASSET.with_suffix(".sha256").read_text() == f"{digest}  open_hand.npz\n"


def test_is_a_disc_that_winds_outward_with_one_open_end(right):
    surface = trimesh.Trimesh(right.v_template, right.faces, process=False)
    assert sorted(np.unique(right.faces)) == list(range(778))
    assert surface.body_count == surface.euler_number == 1 and surface.is_winding_consistent
    rim = surface.edges[trimesh.grouping.group_rows(surface.edges_sorted, require_count=1)]
    assert len(rim) == len(np.unique(rim)) == 16
    assert np.ptp(right.v_template[rim, 0]) < 1e-6
    lid = np.column_stack((rim[:, ::-1], np.full(16, rim[0, 0])))
    # A hand with a short wrist holds a third to half of a litre.
    assert 2.5e-4 < trimesh.Trimesh(right.v_template, np.vstack((right.faces, lid))).volume < 6e-4


def test_rest_does_not_cross_itself(right):
    assert crossings(right.v_template) == 0
    pierced = right.v_template.copy()
    pierced[TIP_CONVENTIONS["smplx"]["right"][1]] = pierced[TIP_CONVENTIONS["smplx"]["right"][3]]
    assert crossings(pierced) > 0


@pytest.mark.parametrize("beta", range(10))
@pytest.mark.parametrize("value", [-2, 2])
def test_single_betas_do_not_cross(right, beta: int, value: int):
    assert crossings(right.v_template + value * right.shapedirs[:, :, beta]) == 0


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("convention", TIP_CONVENTIONS)
def test_fingertip_numbers(side, convention: str):
    data = open_hand_data(side)
    flip = (1, 1, 1) if side == "right" else (-1, 1, 1)
    tips = np.stack([design.to_mano(design.joint_position(f"{finger}4")) for finger in FINGERS]) * flip
    picked = data.v_template[list(TIP_CONVENTIONS[convention][side])]
    distance = np.linalg.norm(picked[:, None] - tips, axis=-1)
    assert (distance.argmin(1) == range(5)).all()
    assert distance.diagonal().max() < (0.0005 if convention == "smplx" else 0.0065)


@pytest.mark.parametrize("beta", range(10))
@pytest.mark.parametrize("value", [-2, 1, 2])
def test_regressor_follows_the_shape(right, beta: int, value: int):
    joints = right.J_regressor @ (right.v_template + value * right.shapedirs[:, :, beta])
    moved = design.MANO_JOINTS + value * shape.shape_fields(design.MANO_JOINTS)[:, :, beta]
    assert np.linalg.norm(joints - design.to_mano(moved), axis=1).max() < 2e-4


@pytest.mark.parametrize("name", ["weights", "J_regressor"])
def test_rows_are_convex(asset, name: str):
    rows = asset[name].astype(np.float64)
    assert rows.min() >= 0
    np.testing.assert_allclose(rows.sum(1), 1, atol=1e-6)
    if name == "weights":
        assert (rows > 0).sum(1).max() <= 4 and (rows > 0).any(0).all()


def test_betas_are_standard_deviations(right):
    """Adult hands' lengths differ by about 5 % (one standard deviation); no direction is idle or wild."""
    betas = np.random.default_rng(0).normal(size=(2000, 10))
    middle = TIP_CONVENTIONS["smplx"]["right"][2]
    arrow = (right.v_template[middle] - right.J_regressor[0] @ right.v_template)[:, None] + (
        right.shapedirs[middle] - np.einsum("v,vck->ck", right.J_regressor[0], right.shapedirs)
    ) @ betas.T
    lengths = np.linalg.norm(arrow, axis=0)
    assert 0.04 < lengths.std() / lengths.mean() < 0.08
    assert 0.18 < lengths.mean() < 0.20
    largest = np.linalg.norm(right.shapedirs, axis=1).max(0)
    assert (largest > 0.0003).all() and (largest < 0.01).all()


def test_pose_directions_are_bulges_by_angle(right):
    directions = right.posedirs.reshape(778, 3, 15, 9)
    off_diagonal = np.delete(directions, pose.DIAGONAL, axis=-1)
    assert (off_diagonal == 0).all()
    rng = np.random.default_rng(0)
    for angle in (0.3, 1.2):
        axes = rng.normal(size=(4, 15, 3))
        turns = Rotation.from_rotvec(
            (axes / np.linalg.norm(axes, axis=-1, keepdims=True) * angle).reshape(-1, 3)
        )
        features = (turns.as_matrix() - np.eye(3)).reshape(4, 135)
        bulges = np.einsum("vck,nk->nvc", right.posedirs, features)
        right_angle = np.einsum("vck,k->vc", right.posedirs, np.tile(-np.eye(3).ravel(), 15) * 2 / 3)
        np.testing.assert_allclose(
            bulges, np.broadcast_to((1 - np.cos(angle)) * right_angle, bulges.shape), atol=1e-9
        )
    assert 0.001 < np.linalg.norm(right_angle, axis=1).max() < 0.006


def test_first_component_curls_all_fingers(right):
    component = right.hands_components[0].reshape(15, 3)
    flexion = np.einsum("jc,jc->j", component, joint_axes()[:, 0])
    assert (flexion[:12] > 0.1).all()
    assert (flexion[12:] > 0).all()
    hand = Hand.open("right")
    tips = hand(pose_pca=torch.tensor([[-1.0], [0.0], [1.0]])).joints[:, [8, 12, 16, 20]].norm(dim=-1)
    assert (tips.diff(dim=0) < 0).all()
    np.testing.assert_allclose(right.hands_components @ right.hands_components.T, np.eye(45), atol=1e-5)


def test_orientation(right):
    joints = Hand.open("right")().joints.numpy()
    middle, thumb, little = joints[12], joints[4], joints[20]
    assert middle[0] < -0.15 and abs(middle[0]) > 5 * np.abs(middle[1:]).max()
    assert thumb[2] > 0.05 > -0.02 > little[2]


@pytest.mark.parametrize("joint", range(15))
def test_joint_axes(joint: int):
    """Positive flexion curls, positive abduction spreads, twist leaves the bone's direction."""
    axes = joint_axes()[joint]
    name = MANO_JOINT_NAMES[joint + 1]
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-6)
    hand, tip = Hand.open("right"), 4 * FINGERS.index(name[:-1]) + 4

    def joints(turn: np.ndarray) -> np.ndarray:
        turns = np.zeros((15, 3))
        turns[joint] = turn
        return hand(pose_axis_angle=torch.tensor(turns.ravel(), dtype=torch.float32)).joints.numpy()

    rest, flexed, spread = joints(0 * axes[0]), joints(0.4 * axes[0]), joints(0.3 * axes[1])
    assert flexed[tip, 1] < rest[tip, 1] - 0.001
    next_joint = tip - 3 + int(name[-1])
    along = rest[next_joint] - rest[next_joint - 1]
    np.testing.assert_allclose(along / np.linalg.norm(along), axes[2], atol=0.03)
    other = 8 if name.startswith(("thumb", "middle")) else 12
    gap = np.linalg.norm(spread[tip] - rest[other]) - np.linalg.norm(rest[tip] - rest[other])
    assert gap > 0.001 if not name.startswith("middle") else gap < 0


@pytest.mark.parametrize("seed", range(3))
def test_left_hand_is_the_mirror_image(right, seed: int):
    random = torch.Generator().manual_seed(seed)
    root, betas, pose = (torch.randn(n, generator=random) for n in (3, 10, 45))
    turn, flip = torch.tensor([1.0, -1, -1]), torch.tensor([-1.0, 1, 1])
    of_right = Hand.open("right")(root_axis_angle=root, pose_pca=pose, betas=betas, centre=None)
    of_left = Hand.open("left")(root_axis_angle=root * turn, pose_pca=pose, betas=betas, centre=None)
    torch.testing.assert_close(of_left.vertices * flip, of_right.vertices, atol=1e-6, rtol=0)
    torch.testing.assert_close(of_left.joints * flip, of_right.joints, atol=1e-6, rtol=0)
    np.testing.assert_array_equal(open_hand_data("left").faces, right.faces[:, ::-1])


def test_lattice_follows_the_faces(asset):
    """Faces that share a vertex paint it alike, so the lattice's corners are where they are said to be."""
    corners = [skin.lattice_weights().tolist().index(list(row)) for row in np.eye(3)]
    painted = np.concatenate(
        [asset[name][:, corners].reshape(1538, 3, -1) for name in ("albedo", "normal")], axis=-1
    )
    by_vertex = np.full((778, 6), 1000)
    by_vertex[asset["faces"]] = painted
    np.testing.assert_array_equal(by_vertex[asset["faces"]], painted)


def test_detail_normals_are_unit_and_outward(asset):
    normals = asset["normal"] / 127
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1, atol=0.01)
    a, b, c = asset["v_template"][asset["faces"]].swapaxes(0, 1)
    flat = np.cross(b - a, c - a)
    flat /= np.linalg.norm(flat, axis=-1, keepdims=True)
    assert (np.einsum("fkc,fc->fk", normals, flat) > 0).mean() > 0.995


def test_asset_is_what_the_script_makes(asset, right, designed):
    """What follows from the vertices is recomputed, so that script and asset can't drift apart."""
    skinning = weights.skinning_weights(designed, right.faces)
    np.testing.assert_allclose(skinning, right.weights, atol=1e-5)
    motion, joint_motion = shape.shape_directions(designed, right.faces, design.MANO_JOINTS)
    np.testing.assert_allclose(
        np.einsum("ij,njk->nik", design.DESIGN_TO_MANO * 1e-3, motion), right.shapedirs, atol=1e-7
    )
    bulges = pose.pose_directions(designed, right.faces, skinning)
    np.testing.assert_allclose(bulges, right.posedirs, atol=2e-6)
    regressed = weights.joint_regressor(designed, design.MANO_JOINTS, motion, joint_motion)
    for regressor in (regressed, right.J_regressor):
        np.testing.assert_allclose(
            regressor @ right.v_template, design.to_mano(design.MANO_JOINTS), atol=1e-6
        )
    np.testing.assert_allclose(design.joint_axes(), asset["joint_axes"], atol=1e-6)
    mean, components = pose.pose_statistics(design.joint_axes())
    np.testing.assert_allclose(mean, right.hands_mean, atol=1e-6)
    np.testing.assert_allclose(np.abs((components[:6] * right.hands_components[:6]).sum(1)), 1, atol=1e-4)
