"""handlib: DIR, the reconstruction of two interacting hands from one picture, taken apart and explained.

Names are imported when they are first used: ``import handlib`` is quick, and networks need no widgets.
"""

from typing import Any

from lazy_loader import attach_stub

_import_public, __dir__, __all__ = attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """Returns what a public name stands for, or the version for ``__version__``."""
    if name != "__version__":
        return _import_public(name)
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("handlib")
    except PackageNotFoundError:  # A copy that was never installed.
        return "unknown"
