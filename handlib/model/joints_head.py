"""A first estimate made from joints: where each joint is seen, and where it lies relative to the palm.

With a pooled vector a network has to predict two free rotations, which it learns slowly. Here every joint
gets two maps. The heatmap says where the joint is seen. The location map says where it lies from the middle
finger's knuckle, in palm lengths; it is read where the heatmap is high, as in VNect. The wrist's rotation is
then the alignment of the palm's five joints (Kabsch), and the camera is a least-squares fit. Only finger pose
and shape are left to a small network, which also gets the features that the left/right attention pooled.
Reading a map at a joint is the paper's joint feature sampling (Sec. 3.2.1), used one step earlier.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from handlib.geometry.camera import fit_weak_perspective
from handlib.geometry.rotation import align, rotation_to_6d
from handlib.hand.skeleton import KNUCKLES, NUM_JOINTS, joint_index
from handlib.model.estimate import LENGTH_UNIT
from handlib.model.joint_maps import JointMaps
from handlib.model.transformer import Block

CENTRE = joint_index("middle1")
PALM = [joint_index("wrist"), *KNUCKLES]
PALM_LENGTH = 0.095
"""Metres from the wrist to the middle finger's knuckle of a mean hand: the unit of locations."""


def true_places(joints: Float[Tensor, "batch hand=2 21 3"]) -> Float[Tensor, "batch hand=2 21 3"]:
    """Returns joints (metres) as locations: relative to middle1, in lengths of the hand's own palm."""
    from_centre = joints - joints[:, :, CENTRE, None]
    return from_centre / from_centre[:, :, :1].norm(dim=-1, keepdim=True)


def palm_rotation(
    places: Float[Tensor, "batch hand=2 21 3"], rest: Float[Tensor, "hand=2 21 3"]
) -> Float[Tensor, "batch hand=2 3 3"]:
    """Returns the rotation that brings the palm at rest closest to its located joints."""
    found = places[:, :, PALM]
    at_rest = rest[:, PALM].expand_as(found)
    found, at_rest = (points - points.mean(-2, keepdim=True) for points in (found, at_rest))
    return align(at_rest, found)


def waves(size: int, device: torch.device) -> Float[Tensor, "places 12"]:
    """Returns a position embedding of a map's cells: sines and cosines of three wavelengths per axis."""
    ticks = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    places = torch.cartesian_prod(ticks, ticks)
    angles = (torch.pi / 2 * places[:, :, None] * torch.tensor([1.0, 2.0, 4.0], device=device)).flatten(1)
    return torch.cat((angles.sin(), angles.cos()), dim=1)


class Context(nn.Module):
    """Lets all cells of the coarsest map attend to each other: an arm far away shows which hand this is."""

    def __init__(self, width: int, depth: int = 2, heads: int = 4):
        super().__init__()
        self.position = nn.Linear(12, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "batch width size size"]) -> Float[Tensor, "batch width size size"]:
        """Keeps the map's size."""
        tokens = x.flatten(2).transpose(1, 2) + self.position(waves(x.shape[-1], x.device))
        for block in self.blocks:
            tokens, _ = block(tokens)
        return self.norm(tokens).transpose(1, 2).unflatten(2, x.shape[-2:])


class Pyramid(nn.Module):
    """Combines maps of several sizes on the finest one, from coarse to fine."""

    def __init__(self, channels: list[int], width: int, out: int):
        super().__init__()
        self.scale = nn.ModuleList(nn.BatchNorm2d(count) for count in channels)
        self.lateral = nn.ModuleList(nn.Conv2d(count, width, 1) for count in channels)
        self.smooth = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
            for _ in channels
        )
        self.context = Context(width)
        self.out = nn.Conv2d(width, out, 1)

    def forward(
        self, maps: list[Float[Tensor, "batch _ _ _"]]
    ) -> tuple[Float[Tensor, "batch out size size"], Float[Tensor, "batch width"]]:
        """Returns the combined map, and the coarsest map's mean; ``maps`` come fine to coarse."""
        maps = [norm(each) for norm, each in zip(self.scale, maps, strict=True)]
        coarse = self.context(self.lateral[-1](maps[-1]))
        x = self.smooth[-1](coarse)
        for k in range(len(maps) - 2, -1, -1):
            x = interpolate(x, size=maps[k].shape[-2:], mode="bilinear", align_corners=False)
            x = self.smooth[k](x + self.lateral[k](maps[k]))
        return self.out(x), coarse.mean((2, 3))


class JointsHead(nn.Module):
    """Makes joint maps from c2, c3 and c4, and the first estimate from the joint maps.

    ``rest`` are both hands' joints at rest (metres).
    """

    rest: Float[Tensor, "hand=2 21 3"]
    fit_weak_perspective = staticmethod(fit_weak_perspective)

    def __init__(self, channels: list[int], width: int, rest: Float[Tensor, "hand=2 21 3"]):
        super().__init__()
        self.maps = Pyramid(channels, width, 3 + 2 * NUM_JOINTS * 4)
        self.register_buffer("rest", rest, persistent=False)
        self.presence = nn.Linear(width, 2)
        located = NUM_JOINTS * 3
        self.articulation = nn.Sequential(
            nn.Linear(located + NUM_JOINTS + channels[-1], 256),
            nn.ReLU(),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Linear(128, 55),
        )
        self.offset = nn.Sequential(
            nn.Linear(2 * (located + NUM_JOINTS + 3), 128), nn.ReLU(), nn.Linear(128, 3)
        )

    def joint_maps(self, features: list[Float[Tensor, "batch _ _ _"]]) -> JointMaps:
        """Returns the segmentation, heatmaps and location maps at c2's size, and the hands' presence."""
        out, mean = self.maps(features)
        out = out.float()
        heat, locations = out[:, 3:].split((2 * NUM_JOINTS, 6 * NUM_JOINTS), dim=1)
        return JointMaps(
            out[:, :3],
            heat.unflatten(1, (2, NUM_JOINTS)),
            locations.unflatten(1, (2, NUM_JOINTS, 3)),
            self.presence(mean).float(),
        )

    def estimate(
        self, maps: JointMaps, pooled: Float[Tensor, "batch hand=2 channels"]
    ) -> tuple[Float[Tensor, "batch hand=2 64"], Float[Tensor, "batch 3"]]:
        """Returns both hands' vectors and the offset, from the maps and each hand's pooled features of c4.

        The vectors hold the logarithm of the camera's scale. The offset is right minus left root, in units of
        0.15 m. Rotation and camera are computed from the located joints, not learnt: no gradient flows
        through them.
        """
        joints = maps.located
        places, certainty = joints.places.detach(), joints.certainty.detach()
        rotation = palm_rotation(places, self.rest)
        camera = self.fit_weak_perspective((places - places[:, :, :1]) * PALM_LENGTH, joints.uv.detach())
        scale = camera[..., :1].clamp(0.2, 60.0)
        upright = torch.einsum("bhji,bhkj->bhki", rotation, places).flatten(2)
        # A left hand's mirror image is a right hand: one network articulates both.
        mirror = places.new_tensor([-1.0, 1.0, 1.0]).repeat(NUM_JOINTS)
        upright = torch.stack((upright[:, 0] * mirror, upright[:, 1]), dim=1)
        pose, betas = (
            self.articulation(torch.cat((upright, certainty, pooled), dim=-1)).float().split((45, 10), dim=-1)
        )
        vectors = torch.cat((rotation_to_6d(rotation), pose, betas, scale.log(), camera[..., 1:]), dim=-1)
        seen = torch.cat((places.flatten(2), certainty, scale.log(), camera[..., 1:]), dim=-1)
        metres = camera[..., 1:] / scale
        straight = torch.cat((metres[:, 1] - metres[:, 0], torch.zeros_like(scale[:, 0])), dim=-1)
        return vectors, straight / LENGTH_UNIT + self.offset(seen.flatten(1)).float()
