"""A second opinion on single hands: MediaPipe's hand landmark network, whole, asked about each hand.

``wild`` has learnt from rendered pictures which hand is a left one. The network that its encoder comes from
has learnt that, and what is a hand at all, from photographs of hands. It wants to see one hand, upright,
which is known once the hand has been located.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import relu6

from handlib.data.photo import Crop, Picture, cut_square
from handlib.data.sample import normalise
from handlib.hand.skeleton import FINGERS, joint_index
from handlib.model.hand_backbone import WEIGHTS, HandBackbone, SameConv2d

SIZE = 224
"""Pixels of the pictures that it was trained on."""
TAIL_CHANNELS = 1152
UPWARDS = [joint_index(name) for name in ("index2", "middle2", "ring2")]
"""The wrist is turned to lie below the mean of these."""
EXTENT = [joint_index("wrist"), *(joint_index(f"{finger}{k}") for finger in FINGERS for k in (1, 2))]
AROUND, LIFT = 2.0, 0.1
"""The square's side, in sides of the box around ``EXTENT``, and how far its centre moves towards the
fingers.
"""


class HandNetwork(nn.Module):
    """Landmarks of single upright hands, and the log-odds that there is one and that it is a right one."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = HandBackbone()
        self.widen = SameConv2d(self.backbone.channels[-1], TAIL_CHANNELS, 1, 1)
        self.around = SameConv2d(TAIL_CHANNELS, TAIL_CHANNELS, 3, 1, depthwise=True)
        self.landmarks, self.presence, self.side = (nn.Linear(TAIL_CHANNELS, n) for n in (63, 1, 1))

    def forward(
        self, image: Float[Tensor, "batch 3 224 224"]
    ) -> tuple[Float[Tensor, "batch 63"], Float[Tensor, "batch"], Float[Tensor, "batch"]]:
        """Of normalised pictures; landmarks are pixels (x, y) and depth."""
        deep = relu6(self.around(relu6(self.widen(self.backbone(image)[-1])))).mean((2, 3))
        return self.landmarks(deep), self.presence(deep)[:, 0], self.side(deep)[:, 0]


@cache
def hand_network() -> HandNetwork:
    """The network with the weights that ship."""
    network = HandNetwork()
    weights = {name: values.float() for name, values in load_file(Path(WEIGHTS)).items()}
    own = {
        name: weights[name.removeprefix("backbone.") if name.startswith("backbone.") else f"tail.{name}"]
        for name in network.state_dict()
    }
    network.load_state_dict(own)
    return network.eval().requires_grad_(False)


def upright(picture: Picture, joints: Float[np.ndarray, "21 2"]) -> UInt8[np.ndarray, "224 224 3"]:
    """The square around a hand whose joints (pixels) are known, turned so that its fingers point up."""
    along = joints[UPWARDS].mean(0) - joints[0]
    angle = np.arctan2(along[0], -along[1])
    cos, sin = np.cos(angle), np.sin(angle)
    # Rows of ``turned`` are coordinates along the hand's own right and down.
    turned = joints[EXTENT] @ np.array([[cos, -sin], [sin, cos]])
    low, high = turned.min(0), turned.max(0)
    side = AROUND * (high - low).max()
    centre = (low + high) / 2 - (0, LIFT * (high - low)[1])
    x, y = np.array([[cos, -sin], [sin, cos]]) @ centre
    wide = np.sqrt(2) * side
    square = cut_square(picture, Crop(x - wide / 2, y - wide / 2, wide), round(np.sqrt(2) * SIZE))
    image = Image.fromarray(square).rotate(np.degrees(angle), Image.Resampling.BILINEAR)
    margin = (image.width - SIZE) // 2
    return np.asarray(image.crop((margin, margin, margin + SIZE, margin + SIZE)))


@torch.inference_mode()
def second_opinion(
    picture: Picture, joints: Float[np.ndarray, "hands 21 2"]
) -> tuple[Float[Tensor, "hands"], Float[Tensor, "hands"]]:
    """Log-odds that there is a hand, and that it is a right one, for hands located in a picture (pixels)."""
    squares = np.stack([upright(picture, one) for one in joints])
    _, presence, right = hand_network()(normalise(torch.from_numpy(squares).permute(0, 3, 1, 2)))
    return presence, right
