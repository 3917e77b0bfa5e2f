"""Everything drawn: the 3D view of hands, pictures with hands over them, stages, and the parts they share."""

from handlib.show.explorer import HandExplorer
from handlib.show.figures import detached_figure
from handlib.show.hands import HandsView, hands, upright
from handlib.show.overlay import draw_overlay, overlay
from handlib.show.panel import Panel
from handlib.show.placed import place
from handlib.show.stages import StagesPanel, stages

__all__ = [
    "HandExplorer",
    "HandsView",
    "Panel",
    "StagesPanel",
    "detached_figure",
    "draw_overlay",
    "hands",
    "overlay",
    "place",
    "stages",
    "upright",
]
