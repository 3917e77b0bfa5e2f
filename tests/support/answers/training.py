import numpy as np
import torch

DELTA = 0.01


def huber_gradient(prediction, target):
    return np.clip(prediction - target, -DELTA, DELTA)


def per_pixel(scores, label):
    shifted = scores - scores.max(axis=0)
    log_softmax = shifted - np.log(np.exp(shifted).sum(axis=0))
    return -log_softmax[label, np.arange(len(label))]


def weighted_cross_entropy(scores, label, weights):
    each = weights[label]
    return (each * per_pixel(scores, label)).sum() / each.sum()


def rotation_loss(rotation, true):
    cosine = (np.trace(rotation.T @ true) - 1) / 2
    return np.arccos(np.clip(cosine, -1, 1))


def equally_loud(matrix):
    u, _, vh = np.linalg.svd(matrix, full_matrices=False)
    return u @ vh


def huber(prediction, target):
    z = (prediction - target).abs()
    return torch.where(z < DELTA, z * z / 2, DELTA * (z - DELTA / 2))


def pieces(z, small, large):
    return torch.where(z.abs() < DELTA, small, large)


def train_step(loss, optimiser, weights, clip):
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(weights, clip)
    optimiser.step()


def in_order(*actions):
    """A step that does these things, one after the other."""

    def step(loss, optimiser, weights, clip):
        weights = list(weights)
        what = {
            "forget": optimiser.zero_grad,
            "backward": loss.backward,
            "clip": lambda: torch.nn.utils.clip_grad_norm_(weights, clip),
            "clip numbers": lambda: torch.nn.utils.clip_grad_value_(weights, clip),
            "clip each": lambda: [torch.nn.utils.clip_grad_norm_([w], clip) for w in weights],
            "shorten or lengthen": lambda: torch.nn.utils.clip_grad_norm_(weights, 1e-6),
            "move": optimiser.step,
        }
        for action in actions:
            what[action]()

    return step


SOLUTIONS = {
    "train_step": train_step,
    "huber": huber,
    "huber_gradient": huber_gradient,
    "weighted_cross_entropy": weighted_cross_entropy,
    "rotation_loss": rotation_loss,
    "equally_loud": equally_loud,
}
MISTAKES = {
    "train_step": [
        in_order("backward"),
        in_order("move"),
        in_order("backward", "forget", "clip", "move"),
        in_order("backward", "clip", "move"),
        in_order("forget", "backward", "move"),
        in_order("forget", "clip", "backward", "move"),
        in_order("forget", "backward", "move", "clip"),
        in_order("forget", "backward", "clip numbers", "move"),
        in_order("forget", "backward", "clip each", "move"),
        in_order("forget", "backward", "shorten or lengthen", "move"),
        in_order("move", "forget", "backward", "clip"),
    ],
    "huber": [
        lambda p, t: huber(p, t) / DELTA,
        lambda p, t: (p - t).square() / 2,
        lambda p, t: DELTA * ((p - t).abs() - DELTA / 2),
        lambda p, t: pieces(p - t, (p - t).square() / 2, DELTA * (p - t).abs()),
        lambda p, t: torch.where(p - t < DELTA, (p - t).square() / 2, huber(p, t)),
        lambda p, t: huber(p, t).mean(),
        lambda p, t: 2 * huber(p, t),
        lambda p, t: huber(p.detach(), t),
    ],
    "huber_gradient": [
        lambda prediction, target: huber_gradient(target, prediction),
        lambda prediction, target: huber_gradient(prediction, target) / DELTA,
        lambda prediction, target: DELTA * np.sign(prediction - target),
        lambda prediction, target: prediction - target,
        lambda prediction, target: np.clip(np.abs(prediction - target), 0, DELTA),
    ],
    "weighted_cross_entropy": [
        lambda scores, label, weights: per_pixel(scores, label).mean(),
        lambda scores, label, weights: (weights[label] * per_pixel(scores, label)).mean(),
        lambda scores, label, weights: -(weights[label] * scores[label, np.arange(len(label))]).sum(),
        lambda scores, label, weights: weighted_cross_entropy(scores * weights[:, None], label, weights),
    ],
    "rotation_loss": [
        lambda rotation, true: np.abs(rotation - true).mean(),
        lambda rotation, true: 1 - np.trace(rotation @ true) / 3,
        lambda rotation, true: 1 - np.linalg.det(rotation.T @ true),
        lambda rotation, true: np.abs(np.arcsin(np.clip((rotation.T @ true)[2, 1], -1, 1))),
    ],
    "equally_loud": [
        lambda matrix: matrix / np.linalg.norm(matrix),
        np.sign,
        lambda matrix: -equally_loud(matrix),
        lambda matrix: np.zeros_like(matrix),
    ],
}
