"""Joint maps: where each joint is seen in the picture and where it lies in space, and how maps are read."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import max_pool2d

from handlib.geometry.turn import turn_matrix, turn_picture
from handlib.hand.skeleton import NUM_JOINTS
from handlib.utils.reprs import in_shapes

WINDOW = 2.5
"""Half the side, in cells, of the square around a heatmap's peak in which its mean is taken."""
ELSEWHERE = 0.02
"""Factor on a heatmap's probability in cells where the segmentation sees nothing of its hand."""


@dataclass(frozen=True)
class LocatedJoints:
    """The joints as read from joint maps; ``hand`` is (left, right).

    ``uv`` is where a joint is seen in the picture, ``places`` where it lies in space, in palm lengths from
    middle1. ``certainty`` (0 to 1) says how sure this is, ``presence`` are the log-odds that a hand is there.
    """

    uv: Float[Tensor, "batch hand=2 21 2"]
    places: Float[Tensor, "batch hand=2 21 3"]
    certainty: Float[Tensor, "batch hand=2 21"]
    presence: Float[Tensor, "batch hand=2"]

    def exchanged(self) -> "LocatedJoints":
        """Returns the joints with the two hands exchanged and mirrored in depth (near becomes far)."""
        towards = self.places.new_tensor([1.0, 1.0, -1.0])
        uv, places, certainty, presence = (part.flip(1) for part in vars(self).values())
        return LocatedJoints(uv, places * towards, certainty, presence)

    def turned(self, angle: Float[Tensor, "batch"]) -> "LocatedJoints":
        """Returns the joints of the picture turned by an angle (:mod:`handlib.geometry.turn`)."""
        turn = turn_matrix(angle)[:, None]
        return LocatedJoints(
            self.uv @ turn[..., :2, :2].mT, self.places @ turn.mT, self.certainty, self.presence
        )

    def __getitem__(self, chosen: slice | Sequence[int]) -> "LocatedJoints":
        """Returns the joints of some pictures of the batch, in this order."""
        return LocatedJoints(*(part[chosen] for part in vars(self).values()))


@dataclass(frozen=True)
class JointMaps:
    """The maps of a batch of pictures; ``hand`` is (left, right).

    ``segmentation`` are scores of (background, left, right), ``heat`` each joint's heatmap in logits,
    ``locations`` each joint's place in palm lengths from middle1, ``presence`` the log-odds that a hand is
    there.
    """

    segmentation: Float[Tensor, "batch 3 size size"]
    heat: Float[Tensor, "batch hand=2 21 size size"]
    locations: Float[Tensor, "batch hand=2 21 xyz=3 size size"]
    presence: Float[Tensor, "batch hand=2"]

    __repr__ = in_shapes

    def mirrored(self) -> "JointMaps":
        """Returns the maps of the mirror image, in which left hands are right hands and vice versa."""
        opposite = self.locations.new_tensor([-1.0, 1.0, 1.0])[:, None, None]
        return JointMaps(
            self.segmentation.flip(-1)[:, [0, 2, 1]],
            self.heat.flip(-1).flip(1),
            self.locations.flip(-1).flip(1) * opposite,
            self.presence.flip(1),
        )

    def turned(self, angle: Float[Tensor, "batch"]) -> "JointMaps":
        """Returns the maps of the picture turned by an angle (:mod:`handlib.geometry.turn`)."""
        hands = (2, NUM_JOINTS)
        places = turn_picture(self.locations.flatten(1, 3), angle).unflatten(1, (*hands, 3))
        return JointMaps(
            turn_picture(self.segmentation, angle),
            turn_picture(self.heat.flatten(1, 2), angle).unflatten(1, hands),
            torch.einsum("bij,bhnjyx->bhniyx", turn_matrix(angle), places),
            self.presence,
        )

    def mean_with(self, *others: "JointMaps") -> "JointMaps":
        """Returns the mean of these maps and others of the same picture."""
        together, names = (self, *others), [field.name for field in fields(self)]
        return JointMaps(*(sum(getattr(one, name) for one in together) / len(together) for name in names))

    def __getitem__(self, chosen: slice | Sequence[int]) -> "JointMaps":
        """Returns the maps of some pictures of the batch, in this order."""
        return JointMaps(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @cached_property
    def located(self) -> LocatedJoints:
        """Returns the joints as read from the maps."""
        return locate(self)


def own_pixels(segmentation: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch hand=2 size size"]:
    """Returns each hand's probability per pixel, as the maximum of the 5 x 5 pixels around it.

    So joints at the hand's edge count as on the hand.
    """
    return max_pool2d(segmentation.softmax(1)[:, 1:], 5, stride=1, padding=2)


def locate(maps: JointMaps) -> LocatedJoints:
    """Reads every joint where its heatmap, restricted to its own hand's pixels, is highest."""
    size = maps.heat.shape[-1]
    scores = maps.heat + (own_pixels(maps.segmentation) + ELSEWHERE).log()[:, :, None]
    probability = scores.flatten(3).softmax(-1)
    ticks = (torch.arange(size, device=scores.device) + 0.5) * (2 / size) - 1
    x, y = ticks.repeat(size), ticks.repeat_interleave(size)
    peak = probability.argmax(-1)
    reach = WINDOW * 2 / size + 1e-4
    near = ((x - x[peak][..., None]).abs() < reach) & ((y - y[peak][..., None]).abs() < reach)
    weight = probability * near
    certainty = weight.sum(-1)
    weight = weight / certainty[..., None].clamp_min(1e-9)
    uv = torch.stack(((weight * x).sum(-1), (weight * y).sum(-1)), dim=-1)
    places = torch.einsum("bhjp,bhjcp->bhjc", weight, maps.locations.flatten(4))
    return LocatedJoints(uv, places, certainty, maps.presence)
