"""Everything drawn: the 3D view of hands, pictures with hands over them, stages, and the parts they share."""

from handlib.show.attention import AttentionLines
from handlib.show.attention_maps import AttentionExplorer, paint_out
from handlib.show.cameras import CropExplorer
from handlib.show.explorer import HandExplorer
from handlib.show.figures import detached_figure
from handlib.show.hands import HandsView, Links, hands, upright
from handlib.show.influence import Influence, InfluenceExplorer
from handlib.show.overlay import draw_overlay, overlay
from handlib.show.panel import Panel
from handlib.show.picture_points import PicturePoints
from handlib.show.placed import place
from handlib.show.projection import ProjectionExplorer
from handlib.show.refinement import RefinementExplorer
from handlib.show.sampling import SamplingExplorer
from handlib.show.stage_figures import grey_lines, joint_paths, picture_row, principal_colours
from handlib.show.stages import StagesPanel, stages

__all__ = [
    "AttentionExplorer",
    "AttentionLines",
    "CropExplorer",
    "HandExplorer",
    "HandsView",
    "Influence",
    "InfluenceExplorer",
    "Links",
    "Panel",
    "PicturePoints",
    "ProjectionExplorer",
    "RefinementExplorer",
    "SamplingExplorer",
    "StagesPanel",
    "detached_figure",
    "draw_overlay",
    "grey_lines",
    "hands",
    "joint_paths",
    "overlay",
    "paint_out",
    "picture_row",
    "place",
    "principal_colours",
    "stages",
    "upright",
]
