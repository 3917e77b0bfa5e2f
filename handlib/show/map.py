"""The map of DIR: one drawing of the network, with the place where the reader is."""

from collections.abc import Iterator
from typing import Literal

from handlib.hand.skeleton import SIDES, joint_index
from handlib.model.config import DIRConfig
from handlib.model.estimate import Trace
from handlib.show.core.glyphs import cuboid, grid, hand_graph, hand_shape, two_hands
from handlib.show.core.svg import Drawing, arrow, box, disc, line, text
from handlib.show.map_parts import (
    FUSED,
    HANDS,
    HEIGHT,
    JOINT,
    MAP,
    NOTEBOOKS,
    PARTS,
    ROWS,
    WIDTH,
    Flow,
    MapPart,
    flows,
    planes_drawn,
    shape,
    trace_of,
)
from handlib.utils.arguments import check_choice
from handlib.utils.errors import InputError

Mark = Literal["here", "usual", "faded"]

ATTENDING = (("index4", "index4"), ("thumb4", "thumb4"), ("wrist", "wrist"), ("thumb3", "thumb2"))
"""Joints of the left and the right hand between which the drawing has lines."""
WORDS = (
    "The encoder turns the picture into maps c1 to c4, and its attention into an initial estimate of both "
    "hands. A refinement stage works in two spaces. In map space it fuses a coarse map with a finer one. "
    "Sampling reads this map at the joints. In joint space a GCN passes features along each hand's skeleton "
    "and a transformer between the hands. From these features come new numbers for both hands, which the "
    "hand model turns into meshes and the camera into places in the picture. There the projection draws the "
    "joints' features back into the map. Map and estimate go into the next stage. Losses and metrics "
    "compare the estimates with the truth."
)


def mark_of(name: str, here: str | None) -> Mark:
    """Returns how a part looks to a reader who is there: what the notebook isn't about fades."""
    if here is None or name == here:
        return "here" if here else "usual"
    if PARTS[here].of == "whole":
        return "faded" if PARTS[name].of == "whole" else "usual"
    return "usual" if PARTS[name].of == here else "faded"


def frame(part: MapPart, mark: Mark) -> str:
    """The box of a part."""
    fill, edge = {
        "usual": (part.space, f"{part.space}-edge"),
        "faded": (f"{part.space}-lane", "faint"),
        "here": ("here-block", "here"),
    }[mark]
    return box(part.x, part.y, part.width, part.height, fill, edge, thick=2.4 if mark == "here" else 1.2)


def ink(mark: Mark) -> str:
    """The colour of a part's words."""
    return "muted" if mark == "faded" else "ink"


def fade(drawn: str, mark: Mark) -> str:
    """A picture without words, paler where the reader isn't."""
    return f'<g opacity="0.5">{drawn}</g>' if mark == "faded" else drawn


def you_are_here(x: float, y: float) -> str:
    """The mark; ``x`` is its middle, ``y`` its upper edge."""
    pill = box(x - 52, y, 104.0, 17.0, "here", radius=8.5)
    return f'<g class="you-are-here">{pill}{text(x, y + 12.7, "you are here", "sub", "on-here")}</g>'


def draw_part(part: MapPart, mark: Mark, does: str) -> str:
    """A box with its name and what it does, or the words that the reader is here."""
    x, y = part.edge("top")
    drawn = frame(part, mark) + text(x, y + 20, part.title, "name", ink(mark))
    return drawn + (you_are_here(x, y + 25) if mark == "here" else text(x, y + 37, does, "sub", "muted"))


def draw_picture(part: MapPart) -> str:
    """Both hands, as the network sees them."""
    drawn = box(part.x, part.y, part.width, part.height, "plain", "plain-edge", radius=4.0)
    hands = two_hands(part.x, part.y, part.width)
    return drawn + "".join(hand_shape(hand, side, 5.5) for hand, side in zip(hands, SIDES, strict=True))


def draw_encoder(part: MapPart, mark: Mark, trace: Trace) -> Iterator[str]:
    """The encoder: maps c1 to c4, then both attention maps."""
    yield frame(part, mark)
    yield text(part.x + 14, part.y + 21, part.title, "name", ink(mark), "start")
    if mark == "here":
        yield you_are_here(part.x + part.width - 64, part.y + 8)
    base, words_at = part.y + 75, part.y + 92
    finest, most = trace.features[0].shape[-1], max(features.shape[1] for features in trace.features)
    x = part.x + 48
    for level, features in enumerate(trace.features, start=1):
        side, depth = max(28 * features.shape[-1] / finest, 6.0), 4 + 24 * features.shape[1] / most
        yield fade(cuboid(x, base, side, depth), mark)
        yield text(x - (side + depth) / 2 - 5, base, f"c{level}", "sub", "muted", "end")
        yield text(x, words_at, shape(features), "sub", ink(mark))
        x += 91
    x -= 18
    yield fade(arrow([(x - 56, base - 11), (x - 30, base - 11)]), mark)
    for hand, shift in zip(SIDES, (-14.0, 14.0), strict=True):
        square = box(x + shift - 11, base - 22, 22.0, 22.0, "paper", "map-edge", radius=2.0)
        yield fade(square + disc(x + 1.15 * shift, base - 11, 5.5, hand), mark)
    yield text(x, words_at, shape(trace.attention), "sub", ink(mark))


def draw_stage(part: MapPart, mark: Mark, trace: Trace) -> Iterator[str]:
    """The frame of the stage, and the spaces in which it works."""
    edge, thick = ("here", 2.4) if mark == "here" else ("plain-edge", 1.2)
    yield box(part.x, part.y, part.width, part.height, "frame", edge, 12.0, thick)
    bottom = part.y + part.height
    for space, name, x in (
        ("map", "map space", MAP),
        ("joint", "joint space", JOINT),
        ("hands", "hands", HANDS),
    ):
        yield box(x - 12, ROWS[0] - 10, 174.0, bottom - ROWS[0] + 2, f"{space}-lane", radius=6.0)
        yield text(x - 1, bottom - 14, name, "name", "muted", "start")
    middle = part.x + part.width / 2
    yield text(middle, part.y + 23, f"{part.title} × {len(trace.stages)}", "name", ink(mark))
    sizes = ", then ".join(str(stage.fused.shape[-1]) for stage in trace.stages)
    yield text(middle + 130, part.y + 23, f"S = {sizes}", "sub", "muted", "start")
    if mark == "here":
        yield you_are_here(middle, part.y - 9)


def draw_map_space() -> Iterator[str]:
    """Returns the drawing of map space: a grid over the picture."""
    middle, y, side = FUSED
    yield grid(middle - side / 2, y, side, 8, "paper", "map-edge")
    for points, hand in zip(two_hands(middle - side / 2, y, side), SIDES, strict=True):
        yield hand_shape(points, hand, 3.2)


def draw_joint_space() -> Iterator[str]:
    """Returns the drawing of joint space: both hands' joints, some of which attend to each other."""
    left, right = two_hands(JOINT + 24, ROWS[2] - 16, 102.0, apart=0.37)
    for a, b in ATTENDING:
        yield line([tuple(left[joint_index(a)]), tuple(right[joint_index(b)])], "arrow", 1.0)
    yield hand_graph(left, "left", 2.6) + hand_graph(right, "right", 2.6)


def draw_flow(flow: Flow, here: str | None) -> str:
    """An arrow with its shape, brought out where it begins or ends in the block where the reader is."""
    touches = here is not None and here in (flow.start, flow.end, flow.of)
    pale = here is not None and not touches and PARTS[here].of != "whole"
    drawn = arrow(flow.points, "here", 2.4) if touches else arrow(flow.points)
    x, y = flow.words_at
    if flow.of:
        drawn += box(x - 14, y - 16, 28.0, 22.0, "paper", "here" if touches else "arrow", 11.0)
    return drawn + text(x, y, flow.words, "label", "muted" if pale else "ink", flow.anchor)


def config_name(config: DIRConfig) -> str:
    """Returns what the network of a configuration is called."""
    named = {"small": DIRConfig.small(), "wild": DIRConfig.wild(), "released": DIRConfig.released()}
    known = [name for name, one in named.items() if one == config]
    return f"network {known[0]}" if known else "network of another configuration"


def dir_map(here: str | None = None, config: DIRConfig | None = None) -> Drawing:
    """Returns the map of DIR, with shapes of the network ``small`` or of another configuration.

    ``here`` is what a notebook is about, by the name of its exercises (``gcn``, ``training``, ...): its block
    is marked and what has nothing to do with it fades a little.

    Raises:
        InputError: there is no such block, or the configuration has no refinement stage.
    """
    if here is not None:
        check_choice("here", here, NOTEBOOKS)
    config = config or DIRConfig.small()
    if not config.stage_levels:
        raise InputError("stage_levels: expected at least one stage to draw, got none")
    trace, marks = trace_of(config), {name: mark_of(name, here) for name in PARTS}
    bridges, joints = ("sampling", "projection"), ("gcn", "transformer")
    body = [*draw_stage(PARTS["refinement"], marks["refinement"], trace)]
    body.append(fade("".join(draw_map_space()), "usual" if here in bridges else marks["fuse"]))
    body.append(fade("".join(draw_joint_space()), "usual" if here in (*bridges, *joints) else marks["gcn"]))
    body.append(fade(draw_picture(PARTS["picture"]), marks["picture"]))
    body += draw_encoder(PARTS["encoder"], marks["encoder"], trace)
    body += [draw_flow(flow, here) for flow in flows(trace, config)]
    for name, part in PARTS.items():
        if name not in ("picture", "encoder", "refinement"):
            does = planes_drawn(trace, config) if name == "projection" else part.does
            body.append(draw_part(part, marks[name], does))
    words = f"Shapes: {config_name(config)}, without the batch axis; left hand before right hand."
    body.append(text(WIDTH / 2, HEIGHT - 11, words, "sub", "muted"))
    place = f". You are here: {PARTS[here].title}" if here else ""
    return Drawing(f"Map of DIR{place}", WORDS, "".join(body), WIDTH, HEIGHT)
