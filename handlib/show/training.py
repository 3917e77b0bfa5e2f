"""Shows a network while it learns: errors of all estimates and predictions for some pairs, redrawn live."""

from dataclasses import dataclass, field

import ipywidgets
import numpy as np
import torch
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from torch import Tensor

from handlib.data.sample import Sample, normalise
from handlib.evaluation.metrics import INTAG_MCP, evaluate_batch
from handlib.hand.skeleton import SIDES
from handlib.model.estimate import estimate_names
from handlib.model.network import DIR
from handlib.model.placed import picture_of
from handlib.show.core import palette
from handlib.show.core.figures import figure_pixels, grey_lines
from handlib.show.core.overlay import to_pixels
from handlib.show.core.panel import Panel, Picture, png_image
from handlib.show.core.raster import above, beside, draw_skeleton, encode_png, mix, resized
from handlib.utils.arguments import check_between

CHART_SIZE, PICTURE_SIDE = (760, 250), 190
MOST_PICTURES = 4


@dataclass(frozen=True)
class Measurement:
    """A network's errors after ``step`` steps: MPJPE in mm, one per estimate.

    ``held_out`` are the errors on pairs that the network isn't trained on, if there are any. ``uv`` are the
    joints of the first pairs in the last estimate.
    """

    step: int
    errors: Float[np.ndarray, "estimates"]
    held_out: Float[np.ndarray, "_"]
    uv: Float[np.ndarray, "pictures hand=2 21 2"]


@dataclass
class History:
    """The loss and the loss terms of every step so far, and the measurements in between."""

    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    terms: list[dict[str, float]] = field(default_factory=list)
    measured: list[Measurement] = field(default_factory=list)

    def on_step_end(self, step: int, loss: float, terms: dict[str, Tensor], network: DIR) -> None:
        """Records a step; ``handlib.training.loop.train`` calls it after every step, as Fabric's callback."""
        self.steps.append(step)
        self.losses.append(loss)
        self.terms.append({name: float(term) for name, term in terms.items()})

    def loss_of_estimate(self, estimate: int) -> float:
        """Returns the sum of the last step's terms of one estimate (0 is the initial one)."""
        return sum(value for name, value in self.terms[-1].items() if name.endswith(f"_{estimate}"))


@torch.no_grad()
def measure(network: DIR, step: int, pairs: Sample, held_out: Sample | None = None) -> Measurement:
    """Measures a network's errors in evaluation mode; afterwards the network is in its former mode."""
    was_training = network.training
    network.eval()
    hands = [network.hands[side] for side in SIDES]

    def errors(batch: Sample) -> tuple[Float[np.ndarray, "estimates"], Float[np.ndarray, "batch 2 21 2"]]:
        estimates = network(normalise(batch.image)).estimates
        values = [float(evaluate_batch(e, batch, INTAG_MCP, hands)["mpjpe"].mean()) for e in estimates]
        return np.array(values), estimates[-1].uv[:MOST_PICTURES].double().numpy()

    own, uv = errors(pairs)
    others = errors(held_out)[0] if held_out is not None else np.zeros(0)
    network.train(was_training)
    return Measurement(step, own, others, uv)


def training_caption(history: History, total: int) -> str:
    """Returns the progress in words and numbers."""
    if not history.measured:
        return f"not a step yet of {total}"
    last = history.measured[-1]
    names = estimate_names(len(last.errors))
    said = ", ".join(f"{name} {error:.1f}" for name, error in zip(names, last.errors, strict=True))
    held_out = f"; on pairs it isn't trained on {last.held_out[-1]:.1f}" if len(last.held_out) else ""
    return f"step {last.step} of {total}: MPJPE in mm: {said}{held_out}"


def draw_curves(history: History, total: int) -> UInt8[np.ndarray, "height width 3"]:
    """Draws the loss of every step on the left, and the errors on the right, darker for later estimates."""
    width, height = CHART_SIZE
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, layout="constrained")
    loss_axes, error_axes = figure.subplots(1, 2)
    loss_axes.set(xlim=(0, total), xlabel="step", title="loss of the step's batch")
    if history.steps:
        loss_axes.semilogy(history.steps, history.losses, color=palette.TRUTH, linewidth=1)
        loss_axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        loss_axes.yaxis.set_major_formatter("{x:g}")
        loss_axes.yaxis.set_minor_locator(NullLocator())
    error_axes.set(xlim=(0, total), xlabel="step", title="MPJPE (mm)")
    if history.measured:
        steps = [m.step for m in history.measured]
        errors = np.stack([m.errors for m in history.measured])
        grey_lines(error_axes, steps, dict(zip(estimate_names(errors.shape[1]), errors.T, strict=True)), ".")
        if len(history.measured[0].held_out):
            held_out = [m.held_out[-1] for m in history.measured]
            error_axes.plot(steps, held_out, "--", color=palette.HIGHLIGHT, label="last, held-out pairs")
            error_axes.legend(frameon=False, fontsize=8)
        error_axes.set_ylim(0, None)
    return figure_pixels(figure)


def draw_predictions(
    pairs: Sample, uv: Float[np.ndarray, "pictures hand=2 21 2"] | None
) -> UInt8[np.ndarray, "side width 3"]:
    """Draws the first pairs: true skeletons in grey, those of the last measurement in the hands' colours."""
    row = []
    for index in range(min(MOST_PICTURES, len(pairs))):
        canvas = resized(picture_of(pairs, index), PICTURE_SIDE, PICTURE_SIDE)
        for hand in to_pixels(pairs.uv[index].double().numpy(), *canvas.size):
            draw_skeleton(canvas, hand, mix(palette.TRUTH, "#ffffff", 0.3), 1.0)
        for hand, colour in (
            zip(to_pixels(uv[index], *canvas.size), palette.HANDS, strict=True) if uv is not None else ()
        ):
            draw_skeleton(canvas, hand, colour, 1.5)
        row.append(np.asarray(canvas))
    return beside(*row)


class TrainingPanel(Panel):
    """Curves and predictions that are updated while :func:`handlib.training.loop.train` runs.

    Give the panel to Fabric as a callback: ``Fabric(..., callbacks=[panel])``. The network is measured on
    ``pairs`` and ``held_out`` every ``every`` steps, and after the first and the last of ``total`` steps.
    """

    def __init__(self, pairs: Sample, total: int, every: int = 5, held_out: Sample | None = None):
        check_between("total", total, 1, 10**9)
        check_between("every", every, 1, 10**9)
        self.pairs, self.total, self.every, self.held_out = pairs, total, every, held_out
        self.history = History()
        self.caption = ipywidgets.Label()
        self.image = png_image(CHART_SIZE[0])
        self.refresh()
        super().__init__([self.caption, self.image])

    def on_step_end(self, step: int, loss: float, terms: dict[str, Tensor], network: DIR) -> None:
        """Records the step; measures and redraws if a measurement is due."""
        self.history.on_step_end(step, loss, terms, network)
        if step == 1 or step % self.every == 0 or step == self.total:
            self.history.measured.append(measure(network, step, self.pairs, self.held_out))
            self.refresh()

    def refresh(self) -> None:
        """Draws the history so far."""
        self.image.value = encode_png(self.picture())
        self.caption.value = training_caption(self.history, self.total)

    def picture(self) -> Picture:
        """Returns the current curves above the current predictions."""
        uv = self.history.measured[-1].uv if self.history.measured else None
        return above(draw_curves(self.history, self.total), draw_predictions(self.pairs, uv))

    def __repr__(self) -> str:
        return f"TrainingPanel: {self.total} steps, measured every {self.every} of them"
