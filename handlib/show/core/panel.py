"""Widgets that can still be read without a kernel: every one also is a picture and a line of text."""

import base64
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import numpy as np
from jaxtyping import UInt8

from handlib.show.core.raster import encode_png
from handlib.utils.arguments import check_sorts

Picture = UInt8[np.ndarray, "height width 3"]


def with_picture(bundle: tuple[dict, dict] | dict | None, png: bytes, text: str) -> tuple[dict, dict]:
    """A widget's MIME bundle with ``image/png`` and a stable ``text/plain`` beside the live view."""
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
    return {**data, "text/plain": text, "image/png": base64.b64encode(png).decode()}, metadata


class Panel(ipywidgets.Box):
    """Several widgets side by side (or below each other) with one picture and one text for all of them.

    ``picture`` is called when the panel is displayed, so that it shows the state of that moment.
    Arguments of other sorts than a panel's signature says are an :class:`~handlib.utils.errors.InputError`.
    """

    def __init_subclass__(cls, **options: object) -> None:
        """What a reader gives to a panel is checked by the signature of the panel's ``__init__``."""
        super().__init_subclass__(**options)
        cls.__init__ = check_sorts(cls.__init__)  # type: ignore[method-assign]

    def __init__(
        self,
        children: Sequence[ipywidgets.Widget],
        picture: Callable[[], Picture],
        text: str,
        direction: str = "row",
    ):
        super().__init__(children=tuple(children))
        self.layout.display = "flex"
        self.layout.flex_flow = f"{direction} wrap" if direction == "row" else direction
        self.layout.align_items = "stretch" if direction == "column" else "flex-start"
        self.layout.grid_gap = "8px"
        self._picture = picture
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        return with_picture(super()._repr_mimebundle_(**kwargs), encode_png(self._picture()), self._text)
