"""handlib: DIR, the reconstruction of two interacting hands from one picture, taken apart and explained."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handlib import show
    from handlib.config import DIRConfig
    from handlib.data.sample import Sample
    from handlib.data.samples import load_samples
    from handlib.hand import Hand
    from handlib.network import DIR

__all__ = ["DIR", "DIRConfig", "Hand", "Sample", "load_samples", "show"]

_HOMES = {
    "DIR": "handlib.network",
    "DIRConfig": "handlib.config",
    "Hand": "handlib.hand",
    "Sample": "handlib.data.sample",
    "load_samples": "handlib.data.samples",
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first asked for, so that ``import handlib`` is quick."""
    if name == "show":
        return import_module("handlib.show")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'handlib' has no attribute {name!r}")
