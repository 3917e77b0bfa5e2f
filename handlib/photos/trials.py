"""Asks networks about rendered pictures on the way to photographs: how right they are, and how sure."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from handlib.analysis.domain_gap import CHANGES, taken
from handlib.analysis.robustness import errors_per_hand
from handlib.data.photo import as_picture
from handlib.data.rendered.scenes import Scene
from handlib.data.sample import Sample, normalise, stack
from handlib.evaluation.metrics import WRONG_ROTATION
from handlib.geometry.camera import uv_to_pixels
from handlib.model.estimate import Estimate, Prediction
from handlib.model.network import DIR
from handlib.photos.hand_network import second_opinion
from handlib.photos.presence import hands_present
from handlib.utils.errors import InputError

UNCHANGED = "desk"
"""The name of scenes as they are, seen by their owner's eyes."""
FOUND = 0.2
"""Hand sizes: a hand is found if its joints are nearer than this to their places, on average."""


@dataclass(frozen=True)
class Answers:
    """A network's answers about a batch of pictures, and their errors.

    ``mpjpe`` is in millimetres (``INTAG_MCP``). ``wrong`` says whose rotation is off by more than 45 degrees,
    ``exchanged`` in which pictures left and right would be nearer to the truth the other way round, ``found``
    which hands' joints are near their places, as the ``confidence`` promises.
    """

    pictures: Sample
    final: Estimate
    mpjpe: Float[Tensor, "batch hand=2"]
    wrong: Bool[Tensor, "batch hand=2"]
    exchanged: Bool[Tensor, "batch"]
    found: Bool[Tensor, "batch hand=2"]
    confidence: Float[Tensor, "batch hand=2"]


def off_by(
    uv: Float[Tensor, "batch hand=2 21 2"], truth: Float[Tensor, "batch hand=2 21 2"]
) -> Float[Tensor, "batch hand=2"]:
    """Returns how far each hand's joints are from their places, on average, in sizes of the true hand."""
    size = (truth.amax(2) - truth.amin(2)).amax(-1)
    return (uv - truth).norm(dim=-1).mean(-1) / size


def confidence_of(prediction: Prediction, pictures: Sample) -> Float[Tensor, "batch hand=2"]:
    """Returns the confidence of every hand; a network that locates joints asks for a second opinion."""
    sure = []
    for k, image in enumerate(pictures.image):
        picture, opinion = as_picture(image), None
        if prediction.located is not None:
            pixels = uv_to_pixels(prediction.located.uv[k].double(), len(picture)).numpy()
            opinion, _ = second_opinion(picture, pixels)
        sure.append(hands_present(prediction[[k]], opinion).confidence)
    return torch.stack(sure)


@torch.no_grad()
def answers_to(network: DIR, pictures: Sample) -> Answers:
    """Asks a network, in evaluation mode, about a batch of pictures of its size."""
    prediction = network(normalise(pictures.image))
    final = prediction.final
    errors = errors_per_hand(network, final, pictures)
    direct, other = (off_by(uv, pictures.uv) for uv in (final.uv, final.uv.flip(1)))
    return Answers(
        pictures=pictures,
        final=final,
        mpjpe=errors["mpjpe"],
        wrong=errors["rotation_deg"] > WRONG_ROTATION,
        exchanged=other.sum(1) < direct.sum(1),
        found=direct < FOUND,
        confidence=confidence_of(prediction, pictures),
    )


def ask(network: DIR, scenes: Sequence[Scene], kind: str) -> Answers:
    """Asks a network about scenes as they are (``UNCHANGED``), or after one of ``CHANGES``.

    Raises:
        InputError: there is no such change.
    """
    if kind not in (UNCHANGED, *CHANGES):
        raise InputError(f"kind: expected one of {', '.join((UNCHANGED, *CHANGES))}, got {kind!r}")
    changes = [] if kind == UNCHANGED else [CHANGES[kind]]
    size = network.config.image_size
    return answers_to(network, stack([taken(scene, changes, size, k) for k, scene in enumerate(scenes)]))
