"""A second opinion on single hands, from the whole of MediaPipe's hand landmark network.

The network that ``wild``'s encoder comes from has learnt from photographs whether something is a hand at all:
``handlib.reconstruct`` asks it. It has also learnt which hand is the left one, which notebook 13 compares
with ``wild``'s answer. It needs a picture of one upright hand, which can be cut out once the hand has been
located.
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
"""Side in pixels of the pictures that the network was trained on."""
TAIL_CHANNELS = 1152
UPWARDS = [joint_index(name) for name in ("index2", "middle2", "ring2")]
"""Joints whose mean is placed straight above the wrist."""
EXTENT = [joint_index("wrist"), *(joint_index(f"{finger}{k}") for finger in FINGERS for k in (1, 2))]
AROUND, LIFT = 2.0, 0.1
"""The square's side in sides of the box around ``EXTENT``, and the shift of its centre towards the fingers.

The shift is in heights of this box.
"""


class HandNetwork(nn.Module):
    """Predicts landmarks of single upright hands, and the log-odds that it is a hand and a right hand."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = HandBackbone()
        self.widen = SameConv2d(self.backbone.channels[-1], TAIL_CHANNELS, 1, 1)
        self.around = SameConv2d(TAIL_CHANNELS, TAIL_CHANNELS, 3, 1, depthwise=True)
        self.landmarks, self.presence, self.side = (nn.Linear(TAIL_CHANNELS, n) for n in (63, 1, 1))

    def forward(
        self, image: Float[Tensor, "batch 3 224 224"]
    ) -> tuple[Float[Tensor, "batch 63"], Float[Tensor, "batch"], Float[Tensor, "batch"]]:
        """Returns the answers for normalised pictures; landmarks are pixels (x, y) and depth."""
        deep = relu6(self.around(relu6(self.widen(self.backbone(image)[-1])))).mean((2, 3))
        return self.landmarks(deep), self.presence(deep)[:, 0], self.side(deep)[:, 0]


@cache
def hand_network() -> HandNetwork:
    """Returns the network with the weights that ship."""
    network = HandNetwork()
    weights = {name: values.float() for name, values in load_file(Path(WEIGHTS)).items()}
    own = {
        name: weights[name.removeprefix("backbone.") if name.startswith("backbone.") else f"tail.{name}"]
        for name in network.state_dict()
    }
    network.load_state_dict(own)
    return network.eval().requires_grad_(False)


def upright(picture: Picture, joints: Float[np.ndarray, "21 2"]) -> UInt8[np.ndarray, "224 224 3"]:
    """Cuts out the square around a hand with known joints (pixels), turned so that its fingers point up."""
    along = joints[UPWARDS].mean(0) - joints[0]
    angle = np.arctan2(along[0], -along[1])
    cos, sin = np.cos(angle), np.sin(angle)
    # Rows of ``turned`` are coordinates along the hand's own axes: right and down.
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
    """Returns the log-odds that located hands (joints in pixels) are hands, and that they are right hands."""
    squares = np.stack([upright(picture, one) for one in joints])
    _, presence, right = hand_network()(normalise(torch.from_numpy(squares).permute(0, 3, 1, 2)))
    return presence, right
