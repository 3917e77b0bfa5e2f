"""The experiments of ``experiments.py``: each changes one thing in ``base`` and predicts its effect."""

from dataclasses import dataclass, field
from typing import Any

from handlib.analysis.ablations import FULL
from handlib.data.augment import Augmentation
from handlib.model.config import DIRConfig
from handlib.training.losses import LossWeights

STEPS = 1000
PIXELS_ONLY = dict.fromkeys(("uv", "vertex_uv", "joints", "vertices", "offset", "root", "pose", "betas"), 0)
OWN_BACKBONE = ("backbone_layers", "backbone_channels", "backbone_stem_width")
WIDE = {"rotation": 25.0, "scale": 0.35, "shift": 0.15}


@dataclass(frozen=True)
class Phase:
    """One training: its differences from ``base``. A second phase starts from the first one's weights."""

    network: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    losses: dict[str, Any] = field(default_factory=dict)
    augmentation: dict[str, Any] = field(default_factory=dict)
    data: str = "train-64-20k"


@dataclass(frozen=True)
class Experiment:
    """A question, the change that answers it, the prediction before the run, and the decision after it."""

    question: str
    change: str
    prediction: str
    phases: tuple[Phase, ...] = (Phase(),)
    decision: str = ""
    size: int = 64
    average: float = 0.0
    """Decay of a running mean of the weights, which is measured instead of the weights; 0: no mean."""


SMALL = {name: value for name, value in vars(DIRConfig.small()).items() if value != getattr(FULL, name)}
SMALL_AT_64 = {**SMALL, "image_size": 64, "output_stride": 8}

EXPERIMENTS = {
    "base": Experiment(
        "How far do two seeds lie apart?",
        f"none: {STEPS} steps of 32 pairs, 64 px",
        "0.3 mm",
        decision="as expected, in either precision: below, less than half a millimetre is called none seen",
    ),
    "no_pixel_losses": Experiment(
        "Do segmentation and dense correspondence help the hands?",
        "neither is trained",
        "1 mm worse: the encoder learns where hands are from them",
        (Phase(losses={"segmentation": 0, "dense": 0}),),
        decision="none seen: they stay for what they show, and `handlib reconstruct` finds hands by them",
    ),
    "pixels_first": Experiment(
        "Should the encoder learn pixels before hands?",
        "the first 300 steps train segmentation and dense correspondence alone",
        "0.5 mm better",
        (
            Phase(losses=PIXELS_ONLY, training={"steps": 300}),
            Phase(training={"steps": STEPS - 300}),
        ),
        decision="worse: not done",
    ),
    "absolute": Experiment(
        "Residual or absolute estimates?",
        "every stage predicts the parameters anew, as released",
        "1 mm worse",
        (Phase(network={"update": "absolute"}),),
        decision="much worse, and the second stage gives almost nothing: residual stays",
    ),
    "head_gain_1": Experiment(
        "Must the heads of the stages begin small?",
        "their output isn't scaled by 0.1",
        "stages worse than the initial estimate",
        (Phase(network={"head_gain": 1.0}),),
        decision="worse: 0.1 stays; but the stages do improve on the initial estimate",
    ),
    "pooled_head": Experiment(
        "Must the first estimate see the layout?",
        "a linear layer on pooled vectors, as released",
        "initial estimate much worse, the last one by 1 mm",
        (Phase(network={"initial_head": "pooled"}),),
        decision="worse on good crops, not on poor ones: the layout stays, as `small` is made for good crops",
    ),
    "no_nominal_pose": Experiment(
        "Does it help to start from how hands are mostly held?",
        "two options: the heads' biases start at random, the camera's scale is predicted as it is",
        "1 mm worse",
        (Phase(network={"nominal_pose": None, "log_scale": False}),),
        decision="none seen: it stays, but could go",
    ),
    "paper_losses": Experiment(
        "Are the paper's loss weights good for training from nothing?",
        "LossWeights.paper(), which supervise no parameters but edges and normals",
        "2 mm worse",
        (Phase(losses=vars(LossWeights.paper())),),
        decision="none seen: the weights of `small` stay, but no reason to prefer them was seen here",
    ),
    "plain_gcn": Experiment(
        "Must the GCN's layers be residual?",
        "their input isn't added to their output, as released",
        "0.3 mm worse: two layers of means over neighbours blur the joints",
        (Phase(network={"gcn_residual": False}),),
        decision="none seen for two layers: residual stays, but could go",
    ),
    "rate_double": Experiment(
        "Is the learning rate right?",
        "0.002 instead of 0.001",
        "no clear difference",
        (Phase(training={"learning_rate": 2e-3}),),
        "better; ablations keep 0.001, so that all of their rows are alike",
    ),
    "rate_quadruple": Experiment(
        "Is the learning rate right?",
        "0.004 instead of 0.001",
        "worse than 0.002, which was better than 0.001",
        (Phase(training={"learning_rate": 4e-3}),),
        decision="still better: AdamW's best rate wasn't reached before; Muon is better than this",
    ),
    "muon": Experiment(
        "Is one step size for each number enough?",
        "matrices are moved as wholes, by Muon, with rate 0.005",
        "1.5 mm better than `rate_double`: smaller batches win nothing, so noise isn't what holds it back",
        (Phase(training={"optimiser": "muon", "learning_rate": 5e-3}),),
        "taken for `handlib train`, although its steps take half as long again at 64 px; "
        "0.005 was chosen over 0.002 in a first trial",
    ),
    "muon_faster": Experiment(
        "Is Muon's rate right?",
        "0.01 instead of 0.005",
        "no clear difference",
        (Phase(training={"optimiser": "muon", "learning_rate": 1e-2}),),
        decision="none seen on good crops, better on poor ones: the best rate may lie higher; 0.005 stays",
    ),
    "batch_16": Experiment(
        "Smaller batches, more steps?",
        "16 pairs, twice the steps, rate 0.0007",
        "0.5 mm better",
        (Phase(training={"batch_size": 16, "steps": 2 * STEPS, "learning_rate": 7e-4}),),
        "32 stays: nothing won, and half as long again",
    ),
    "muon_batch_64": Experiment(
        "Larger batches, fewer steps, where a step costs time whatever its batch?",
        "`muon` with 64 pairs, half the steps, rate 0.006",
        "as good as `muon`, in three quarters of its time",
        (
            Phase(
                training={"optimiser": "muon", "batch_size": 64, "steps": STEPS // 2, "learning_rate": 6e-3}
            ),
        ),
        decision="worse, in two thirds of the time: 32 stays where steps are cheap",
    ),
    "resnet18": Experiment(
        "Does a standard backbone, twice as wide, with four times the parameters, learn more?",
        "timm's resnet18, not pretrained",
        "0.5 mm better, in twice the time",
        (Phase(network=dict.fromkeys(OWN_BACKBONE) | {"backbone": "resnet18"}),),
        decision="none seen, and a third slower: the narrow backbone stays",
    ),
    "averaged": Experiment(
        "Is a running mean of the weights better than the last ones?",
        "mean with decay 0.99",
        "no difference: the learning rate ends near zero",
        average=0.99,
        decision="none seen, as expected: no mean is kept",
    ),
    "no_augmentation": Experiment(
        "Does augmentation pay in a short training?",
        "pairs as rendered",
        "better in so short a training, worse in a long one",
        (Phase(augmentation=dict.fromkeys(vars(Augmentation()), 0.0)),),
        decision="at the threshold on good crops, clearly worse on poor ones: augmentation stays",
    ),
    "wide_augmentation": Experiment(
        "What do wide crops cost, and what do they give where crops are poor?",
        "turned by 25 degrees, scaled by 35 %, shifted by 15 % either way",
        "1 mm worse on good crops, far better on poor ones",
        (Phase(augmentation=WIDE),),
        decision="worse on good crops, better on poor ones, by as much: not taken for `small`",
    ),
    "few_pairs": Experiment(
        "Would 2500 pairs do?",
        "the first 2500, seen 13 times",
        "1 mm worse",
        (Phase(data="train-64-2500"),),
        decision="at the threshold: their number isn't what limits 1000 steps most; more weren't tried",
    ),
    "small_at_128": Experiment(
        "What do larger pictures give for the same processor time?",
        "`small` at 128 px for 430 steps, about the same time",
        "worse: too few steps",
        (Phase(network=SMALL, training={"steps": 430}, data="train-128-8k"),),
        decision="much worse, as expected: so short a training should be at 64 px; `small` learns for hours",
        size=128,
    ),
    "small_64_then_128": Experiment(
        "Should pictures grow during training?",
        "`small` at 64 px for 500 steps, then at 128 px for 215",
        "better than 128 px throughout",
        (
            Phase(network=SMALL_AT_64, training={"steps": 500}),
            Phase(network=SMALL, training={"steps": 215}, data="train-128-8k"),
        ),
        decision="better than 128 px throughout, as expected, but worse than 64 px throughout (`base`)",
        size=128,
    ),
}
