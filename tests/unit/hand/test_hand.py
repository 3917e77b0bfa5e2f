"""The hand model: parity with smplx, batches, gradients, the forms of one pose, and its error messages."""

import contextlib
import io
from pathlib import Path

import pytest
import roma
import smplx
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from handlib.geometry.rotation import rotation_from_6d, rotation_to_6d
from handlib.hand.hand import Hand, HandParams
from handlib.hand.mano_file import export_open_hand
from handlib.hand.skeleton import JOINT_NAMES, MANO_TO_21, SIDES
from handlib.utils.errors import InputError

BATCH = 5


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "mano"
    export_open_hand(folder)
    return folder


@pytest.fixture(scope="module")
def hand() -> Hand:
    return Hand.open("right")


def random_parameters(seed: int) -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return {
        "root_axis_angle": torch.randn(BATCH, 3, generator=random),
        "pose_axis_angle": 0.4 * torch.randn(BATCH, 45, generator=random),
        "betas": torch.randn(BATCH, 10, generator=random),
    }


def smplx_layer(folder: Path, side: str, extension: str, **options):
    with contextlib.redirect_stdout(io.StringIO()):
        return smplx.create(
            folder.parent,
            model_type="mano",
            is_rhand=side == "right",
            ext=extension,
            batch_size=BATCH,
            **options,
        )


@pytest.mark.parametrize("extension", ["pkl", "npz"])
@pytest.mark.parametrize("side", SIDES)
def test_equals_smplx(exported: Path, side, extension: str):
    layer = smplx_layer(exported, side, extension, use_pca=False, flat_hand_mean=True)
    given_parameters = random_parameters(0)
    theirs = layer(
        betas=given_parameters["betas"],
        global_orient=given_parameters["root_axis_angle"],
        hand_pose=given_parameters["pose_axis_angle"],
    )
    ours = Hand.open(side)(**given_parameters, centre=None)
    torch.testing.assert_close(ours.vertices, theirs.vertices, atol=1e-6, rtol=0)
    tips = theirs.vertices[:, [744, 320, 443, 554, 671]]
    theirs_21 = torch.cat((theirs.joints[:, :16], tips), dim=1)[:, MANO_TO_21]
    torch.testing.assert_close(ours.joints, theirs_21, atol=1e-6, rtol=0)
    from_file = Hand.from_mano(exported / f"MANO_{side.upper()}.{extension}", side)(
        **given_parameters, centre=None
    )
    torch.testing.assert_close(from_file.vertices, ours.vertices, atol=1e-6, rtol=0)


@pytest.mark.parametrize("side", SIDES)
def test_principal_components_equal_smplx(exported: Path, side):
    layer = smplx_layer(exported, side, "pkl", use_pca=True, num_pca_comps=12, flat_hand_mean=False)
    coefficients = torch.randn(BATCH, 12, generator=torch.Generator().manual_seed(1))
    theirs = layer(hand_pose=coefficients).vertices
    ours = Hand.open(side)(pose_pca=coefficients, centre=None).vertices
    torch.testing.assert_close(ours.expand_as(theirs), theirs, atol=1e-6, rtol=0)


def test_batches_broadcast(hand: Hand):
    random = torch.Generator().manual_seed(2)
    roots, betas = torch.randn(4, 1, 3, generator=random), torch.randn(6, 10, generator=random)
    output = hand(root_axis_angle=roots, pose_axis_angle=torch.zeros(45), betas=betas)
    assert output.vertices.shape == (4, 6, 778, 3)
    assert output.joints.shape == (4, 6, 21, 3)
    one = hand(root_axis_angle=roots[3, 0], betas=betas[5])
    torch.testing.assert_close(output.vertices[3, 5], one.vertices, atol=1e-6, rtol=0)


@pytest.mark.parametrize("scale", [0.0, 0.5])
@pytest.mark.parametrize("forms", [("root_6d", "pose_axis_angle"), ("root_axis_angle", "pose_pca")])
def test_gradients_are_finite_and_not_zero(hand: Hand, scale: float, forms: tuple[str, str]):
    random = torch.Generator().manual_seed(4)
    unturned = {"root_6d": torch.tensor([1.0, 0, 0, 0, 1, 0]), "root_axis_angle": torch.zeros(3)}
    rest = {
        **unturned,
        "pose_axis_angle": torch.zeros(45),
        "pose_pca": torch.zeros(45),
        "betas": torch.zeros(10),
    }
    parameters = {
        name: (rest[name] + scale * torch.randn(rest[name].shape, generator=random)).requires_grad_()
        for name in (*forms, "betas")
    }
    weights = torch.randn(778, 3, generator=random)
    (weights * hand(**parameters).vertices).sum().backward()
    for name, parameter in parameters.items():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


def test_forms_of_one_pose_agree(hand: Hand):
    root, pose, _ = random_parameters(5).values()
    expected = hand(pose_axis_angle=pose).vertices
    matrices = roma.rotvec_to_rotmat(pose.unflatten(-1, (15, 3)))
    coefficients = hand.axis_angle_to_pca(pose)
    torch.testing.assert_close(hand(pose_rotation=matrices).vertices, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(hand(pose_pca=coefficients).vertices, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(hand.pca_to_axis_angle(coefficients), pose, atol=1e-5, rtol=0)
    matrix = roma.rotvec_to_rotmat(root)
    expected = hand(root_axis_angle=root).vertices
    torch.testing.assert_close(hand(root_rotation=matrix).vertices, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(hand(root_6d=rotation_to_6d(matrix)).vertices, expected, atol=1e-6, rtol=0)


def test_double_precision_is_computed_in_double_precision():
    parameters = random_parameters(10)
    single, double = Hand.open("left"), Hand.open("left").double()
    output = double(**parameters)
    assert output.vertices.dtype == output.joints.dtype == torch.float64
    torch.testing.assert_close(output.vertices.float(), single(**parameters).vertices, atol=1e-6, rtol=0)
    assert single(**{k: v.double() for k, v in parameters.items()}).vertices.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_refused(dtype: torch.dtype):
    with pytest.raises(InputError, match=r"hand: expected float32 or float64, got torch\.\w+16; .*autocast"):
        Hand.open("left").to(dtype)(betas=torch.zeros(10))


def test_nothing_of_the_hand_stays_on_the_cpu():
    """The meta device refuses tensors of other devices, as every GPU does."""
    hand = Hand.open("right").to("meta")
    output = hand.from_params(HandParams.from_vector(torch.zeros(2, 64, device="meta")))
    assert output.vertices.is_meta and output.joints.is_meta
    assert hand.correctives(torch.zeros(2, 16, 3, 3, device="meta")).is_meta
    assert hand.axis_angle_to_pca(torch.zeros(2, 45, device="meta")).is_meta


@pytest.mark.parametrize("centre", ["wrist", "middle1"])
def test_centre(hand: Hand, centre: str):
    free = hand(**random_parameters(7), centre=None)
    centred = hand(**random_parameters(7), centre=centre)
    joint = JOINT_NAMES.index(centre)
    assert centred.joints[:, joint].abs().max() < 1e-7
    shift = free.joints[:, joint, None]
    torch.testing.assert_close(centred.vertices, free.vertices - shift)
    torch.testing.assert_close(centred.joints, free.joints - shift)


def test_the_root_turns_about_the_wrist_not_the_origin(hand: Hand):
    turned = hand(root_axis_angle=torch.tensor([0.3, -1.0, 0.5]), centre=None).joints[0]
    torch.testing.assert_close(turned, hand(centre=None).joints[0], atol=1e-6, rtol=0)
    assert turned.norm() > 0.09


def test_regressed_joints_are_the_model_s_at_rest(hand: Hand):
    output = hand(
        betas=random_parameters(8)["betas"], root_axis_angle=random_parameters(8)["root_axis_angle"]
    )
    torch.testing.assert_close(hand.regress_joints(output.vertices), output.joints, atol=1e-6, rtol=0)


def test_parameters_and_vector(hand: Hand):
    vector = torch.arange(2 * 64.0).reshape(2, 64)
    params = HandParams.from_vector(vector)
    assert [x.shape[-1] for x in (params.root, params.pose, params.betas, params.camera)] == [6, 45, 10, 3]
    torch.testing.assert_close(params.to_vector(), vector)
    small = HandParams.from_vector(torch.randn(2, 64, generator=torch.Generator().manual_seed(9)))
    expected = hand(root_6d=small.root, pose_pca=small.pose, betas=small.betas)
    torch.testing.assert_close(hand.from_params(small).vertices, expected.vertices)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"betas": torch.zeros(2, 9)}, r"betas: expected shape \(\.\.\., 10\), got \(2, 9\)"),
        ({"root_rotation": torch.zeros(3)}, r"root_rotation: expected shape \(\.\.\., 3, 3\), got \(3,\)"),
        ({"pose_pca": torch.zeros(46)}, r"pose_pca: expected at most 45 coefficients, got 46"),
        ({"root_6d": torch.zeros(6), "root_axis_angle": torch.zeros(3)}, r"root: .* got several"),
        ({"centre": "elbow"}, r"joint: expected one of wrist, thumb1, .* got 'elbow'"),
    ],
)
def test_errors_name_field_and_shape(hand: Hand, arguments, message: str):
    with pytest.raises(ValueError, match=message):
        hand(**arguments)


six = arrays.arrays("float64", 6, elements=st.floats(-10, 10, width=32)).map(torch.from_numpy)
scales = st.floats(1e-3, 1e3)


def independent(vector: torch.Tensor) -> bool:
    x, y = vector[:3], vector[3:]
    return bool(torch.linalg.cross(x, y).norm() > 1e-3 * x.norm() * y.norm()) and bool(
        x.norm() * y.norm() > 1e-6
    )


@given(six.filter(independent), scales, scales)
def test_6d_gives_a_rotation_and_ignores_lengths(vector: torch.Tensor, a: float, b: float):
    rotation = rotation_from_6d(vector)
    torch.testing.assert_close(rotation.mT @ rotation, torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(torch.linalg.det(rotation), torch.tensor(1.0, dtype=torch.float64))
    scaled = torch.cat((a * vector[:3], b * vector[3:]))
    torch.testing.assert_close(rotation_from_6d(scaled), rotation, atol=1e-8, rtol=0)


@given(six.filter(independent))
def test_6d_prefers_neither_vector(vector: torch.Tensor):
    """Swapping the vectors swaps the columns; each column is equally far from its vector."""
    rotation = rotation_from_6d(vector)
    swapped = rotation_from_6d(torch.cat((vector[3:], vector[:3])))
    torch.testing.assert_close(swapped[:, :2], rotation[:, [1, 0]], atol=1e-8, rtol=0)
    torch.testing.assert_close(swapped[:, 2], -rotation[:, 2], atol=1e-8, rtol=0)
    cosines = (rotation[:, :2].T * vector.reshape(2, 3)).sum(1) / vector.reshape(2, 3).norm(dim=1)
    torch.testing.assert_close(cosines[0], cosines[1], atol=1e-8, rtol=0)


@given(arrays.arrays("float64", 3, elements=st.floats(-3, 3)).map(torch.from_numpy))
def test_6d_inverts(axis_angle: torch.Tensor):
    rotation = roma.rotvec_to_rotmat(axis_angle)
    torch.testing.assert_close(rotation_from_6d(rotation_to_6d(rotation)), rotation, atol=1e-8, rtol=0)


@pytest.mark.parametrize("vector", [[1.0, 0, 0, 2, 0, 0], [0.0] * 6, [1.0, 0, 0, -1, 0, 0]])
def test_6d_of_parallel_vectors_is_finite(vector: list[float]):
    assert rotation_from_6d(torch.tensor(vector)).isfinite().all()
