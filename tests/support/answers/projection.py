import math

import torch

from handlib.hand.skeleton import BONES


def lost_by_reader(shares):
    return 1 - (torch.linalg.pinv(shares) @ shares).diagonal()


def lost_by_distance(shares):
    got = torch.linalg.pinv(shares) @ shares
    return (got - torch.eye(len(got))).square().sum(1)


def best_plane_alone(shares):
    return 1 - (shares.square() / shares.square().sum(1, keepdim=True)).amax(0)


def factorised_cost(planes, ends, channels, out, size, kernel=3):
    masks = planes * ends
    contraction = masks * channels * out * kernel**2
    convolution = masks * out * kernel**2 * size**2
    return contraction + convolution, 4 * (masks * size**2 + masks * out * kernel**2)


def literal_cost(planes, ends, channels, out, size, kernel=3):
    adds = planes * channels * (ends * size**2 + out * kernel**2 * size**2)
    return adds, 4 * planes * channels * size**2


def without_contraction(planes, ends, channels, out, size, kernel=3):
    return planes * ends * out * kernel**2 * size**2, factorised_cost(
        planes, ends, channels, out, size, kernel
    )[1]


def without_kernels(planes, ends, channels, out, size, kernel=3):
    return factorised_cost(planes, ends, channels, out, size, kernel)[0], 4 * planes * ends * size**2


def contraction_at_every_pixel(planes, ends, channels, out, size, kernel=3):
    adds, held = factorised_cost(planes, ends, channels, out, size, kernel)
    return adds * size**2, held


def smallest_half_width(size):
    return math.sqrt(0.5) * 2 / size


def plane_that_mixes():
    return (5.05, 5.05), (5.95, 5.95)


def bone_masks(uv, size, half_width):
    centre = torch.arange(size) + 0.5
    pixels = torch.stack(torch.meshgrid(centre, centre, indexing="xy"), -1)
    places = (uv + 1) / 2 * size
    a, b = (places[:, :, [bone[end] for bone in BONES], None, None] for end in (0, 1))
    length_squared = (b - a).square().sum(-1).clamp_min(1e-12)
    t = ((pixels - a) * (b - a)).sum(-1) / length_squared
    nearest = a + t.clamp(0, 1)[..., None] * (b - a)
    inside = (pixels - nearest).square().sum(-1) < (half_width * size / 2) ** 2
    d_a, d_b = ((pixels - end).norm(dim=-1) + 1e-6 for end in (a, b))
    return torch.stack((d_b, d_a), 3) / (d_a + d_b).unsqueeze(3) * inside.unsqueeze(3)


def planes_from_masks(masks, features):
    return torch.einsum("bhkeyx,bhkec->bhkcyx", masks, features[:, :, torch.tensor(BONES)])


def features_of_neighbours(masks, features):
    ends = torch.stack((features[:, :, :20], features[:, :, 1:]), 3)
    return torch.einsum("bhkeyx,bhkec->bhkcyx", masks, ends)


def bones(uv, size, radius, edge=0.5, clamp=True, least=1e-12, apart=1e-6):
    centre = torch.arange(size) + edge
    pixels = torch.stack(torch.meshgrid(centre, centre, indexing="xy"), -1)
    places = (uv + 1) / 2 * size
    a, b = (places[:, :, [bone[end] for bone in BONES], None, None] for end in (0, 1))
    t = ((pixels - a) * (b - a)).sum(-1) / (b - a).square().sum(-1).clamp_min(least)
    t = t.clamp(0, 1) if clamp else t
    inside = (pixels - a - t[..., None] * (b - a)).norm(dim=-1) < radius
    d_a, d_b = ((pixels - end).norm(dim=-1) + apart for end in (a, b))
    return torch.stack((d_b, d_a), 3) / (d_a + d_b).unsqueeze(3) * inside.unsqueeze(3)


def drawn_with(uv, size, half_width, bones=BONES, inside=None, shares=None):
    """Masks as in ``bone_masks``, with other bones, another rule for what is inside, or other shares."""
    centre = torch.arange(size) + 0.5
    pixels = torch.stack(torch.meshgrid(centre, centre, indexing="xy"), -1)
    places = (uv + 1) / 2 * size
    a, b = (places[:, :, [bone[end] for bone in bones], None, None] for end in (0, 1))
    t = (((pixels - a) * (b - a)).sum(-1) / (b - a).square().sum(-1).clamp_min(1e-12)).clamp(0, 1)
    distance = (pixels - a - t[..., None] * (b - a)).norm(dim=-1)
    d_a, d_b = ((pixels - end).norm(dim=-1) + 1e-6 for end in (a, b))
    within = distance < half_width * size / 2 if inside is None else inside(distance, d_a, d_b)
    of_a = d_b / (d_a + d_b) if shares is None else shares(t, d_a, d_b)
    return torch.stack((of_a, 1 - of_a), 3) * within.unsqueeze(3)


def squared_against_not_squared(uv, size, half_width):
    return drawn_with(uv, size, half_width, inside=lambda d, *_: d.square() < half_width * size / 2)


def whole_map(uv, size, half_width):
    return drawn_with(uv, size, half_width, inside=lambda d, *_: d > -1)


def discs_at_the_ends(uv, size, half_width):
    radius = half_width * size / 2
    return drawn_with(uv, size, half_width, inside=lambda d, d_a, d_b: (d_a < radius) | (d_b < radius))


def shares_along_the_bone(uv, size, half_width):
    return drawn_with(uv, size, half_width, shares=lambda t, *_: 1 - t)


def shares_of_squares(uv, size, half_width):
    return drawn_with(uv, size, half_width, shares=lambda t, d_a, d_b: d_b**2 / (d_a**2 + d_b**2))


def shares_of_nearness(uv, size, half_width):
    return drawn_with(uv, size, half_width, shares=lambda t, d_a, d_b: (d_a < d_b).float())


def joints_in_their_order(uv, size, half_width):
    return drawn_with(uv, size, half_width, bones=[(j, j + 1) for j in range(20)])


def left_hand_twice(uv, size, half_width):
    return bone_masks(uv[:, [0, 0]], size, half_width)


def edges_at_the_outermost_centres(uv, size, half_width):
    return bone_masks(((uv + 1) * (size - 1) + 1) / size - 1, size, half_width)


SOLUTIONS = {
    "bone_masks": bone_masks,
    "planes_from_masks": planes_from_masks,
    "lost_by_reader": lost_by_distance,
    "factorised_cost": factorised_cost,
    "smallest_half_width": smallest_half_width,
    "plane_that_mixes": plane_that_mixes,
}
DIAGNOSED = {
    "bone_masks": {
        "ends are exchanged": lambda uv, size, half_width: bone_masks(uv, size, half_width).flip(3),
        "rows come first": lambda uv, size, half_width: bone_masks(uv, size, half_width).mT,
        "half a pixel": lambda uv, size, half_width: bones(uv, size, half_width * size / 2, edge=0.0),
        "a place is (uv + 1) / 2 * size": edges_at_the_outermost_centres,
        "is in uv": lambda uv, size, half_width: bone_masks(uv, size, 2 * half_width),
        "squared distance": squared_against_not_squared,
        "over the whole map": whole_map,
        "clamp": lambda uv, size, half_width: bones(uv, size, half_width * size / 2, clamp=False),
        "only the bones' ends": discs_at_the_ends,
        "sum to 1": lambda uv, size, half_width: (
            bone_masks(uv, size, half_width).sum(3, keepdim=True).repeat(1, 1, 1, 2, 1, 1)
        ),
        "along the bone": shares_along_the_bone,
        "not from their squares": shares_of_squares,
        "batch apart": left_hand_twice,
        "BONES": joints_in_their_order,
        "the right pixels": shares_of_nearness,
        "compare with the loop": lambda uv, size, half_width: torch.zeros_like(
            bone_masks(uv, size, half_width)
        ),
        "keep what divides above zero": lambda uv, size, half_width: bones(
            uv, size, half_width * size / 2, apart=0.0
        ),
        "half and half": lambda uv, size, half_width: bones(uv, size, half_width * size / 2, least=0.0),
    },
    "planes_from_masks": {
        "both of its ends": lambda masks, features: torch.einsum(
            "bhkyx,bhkc->bhkcyx", masks[:, :, :, 1], features[:, :, [end for _, end in BONES]]
        ),
        "not averaged": lambda masks, features: planes_from_masks(masks, features) / 2,
        "ends are exchanged": lambda masks, features: planes_from_masks(masks.flip(3), features),
        "rows come first": lambda masks, features: planes_from_masks(masks, features).mT,
        "BONES": features_of_neighbours,
    },
    "lost_by_reader": {
        "that the reader keeps": lambda shares: 1 - lost_by_reader(shares),
        "its square": lambda shares: lost_by_distance(shares).clamp_min(0).sqrt(),
        "not its transpose": lambda shares: 1 - (shares.T @ shares).diagonal(),
        "each plane is read alone": best_plane_alone,
        "lose a half each": lambda shares: 1 - shares.amax(0),
    },
}
MISTAKES = {
    "bone_masks": [
        *DIAGNOSED["bone_masks"].values(),
        lambda uv, size, half_width: bone_masks(uv - 1, size, half_width),
        lambda uv, size, half_width: bones(uv, size, half_width),
        lambda uv, size, half_width: bone_masks(uv, size, half_width).square(),
    ],
    "planes_from_masks": [
        *DIAGNOSED["planes_from_masks"].values(),
        lambda masks, features: planes_from_masks(masks, features.flip(1)),
        lambda masks, features: planes_from_masks(masks, features).sum(2, keepdim=True),
    ],
    "lost_by_reader": [
        *DIAGNOSED["lost_by_reader"].values(),
        lambda shares: 1 - (torch.linalg.pinv(shares) @ shares).sum(1),
        lambda shares: 1 - (shares @ torch.linalg.pinv(shares)).diagonal(),
    ],
    "factorised_cost": [
        literal_cost,
        without_contraction,
        without_kernels,
        contraction_at_every_pixel,
        lambda *shape, **more: factorised_cost(*shape, **more)[0],
    ],
    "smallest_half_width": [
        lambda size: 1 / size,
        lambda size: math.sqrt(0.5),
        lambda size: math.sqrt(0.5) / size,
        lambda size: 2 / size,
        lambda size: 0.125,
    ],
    "plane_that_mixes": [
        lambda: ((5.5, 5.5), (5.6, 5.5)),
        lambda: ((5.5, 5.5), (8.5, 5.5)),
        lambda: ((5.1, 5.1), (6.3, 5.1)),
        lambda: ((-0.5, -0.5), (0.6, 0.6)),
        lambda: (5.05, 5.95),
    ],
}
