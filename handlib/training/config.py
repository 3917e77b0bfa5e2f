"""What a training is made of, as frozen dataclasses; ``handlib train`` has an option for each field.

Every field's line in its class's docstring is its option's help.
"""

from dataclasses import dataclass
from typing import Literal

from handlib.data.config import Augmentation
from handlib.model.config import DIRConfig
from handlib.utils.arguments import check_at_least, check_between, check_finite

Weight = float | int


@dataclass(frozen=True)
class LossWeights:
    """The factor of every term, and two choices. The defaults are the released ones; 0 leaves a term out.

    uv, vertex_uv: distances in the picture.
    joints, vertices: distances in space, each hand from its own centre.
    edge, normal: lengths of the mesh's edges, and their angles to the true faces.
    offset: the way from the left hand's centre to the right one's.
    segmentation, lovasz: the maps' labels, by cross-entropy and by overlap.
    dense: the maps' colours.
    root, pose, betas: the hand model's parameters themselves.
    sides, heat, location, presence: joint maps (initial_head joints): whose pixel, where a joint is seen,
    where
        it lies, which hands are there.
    target_centre: the joint at each true hand's origin, and at the true offset's ends (estimates: the wrist).
    lovasz_on: what the Lovász term takes for probabilities.
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
        """Refuses numbers that aren't finite."""
        check_finite("losses", self)

    @classmethod
    def released(cls) -> "LossWeights":
        """The authors' weights, with two peculiarities of their code.

        The targets are centred on the middle finger's MCP joint although the model is centred on the wrist,
        so even a perfect hand has a loss; and the Lovász term gets raw scores, not probabilities.
        """
        return cls()

    @classmethod
    def paper(cls) -> "LossWeights":
        """The authors' weights without the two peculiarities: one centre, and probabilities."""
        return cls(target_centre="wrist", lovasz_on="probabilities")

    @classmethod
    def small(cls) -> "LossWeights":
        """For training from scratch on a laptop: heavier distances, and the parameters supervised too.

        With ``HUBER_DELTA`` 0.01 a weight of 100 makes a distance count as its plain L1 does.
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


@dataclass(frozen=True)
class TrainConfig:
    """How a network is trained. The defaults are what two CPU cores can do with ``desk`` pairs.

    steps: how many batches.
    batch_size: pairs in a batch, over all devices together.
    optimiser: ``adamw`` as in the paper, or ``muon`` for the matrices (``handlib.training.muon``).
    learning_rate: the highest; it warms up, then falls on a cosine to a hundredth.
    weight_decay: of matrices and kernels; nothing else decays.
    warmup: share of the steps in which the learning rate rises.
    clip: upper bound of the gradient's norm.
    seed: of the weights, the order of pairs and their augmentation.
    pretrained: starts the encoder from published weights: timm's for ImageNet, which are downloaded, or those
        of the hand network, which ship.
    backbone_rate: share of the learning rate at which a pretrained backbone moves, by AdamW.
    maps_first: share of the steps in which only the joint maps (initial_head joints) are taught.
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
        """Refuses numbers that no training can have."""
        check_finite("training", self)
        for name in ("steps", "batch_size", "evaluate_every", "save_every"):
            check_at_least(name, getattr(self, name), 1)
        check_at_least("learning_rate", self.learning_rate, 0)
        check_between("training.warmup", self.warmup, 0, 0.99)
        check_between("training.maps_first", self.maps_first, 0, 1)

    @classmethod
    def small(cls) -> "TrainConfig":
        """Returns what ``handlib train`` takes for ``small``: Muon, at a higher rate
        (``docs/experiments.md``).
        """
        return cls(optimiser="muon", learning_rate=5e-3)

    @classmethod
    def wild(cls) -> "TrainConfig":
        """Returns what ``handlib train`` takes for ``wild``, whose pictures come with their mirror images."""
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
        """The paper's batch and learning rate; how many steps its 50 epochs are depends on the data."""
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
    "wild": Recipe(DIRConfig.wild(), TrainConfig.wild(), LossWeights.small(), Augmentation()),
    "released": Recipe(
        DIRConfig.released(), TrainConfig.released(), LossWeights.released(), Augmentation.released()
    ),
}
