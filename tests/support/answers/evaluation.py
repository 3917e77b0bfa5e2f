import numpy as np
import torch


def best_factor(estimated, true):
    p, t = estimated - estimated[0], true - true[0]
    return (p * t).sum() / (p * p).sum()


def truth_onto_estimate(estimated, true):
    return best_factor(true, estimated)


def ratio_of_sizes(estimated, true):
    return np.linalg.norm(true - true[0]) / np.linalg.norm(estimated - estimated[0])


def ratio_of_one_bone(estimated, true):
    return np.linalg.norm(true[9] - true[0]) / np.linalg.norm(estimated[9] - estimated[0])


def error_of_difference(first, second):
    return (first - second).std(ddof=1) / len(first) ** 0.5


def as_if_independent(first, second):
    return ((first.var(ddof=1) + second.var(ddof=1)) / len(first)) ** 0.5


def area_between(errors, low, high):
    return np.clip((high - errors) / (high - low), 0, 1).mean()


def sampled_coarsely(errors, low, high):
    return np.mean([(errors <= limit).mean() for limit in (low, high)])


def mean_position_error(points, true_points, valid):
    errors = 1000 * (points - true_points).norm(dim=-1)
    return torch.where(valid, errors, torch.nan).flatten(1).nanmean(1)


def distances(points, true_points):
    return 1000 * (points - true_points).norm(dim=-1)


def by_a_weight_of_zero(points, true_points, valid):
    return (distances(points, true_points) * valid).sum((1, 2)) / valid.sum((1, 2))


def mean_of_hands(points, true_points, valid):
    return (torch.where(valid, distances(points, true_points), torch.nan)).nanmean(2).nanmean(1)


def root_of_mean_square(points, true_points, valid):
    squares = distances(points, true_points).square()
    return torch.where(valid, squares, torch.nan).flatten(1).nanmean(1).sqrt()


def shifted_to_mean(points):
    return points - points.mean(0)


def aligned(p, t, in_rotation=(1.0, 1.0, None), in_scale=(1.0, 1.0, None)):
    """Distances after alignment; None stands for the sign that makes a rotation."""
    u, s, vt = np.linalg.svd(t.T @ p)
    sign = np.linalg.det(u @ vt)
    turn, stretch = (
        np.array([sign if d is None else d for d in diagonal]) for diagonal in (in_rotation, in_scale)
    )
    scale = (s * stretch).sum() / (p * p).sum()
    return np.linalg.norm(scale * p @ (u * turn @ vt).T - t, axis=1)


def in_numpy(estimated, true):
    return tuple(shifted_to_mean(np.asarray(points, dtype=float)) for points in (estimated, true))


def procrustes_error(estimated, true):
    p, t = shifted_to_mean(estimated), shifted_to_mean(true)
    u, s, vt = torch.linalg.svd(t.T @ p)
    d = torch.ones(3)
    d[2] = torch.linalg.det(u @ vt)
    scale = (s * d).sum() / p.square().sum()
    return (scale * p @ (u * d @ vt).T - t).norm(dim=-1).mean()


def unscaled(estimated, true):
    p, t = in_numpy(estimated, true)
    u, _, vt = np.linalg.svd(t.T @ p)
    return np.linalg.norm(p @ (u @ vt).T - t, axis=1).mean()


def turned_the_other_way(estimated, true):
    p, t = in_numpy(estimated, true)
    u, s, vt = np.linalg.svd(t.T @ p)
    return np.linalg.norm(s.sum() / (p * p).sum() * p @ u @ vt - t, axis=1).mean()


def not_turned(estimated, true):
    p, t = in_numpy(estimated, true)
    return np.linalg.norm(np.linalg.norm(t) / np.linalg.norm(p) * p - t, axis=1).mean()


SOLUTIONS = {
    "procrustes_error": procrustes_error,
    "mean_position_error": mean_position_error,
    "best_factor": best_factor,
    "error_of_difference": error_of_difference,
    "area_between": area_between,
}
MISTAKES = {
    "procrustes_error": [
        lambda estimated, true: (estimated - true).norm(dim=-1).mean(),
        lambda estimated, true: aligned(np.asarray(estimated), np.asarray(true)).mean(),
        unscaled,
        turned_the_other_way,
        not_turned,
        lambda e, t: aligned(*in_numpy(e, t), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)).mean(),
        lambda e, t: aligned(*in_numpy(e, t), in_scale=(1.0, 1.0, 1.0)).mean(),
        lambda e, t: aligned(*in_numpy(e, t), in_rotation=(None, 1.0, 1.0)).mean(),
        lambda e, t: (aligned(*in_numpy(e, t)) ** 2).mean() ** 0.5,
        lambda e, t: (aligned(*in_numpy(e, t)) ** 2).mean(),
        lambda e, t: aligned(*in_numpy(e, t)).sum(),
        lambda e, t: aligned(*in_numpy(e, t)).mean() / 2,
    ],
    "mean_position_error": [
        by_a_weight_of_zero,
        mean_of_hands,
        root_of_mean_square,
        lambda p, t, valid: mean_position_error(p, t, valid) / 1000,
        lambda p, t, valid: distances(p, t).mean((1, 2)),
        lambda p, t, valid: (distances(p, t) * valid).mean((1, 2)),
        lambda p, t, valid: mean_position_error(p, t, valid).nan_to_num(0.0),
        lambda p, t, valid: mean_position_error(p, t, valid).nanmean(),
        lambda p, t, valid: (
            1000 * torch.where(valid[..., None], (p - t).abs(), torch.nan).flatten(1).nanmean(1)
        ),
        lambda p, t, valid: 2 * mean_position_error(p, t, valid),
    ],
    "best_factor": [
        lambda estimated, true: (estimated * true).sum() / (estimated**2).sum(),
        truth_onto_estimate,
        ratio_of_sizes,
        ratio_of_one_bone,
        lambda estimated, true: np.linalg.norm(estimated) / np.linalg.norm(true),
    ],
    "error_of_difference": [
        as_if_independent,
        lambda first, second: (first - second).std() / len(first) ** 0.5,
        lambda first, second: (first - second).std(ddof=1),
        lambda first, second: abs((first - second).mean()),
    ],
    "area_between": [
        lambda errors, low, high: (1 - errors / high).clip(0).mean(),
        lambda errors, low, high: ((high - errors) / (high - low)).clip(0).mean(),
        lambda errors, low, high: ((high - errors) / (high - low)).mean(),
        sampled_coarsely,
    ],
}
