from functools import partial

import numpy as np
import torch

from handlib.geometry.rotation import rotation_from_6d, rotation_to_6d
from handlib.model.estimate import LENGTH_UNIT
from handlib.model.sampling import sample_joints


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


def one_stage(stage, deep, skip, before, decode):
    return wired(stage, deep, skip, before, decode)


def wired(
    stage,
    deep,
    skip,
    before,
    decode,
    *,
    unit=LENGTH_UNIT,
    shares=(-0.5, 0.5),
    positions=1.0,
    read=lambda fused, before: before.uv,
    exchange=lambda stage, tokens: stage.transformer(tokens)[0],
    drawn_at=lambda before, after: after.uv,
    joined=lambda fused, drawn: (fused, drawn),
):
    """A stage in which some wires can be exchanged."""
    fused = stage.fuse(deep, skip)
    local = before.joints / unit
    seen = sample_joints(fused, read(fused, before).flatten(1, 2)).unflatten(1, (2, 21))
    graph = stage.gcn(stage.joint_mlp(seen) + positions * stage.local_position(local))
    places = local + torch.stack([share * before.offset for share in shares], dim=1)[:, :, None]
    tokens = exchange(stage, (graph + stage.global_position(places)).flatten(1, 2)).unflatten(1, (2, 21))
    after = decode(*stage.update(tokens, before.params.to_vector(), before.offset))
    drawn = stage.project(stage.plane_mlp(tokens), drawn_at(before, after), fused.shape[-1])
    return after, stage.enhance(torch.cat(joined(fused, drawn), dim=1))


def only_fused(stage, deep, skip, before, decode):
    stage.fuse(deep, skip)


def flat_joints(stage, deep, skip, before, decode):
    fused = stage.fuse(deep, skip)
    return stage.joint_mlp(sample_joints(fused, before.uv.flatten(1, 2)))


SOLUTIONS = {
    "one_stage": one_stage,
    "start_factor": start_factor,
    "as_residual": as_residual,
    "turned_root": turned_root,
    "stage_update": stage_update,
}
MISTAKES = {
    "one_stage": [
        partial(wired, unit=1.0),
        partial(wired, shares=(0.0, 0.0)),
        partial(wired, shares=(0.5, -0.5)),
        partial(wired, shares=(-1.0, 1.0)),
        partial(wired, positions=0.0),
        partial(wired, read=lambda fused, before: before.uv.flip(-1)),
        partial(wired, exchange=lambda stage, tokens: tokens),
        partial(wired, drawn_at=lambda before, after: before.uv),
        partial(wired, joined=lambda fused, drawn: (drawn, fused)),
        only_fused,
        flat_joints,
        lambda stage, deep, skip, before, decode: wired(stage, skip, deep, before, decode),
        lambda *arguments: one_stage(*arguments)[::-1],
        lambda *arguments: one_stage(*arguments)[0],
        lambda stage, deep, skip, before, decode: (before, one_stage(stage, deep, skip, before, decode)[1]),
        lambda stage, deep, *others: (one_stage(stage, deep, *others)[0], deep),
    ],
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
