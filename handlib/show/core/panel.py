"""Widgets that can be read without a kernel: each widget is also a picture and a line of text."""

import base64
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any, Generic, TypeAlias, TypeVar

import ipywidgets
import numpy as np
from jaxtyping import UInt8

from handlib.show.core.raster import encode_png
from handlib.utils.arguments import check_types

Picture = UInt8[np.ndarray, "height width 3"]
Row: TypeAlias = ipywidgets.Widget | Sequence[ipywidgets.Widget]
State = TypeVar("State", bound=Any)
OUTPUTS = (ipywidgets.Label, ipywidgets.HTML, ipywidgets.Image)
"""Widgets whose values only Python changes."""
CARD = (files("handlib") / "assets" / "card.css").read_text(encoding="utf-8")
"""Style of panels: light in every theme, since the colours of their pictures are chosen for white."""


def with_picture(bundle: tuple[dict, dict] | dict | None, png: bytes, text: str) -> tuple[dict, dict]:
    """Returns a widget's MIME bundle, with ``image/png`` and a stable ``text/plain`` beside the live view."""
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
    return {**data, "text/plain": text, "image/png": base64.b64encode(png).decode()}, metadata


class Pictured:
    """A mixin for widgets: the MIME bundle also holds the widget's current ``picture()`` and ``repr``."""

    def picture(self) -> Picture:
        """Returns the picture that a reader without a kernel sees."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        return with_picture(super()._repr_mimebundle_(**kwargs), encode_png(self.picture()), repr(self))  # type: ignore[misc]


class Panel(Pictured, ipywidgets.VBox):
    """Rows of widgets with one picture and one line of text; a row that is too long for the page wraps.

    A subclass defines ``picture()`` and ``repr``. If it is made with arguments of wrong types, an
    :class:`~handlib.utils.errors.InputError` is raised.
    """

    def __init_subclass__(cls, **options: object) -> None:
        """Makes a subclass check the types of its arguments."""
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = check_types(cls.__init__)  # type: ignore[method-assign]

    def __init__(self, rows: Sequence[Row]):
        style = ipywidgets.HTML(f"<style>{CARD}</style>", layout={"display": "none"})
        wrap = {"flex_flow": "row wrap", "align_items": "flex-start", "grid_gap": "4px 8px"}
        children = [
            row if isinstance(row, ipywidgets.Widget) else ipywidgets.HBox(tuple(row), layout=wrap)
            for row in rows
        ]
        super().__init__((*children, style), layout={"grid_gap": "8px"})
        self.add_class("handlib-card")


class Explorer(Panel, Generic[State]):
    """Controls above the views that they change: whenever a control moves, everything is drawn anew.

    A subclass makes its widgets and passes them to ``__init__`` in rows. :meth:`compute` returns the state
    for the controls' values; :meth:`draw` shows a state in the widgets. ``state`` is the state that is shown,
    ``controls`` are all inputs among the widgets. A subclass without its own ``draw`` and ``picture`` shows
    its state's ``picture`` and ``caption`` in its widgets ``image`` and ``caption``.
    """

    state: State
    image: ipywidgets.Image
    caption: ipywidgets.Label | ipywidgets.HTML
    _busy = False

    def __init__(self, rows: Sequence[Row], traits: Sequence[tuple[ipywidgets.Widget, str]] = ()):
        """Adds rows of widgets. ``traits`` also change what is shown, such as the joint picked in a view."""
        self._lock = threading.RLock()
        self.refresh()
        super().__init__(rows)
        self.controls = tuple(_inputs(self))
        for widget, trait in (*((control, "value") for control in self.controls), *traits):
            widget.observe(self._on_move, names=trait)

    def compute(self) -> State:
        """Returns the state for the controls' current values."""
        raise NotImplementedError

    def draw(self, state: State) -> None:
        """Shows a state in all widgets."""
        self.image.value, self.caption.value = encode_png(state.picture), state.caption

    def picture(self) -> Picture:
        """Returns the current picture, which a reader without a kernel sees."""
        return self.state.picture

    def moved(self, control: ipywidgets.Widget) -> None:
        """Updates the controls that depend on a moved control, before anything is drawn."""

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Lets controls be moved in the block without drawing anything."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before

    def refresh(self) -> None:
        """Computes and shows the state for the controls' current values."""
        with self.quiet():
            self.state = self.compute()
            self.draw(self.state)

    def _on_move(self, change: dict) -> None:
        # In JupyterLab two controls can move in two threads; without a lock the second move would be lost.
        with self._lock:
            if not self._busy:
                with self.quiet():
                    self.moved(change["owner"])
                self.refresh()


def _inputs(box: ipywidgets.Box) -> Iterator[ipywidgets.Widget]:
    for child in box.children:
        if isinstance(child, ipywidgets.Box):
            yield from _inputs(child)
        elif child.has_trait("value") and not isinstance(child, OUTPUTS):
            yield child


def png_image(width: int | None = None, height: int | None = None) -> ipywidgets.Image:
    """Returns an image that keeps its proportions and is never wider than the page; sizes in pixels."""
    size = {name: side for name, side in (("width", width), ("height", height)) if side is not None}
    layout = {"flex": "0 0 auto", "max_width": "100%", "object_fit": "contain"}
    return ipywidgets.Image(format="png", layout=layout, **size)


def choice(
    name: str, options: Any, value: Any = None, width: str = "300px", label: str = "80px"
) -> ipywidgets.Dropdown:
    """Returns a list to choose from, of values or of pairs (label, value); the first is chosen by default."""
    layout, style = {"width": width}, {"description_width": label}
    given = {} if value is None else {"value": value}
    return ipywidgets.Dropdown(options=options, description=name, layout=layout, style=style, **given)


def slider(
    name: str,
    value: float | int,
    low: float | int,
    high: float | int,
    step: float,
    digits: int,
    width: str = "300px",
    label: str = "80px",
) -> ipywidgets.FloatSlider:
    """Returns a slider whose number has ``digits`` digits after the point."""
    return ipywidgets.FloatSlider(
        value=value,
        min=low,
        max=high,
        step=step,
        description=name,
        readout_format=f".{digits}f",
        layout={"width": width},
        style={"description_width": label},
    )


def toggles(name: str, options: Any) -> ipywidgets.ToggleButtons:
    """Returns buttons, as wide as their words, of which one is pressed."""
    return ipywidgets.ToggleButtons(options=options, description=name, style={"button_width": "auto"})
