"""Shows a hand model in 3D: with sliders for its pose and shape, or with one joint bent."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import ipywidgets
import numpy as np
import roma
import torch
from jaxtyping import Float
from torch import Tensor

from handlib.data.rendered.poses import joint_axes
from handlib.geometry.mesh import enclosed_volume
from handlib.hand.hand import NUM_FINGER_JOINTS, Hand
from handlib.hand.skeleton import MANO_JOINT_NAMES, SIDES, Side, joint_index
from handlib.show.core import palette
from handlib.show.core.hands import HandsView
from handlib.show.core.hands_drawing import Colours, draw_hands, upright
from handlib.show.core.panel import Explorer, Picture, choice, slider
from handlib.show.core.raster import above, beside, mix, rgb, words
from handlib.utils.arguments import check_between, check_choice, check_some

HAND_DISTANCE = 0.2
BENT_JOINTS = MANO_JOINT_NAMES[1:]
MILLILITRES = 1e6
"""How many of them a cubic metre has."""
SIDE_VIEW = -60.0
"""Degrees about the vertical by which the hand with one bent joint is turned: its fingers bend in the plane
of the picture."""
WEIGHT_RAMP = {
    side: np.stack([rgb("#efefef"), rgb(colour), rgb(mix(colour, "#000000", 0.6))])
    for side, colour in zip(SIDES, palette.HANDS, strict=True)
}
"""Colours of the weights 0, 1/2 and 1; each is darker, so they differ in grey too."""
Posed = tuple[Float[np.ndarray, "hand vertices 3"], Float[np.ndarray, "hand 21 3"]]


def pose_hands(hands: Sequence[Hand], pose_pca: Sequence[float], betas: Sequence[float]) -> Posed:
    """Returns vertices and joints of hands side by side, palms to the viewer, all with the same coefficients.

    ``pose_pca`` are the first coefficients around the mean pose, ``betas`` the first shape coefficients (at
    most ten); the rest are zero. Lengths are in metres. Wrists are ``HAND_DISTANCE`` apart on the x axis.
    """
    shape = torch.zeros(10)
    shape[: len(betas)] = torch.tensor(list(betas))
    vertices, joints = [], []
    for place, hand in enumerate(hands):
        with torch.no_grad():
            posed = hand(
                root_rotation=torch.from_numpy(upright(hand.side)).float(),
                pose_pca=torch.tensor(list(pose_pca), dtype=torch.float32),
                betas=shape,
            )
        shift = np.array([(place - (len(hands) - 1) / 2) * HAND_DISTANCE, 0, 0])
        vertices.append(posed.vertices.numpy() + shift)
        joints.append(posed.joints.numpy() + shift)
    return np.stack(vertices), np.stack(joints)


class HandExplorer(Explorer[Posed]):
    """One or two hands with a slider for each of the first pose components and betas.

    The line below the sliders gives the distance that the picked joint has moved from its place with all
    sliders at zero. If no joint is picked, it is the middle finger's tip.
    """

    def __init__(self, hands: Sequence[Hand], num_pose: int = 5, num_betas: int = 5):
        check_some("hands", hands)
        check_between("num_pose", num_pose, 0, 45)
        check_between("num_betas", num_betas, 0, 10)
        self.hands = tuple(hands)
        self.pose_sliders = [slider(f"pose {k}", 0, -3, 3, 0.1, 1) for k in range(num_pose)]
        self.beta_sliders = [slider(f"beta {k}", 0, -3, 3, 0.1, 1) for k in range(num_betas)]
        sliders = [*self.pose_sliders, *self.beta_sliders]
        vertices, self._rest = self.compute()
        faces, sides = [hand.faces for hand in self.hands], [hand.side for hand in self.hands]
        self.view = HandsView(vertices, self._rest, faces, sides)
        self.status = ipywidgets.Label()
        button = ipywidgets.Button(description="all to zero")
        button.on_click(lambda _: self.reset())
        beside = ipywidgets.VBox([*sliders, button, self.status])
        super().__init__([[self.view, beside]], traits=[(self.view, "picked")])

    def compute(self) -> Posed:
        """Returns the hands in the pose and shape of the sliders."""
        coefficients = ([s.value for s in self.pose_sliders], [s.value for s in self.beta_sliders])
        return pose_hands(self.hands, *coefficients)

    def draw(self, state: Posed) -> None:
        """Moves the hands and shows how far the joint has moved."""
        vertices, joints = state
        self.view.update(vertices, joints)
        joint = self.view.picked if self.view.picked >= 0 else joint_index("middle4")
        moved = np.linalg.norm(joints.reshape(-1, 3)[joint] - self._rest.reshape(-1, 3)[joint])
        self.status.value = f"{self.view.joint_label(joint)} moved {1000 * moved:.0f} mm"

    def reset(self) -> None:
        """Sets every slider to zero."""
        with self.quiet():
            for control in self.controls:
                control.value = 0.0
        self.refresh()

    def picture(self) -> Picture:
        """Returns the 3D view."""
        return self.view.picture()

    def __repr__(self) -> str:
        sides = " and ".join(hand.side for hand in self.hands)
        counts = f"{len(self.pose_sliders)} pose components and {len(self.beta_sliders)} betas"
        return f"HandExplorer: {sides} hand, sliders for {counts}"


@dataclass(frozen=True)
class Bent:
    """A hand with one bent joint; ``lost`` is the volume in ml that it has less than the flat hand.

    ``colours`` are those of ``WEIGHT_RAMP`` for the vertices' skin weights of the joint.
    """

    vertices: Float[np.ndarray, "hand=1 778 3"]
    joints: Float[np.ndarray, "hand=1 21 3"]
    colours: Colours
    lost: float
    caption: str


def weight_colours(weights: Float[np.ndarray, "hand vertices"], side: Side) -> Colours:
    """Returns the colours of skin weights of a hand."""
    channels = [np.interp(weights, (0, 0.5, 1), channel) for channel in WEIGHT_RAMP[side].T]
    return (255 * np.stack(channels, axis=-1)).round().astype(np.uint8)


def bend_rotations(side: Side, joint: str, bend: float, twist: float) -> Float[Tensor, "15 3 3"]:
    """Returns finger rotations in which one joint is twisted, then bent, by angles in degrees.

    ``joint`` is one of ``BENT_JOINTS``; the axes are those of the open hand.
    """
    check_choice("joint", joint, BENT_JOINTS)
    place = BENT_JOINTS.index(joint)
    flexion, _, along = torch.from_numpy(joint_axes()[place]).float()
    if side == "left":
        flexion, along = (axis * torch.tensor([1.0, -1.0, -1.0]) for axis in (flexion, along))
    bent, twisted = (
        roma.rotvec_to_rotmat(np.radians(degrees) * axis)
        for degrees, axis in ((bend, flexion), (twist, along))
    )
    rotations = torch.eye(3).repeat(NUM_FINGER_JOINTS, 1, 1)
    rotations[place] = bent @ twisted
    return rotations


def without_correctives(hand: Hand) -> Hand:
    """Returns the same hand without its pose correctives: skinning alone."""
    bare = deepcopy(hand)
    bare.posedirs.zero_()
    return bare


class BendExplorer(Explorer[Bent]):
    """Bends and twists one finger joint of a hand; the surface is coloured by the joint's skin weights.

    Light skin doesn't follow the joint's own bone, dark skin follows it alone. The line below the sliders
    counts these vertices and gives the volume that the hand has lost.
    """

    def __init__(self, hand: Hand, joint: str = "index2", bend: float = 75.0):
        check_choice("joint", joint, BENT_JOINTS)
        check_between("bend", bend, 0.0, 90.0)
        self.hand, self.bare = hand, without_correctives(hand)
        turn = roma.rotvec_to_rotmat(torch.tensor([0.0, np.radians(SIDE_VIEW), 0.0], dtype=torch.float64))
        self._root = turn @ torch.from_numpy(upright(hand.side))
        self.joint = choice("joint", BENT_JOINTS, joint, width="200px")
        self.bend = slider("bend (°)", bend, 0, 90, 5.0, 0)
        self.twist = slider("twist (°)", 0, -180, 180, 5.0, 0)
        self.correctives = ipywidgets.Checkbox(True, description="pose correctives", indent=False)
        self.caption = ipywidgets.Label()
        self._flat = self.pose(hand, torch.eye(3).expand(NUM_FINGER_JOINTS, 3, 3))
        self.view = HandsView(
            *self._flat, [hand.faces], [hand.side], caption="weight of the joint: light 0, dark 1"
        )
        controls = ipywidgets.VBox([self.joint, self.bend, self.twist, self.correctives, self.caption])
        super().__init__([[self.view, controls]])

    def pose(self, hand: Hand, rotations: Float[Tensor, "15 3 3"]) -> Posed:
        """Returns vertices and joints of a posed hand that is seen from its side."""
        with torch.no_grad():
            posed = hand(root_rotation=self._root, pose_rotation=rotations)
        return posed.vertices.numpy()[None], posed.joints.numpy()[None]

    def volume(self, vertices: Float[np.ndarray, "hand=1 778 3"]) -> float:
        """Returns the volume in ml; the wrist, which is at the origin, closes the surface."""
        return MILLILITRES * enclosed_volume(vertices[0].astype(float), self.hand.faces, np.zeros(3))

    def compute(self) -> Bent:
        """Returns the hand with the chosen joint bent and twisted as the sliders say."""
        joint = self.joint.value
        hand = self.hand if self.correctives.value else self.bare
        rotations = bend_rotations(hand.side, joint, self.bend.value, self.twist.value)
        vertices, joints = self.pose(hand, rotations)
        weights = hand.weights[:, MANO_JOINT_NAMES.index(joint)].numpy()
        alone, partly = (weights > 0.99).sum(), ((weights > 0.01) & (weights <= 0.99)).sum()
        lost = round(self.volume(self._flat[0]) - self.volume(vertices), 1) + 0.0
        return Bent(
            vertices,
            joints,
            weight_colours(weights[None], hand.side),
            lost,
            f"{joint}: {alone} vertices follow it alone, {partly} in part; volume lost: {lost} ml",
        )

    def draw(self, state: Bent) -> None:
        """Moves and colours the hand, and says how many vertices follow the joint."""
        self.view.update(state.vertices, state.joints, state.colours)
        self.caption.value = state.caption

    def picture(self) -> Picture:
        """Returns the flat hand and the bent one side by side."""
        *centre, half_height = self.view.framing
        row = beside(
            *(
                draw_hands(
                    vertices,
                    joints,
                    [self.hand.faces],
                    [self.hand.side],
                    (*centre, half_height / 1.7),
                    self.state.colours,
                    size=(370, 400),
                    caption=self.view.caption,
                )
                for vertices, joints in (self._flat, (self.state.vertices, self.state.joints))
            )
        )
        return above(row, words(self.state.caption, row.shape[1]))

    def __repr__(self) -> str:
        return (
            f"BendExplorer: {self.hand.side} hand, one of {len(BENT_JOINTS)} joints, its weights as colours"
        )
