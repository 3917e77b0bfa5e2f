"""The initial estimate and what every stage made of it: one slider moves the 3D view and the overlay."""

from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets
import numpy as np
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from handlib.data.sample import Sample
from handlib.hand.skeleton import SIDES
from handlib.model.estimate import Prediction, estimate_names
from handlib.model.placed import place
from handlib.show.core.hands import HandsView
from handlib.show.core.hands_drawing import Colours, draw_hands, framing_of
from handlib.show.core.overlay import overlay_picture
from handlib.show.core.panel import Explorer, Picture, png_image
from handlib.show.core.raster import above, beside, encode_png, resized, words
from handlib.utils.arguments import check_some

PICTURE_SIDE = 360


@dataclass(frozen=True)
class StageState:
    """All that the widget shows of one estimate; without ``colours`` the surfaces have their plain ones."""

    name: str
    vertices: Float[np.ndarray, "hand=2 778 3"]
    joints: Float[np.ndarray, "hand=2 21 3"]
    overlay: UInt8[np.ndarray, "height width 3"]
    summary: str
    colours: Colours | None = None


def stage_states(
    picture: Sample | Tensor | np.ndarray,
    prediction: Prediction,
    index: int = 0,
    faces: Sequence[Int[np.ndarray, "faces 3"]] | None = None,
) -> tuple[StageState, ...]:
    """Returns the state at each position of the slider.

    Given a sample, the summary says how far the joints are from the truth, each hand measured from its wrist.
    """
    states = []
    for name, estimate in zip(estimate_names(len(prediction.estimates)), prediction.estimates, strict=True):
        placed = place(estimate, index)
        drawn = overlay_picture(picture, estimate, index, faces)
        shown = resized(drawn, round(PICTURE_SIDE * drawn.shape[1] / drawn.shape[0]), PICTURE_SIDE)
        summary = name
        if isinstance(picture, Sample):
            true = place(picture, index).joints
            error = (placed.joints - placed.joints[:, :1]) - (true - true[:, :1])
            summary = f"{name}: joints {1000 * np.linalg.norm(error, axis=-1).mean():.1f} mm from the truth"
        states.append(StageState(name, placed.vertices, placed.joints, np.asarray(shown), summary))
    return tuple(states)


def stage_sheet(
    states: Sequence[StageState],
    faces: Sequence[Int[np.ndarray, "faces 3"]],
    framing: Sequence[float],
) -> UInt8[np.ndarray, "height width 3"]:
    """All estimates at once, overlays above and 3D views below: what a reader without a kernel sees."""
    side = 280

    def column(state: StageState) -> Picture:
        size = (side, side - 64)
        scene = draw_hands(state.vertices, state.joints, faces, SIDES, framing, state.colours, size=size)
        overlay = np.asarray(resized(state.overlay, side - 12, side - 12))
        return above(words(state.summary, side), overlay, scene)

    return beside(*(column(state) for state in states))


class StagesPanel(Explorer[StageState]):
    """A slider over the initial estimate and every stage that moves the 3D view and the overlay together."""

    def __init__(
        self, states: Sequence[StageState], faces: Sequence[Int[np.ndarray, "faces 3"]] | None = None
    ):
        check_some("states", states)
        self.states = tuple(states)
        last = self.states[-1]
        self.view = HandsView(last.vertices, last.joints, faces)
        self.view.framing = list(framing_of(np.concatenate([state.vertices for state in self.states])))
        self.image = png_image(last.overlay.shape[1], last.overlay.shape[0])
        self.summary = ipywidgets.Label()
        self.slider = ipywidgets.SelectionSlider(
            options=[state.name for state in self.states], index=len(self.states) - 1, description="estimate"
        )
        super().__init__([[self.slider, self.summary], [self.image, self.view]])

    def compute(self) -> StageState:
        """The chosen estimate."""
        return self.states[self.slider.index]

    def draw(self, state: StageState) -> None:
        """Brings every part of the panel to one estimate."""
        self.view.update(state.vertices, state.joints)
        self.image.value = encode_png(state.overlay)
        self.summary.value = state.summary

    def picture(self) -> Picture:
        """All estimates at once."""
        return stage_sheet(self.states, self.view.faces, self.view.framing)

    def __repr__(self) -> str:
        return "Stages: " + "; ".join(state.summary for state in self.states)


def stages(
    picture: Sample | Tensor | np.ndarray,
    prediction: Prediction,
    index: int = 0,
    faces: Sequence[Int[np.ndarray, "faces 3"]] | None = None,
) -> StagesPanel:
    """The stages of one prediction over its picture; ``index`` chooses the picture of a batch."""
    return StagesPanel(stage_states(picture, prediction, index, faces), faces)
