"""Widgets that can still be read without a kernel: every one also is a picture and a line of text."""

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
"""Widgets whose value nobody changes but Python."""
CARD = (files("handlib") / "assets" / "card.css").read_text(encoding="utf-8")
"""The look of panels: light in every theme, since the colours of their pictures are made for white."""


def with_picture(bundle: tuple[dict, dict] | dict | None, png: bytes, text: str) -> tuple[dict, dict]:
    """A widget's MIME bundle with ``image/png`` and a stable ``text/plain`` beside the live view."""
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
    return {**data, "text/plain": text, "image/png": base64.b64encode(png).decode()}, metadata


class Pictured:
    """Mixed into a widget: its MIME bundle also holds its ``picture()`` and ``repr`` of that moment."""

    def picture(self) -> Picture:
        """Returns what a reader without a kernel sees."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        return with_picture(super()._repr_mimebundle_(**kwargs), encode_png(self.picture()), repr(self))  # type: ignore[misc]


class Panel(Pictured, ipywidgets.VBox):
    """Rows of widgets with one picture and one line of text; a row that is too long for the page wraps.

    A subclass says its ``picture()`` and its ``repr``. Arguments of other types than the signature of its
    ``__init__`` says are an :class:`~handlib.utils.errors.InputError`.
    """

    def __init_subclass__(cls, **options: object) -> None:
        """Lets a subclass check what a reader gives to it."""
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
    """Controls above what they change: whenever one is moved, everything is drawn anew.

    A subclass makes its widgets, hands them to ``__init__`` in rows, and says in :meth:`compute` what there
    is to show as the controls stand, in :meth:`draw` how its widgets show that. ``state`` is what is shown,
    ``controls`` are all inputs among the widgets. A subclass without its own ``draw`` and ``picture`` shows
    the ``picture`` and the ``caption`` of its state in its widgets ``image`` and ``caption``.
    """

    state: State
    image: ipywidgets.Image
    caption: ipywidgets.Label | ipywidgets.HTML
    _busy = False

    def __init__(self, rows: Sequence[Row], traits: Sequence[tuple[ipywidgets.Widget, str]] = ()):
        """``traits`` decide what is shown too, such as a joint that is picked in a view."""
        self._lock = threading.RLock()
        self.refresh()
        super().__init__(rows)
        self.controls = tuple(_inputs(self))
        for widget, trait in (*((control, "value") for control in self.controls), *traits):
            widget.observe(self._on_move, names=trait)

    def compute(self) -> State:
        """Returns what there is to show as the controls stand."""
        raise NotImplementedError

    def draw(self, state: State) -> None:
        """Brings every widget to a state."""
        self.image.value, self.caption.value = encode_png(state.picture), state.caption

    def picture(self) -> Picture:
        """Returns what a reader without a kernel sees, as of now."""
        return self.state.picture

    def moved(self, control: ipywidgets.Widget) -> None:
        """Brings the controls that depend on a moved one in line, before anything is drawn."""

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Controls can be moved here without anything being drawn."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before

    def refresh(self) -> None:
        """Shows what the controls say."""
        with self.quiet():
            self.state = self.compute()
            self.draw(self.state)

    def _on_move(self, change: dict) -> None:
        # JupyterLab lets two controls move in two threads: without a lock the second move would be lost.
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
    """An image that keeps its proportions and never is wider than the page; pixels."""
    size = {name: side for name, side in (("width", width), ("height", height)) if side is not None}
    layout = {"flex": "0 0 auto", "max_width": "100%", "object_fit": "contain"}
    return ipywidgets.Image(format="png", layout=layout, **size)


def choice(
    name: str, options: Any, value: Any = None, width: str = "300px", label: str = "80px"
) -> ipywidgets.Dropdown:
    """A list to choose from, of values or of pairs (what is shown, value); by default its first one."""
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
    """A slider whose number has that many digits after the point."""
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
    """Buttons of which one is pressed, as wide as their words."""
    return ipywidgets.ToggleButtons(options=options, description=name, style={"button_width": "auto"})
