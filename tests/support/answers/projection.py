import math


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


SOLUTIONS = {
    "factorised_cost": factorised_cost,
    "smallest_half_width": smallest_half_width,
    "plane_that_mixes": plane_that_mixes,
}
MISTAKES = {
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
