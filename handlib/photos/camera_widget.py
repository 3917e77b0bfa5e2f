"""A picture from the reader's own camera, taken in the browser.

The browser's half is ``assets/photo_camera.js``, a plain ECMAScript module that needs no build.
"""

from importlib.resources import files

import anywidget
import traitlets


class PhotoCamera(anywidget.AnyWidget):
    """Buttons that open the camera, show what it sees and take a picture: ``taken``, a JPEG, to be observed.

    Browsers open a camera only if the reader allows it and the page comes by https or from localhost; if it
    can't be opened, a line says why.
    """

    _esm = files("handlib") / "assets" / "photo_camera.js"

    # What comes from a browser is a memoryview, which the trait wouldn't take.
    taken = traitlets.Bytes(b"").tag(sync=True, from_json=lambda content, _: bytes(content))
