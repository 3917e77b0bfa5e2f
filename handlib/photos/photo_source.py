"""Gets a reader's own picture from a file or a camera, both in the reader's browser.

The browser's part is ``assets/photo_source.js``, a plain ECMAScript module that needs no build.
"""

from collections.abc import Callable, Sequence
from importlib.resources import files

import anywidget
import traitlets

LARGEST_UPLOAD = 100_000_000
"""Largest file, in bytes, that the browser sends; it refuses larger files with a message that names them."""


class PhotoSource(anywidget.AnyWidget):
    """Buttons that upload a file or open the camera; ``take(name, content)`` is called with the picture.

    A file comes in pieces, because servers close the connection on messages of more than 10 MB. Browsers open
    a camera only if the reader allows it and the page comes by https or from localhost. If the camera can't
    be opened, a line says why.
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
