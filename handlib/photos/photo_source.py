"""Where a picture of the reader's own comes from: a file or a camera, both in the reader's browser.

The browser's half is ``assets/photo_source.js``, a plain ECMAScript module that needs no build.
"""

from collections.abc import Callable, Sequence
from importlib.resources import files

import anywidget
import traitlets

LARGEST_UPLOAD = 100_000_000
"""Bytes of a file that the browser sends; it refuses larger ones by name."""


class PhotoSource(anywidget.AnyWidget):
    """Buttons that upload a file or open the camera; ``take(name, content)`` is called with what was chosen.

    A file comes in pieces, because servers close the connection on a message of more than 10 MB. Browsers
    open a camera only if the reader allows it and the page comes by https or from localhost; if it can't be
    opened, a line says why.
    """

    _esm = files("handlib") / "assets" / "photo_source.js"

    largest = traitlets.Int(LARGEST_UPLOAD).tag(sync=True)

    def __init__(self, take: Callable[[str, bytes], None]):
        super().__init__()
        self._take = take
        self._pieces: list[bytes] = []
        self.on_msg(self._receive)

    def _receive(self, _: object, message: dict, buffers: Sequence[memoryview]) -> None:
        if message["piece"] == 0:
            self._pieces = []
        self._pieces.append(bytes(buffers[0]))
        if len(self._pieces) == message["count"]:
            content, self._pieces = b"".join(self._pieces), []
            self._take(message["name"], content)
