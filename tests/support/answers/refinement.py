import numpy as np
import torch

from handlib.geometry.rotation import rotation_from_6d, rotation_to_6d


def start_factor(read, slope, start, steps):
    factor, guess = 1.0, start
    for _ in range(steps):
        factor *= 1 + slope(guess)
        guess += read(guess)
    return factor


def sum_of_factors(read, slope, start, steps):
    total, guess = 1.0, start
    for _ in range(steps):
        total += slope(guess)
        guess += read(guess)
    return total


def without_what_is_carried_over(read, slope, start, steps):
    factor, guess = 1.0, start
    for _ in range(steps):
        factor *= slope(guess)
        guess += read(guess)
    return factor


def slope_after_moving(read, slope, start, steps):
    factor, guess = 1.0, start
    for _ in range(steps):
        guess += read(guess)
        factor *= 1 + slope(guess)
    return factor


def as_residual(weight, gain):
    identity = np.zeros_like(weight)
    identity[:, -len(weight) :] = np.eye(len(weight))
    return (weight - identity) / gain


def turned_root(root, turn):
    return np.concatenate((turn @ root[:3], turn @ root[3:]))


def through_the_matrix(root, turn):
    return rotation_to_6d(torch.from_numpy(turn) @ rotation_from_6d(torch.from_numpy(root)))


def stage_update(previous, tokens, weight, bias, gain, start):
    return start + gain * (torch.cat((tokens, previous), dim=-1) @ weight.T + bias)


def predicted(previous, tokens, weight):
    return torch.cat((tokens, previous), dim=-1) @ weight.T


SOLUTIONS = {
    "start_factor": start_factor,
    "as_residual": as_residual,
    "turned_root": turned_root,
    "stage_update": stage_update,
}
MISTAKES = {
    "stage_update": [
        lambda p, t, w, b, gain, start: start + gain * (torch.cat((p, t), dim=-1) @ w.T + b),
        lambda p, t, w, b, gain, start: start + predicted(p, t, w) + b,
        lambda p, t, w, b, gain, start: start + gain * predicted(p, t, w) + b,
        lambda p, t, w, b, gain, start: gain * (start + predicted(p, t, w) + b),
        lambda p, t, w, b, gain, start: gain * (predicted(p, t, w) + b),
        lambda p, t, w, b, gain, start: p + gain * (predicted(p, t, w) + b),
        lambda p, t, w, b, gain, start: start + gain * predicted(p, t, w),
        lambda p, t, w, b, gain, start: start - gain * (predicted(p, t, w) + b),
        lambda p, t, w, b, gain, start: stage_update(p, t.detach(), w, b, gain, start),
    ],
    "start_factor": [
        sum_of_factors,
        without_what_is_carried_over,
        slope_after_moving,
        lambda read, slope, start, steps: (1 + slope(start)) ** steps,
    ],
    "as_residual": [
        lambda weight, gain: weight / gain,
        lambda weight, gain: as_residual(weight, 1.0),
        lambda weight, gain: (weight - np.eye(*weight.shape)) / gain,
        lambda weight, gain: weight,
    ],
    "turned_root": [
        lambda root, turn: np.concatenate((root[:3] @ turn, root[3:] @ turn)),
        lambda root, turn: (turn @ root.reshape(3, 2)).ravel(),
        lambda root, turn: root,
        through_the_matrix,
    ],
}
