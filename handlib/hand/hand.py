"""The hand model: it turns shape and pose parameters into vertices and 21 joints.

The model is a file in the MANO format (Romero et al., "Embodied Hands", 2017): the open hand that ships with
this package, or MANO itself for those who have it. Lengths are in metres, angles in radians.
"""

from collections.abc import ItemsView, ValuesView
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import roma
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from handlib.geometry.rotation import rotation_from_6d
from handlib.hand.mano_file import (
    MODEL_ARRAYS,
    HandData,
    find_mano,
    open_hand_data,
    read_mano,
    repair_left_shapedirs,
)
from handlib.hand.skeleton import MANO_PARENTS, MANO_TO_21, SIDES, Side, joint_index, tip_vertices
from handlib.hand.skinning import forward_kinematics, skin
from handlib.utils.arguments import check_choice, check_finite
from handlib.utils.errors import InputError
from handlib.utils.reprs import in_shapes

NUM_FINGER_JOINTS = 15
HAND_VECTOR_SIZE = 64


@dataclass(frozen=True)
class HandParams:
    """The 64 numbers that DIR predicts for one hand (Sec. 3.1; order as released).

    ``root`` is the 6D rotation of the wrist. ``pose`` are the coefficients of the finger pose's principal
    components around the mean pose. ``betas`` is the shape, ``camera`` the weak perspective (s, tx, ty).
    """

    root: Float[Tensor, "*batch 6"]
    pose: Float[Tensor, "*batch 45"]
    betas: Float[Tensor, "*batch 10"]
    camera: Float[Tensor, "*batch 3"]

    __repr__ = in_shapes

    @classmethod
    def from_vector(cls, vector: Float[Tensor, "*batch 64"]) -> "HandParams":
        """Cuts the network's vector into its four parts."""
        return cls(*vector.split((6, 45, 10, 3), dim=-1))

    def to_vector(self) -> Float[Tensor, "*batch 64"]:
        """Returns the vector of 64 numbers; the inverse of :meth:`from_vector`."""
        return torch.cat((self.root, self.pose, self.betas, self.camera), dim=-1)


@dataclass(frozen=True)
class HandOutput:
    """A posed hand in metres: the surface and the 21 joints of ``skeleton.JOINT_NAMES``."""

    vertices: Float[Tensor, "*batch 778 3"]
    joints: Float[Tensor, "*batch 21 3"]

    __repr__ = in_shapes


class Hand(nn.Module):
    """One hand, left or right, as a differentiable function of its parameters.

    ``tips`` names the convention for the fingertip vertices (``skeleton.TIP_CONVENTIONS``). A hand computes
    in float32, or in float64 after ``.double()``, and converts its arguments to this type.
    """

    v_template: Float[Tensor, "778 3"]
    shapedirs: Float[Tensor, "778 3 10"]
    posedirs: Float[Tensor, "135 2334"]
    J_regressor: Float[Tensor, "16 778"]
    weights: Float[Tensor, "778 16"]
    hands_mean: Float[Tensor, "45"]
    hands_components: Float[Tensor, "45 45"]
    tip_ids: Int[Tensor, "5"]
    joint_order: Int[Tensor, "21"]

    skin = staticmethod(skin)

    def __init__(self, data: HandData, tips: str = "smplx"):
        super().__init__()
        self.side: Side = data.side
        self.faces: Int[np.ndarray, "1538 3"] = data.faces
        arrays = {name: getattr(data, name) for name in MODEL_ARRAYS}
        arrays["posedirs"] = data.posedirs.reshape(-1, data.posedirs.shape[-1]).T
        for name, array in arrays.items():
            value = torch.from_numpy(np.ascontiguousarray(array)).float()
            self.register_buffer(name, value, persistent=False)
        self.register_buffer("tip_ids", torch.tensor(tip_vertices(tips, data.side)), persistent=False)
        self.register_buffer("joint_order", torch.tensor(MANO_TO_21), persistent=False)

    @classmethod
    def open(cls, side: Side, tips: str = "smplx") -> "Hand":
        """Returns the licence-free hand that ships with the package."""
        check_choice("side", side, SIDES)
        return cls(open_hand_data(side), tips)

    @classmethod
    def from_mano(cls, path: str | Path, side: Side, tips: str = "smplx") -> "Hand":
        """Reads a hand from ``MANO_LEFT.pkl`` or ``MANO_RIGHT.pkl`` (or ``.npz``), or a folder with both.

        Given a folder, the left hand's shape directions are compared with the right hand's, and mended if
        they have the known sign fault. A single file can't be compared and is used as it is. Raises
        :class:`handlib.hand.mano_file.HandFileError`.
        """
        check_choice("side", side, SIDES)
        path = Path(path)
        if not path.is_dir():
            return cls(read_mano(path, side), tips)
        data = read_mano(find_mano(path, side), side)
        if side == "left":
            data = repair_left_shapedirs(data, read_mano(find_mano(path, "right"), "right"))
        return cls(data, tips)

    @property
    def dtype(self) -> torch.dtype:
        """Returns the type that the hand computes in; raises an :class:`InputError` below float32."""
        if self.v_template.dtype not in (torch.float32, torch.float64):
            raise InputError(
                f"hand: expected float32 or float64, got {self.v_template.dtype}; for speed: torch.autocast"
            )
        return self.v_template.dtype

    def pca_to_axis_angle(self, coefficients: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch 45"]:
        """Returns the finger pose of the first k principal components: mean + coefficients @ components."""
        return self.hands_mean + coefficients @ self.hands_components[: coefficients.shape[-1]]

    def axis_angle_to_pca(self, pose: Float[Tensor, "*batch 45"]) -> Float[Tensor, "*batch 45"]:
        """Returns all 45 coefficients of a finger pose; the components need not be orthonormal."""
        return torch.linalg.solve(self.hands_components.T, (pose - self.hands_mean)[..., None])[..., 0]

    def forward(
        self,
        *,
        root_6d: Tensor | None = None,
        root_axis_angle: Tensor | None = None,
        root_rotation: Tensor | None = None,
        pose_pca: Tensor | None = None,
        pose_axis_angle: Tensor | None = None,
        pose_rotation: Tensor | None = None,
        betas: Tensor | None = None,
        centre: str | None = "wrist",
    ) -> HandOutput:
        """Poses the hand.

        Give at most one form of the root: (..., 6), (..., 3) or (..., 3, 3). Give at most one form of the
        finger pose: (..., k) principal components around the mean pose, (..., 45) axis-angle, or (..., 15, 3,
        3) rotations in MANO's joint order. Arguments left out are zero: no rotation, flat hand, mean shape.
        Leading dimensions broadcast. ``centre`` names the joint that is moved to the origin; None keeps the
        model's frame.

        Raises:
            ValueError: an argument has the wrong shape, or two forms of the same thing are given.
            InputError: a number isn't finite; the message names the argument and the place.
        """
        given = {
            "root_6d": root_6d,
            "root_axis_angle": root_axis_angle,
            "root_rotation": root_rotation,
            "pose_pca": pose_pca,
            "pose_axis_angle": pose_axis_angle,
            "pose_rotation": pose_rotation,
            "betas": betas,
        }
        for name, value in given.items():
            check_finite(name, value)
        root = self._root(root_6d, root_axis_angle, root_rotation)
        pose = self._pose(pose_pca, pose_axis_angle, pose_rotation)
        shape = self._checked("betas", betas, (10,)) if betas is not None else self.v_template.new_zeros(10)
        return self._posed(root, pose, shape, centre)

    def from_params(self, params: HandParams, centre: str | None = "wrist") -> HandOutput:
        """Poses the hand by the network's parameters; the camera isn't used.

        This is part of the network's forward pass, so it doesn't check that numbers are finite.
        """
        root, pose = self._root(params.root, None, None), self._pose(params.pose, None, None)
        return self._posed(root, pose, self._checked("betas", params.betas, (10,)), centre)

    def _posed(
        self,
        root: Float[Tensor, "*#batch 3 3"],
        pose: Float[Tensor, "*#batch 15 3 3"],
        shape: Float[Tensor, "*#batch 10"],
        centre: str | None,
    ) -> HandOutput:
        """Returns the skinned hand, with joints in this package's order and the origin at ``centre``."""
        batch = torch.broadcast_shapes(root.shape[:-2], pose.shape[:-3], shape.shape[:-1])
        rotations = torch.cat(
            (root.expand(*batch, 3, 3).unsqueeze(-3), pose.expand(*batch, NUM_FINGER_JOINTS, 3, 3)), dim=-3
        )
        surface, rest = self.at_rest(shape.expand(*batch, 10))
        joints, transforms = forward_kinematics(rotations, rest, MANO_PARENTS)
        vertices = self.skin(self.correctives(rotations) + surface, self.weights, transforms)
        joints = torch.cat((joints, vertices[..., self.tip_ids, :]), dim=-2)[..., self.joint_order, :]
        if centre is not None:
            origin = joints[..., joint_index(centre), None, :]
            vertices, joints = vertices - origin, joints - origin
        return HandOutput(vertices, joints)

    def at_rest(
        self, betas: Float[Tensor, "*batch 10"]
    ) -> tuple[Float[Tensor, "*batch 778 3"], Float[Tensor, "*batch 16 3"]]:
        """Returns surface and joints of a shape's flat hand, in the model's frame and joint order."""
        surface = self.v_template + torch.einsum("vxs,...s->...vx", self.shapedirs, betas)
        return surface, torch.einsum("...vx,jv->...jx", surface, self.J_regressor)

    def correctives(self, rotations: Float[Tensor, "*batch 16 3 3"]) -> Float[Tensor, "*batch 778 3"]:
        """Returns the shifts that a pose adds to the vertices at rest, linear in the finger joints' R - I."""
        bends = rotations[..., 1:, :, :] - torch.eye(3, dtype=rotations.dtype, device=rotations.device)
        return (bends.flatten(-3) @ self.posedirs).unflatten(-1, (-1, 3))

    def regress_joints(self, vertices: Float[Tensor, "*batch 778 3"]) -> Float[Tensor, "*batch 21 3"]:
        """Returns the joints of a posed surface as evaluation protocols do: 16 regressed, 5 tip vertices."""
        joints = torch.cat((self.J_regressor @ vertices, vertices[..., self.tip_ids, :]), dim=-2)
        return joints[..., self.joint_order, :]

    def _checked(self, name: str, value: Tensor, shape: tuple[int | None, ...]) -> Tensor:
        tail = value.shape[-len(shape) :]
        fits = len(tail) == len(shape) and all(s in (None, t) for s, t in zip(shape, tail, strict=True))
        if not fits:
            expected = ", ".join("k" if s is None else str(s) for s in shape)
            raise ValueError(f"{name}: expected shape (..., {expected}), got {tuple(value.shape)}")
        return value.to(self.dtype)

    def _root(self, six: Tensor | None, axis_angle: Tensor | None, rotation: Tensor | None) -> Tensor:
        if sum(x is not None for x in (six, axis_angle, rotation)) > 1:
            raise ValueError("root: expected one of root_6d, root_axis_angle, root_rotation, got several")
        if six is not None:
            return rotation_from_6d(self._checked("root_6d", six, (6,)))
        if axis_angle is not None:
            return roma.rotvec_to_rotmat(self._checked("root_axis_angle", axis_angle, (3,)))
        if rotation is not None:
            return self._checked("root_rotation", rotation, (3, 3))
        return torch.eye(3, dtype=self.dtype, device=self.v_template.device)

    def _pose(self, pca: Tensor | None, axis_angle: Tensor | None, rotation: Tensor | None) -> Tensor:
        if sum(x is not None for x in (pca, axis_angle, rotation)) > 1:
            raise ValueError("pose: expected one of pose_pca, pose_axis_angle, pose_rotation, got several")
        if rotation is not None:
            return self._checked("pose_rotation", rotation, (NUM_FINGER_JOINTS, 3, 3))
        if pca is not None:
            if self._checked("pose_pca", pca, (None,)).shape[-1] > len(self.hands_components):
                raise ValueError(f"pose_pca: expected at most 45 coefficients, got {pca.shape[-1]}")
            axis_angle = self.pca_to_axis_angle(pca)
        if axis_angle is None:
            axis_angle = self.v_template.new_zeros(3 * NUM_FINGER_JOINTS)
        axis_angle = self._checked("pose_axis_angle", axis_angle, (3 * NUM_FINGER_JOINTS,))
        return roma.rotvec_to_rotmat(axis_angle.unflatten(-1, (NUM_FINGER_JOINTS, 3)))


class Hands(nn.ModuleDict):
    """Hand models by name, left and right: a ``ModuleDict`` whose entries have the type ``Hand``."""

    def __getitem__(self, side: str) -> Hand:
        """Returns the hand of this name."""
        return cast(Hand, super().__getitem__(side))

    def values(self) -> ValuesView[Hand]:
        """Returns all hands."""
        return cast(ValuesView[Hand], super().values())

    def items(self) -> ItemsView[str, Hand]:
        """Returns names and hands."""
        return cast(ItemsView[str, Hand], super().items())
