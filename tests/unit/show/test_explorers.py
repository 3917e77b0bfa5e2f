"""What all explorers have in common: controls that redraw, a picture and a line without a kernel."""

import base64
import io
import re
import threading
from collections.abc import Iterator

import ipywidgets
import numpy as np
import pytest
from PIL import Image
from support.explorers import EXPLORERS

from handlib import show
from handlib.show.core.hands import HandsView
from handlib.show.core.panel import Explorer
from handlib.utils.errors import InputError

SHOWN_BY_VIEW = ("_vertices", "_joints", "_colours", "_joint_colours", "_links", "surface_opacity")


@pytest.fixture(scope="module", params=EXPLORERS)
def explorer(request: pytest.FixtureRequest) -> Explorer:
    return EXPLORERS[request.param]()


def leaves(box: ipywidgets.Box) -> Iterator[ipywidgets.Widget]:
    for child in box.children:
        yield from leaves(child) if isinstance(child, ipywidgets.Box) else (child,)


def shown(explorer: Explorer) -> list:
    """All that a reader sees of an explorer beside its inputs."""
    seen = []
    for widget in leaves(explorer):
        if isinstance(widget, HandsView):
            seen.append([getattr(widget, trait) for trait in SHOWN_BY_VIEW])
        elif isinstance(widget, show.PicturePoints):
            seen.append((widget._picture, widget.points, widget.labels))
        elif widget not in explorer.controls and widget.has_trait("value"):
            seen.append(widget.value)
    return seen


def another(control: ipywidgets.Widget) -> tuple[str, object]:
    """A trait of an input and a value that it doesn't have."""
    if isinstance(control, ipywidgets.Checkbox):
        return "value", not control.value
    if control.has_trait("index"):
        return "index", (control.index + 1) % len(control.options)
    return "value", control.max if control.value < (control.min + control.max) / 2 else control.min


def test_every_control_has_a_name_and_changes_what_is_shown_and_back(explorer: Explorer):
    assert explorer.controls and all(control.description for control in explorer.controls)
    before = shown(explorer)
    for control in explorer.controls:
        trait, value = another(control)
        was = getattr(control, trait)
        setattr(control, trait, value)
        assert shown(explorer) != before, control.description
        setattr(control, trait, was)
        assert shown(explorer) == before, control.description


def test_no_option_is_blank_in_the_browser(explorer: Explorer):
    # The browser shows nothing for an option whose value is None.
    for control in explorer.controls:
        if control.has_trait("index"):
            assert control.index is not None and control.label.strip()
            assert None not in [value for _, value in control._options_full]


def test_a_reader_without_a_kernel_has_a_picture_and_a_line(explorer: Explorer):
    data, _ = explorer._repr_mimebundle_()
    assert re.fullmatch(r"\w+: .+", data["text/plain"])
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")
    assert 400 <= picture.width <= 1200
    assert np.asarray(picture).reshape(-1, 3).std(0).max() > 10, "something is drawn"
    assert data["image/png"] == explorer._repr_mimebundle_()[0]["image/png"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: show.HandExplorer([]), "hands: expected at least one, got none"),
        (lambda: show.CropExplorer(3), "CropExplorer: sample: expected .*Sample, got int 3"),
        (lambda: show.FitExplorer([], []), "views: expected at least one"),
        (lambda: show.TradeOff([]), "results: expected at least one"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, message: str):
    with pytest.raises(InputError, match=message) as refused:
        make()
    assert "\n" not in str(refused.value)


def test_a_control_that_moves_while_another_ones_picture_is_drawn_is_not_lost():
    begun, go_on = threading.Event(), threading.Event()

    class TwoSliders(Explorer[tuple[int, int]]):
        def __init__(self):
            self.a, self.b = ipywidgets.IntSlider(), ipywidgets.IntSlider()
            super().__init__([(self.a, self.b)])

        def compute(self) -> tuple[int, int]:
            now = self.a.value, self.b.value
            if now == (1, 0):
                begun.set()
                assert go_on.wait(30)
            return now

        def draw(self, state: tuple[int, int]) -> None:
            pass

    explorer = TwoSliders()
    first, second = (
        threading.Thread(target=setattr, args=(control, "value", 1)) for control in (explorer.a, explorer.b)
    )
    first.start()
    assert begun.wait(30)
    second.start()
    second.join(0.2)
    go_on.set()
    first.join()
    second.join()
    assert explorer.state == (1, 1)
