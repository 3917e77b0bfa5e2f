"""Finds hands in a picture by looks from far to near; each look is a pass of the network over a square."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from handlib.data.photo import HANDS_SHARE, Box, BoxError, Crop, Picture, cut_square
from handlib.data.sample import BACKGROUND, normalise
from handlib.geometry.camera import pixels_to_uv
from handlib.hand.hand import HandParams
from handlib.model.estimate import Estimate, Prediction, estimate_of
from handlib.model.joint_maps import JointMaps
from handlib.photos.hand_network import second_opinion
from handlib.photos.network import Network
from handlib.photos.presence import MIN_HAND_PIXELS, Presence, hands_present

MIN_BOX_SHARE = 0.1
"""Smallest longer side of a pair of hands, as a share of the square that was looked at."""
MAX_LOOKS = 8
SETTLED = 0.9
"""Two boxes that overlap more than this are the same."""
ALONE, ALONE_SHARE = 0.4, 0.6
"""Hands that are both smaller than ``ALONE`` of the box around them are looked at alone.

A hand then fills ``ALONE_SHARE`` of the square.
"""
AROUND_BOX = (HANDS_SHARE, 1.0, 1.25)
"""Shares of the squares' sides that a given box fills; each square is looked at."""
TOGETHER = 8
"""Number of looks in one pass; in larger batches each look takes longer."""
CANDIDATES = 3
"""Number of the surest looks that are followed by closer looks."""
MOSTLY = 0.8
"""Least share of the hands' box that must be inside a given box; otherwise other hands were found."""
SAME_HANDS = 0.5
"""If more than this share of a box is inside another box, both show the same hands."""
WINDOWS = (1.0, 0.5)
"""Sides of the windows that are searched, as shares of the picture's shorter side."""


@dataclass(frozen=True)
class Look:
    """One pass over a square of a picture; ``answer`` is a batch of one, at a glance only the joint maps.

    ``opinion`` is a second opinion, if there is one: the log-odds that each hand is a hand.
    """

    crop: Crop
    answer: Prediction | JointMaps
    opinion: Float[Tensor, "hand=2"] | None = None

    @property
    def prediction(self) -> Prediction:
        """Returns the network's whole answer; raises a :class:`TypeError` after a mere glance."""
        if isinstance(self.answer, JointMaps):
            raise TypeError("look: a glance sees joint maps alone; look_at makes a prediction")
        return self.answer

    @property
    def presence(self) -> Presence:
        """Returns which hands the look shows."""
        return hands_present(self.answer, self.opinion)

    def box(self, picture: Picture) -> Box | None:
        """Returns the box around the hands that are there, in the picture's pixels.

        None if they are too small in the crop to be trusted, or outside the picture.
        """
        located = self.answer.located
        if located is None:
            pixels = self._hand_pixels()
        else:
            there = self.presence.there
            pixels = self.crop.to_picture(located.uv[0, there].flatten(0, 1))
        if len(pixels) < MIN_HAND_PIXELS:
            return None
        corner, extent = pixels.amin(0), pixels.amax(0) - pixels.amin(0)
        if not extent.max() >= MIN_BOX_SHARE * self.crop.side:
            return None
        try:
            return Box(*corner.tolist(), *extent.tolist()).inside(picture)
        except BoxError:
            return None

    def _hand_pixels(self) -> Tensor:
        segmentation = self.answer.segmentation[0]
        places = (segmentation.argmax(0) != BACKGROUND).nonzero().flip(-1)
        corners = torch.cat((places, places + 1)).float()
        return self.crop.to_picture(pixels_to_uv(corners, segmentation.shape[-1]))


def squares_of(
    network: Network, picture: Picture, crops: Sequence[Crop]
) -> Float[Tensor, "batch 3 size size"]:
    """Returns squares of a picture as the network's input."""
    device = network.hands["left"].v_template.device
    squares = np.stack([cut_square(picture, crop, network.config.image_size) for crop in crops])
    return normalise(torch.from_numpy(squares).permute(0, 3, 1, 2).to(device))


@torch.no_grad()
def look_at(network: Network, picture: Picture, crops: Sequence[Crop]) -> list[Look]:
    """Looks at several squares in one pass."""
    prediction = network(squares_of(network, picture, crops))
    return [Look(crop, prediction[k : k + 1]) for k, crop in enumerate(crops)]


@torch.no_grad()
def glance_at(network: Network, picture: Picture, crops: Sequence[Crop]) -> list[Look]:
    """Looks at many squares in passes of ``TOGETHER``, for joint maps alone, a third of a look's work.

    A network that doesn't locate joints looks.
    """
    looks: list[Look] = []
    for start in range(0, len(crops), TOGETHER):
        some = crops[start : start + TOGETHER]
        if network.config.locates_joints:
            maps = network.joint_maps(squares_of(network, picture, some))
            looks += [Look(crop, maps[k : k + 1]) for k, crop in enumerate(some)]
        else:
            looks += look_at(network, picture, some)
    return looks


def checked(picture: Picture, look: Look) -> Look:
    """Returns a look with a second opinion on its hands."""
    located = look.answer.located
    if located is None or not look.presence.sides:
        return look
    opinion, _ = second_opinion(picture, look.crop.to_picture(located.uv[0].cpu().double()).numpy())
    return replace(look, opinion=opinion)


def glance_closer(network: Network, picture: Picture, first: Look) -> Look:
    """Glances at the box around the hands until it settles, and returns the last glance that shows hands."""
    shown, found, before = first, first.box(picture), None
    for _ in range(MAX_LOOKS - 1):
        if found is None or (before and found.overlap(before) > SETTLED):
            break
        (closer,), before = glance_at(network, picture, [Crop.around(found, HANDS_SHARE)]), found
        found = closer.box(picture)
        shown = closer if found else shown
    return shown


def look_again(network: Network, picture: Picture, glance: Look) -> Look:
    """Returns a whole look at the square of a glance, with a second opinion."""
    if isinstance(glance.answer, Prediction):
        return glance
    (look,) = look_at(network, picture, [glance.crop])
    return checked(picture, look)


def look_at_each(network: Network, picture: Picture, look: Look) -> Prediction:
    """Returns a look's prediction. Two hands that are far apart are each looked at once more, alone.

    The new estimates then replace the first look's, converted to the first look's square.
    """
    prediction, located = look.prediction, look.prediction.located
    if located is None or not look.presence.there.all():
        return prediction
    corners = [look.crop.to_picture(torch.stack((uv.amin(0), uv.amax(0)))) for uv in located.uv[0]]
    boxes = [Box(*low.tolist(), *(high - low).clamp_min(1).tolist()) for low, high in corners]
    if max(max(box.width, box.height) for box in boxes) > ALONE * HANDS_SHARE * look.crop.side:
        return prediction
    closer = look_at(network, picture, [Crop.around(box, ALONE_SHARE) for box in boxes])
    closer = [alone(network, one, h) for h, one in enumerate(closer)]
    better = [bool(one.presence.there[h]) for h, one in enumerate(closer)]
    chosen = [one if yes else look for one, yes in zip(closer, better, strict=True)]
    return replace(prediction, estimates=(*prediction.estimates[:-1], put_together(network, look, chosen)))


def alone(network: Network, look: Look, h: int) -> Look:
    """Returns a look at hand ``h`` (0: left) alone. If it shows only the other side, sides are exchanged."""
    there = look.presence.there
    if there[h] or not there[1 - h]:
        return look
    return Look(look.crop, look.prediction.exchanged(network.hands, network.config.log_scale))


def put_together(network: Network, first: Look, looks: Sequence[Look]) -> Estimate:
    """Combines the left hand of ``looks[0]`` and the right hand of ``looks[1]`` in the square of ``first``.

    The offset from wrist to wrist is that of ``first``.
    """
    finals = [look.prediction.final for look in looks]
    cameras = []
    for h, (look, final) in enumerate(zip(looks, finals, strict=True)):
        scale, place = final.camera[0, h].split((1, 2))
        scale = scale * (look.crop.side / first.crop.side)
        cameras.append(torch.cat((scale, first.crop.to_uv(look.crop.to_picture(place)))))
    root, pose, betas = (
        torch.stack([getattr(final.params, name)[:, h] for h, final in enumerate(finals)], dim=1)
        for name in ("root", "pose", "betas")
    )
    params = HandParams(root, pose, betas, torch.stack(cameras)[None])
    offset = first.prediction.final.offset
    return estimate_of(params, offset, network.hands, network.config.log_scale)


def windows(area: Box) -> list[Crop]:
    """Returns squares that cover an area of a picture, from large to small; neighbours overlap by half."""
    crops = []
    for share in WINDOWS:
        side = share * min(area.width, area.height)
        columns, rows = (
            start + np.linspace(0, length - side, 1 + int(np.ceil((length - side) / (side / 2) - 1e-6)))
            for start, length in ((area.x, area.width), (area.y, area.height))
        )
        crops += [Crop(float(x), float(y), side) for y in rows for x in columns]
    return crops


def overview(network: Network, picture: Picture, within: Box | None) -> list[Look]:
    """Glances at a box (with three margins) or the whole picture, and at windows in it.

    A network that doesn't locate joints only looks once, at the box or the picture.
    """
    area = within or Box.around(picture)
    margins = [Crop.around(area, share) for share in (AROUND_BOX if within else (1.0,))]
    if not network.config.locates_joints:
        return look_at(network, picture, margins[:1])
    return glance_at(network, picture, [*margins, *windows(area)])


def sureness(look: Look) -> float:
    """Returns how sure a look is of its hands, 0 to 2.

    It is the sum of likelihood times mean certainty of the joints, over the hands that are there.
    """
    presence, located = look.presence, look.answer.located
    sure = presence.likelihood if located is None else presence.likelihood * located.certainty[0].mean(-1)
    return float(sure[presence.there].sum())


def find_hands(network: Network, picture: Picture, within: Box | None = None) -> Look | None:
    """Returns the surest close look at hands in a picture, or within a box; None if no look shows any.

    A network that doesn't locate joints looks at a box only once.
    """
    seen = overview(network, picture, within)
    if within and not network.config.locates_joints:
        return seen[0]
    looks = [look for look in seen if look.box(picture)]
    surest = sorted(looks, key=sureness, reverse=True)[:CANDIDATES]
    closer = [checked(picture, glance_closer(network, picture, look)) for look in surest]
    if within:
        boxes = [look.box(picture) for look in closer]
        closer = [
            look for look, box in zip(closer, boxes, strict=True) if box and box.share_within(within) > MOSTLY
        ]
    best = max(closer, key=sureness, default=None)
    return best and look_again(network, picture, best)


def find_everyone(network: Network, picture: Picture) -> list[Look]:
    """Returns close looks at all hands of a picture, surest first; no two show the same hands."""
    looks = [look for look in overview(network, picture, None) if look.box(picture)]
    closer = [checked(picture, glance_closer(network, picture, look)) for look in looks]
    kept: list[tuple[Box, Look]] = []
    for look in sorted(closer, key=sureness, reverse=True):
        box = look.box(picture)
        if box and look.presence.sides and not any(same_hands(box, other) for other, _ in kept):
            kept.append((box, look))
    whole = [look_again(network, picture, look) for _, look in kept]
    return [look for look in whole if look.presence.sides]


def same_hands(box: Box, other: Box) -> bool:
    """Returns whether two boxes show the same hands: one is mostly inside the other."""
    return max(box.share_within(other), other.share_within(box)) > SAME_HANDS
