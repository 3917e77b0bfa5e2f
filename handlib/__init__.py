"""handlib: DIR, the reconstruction of two interacting hands from one picture, taken apart and explained.

Names are imported when they are first asked for: ``import handlib`` is quick, and a network needs no widget.
"""

from typing import Any

from lazy_loader import attach_stub

_import_public, __dir__, __all__ = attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """A public name, or ``__version__``."""
    if name != "__version__":
        return _import_public(name)
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("handlib")
    except PackageNotFoundError:  # A copy that was never installed.
        return "unknown"
