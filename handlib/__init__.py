"""handlib: DIR, the reconstruction of two interacting hands from one picture, taken apart and explained."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handlib import show
    from handlib.data.sample import Sample
    from handlib.data.shipped import load_samples
    from handlib.hand.hand import Hand
    from handlib.model.config import DIRConfig
    from handlib.model.network import DIR

__all__ = ["DIR", "DIRConfig", "Hand", "Sample", "load_samples", "show"]

_HOMES = {
    "DIR": "handlib.model.network",
    "DIRConfig": "handlib.model.config",
    "Hand": "handlib.hand.hand",
    "Sample": "handlib.data.sample",
    "load_samples": "handlib.data.shipped",
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first asked for, so that ``import handlib`` is quick."""
    if name == "show":
        return import_module("handlib.show")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'handlib' has no attribute {name!r}")
