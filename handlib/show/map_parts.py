"""What the map of DIR shows: its parts, the notebook that explains each, and what flows between them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from torch import Tensor

from handlib.model.config import DIRConfig
from handlib.model.estimate import Trace
from handlib.model.projection import plane_count
from handlib.show.core.svg import Anchor, Point

Space = Literal["map", "joint", "hands", "plain"]
Edge = Literal["left", "right", "top", "bottom"]

WIDTH, HEIGHT = 960.0, 654.0
BLOCK_WIDTH, BLOCK_HEIGHT = 150.0, 46.0
MAP, BRIDGE, JOINT, HANDS = 47.0, 286.0, 524.0, 763.0
"""Left edges of the four columns."""
STAGE, STAGE_HEIGHT = 122.0, 346.0
ROWS = tuple(STAGE + 65 + 68 * row for row in range(4))
"""Upper edges of the rows in the stage, and below it:"""
AFTER, WHOLE = 506.0, 576.0
WHOLE_WIDTH, WHOLE_STEP = 178.0, 191.5
FUSED = (MAP + 75, ROWS[1] + 16, 78.0)
"""The middle, the upper edge and the side of the map that is drawn below *fuse*."""


@dataclass(frozen=True)
class MapPart:
    """A block of the map, what it is called and what it does.

    ``notebook`` is the number of the notebook that explains it; a part without one is explained with the part
    ``of`` which it is a piece.
    """

    notebook: str
    name: str
    does: str
    space: Space
    x: float
    y: float
    width: float = BLOCK_WIDTH
    height: float = BLOCK_HEIGHT
    of: str = ""

    @property
    def title(self) -> str:
        """Its name, after the number of its notebook if it has one."""
        return f"{self.notebook} {self.name}".strip()

    def edge(self, name: Edge) -> Point:
        """The middle of an edge."""
        right, bottom = self.x + self.width, self.y + self.height
        x, y = self.x + self.width / 2, self.y + self.height / 2
        return {"left": (self.x, y), "right": (right, y), "top": (x, self.y), "bottom": (x, bottom)}[name]


def whole(notebook: str, name: str, does: str, place: int) -> MapPart:
    """A block for a notebook about the whole network, in the last row."""
    x = 8.0 + place * WHOLE_STEP
    return MapPart(notebook, name, does, "plain", x, WHOLE, WHOLE_WIDTH, of="whole")


PARTS: dict[str, MapPart] = {
    "picture": MapPart("", "Picture", "", "plain", MAP, 16.0, 86.0, 86.0, "encoder"),
    "encoder": MapPart("03", "Encoder and attention", "", "map", 250.0, 10.0, 428.0, 98.0),
    "initial": MapPart("", "Initial estimate", "through 01 and 02", "hands", HANDS, 36.0, of="encoder"),
    "refinement": MapPart("08", "Refinement stage", "", "plain", 8.0, STAGE, WIDTH - 16, STAGE_HEIGHT),
    "fuse": MapPart("", "Fuse", "coarse and fine", "map", MAP, ROWS[0], of="refinement"),
    "sampling": MapPart("04", "Sampling", "at the joints", "plain", BRIDGE, ROWS[0], of="refinement"),
    "gcn": MapPart("05", "GCN", "within each hand", "joint", JOINT, ROWS[0], of="refinement"),
    "transformer": MapPart("06", "Transformer", "between hands", "joint", JOINT, ROWS[1], of="refinement"),
    "estimate": MapPart("", "Estimate", "mesh, joints, uv", "hands", HANDS, ROWS[0], of="refinement"),
    "update": MapPart("", "Update", "corrects numbers", "hands", HANDS, ROWS[1], of="refinement"),
    "hand": MapPart("01", "Hand model", "numbers to mesh", "hands", HANDS, ROWS[2], of="refinement"),
    "camera": MapPart("02", "Camera", "metres to uv", "hands", HANDS, ROWS[3], of="refinement"),
    "projection": MapPart("07", "Projection", "", "plain", BRIDGE, ROWS[3], of="refinement"),
    "enhance": MapPart("", "Enhance", "adds what is drawn", "map", MAP, ROWS[3], of="refinement"),
    "heads": MapPart("", "Pixel heads", "which hand, where", "map", MAP, AFTER, of="training"),
    "training": MapPart("09", "Losses", "every estimate", "plain", BRIDGE, AFTER),
    "truth": MapPart("", "Truth", "of both hands", "plain", JOINT, AFTER, of="training"),
    "evaluation": MapPart("10", "Metrics", "in millimetres", "plain", HANDS, AFTER),
    "tour": whole("00", "Tour", "all of it, once", 0),
    "ablations": whole("11", "Ablations", "what a part is worth", 1),
    "robustness": whole("12", "Robustness", "where it breaks", 2),
    "photos": whole("13", "Your own photo", "real photographs", 3),
    "released": whole("14", "The real thing", "MANO, InterHand2.6M", 4),
}
"""All blocks; those with a notebook under the name of its exercises."""
NOTEBOOKS = tuple(name for name, part in PARTS.items() if part.notebook)


@dataclass(frozen=True)
class Flow:
    """An arrow from one part to another, and the words on it: the shape of what goes along.

    ``words_at`` is where their base line begins, is centred or ends, as ``anchor`` says. A flow may be
    explained with another part than its ends, the part ``of`` which it is a piece.
    """

    start: str
    end: str
    points: Sequence[Point]
    words: str = ""
    words_at: Point = (0.0, 0.0)
    anchor: Anchor = "middle"
    of: str = ""


@cache
def trace_of(config: DIRConfig) -> Trace:
    """A forward pass of a new network of that configuration over one black picture, for its shapes."""
    import torch

    from handlib.model.network import DIR

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        return DIR(config).eval().trace(torch.zeros(1, 3, config.image_size, config.image_size))


def shape(tensor: Tensor, of_size: int = 0) -> str:
    """The shape without the batch axis, as in 2×21×64; the last ``of_size`` axes are written S."""
    sizes = tensor.shape[1 : tensor.ndim - of_size]
    return "none" if 0 in sizes else "×".join([*map(str, sizes), *"S" * of_size])


def planes_drawn(trace: Trace, config: DIRConfig) -> str:
    """Returns how many planes the projection draws, and their shape."""
    stage = trace.stages[0]
    channels = stage.plane_features.shape[-1]
    if config.projection == "none" or not channels:
        return "none"
    count = plane_count(config.projection, stage.tokens.shape[2])
    return f"{count} {'plane' if count == 1 else 'planes'}, {channels}×S×S"


def maps_taken(config: DIRConfig) -> str:
    """The maps that stages take from the encoder, as in ``c4 and c2, then c1``."""
    first, *later = (f"c{level + 1}" for level in config.stage_levels)
    return ", then ".join([f"c4 and {first}", *later])


def across(start: str, end: str, words: str = "") -> Flow:
    """A level arrow; its words stand in the gap beside the end that lies further left."""
    a, b = PARTS[start], PARTS[end]
    if a.x > b.x:
        from_, to = a.edge("left"), b.edge("right")
        middle = to[0] + (JOINT - BRIDGE - BLOCK_WIDTH) / 2
    else:
        from_, to = a.edge("right"), b.edge("left")
        middle = (from_[0] + to[0]) / 2
    return Flow(start, end, [from_, (to[0], from_[1])], words, (middle - 2, from_[1] - 6))


def down(start: str, end: str, words: str = "") -> Flow:
    """An upright arrow, its words on its right."""
    x, y = PARTS[start].edge("bottom")
    return Flow(start, end, [(x, y), PARTS[end].edge("top")], words, (x + 8, y + 16), "start")


def loop(start: str, end: str, edge: Edge, x: float, count: int) -> Flow:
    """The way back from the end of a stage to its beginning, around the column at that edge."""
    (from_x, from_y), (to_x, to_y) = PARTS[start].edge(edge), PARTS[end].edge(edge)
    points = [(from_x, from_y), (x, from_y), (x, to_y), (to_x, to_y)]
    return Flow(start, end, points, f"×{count}", (x, (from_y + to_y) / 2 + 5), of="refinement")


def flows(trace: Trace, config: DIRConfig) -> Iterator[Flow]:
    """All arrows, with the shapes of a trace."""
    yield from flows_in(trace, config)
    yield from flows_through_stage(trace)
    yield from flows_out(trace)


def flows_in(trace: Trace, config: DIRConfig) -> Iterator[Flow]:
    """From the picture into the first stage."""
    first = trace.prediction.estimates[0]
    encoder, (x, y) = PARTS["encoder"], PARTS["fuse"].edge("top")
    yield across("picture", "encoder", f"3×{config.image_size}×{config.image_size}")
    yield across("encoder", "initial", f"{shape(first.params.to_vector())} + {shape(first.offset)}")
    (out_x, out_y), to_x = (encoder.x + 50, encoder.y + encoder.height), x + 33
    points = [(out_x, out_y), (out_x, out_y + 7), (to_x, out_y + 7), (to_x, y)]
    yield Flow("encoder", "fuse", points, maps_taken(config), (to_x + 10, STAGE + 23), "start")
    yield down("initial", "estimate")


def flows_through_stage(trace: Trace) -> Iterator[Flow]:
    """Through a stage and back to its beginning."""
    stage, count = trace.stages[0], len(trace.stages)
    fused, tokens, uv = shape(stage.fused, 2), shape(stage.tokens), f"uv {shape(stage.before.uv)}"
    numbers = f"{shape(stage.after.params.to_vector())} + {shape(stage.after.offset)}"
    between = (BRIDGE + BLOCK_WIDTH + JOINT) / 2
    yield across("fuse", "sampling", fused)
    (x, y), (to, top) = PARTS["estimate"].edge("left"), PARTS["sampling"].edge("top")
    points = [(x, y), (x - 22, y), (x - 22, top - 18), (to, top - 18), (to, top)]
    yield Flow("estimate", "sampling", points, uv, (between, top - 24))
    yield across("sampling", "gcn", shape(stage.sampled))
    yield down("gcn", "transformer", shape(stage.graph))
    yield across("transformer", "update", tokens)
    yield down("estimate", "update", numbers)
    yield down("update", "hand", numbers)
    yield down("hand", "camera", shape(stage.after.joints))
    (x, y), (to, top) = PARTS["transformer"].edge("left"), PARTS["projection"].edge("top")
    yield Flow("transformer", "projection", [(x, y), (to, y), (to, top)], tokens, (between - 2, y - 6))
    yield across("camera", "projection", uv)
    yield across("projection", "enhance", shape(stage.projected, 2))
    x, y, side = FUSED
    yield Flow("fuse", "enhance", [PARTS["fuse"].edge("bottom"), (x, y)])
    points = [(x, y + side), PARTS["enhance"].edge("top")]
    yield Flow("fuse", "enhance", points, fused, (x + 8, y + side + 24), "start")
    yield loop("enhance", "fuse", "left", 24.0, count)
    yield loop("camera", "estimate", "right", WIDTH - 24, count)


def flows_out(trace: Trace) -> Iterator[Flow]:
    """From the last stage to losses and metrics."""
    estimates = trace.prediction.estimates
    (x, y), (_, top) = PARTS["enhance"].edge("bottom"), PARTS["heads"].edge("top")
    yield Flow("enhance", "heads", [(x + 45, y), (x + 45, top)])
    yield across("heads", "training", shape(trace.prediction.dense))
    x, (to, top) = PARTS["camera"].edge("bottom")[0], PARTS["training"].edge("top")
    words = f"{len(estimates)} estimates: {shape(estimates[-1].vertices)}, {shape(estimates[-1].joints)}"
    points = [(x, top - 24), (to, top - 24), (to, top)]
    yield Flow("camera", "training", points, words, ((x + to) / 2, top - 8))
    yield down("camera", "evaluation")
    yield across("truth", "training")
    yield across("truth", "evaluation")
