"""Shows the initial estimate and every stage's estimate: one slider moves the 3D view and the overlay.

Where the truth is known, the true skeletons are drawn in grey. In 3D each of them is moved so that its wrist
lies on the estimated one; pink lines lead from every joint to its true place. Their mean length is the error.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets
import numpy as np
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from handlib.data.sample import Sample
from handlib.hand.skeleton import SIDES
from handlib.model.estimate import Estimate, Prediction, estimate_names
from handlib.model.placed import place
from handlib.show.core.hands import HandsView
from handlib.show.core.hands_drawing import TRUE_HANDS, Colours, draw_hands, error_links, framing_of
from handlib.show.core.overlay import overlay_picture, overlay_with_truth
from handlib.show.core.panel import Explorer, Picture, png_image
from handlib.show.core.raster import above, beside, encode_png, resized, words
from handlib.utils.arguments import check_some

PICTURE_SIDE = 360


@dataclass(frozen=True)
class StageState:
    """All that the widget shows of one estimate; without ``colours`` the surfaces have plain colours.

    Hands are (left, right), or (left, right, true left, true right) where the truth is known. Only skeletons
    of true hands are seen: all their vertices are at the wrist.
    """

    name: str
    vertices: Float[np.ndarray, "hands 778 3"]
    joints: Float[np.ndarray, "hands 21 3"]
    overlay: UInt8[np.ndarray, "height width 3"]
    summary: str
    colours: Colours | None = None

    @property
    def sides(self) -> tuple[str, ...]:
        """Returns the names of the hands."""
        return (*SIDES, *TRUE_HANDS)[: len(self.joints)]

    @property
    def with_truth(self) -> bool:
        """Returns whether the true hands are shown, too."""
        return len(self.joints) > len(SIDES)


def stage_states(
    picture: Sample | Tensor | np.ndarray,
    prediction: Prediction,
    index: int = 0,
    faces: Sequence[Int[np.ndarray, "faces 3"]] | None = None,
) -> tuple[StageState, ...]:
    """Returns the state at each position of the slider.

    A sample's truth is shown, too, and the summary has the joints' mean error in space, with each hand
    aligned at its wrist.
    """
    states = []
    for name, estimate in zip(estimate_names(len(prediction.estimates)), prediction.estimates, strict=True):
        if isinstance(picture, Sample):
            states.append(_beside_truth(name, picture, estimate, index, faces))
            continue
        placed = place(estimate, index)
        drawn = overlay_picture(picture, estimate, index, faces)
        shown = resized(drawn, round(PICTURE_SIDE * drawn.shape[1] / drawn.shape[0]), PICTURE_SIDE)
        states.append(StageState(name, placed.vertices, placed.joints, np.asarray(shown), name))
    return tuple(states)


def _beside_truth(
    name: str,
    sample: Sample,
    estimate: Estimate,
    index: int,
    faces: Sequence[Int[np.ndarray, "faces 3"]] | None,
) -> StageState:
    placed, truth = place(estimate, index), place(sample, index)
    to_wrists = placed.joints[:, :1] - truth.joints[:, :1]
    joints = np.concatenate((placed.joints, truth.joints + to_wrists))
    error = np.linalg.norm(joints[:2] - joints[2:], axis=-1).mean()
    return StageState(
        name,
        np.concatenate((placed.vertices, np.broadcast_to(placed.joints[:, :1], placed.vertices.shape))),
        joints,
        overlay_with_truth(sample, estimate, index, PICTURE_SIDE, faces),
        f"{name}: joints {1000 * error:.1f} mm from the truth",
    )


def stage_sheet(
    states: Sequence[StageState],
    faces: Sequence[Int[np.ndarray, "faces 3"]],
    framing: Sequence[float],
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns all estimates side by side, overlays above and 3D views below, for readers without a kernel."""
    side = 280

    def column(state: StageState) -> Picture:
        scene = draw_hands(
            state.vertices,
            state.joints,
            faces,
            state.sides,
            framing,
            state.colours,
            size=(side, side - 40),
            links=error_links() if state.with_truth else None,
        )
        overlay = np.asarray(resized(state.overlay, side - 12, side - 12))
        return above(words(state.summary, side), overlay, scene)

    return beside(*(column(state) for state in states))


class StagesPanel(Explorer[StageState]):
    """A slider from the initial estimate over all stages that moves the 3D view and the overlay together."""

    def __init__(
        self, states: Sequence[StageState], faces: Sequence[Int[np.ndarray, "faces 3"]] | None = None
    ):
        check_some("states", states)
        self.states = tuple(states)
        first = self.states[0]
        if faces is not None and first.with_truth:
            faces = [*faces, *faces]
        self.view = HandsView(first.vertices, first.joints, faces, first.sides)
        if first.with_truth:
            self.view.update(links=error_links())
        self.view.framing = list(framing_of(np.concatenate([state.vertices for state in self.states])))
        self.image = png_image(first.overlay.shape[1], first.overlay.shape[0])
        self.summary = ipywidgets.Label()
        self.slider = ipywidgets.SelectionSlider(
            options=[state.name for state in self.states], description="estimate"
        )
        super().__init__([[self.slider, self.summary], [self.image, self.view]])

    def compute(self) -> StageState:
        """Returns the state of the chosen estimate."""
        return self.states[self.slider.index]

    def draw(self, state: StageState) -> None:
        """Shows one estimate in all parts of the panel."""
        self.view.update(state.vertices, state.joints)
        self.image.value = encode_png(state.overlay)
        self.summary.value = state.summary

    def picture(self) -> Picture:
        """Returns all estimates side by side."""
        *centre, half_height = self.view.framing
        return stage_sheet(self.states, self.view.faces, (*centre, half_height / 1.15))

    def __repr__(self) -> str:
        return "Stages: " + "; ".join(state.summary for state in self.states)


def stages(
    picture: Sample | Tensor | np.ndarray,
    prediction: Prediction,
    index: int = 0,
    faces: Sequence[Int[np.ndarray, "faces 3"]] | None = None,
) -> StagesPanel:
    """Shows one prediction's stages over its picture; ``index`` chooses the picture of a batch."""
    return StagesPanel(stage_states(picture, prediction, index, faces), faces)
