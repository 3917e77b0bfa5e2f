"""The settings of a training, as frozen dataclasses; ``handlib train`` has an option for each field.

A class's docstring has an entry for each of its fields. ``handlib train --help`` shows these entries.
"""

from dataclasses import dataclass, fields, replace
from typing import Literal

from handlib.data.config import Augmentation
from handlib.hand.skeleton import JOINT_NAMES
from handlib.model.config import DIRConfig
from handlib.utils.arguments import check_at_least, check_between, check_finite
from handlib.utils.errors import InputError

Weight = float | int


@dataclass(frozen=True)
class LossWeights:
    """The factor of each loss term, and two choices. The defaults are the released ones; 0 drops a term.

    uv: distances of the joints in the picture.
    vertex_uv: distances of the vertices in the picture.
    joints: distances of the joints in space, each hand centred on its own origin.
    vertices: distances of the vertices in space, each hand centred on its own origin.
    edge: differences between predicted and true lengths of the mesh's edges.
    normal: |cos| between the predicted mesh's edges and the true normals of their faces.
    offset: error of the vector from the left hand's centre to the right hand's.
    segmentation: cross-entropy of the final segmentation.
    lovasz: Lovász loss (overlap) of the final segmentation.
    dense: error of the dense map's colours.
    root: error of the wrist's rotation matrix.
    pose: error of the hand model's pose coefficients.
    betas: error of the hand model's shape coefficients.
    sides: joint maps (initial_head joints): cross-entropy of their segmentation.
    heat: joint maps: cross-entropy of the heatmaps, which say where each joint is seen.
    location: joint maps: error of the location maps, which say where each joint lies from middle1.
    presence: joint maps: cross-entropy of the answer to "is this hand there?".
    target_centre: name of the joint on which the true hands are centred; the true offset joins these joints.
        Estimates are always centred on the wrist.
    lovasz_on: input of the Lovász term: raw scores, as released, or probabilities.
    """

    uv: Weight = 10
    vertex_uv: Weight = 10
    joints: Weight = 10
    vertices: Weight = 10
    edge: Weight = 1
    normal: Weight = 0.1
    offset: Weight = 10
    segmentation: Weight = 0.1
    lovasz: Weight = 0.1
    dense: Weight = 1
    root: Weight = 0
    pose: Weight = 0
    betas: Weight = 0
    sides: Weight = 1
    heat: Weight = 0.5
    location: Weight = 4
    presence: Weight = 0.2
    target_centre: str = "middle1"
    lovasz_on: Literal["scores", "probabilities"] = "scores"

    def __post_init__(self) -> None:
        """Refuses weights that no loss can have."""
        check_finite("losses", self)
        for field in fields(self):
            if isinstance(getattr(self, field.name), int | float):
                check_at_least(f"losses.{field.name}", getattr(self, field.name), 0)
        if self.target_centre not in JOINT_NAMES:
            raise InputError(f"target_centre: expected a joint's name, got {self.target_centre!r}")
        if self.lovasz_on not in ("scores", "probabilities"):
            raise InputError(f"lovasz_on: expected scores or probabilities, got {self.lovasz_on!r}")

    @classmethod
    def released(cls) -> "LossWeights":
        """Returns the authors' weights, with two peculiarities of their code.

        The targets are centred on the middle finger's MCP joint although the model is centred on the wrist,
        so even a perfect hand has a loss. The Lovász term gets raw scores instead of probabilities.
        """
        return cls()

    @classmethod
    def paper(cls) -> "LossWeights":
        """Returns the authors' weights without the two peculiarities: one centre, and probabilities."""
        return cls(target_centre="wrist", lovasz_on="probabilities")

    @classmethod
    def small(cls) -> "LossWeights":
        """Returns weights for training from scratch on a laptop.

        Distances weigh more, and the hand model's parameters are supervised too. ``HUBER_DELTA`` is 0.01, so
        with a weight of 100 a distance counts as much as in a plain L1 loss.
        """
        distances = dict.fromkeys(("uv", "vertex_uv", "joints", "vertices", "offset"), 100)
        pixels = {"segmentation": 1, "lovasz": 0, "dense": 200}
        parameters = {"root": 0.4, "pose": 0.1, "betas": 0.02}
        return cls(
            **distances,
            **pixels,
            **parameters,
            edge=0,
            normal=0,
            target_centre="wrist",
            lovasz_on="probabilities",
        )

    @classmethod
    def wild(cls) -> "LossWeights":
        """Returns the weights of :meth:`small` with a heavier ``sides``: whose hand a pixel shows is what
        networks for photographs get wrong most often.
        """
        return replace(cls.small(), sides=3)


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a training. The defaults suit two CPU cores and ``desk`` pairs.

    steps: number of batches.
    batch_size: pairs per batch, over all devices together.
    optimiser: ``adamw`` as in the paper, or ``muon``: Muon for matrices, AdamW for all other weights
        (``handlib.training.muon``).
    learning_rate: the highest learning rate. The rate warms up to it, then falls on a cosine to a hundredth.
    weight_decay: weight decay of matrices and kernels; all other weights have none.
    warmup: share of the steps in which the learning rate rises.
    clip: upper bound of the gradient's norm.
    seed: random seed of the weights, the order of pairs and their augmentation.
    pretrained: start the encoder from published weights: timm's for ImageNet (downloaded), or the hand
        network's (they ship).
    backbone_rate: factor on the learning rate of a pretrained backbone, which AdamW moves.
    maps_first: share of the steps, at the beginning, that train the joint maps alone (initial_head joints).
    evaluate_every: steps between two measurements.
    save_every: steps between two checkpoints.
    """

    steps: int = 3000
    batch_size: int = 32
    optimiser: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    warmup: float = 0.03
    clip: float = 5.0
    seed: int = 0
    pretrained: bool = False
    backbone_rate: float = 1.0
    maps_first: float = 0.0
    evaluate_every: int = 500
    save_every: int = 250

    def __post_init__(self) -> None:
        """Refuses numbers that no training can use."""
        check_finite("training", self)
        for name in ("steps", "batch_size", "evaluate_every", "save_every"):
            check_at_least(name, getattr(self, name), 1)
        for name in ("learning_rate", "weight_decay", "clip", "backbone_rate"):
            check_at_least(name, getattr(self, name), 0)
        if self.optimiser not in ("adamw", "muon"):
            raise InputError(f"optimiser: expected adamw or muon, got {self.optimiser!r}")
        check_between("training.warmup", self.warmup, 0, 0.99)
        check_between("training.maps_first", self.maps_first, 0, 1)

    @classmethod
    def small(cls) -> "TrainConfig":
        """Returns the settings of ``handlib train --network small``: Muon, at a higher learning rate.

        ``docs/experiments.md`` has the measurements behind this choice.
        """
        return cls(optimiser="muon", learning_rate=5e-3)

    @classmethod
    def wild(cls) -> "TrainConfig":
        """Returns the settings of ``handlib train --network wild``.

        A batch holds ``batch_size`` pictures and the mirror image of each.
        """
        return cls(
            steps=6000,
            batch_size=16,
            optimiser="muon",
            learning_rate=5e-3,
            pretrained=True,
            backbone_rate=0.1,
            maps_first=0.35,
        )

    @classmethod
    def released(cls) -> "TrainConfig":
        """Returns the paper's batch size and learning rate.

        The paper trains for 50 epochs; set ``steps`` accordingly, since an epoch depends on the data.
        """
        return cls(batch_size=64, learning_rate=5e-4, weight_decay=0.01)


@dataclass(frozen=True)
class Recipe:
    """A network and how it is trained."""

    network: DIRConfig
    training: TrainConfig
    losses: LossWeights
    augmentation: Augmentation


RecipeName = Literal["small", "wild", "released"]
RECIPES: dict[RecipeName, Recipe] = {
    "small": Recipe(DIRConfig.small(), TrainConfig.small(), LossWeights.small(), Augmentation()),
    "wild": Recipe(DIRConfig.wild(), TrainConfig.wild(), LossWeights.wild(), Augmentation()),
    "released": Recipe(
        DIRConfig.released(), TrainConfig.released(), LossWeights.released(), Augmentation.released()
    ),
}
