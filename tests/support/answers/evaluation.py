import numpy as np


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


SOLUTIONS = {
    "best_factor": best_factor,
    "error_of_difference": error_of_difference,
    "area_between": area_between,
}
MISTAKES = {
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
