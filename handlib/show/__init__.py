"""Everything drawn: the 3D view of hands, pictures with hands over them, stages, and the parts they share."""

from handlib.show.ablations import AblationsExplorer
from handlib.show.attention import AttentionLines
from handlib.show.attention_maps import AttentionExplorer, paint_out
from handlib.show.cameras import CropExplorer
from handlib.show.error_charts import joint_error_picture
from handlib.show.evaluation import EvaluationExplorer
from handlib.show.explorer import HandExplorer
from handlib.show.figures import detached_figure
from handlib.show.fits import FitExplorer, FitView
from handlib.show.hands import HandsView, hands
from handlib.show.hands_drawing import Links, upright
from handlib.show.influence import Influence, InfluenceExplorer
from handlib.show.losses import LossExplorer
from handlib.show.overlay import draw_overlay, overlay, overlay_with_truth
from handlib.show.panel import Panel
from handlib.show.picture_points import PicturePoints
from handlib.show.placed import place
from handlib.show.projection import ProjectionExplorer
from handlib.show.refinement import RefinementExplorer
from handlib.show.robustness import Hardship, RobustnessExplorer
from handlib.show.sampling import SamplingExplorer
from handlib.show.stage_figures import grey_lines, joint_paths, picture_row, principal_colours
from handlib.show.stages import StagesPanel, stages
from handlib.show.trade_off import TradeOff
from handlib.show.training import TrainingPanel

__all__ = [
    "AblationsExplorer",
    "AttentionExplorer",
    "AttentionLines",
    "CropExplorer",
    "EvaluationExplorer",
    "FitExplorer",
    "FitView",
    "HandExplorer",
    "HandsView",
    "Hardship",
    "Influence",
    "InfluenceExplorer",
    "Links",
    "LossExplorer",
    "Panel",
    "PicturePoints",
    "ProjectionExplorer",
    "RefinementExplorer",
    "RobustnessExplorer",
    "SamplingExplorer",
    "StagesPanel",
    "TradeOff",
    "TrainingPanel",
    "YourPhoto",
    "detached_figure",
    "draw_overlay",
    "grey_lines",
    "hands",
    "joint_error_picture",
    "joint_paths",
    "overlay",
    "overlay_with_truth",
    "paint_out",
    "picture_row",
    "place",
    "principal_colours",
    "stages",
    "upright",
]


def __getattr__(name: str) -> object:
    """``YourPhoto``, when it is asked for: it reconstructs, and reconstructing draws with this package."""
    if name == "YourPhoto":
        from handlib.show.your_photo import YourPhoto

        return YourPhoto
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
