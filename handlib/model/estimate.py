"""What the network says: one estimate of both hands, all of them, and all that was computed on the way."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from handlib.hand.hand import HandParams
from handlib.utils.reprs import in_shapes

LENGTH_UNIT = 0.15
"""Metres, about a hand's length: DIR's unit for the hands' offset, position embeddings and losses."""


@dataclass(frozen=True)
class Estimate:
    """Both hands after the initial estimate or after one stage; ``hand`` is (left, right).

    ``params`` are as predicted: with ``DIRConfig.log_scale`` the camera's first number is its scale's
    logarithm. ``joints`` and ``vertices`` are metres, each hand centred on its own wrist; ``uv`` and
    ``vertex_uv`` are their weak-perspective projections in [-1, 1]; ``offset`` leads from the left wrist to
    the right one, in units of ``LENGTH_UNIT``.
    """

    params: HandParams
    joints: Float[Tensor, "batch hand=2 21 3"]
    vertices: Float[Tensor, "batch hand=2 778 3"]
    uv: Float[Tensor, "batch hand=2 21 2"]
    vertex_uv: Float[Tensor, "batch hand=2 778 2"]
    offset: Float[Tensor, "batch 3"]

    __repr__ = in_shapes


@dataclass(frozen=True)
class Prediction:
    """The network's answer: the initial estimate, then one per stage; the last is the result.

    ``segmentation`` are scores of (background, left, right), ``dense`` colours every pixel by where it lies
    on the hand (Sec. 3.3), both on the last stage's map.
    """

    estimates: tuple[Estimate, ...]
    segmentation: Float[Tensor, "batch 3 height width"]
    dense: Float[Tensor, "batch 3 height width"]

    __repr__ = in_shapes

    @property
    def final(self) -> Estimate:
        """The last estimate."""
        return self.estimates[-1]


def estimate_names(count: int) -> tuple[str, ...]:
    """``initial``, ``stage 1``, ``stage 2``, ...: what the ``count`` estimates of a prediction are called."""
    return ("initial", *(f"stage {t}" for t in range(1, count)))


@dataclass(frozen=True)
class StageTrace:
    """All that one refinement stage computed, in the order in which it did (Sec. 3.2).

    ``skip`` is the encoder's map, ``fused`` the map that joints are sampled from, ``sampled`` the features
    after sampling at ``before.uv`` and their MLP, ``embedded`` those plus the position embedding, ``graph``
    what the GCN made of them, ``tokens`` what the transformer returned, ``attention`` its weights per layer
    that ran. ``plane_features`` are what is drawn back into the picture at ``after.uv``, ``projected`` the
    map made from all planes, ``enhanced`` the stage's final map. What a configuration leaves out has no
    channels. Tokens are the joints, unless the configuration says vertices.
    """

    before: Estimate
    after: Estimate
    skip: Float[Tensor, "batch skip_channels height width"]
    fused: Float[Tensor, "batch channels height width"]
    sampled: Float[Tensor, "batch hand=2 tokens features"]
    embedded: Float[Tensor, "batch hand=2 tokens features"]
    graph: Float[Tensor, "batch hand=2 tokens features"]
    attention: Float[Tensor, "batch layers heads both_hands both_hands"]
    tokens: Float[Tensor, "batch hand=2 tokens token_features"]
    plane_features: Float[Tensor, "batch hand=2 tokens plane_channels"]
    projected: Float[Tensor, "batch projected_channels height width"]
    enhanced: Float[Tensor, "batch channels height width"]

    __repr__ = in_shapes


@dataclass(frozen=True)
class Trace:
    """A whole forward pass: encoder maps (fine to coarse), left/right attention, every stage, the answer."""

    features: tuple[Float[Tensor, "batch _ _ _"], ...]
    attention: Float[Tensor, "batch hand=2 height width"]
    stages: tuple[StageTrace, ...]
    prediction: Prediction

    __repr__ = in_shapes
