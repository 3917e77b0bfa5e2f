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


SOLUTIONS = {
    "mean_position_error": mean_position_error,
    "best_factor": best_factor,
    "error_of_difference": error_of_difference,
    "area_between": area_between,
}
MISTAKES = {
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
