"""The notebooks' widgets that the book records, and how ``record_book.py`` moves each of them."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import ipywidgets
import torch

from handlib import DIR, load_samples, show
from handlib.analysis.interventions import experiment
from handlib.data.sample import Sample, normalise, resize, stack
from handlib.hand.hand import Hand, open_hand_data
from handlib.model.estimate import estimate_names
from handlib.show.core.hands import HandsView


@dataclass(frozen=True)
class Control:
    """A control of a widget: its name, the labels of its positions, its first position, and how to move it.

    A control called ``picked`` has no slider: it moves when a joint is picked.
    """

    name: str
    labels: Sequence[str]
    start: int
    move: Callable[[int], None]


@dataclass(frozen=True)
class Recordable:
    """A widget of a notebook to be recorded; ``text`` is its text in the committed notebook.

    ``positions`` are the combinations of the controls' positions that are recorded. ``words`` and ``image``
    are the parts of the widget that change beside the 3D view.
    """

    notebook: str
    text: str
    view: HandsView
    controls: Sequence[Control] = ()
    positions: Sequence[tuple[int, ...]] = ((),)
    words: Sequence[ipywidgets.Label | ipywidgets.HTML] = ()
    image: ipywidgets.Image | None = None


def all_positions(controls: Sequence[Control]) -> list[tuple[int, ...]]:
    """Returns every combination of the controls' positions."""
    return list(itertools.product(*(range(len(control.labels)) for control in controls)))


def one_at_a_time(controls: Sequence[Control]) -> list[tuple[int, ...]]:
    """Returns every position of each control, with the other controls at their first positions."""
    start = tuple(control.start for control in controls)
    moved = [
        (*start[:k], position, *start[k + 1 :])
        for k, control in enumerate(controls)
        for position in range(len(control.labels))
    ]
    return list(dict.fromkeys(moved))


def slider(widget: ipywidgets.Widget, values: Sequence[float], unit: str = "") -> Control:
    """Returns a control for some values of a slider; it starts at the slider's current value."""

    def move(position: int) -> None:
        widget.value = values[position]

    labels = [f"{value:g}{unit}" for value in values]
    return Control(widget.description.split(" (")[0], labels, list(values).index(widget.value), move)


def selection(widget: ipywidgets.SelectionSlider) -> Control:
    """Returns a control for all options of a selection slider."""

    def move(position: int) -> None:
        widget.index = position

    return Control(widget.description, list(widget.options), widget.index, move)


def small_network() -> DIR:
    return DIR.from_pretrained("small").eval()


def test_pair(network: DIR, index: int = 14) -> Sample:
    return resize(load_samples("test")[index], network.config.image_size)


def truth() -> Recordable:
    view = show.hands(load_samples("test")[14])
    return Recordable("00_tour", repr(view), view)


def stages() -> Recordable:
    network = small_network()
    picture = test_pair(network)
    with torch.no_grad():
        panel = show.stages(picture, network(normalise(picture.image[None])))
    controls = [selection(panel.slider)]
    words = [panel.summary]
    return Recordable(
        "00_tour", repr(panel), panel.view, controls, all_positions(controls), words, panel.image
    )


def right_hand() -> Recordable:
    at_rest = Hand.open("right")(centre=None)
    turn = show.upright("right", "palm").T
    points = (at_rest.vertices.numpy()[None] @ turn, at_rest.joints.numpy()[None] @ turn)
    view = HandsView(*points, [open_hand_data("right").faces], ("right",))
    return Recordable("01_hand_model", repr(view), view)


def bending() -> Recordable:
    panel = show.BendExplorer(Hand.open("right"))
    names, start = list(panel.joint.options), panel.joint.index
    joint = Control("joint", names, start, partial(setattr, panel.joint, "index"))
    bend = slider(panel.bend, (0.0, 25.0, 50.0, 75.0), "°")
    twist = slider(panel.twist, (-180.0, -90.0, 0.0, 90.0, 180.0), "°")
    controls = [joint, bend, twist]
    words = [panel.caption]
    return Recordable("01_hand_model", repr(panel), panel.view, controls, one_at_a_time(controls), words)


def explorer() -> Recordable:
    panel = show.HandExplorer([Hand.open("left"), Hand.open("right")])
    pose = [slider(widget, (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)) for widget in panel.pose_sliders[:3]]
    shape = [slider(widget, (-3.0, -1.5, 0.0, 1.5, 3.0)) for widget in panel.beta_sliders[:3]]
    controls = [*pose, *shape]
    return Recordable(
        "01_hand_model", repr(panel), panel.view, controls, one_at_a_time(controls), [panel.status]
    )


def attention() -> Recordable:
    network = small_network()
    pair = stack([test_pair(network, 4)]).image
    with torch.no_grad():
        panel = show.AttentionLines({"as it is": network.trace(normalise(pair))})

    def pick(position: int) -> None:
        panel.view.picked = position

    names = [panel.view.joint_label(joint) for joint in range(2 * len(panel.view.joint_names))]
    controls = [Control("picked", names, panel.view.picked, pick)]
    text = repr(panel)
    return Recordable("06_transformer", text, panel.view, controls, all_positions(controls), [panel.caption])


def refinement() -> Recordable:
    network = small_network()
    picture = test_pair(network)
    names = estimate_names(1 + len(network.stages))
    run = experiment(network, normalise(picture.image[None]), stages=(0, 1, 1))
    panel = show.RefinementExplorer(picture, run, [*names, "2 again"])
    controls = [selection(panel.stage), slider(panel.rotation, (0, 15, 30, 60), "°")]
    words = [panel.caption, panel.course]
    return Recordable(
        "08_refinement", repr(panel), panel.view, controls, all_positions(controls), words, panel.image
    )


RECORDABLES: dict[str, Callable[[], Recordable]] = {
    "00_truth": truth,
    "00_stages": stages,
    "01_right_hand": right_hand,
    "01_bending": bending,
    "01_explorer": explorer,
    "06_attention": attention,
    "08_refinement": refinement,
}
