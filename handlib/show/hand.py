"""Sliders for a hand model's pose and shape beside its 3D view."""

from collections.abc import Sequence

import ipywidgets
import numpy as np
import torch
from jaxtyping import Float

from handlib.hand.hand import Hand
from handlib.hand.skeleton import joint_index
from handlib.show.core.hands import HandsView
from handlib.show.core.hands_drawing import upright
from handlib.show.core.panel import Explorer, Picture, slider
from handlib.utils.arguments import check_between, check_some

HAND_DISTANCE = 0.2
Posed = tuple[Float[np.ndarray, "hand vertices 3"], Float[np.ndarray, "hand 21 3"]]


def pose_hands(hands: Sequence[Hand], pose_pca: Sequence[float], betas: Sequence[float]) -> Posed:
    """Vertices and joints of hands side by side, palms to the viewer, all with the same coefficients.

    ``pose_pca`` are the first coefficients around the mean pose, ``betas`` the first shape coefficients (at
    most ten); the rest are zero. Metres; wrists lie ``HAND_DISTANCE`` apart on the x axis.
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

    The line below the sliders says how far the picked joint (the middle finger's tip if none is picked) went
    from where it is with all sliders at zero.
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
        """The hands posed as the sliders say."""
        coefficients = ([s.value for s in self.pose_sliders], [s.value for s in self.beta_sliders])
        return pose_hands(self.hands, *coefficients)

    def draw(self, state: Posed) -> None:
        """Moves the hands and says how far the joint went."""
        vertices, joints = state
        self.view.update(vertices, joints)
        joint = self.view.picked if self.view.picked >= 0 else joint_index("middle4")
        moved = np.linalg.norm(joints.reshape(-1, 3)[joint] - self._rest.reshape(-1, 3)[joint])
        self.status.value = f"{self.view.joint_label(joint)} moved {1000 * moved:.0f} mm"

    def reset(self) -> None:
        """Puts every slider back to zero."""
        with self.quiet():
            for control in self.controls:
                control.value = 0.0
        self.refresh()

    def picture(self) -> Picture:
        """The 3D view."""
        return self.view.picture()

    def __repr__(self) -> str:
        sides = " and ".join(hand.side for hand in self.hands)
        counts = f"{len(self.pose_sliders)} pose components and {len(self.beta_sliders)} betas"
        return f"HandExplorer: {sides} hand, sliders for {counts}"
