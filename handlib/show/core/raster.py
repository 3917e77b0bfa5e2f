"""Draws surfaces and skeletons without a graphics card: ray casting, lines, words, and small PNG files.

Surfaces and skeletons are given by points that are already in the picture: ``pixels`` (x right, y down,
continuous) and ``depth`` (metres, larger is further). Colours are sRGB in [0, 1].
"""

import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image, ImageDraw, ImageFont

from handlib.geometry.mesh import vertex_normals
from handlib.geometry.rays import ray_scene
from handlib.hand.skeleton import BONES
from handlib.show.core.palette import INK

# Directions towards the lights, in the camera's frame (x right, y down, z away), and their strengths.
LIGHTS = ((np.array([-0.45, -0.68, -0.58]), 0.62), (np.array([0.86, 0.21, -0.47]), 0.2))
AMBIENT = 0.36

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def mix(colour: str, other: str, share: float) -> str:
    """Returns the hex colour that is ``share`` of the way from one hex colour to another."""
    a, b = rgb(colour), rgb(other)
    return "#" + "".join(f"{round(255 * c):02x}" for c in a + share * (b - a))


def rgb(colour: str) -> Float[np.ndarray, "3"]:
    """Returns a hex colour as three numbers in [0, 1]."""
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def rgb_bytes(colour: str) -> UInt8[np.ndarray, "3"]:
    """Returns a hex colour as three bytes."""
    return (255 * rgb(colour)).round().astype(np.uint8)


def shade(normals: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 1"]:
    """Returns the brightness of surfaces that face the viewer: ambient light plus two wrapped lights."""
    toward_viewer = np.where(normals[:, 2:] > 0, -normals, normals)
    light = np.full((len(normals), 1), AMBIENT)
    for direction, strength in LIGHTS:
        light += strength * np.clip(toward_viewer @ direction[:, None] * 0.8 + 0.2, 0, 1)
    return light


def surface_layer(
    vertices: Float[np.ndarray, "vertices 3"],
    pixels: Float[np.ndarray, "vertices 2"],
    faces: Int[np.ndarray, "faces 3"],
    colours: Float[np.ndarray, "vertices 3"],
    width: int,
    height: int,
) -> Float[np.ndarray, "height width 4"]:
    """Draws the nearest surface at every pixel centre, shaded; returns RGB and coverage (0 or 1).

    ``vertices`` are in metres in the camera's frame and give depth and normals. ``pixels`` are their places
    in the picture. Surfaces of several hands in one call hide each other correctly.
    """
    layer = np.zeros((height, width, 4))
    low = np.floor(pixels.min(0)).astype(int).clip(0, (width, height))
    high = np.ceil(pixels.max(0)).astype(int).clip(0, (width, height))
    if not np.isfinite(vertices).all() or (high <= low).any():
        return layer
    x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
    nearest = vertices[:, 2].min()
    in_picture = np.column_stack((pixels, (vertices[:, 2] - nearest) * 1000)).astype(np.float32)
    origins = np.column_stack((x.ravel(), y.ravel(), np.full(x.size, -100.0))).astype(np.float32)
    directions = np.broadcast_to(np.array([0, 0, 1], np.float32), origins.shape)
    hits = ray_scene((in_picture, faces)).first_hits(origins, directions)
    hit = hits.met
    corners = faces[hits.face[hit]]
    u, v = hits.u[hit, None], hits.v[hit, None]

    def blend(values: np.ndarray) -> np.ndarray:
        return (1 - u - v) * values[corners[:, 0]] + u * values[corners[:, 1]] + v * values[corners[:, 2]]

    seen = np.zeros((x.size, 4))
    seen[hit, :3] = np.clip(blend(colours) * shade(blend(vertex_normals(vertices, faces))), 0, 1)
    seen[hit, 3] = 1
    layer[low[1] : high[1], low[0] : high[0]] = seen.reshape(*x.shape, 4)
    return layer


def draw_skeleton(
    picture: Image.Image,
    joints: Float[np.ndarray, "21 2"],
    colour: str,
    thickness: float,
    edge: str = "#ffffff",
    joint_colours: UInt8[np.ndarray, "21 3"] | None = None,
) -> None:
    """Draws bones and joints (pixels) over a picture, with a thin edge that keeps them visible anywhere.

    ``joint_colours`` (sRGB bytes) replace the skeleton's colour at the joints; the bones keep it.
    """
    if not np.isfinite(joints).all():
        return
    draw = ImageDraw.Draw(picture)
    points = [tuple(float(c) for c in joint) for joint in joints]
    for width, radius, fill in ((2.0, 2.4, edge), (1.0, 1.7, colour)):
        for parent, child in BONES:
            draw.line((points[parent], points[child]), fill=fill, width=max(1, round(width * thickness)))
        own = joint_colours if fill == colour else None
        for k, (x, y) in enumerate(points):
            r = radius * thickness
            ball = fill if own is None else tuple(own[k].tolist())
            draw.ellipse((x - r, y - r, x + r, y + r), fill=ball)


def hands_layer_inputs(
    faces: Sequence[Int[np.ndarray, "faces 3"]], colours: Sequence[np.ndarray], num_vertices: int
) -> tuple[np.ndarray, np.ndarray]:
    """Joins faces and vertex colours of several hands to one surface; a hand may have a single colour."""
    joined = np.concatenate([f + hand * num_vertices for hand, f in enumerate(faces)])
    return joined, np.concatenate([np.broadcast_to(c, (num_vertices, 3)) for c in colours])


def resized(picture: UInt8[np.ndarray, "_ _ 3"], width: int, height: int) -> Image.Image:
    """Returns a picture in another size, to draw on or to paste."""
    return Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)


def blank(width: int, height: int, font_size: int = 13) -> tuple[Image.Image, ImageDraw.ImageDraw, Font]:
    """Returns a white picture, its drawing context, and a font."""
    image = Image.new("RGB", (width, height), "white")
    return image, ImageDraw.Draw(image), ImageFont.load_default(font_size)


def words(text: str, width: int, font_size: int = 13) -> UInt8[np.ndarray, "height {width} 3"]:
    """Draws a strip of text, wrapped into lines."""
    font = ImageFont.load_default(font_size)
    lines = []
    for paragraph in text.split("\n"):
        line, *rest = paragraph.split(" ")
        for word in rest:
            if font.getlength(f"{line} {word}") > width - 12:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}"
        lines.append(line)
    image, draw, _ = blank(width, 8 + (font_size + 5) * len(lines))
    draw.multiline_text((6, 3), "\n".join(lines), INK, font, spacing=4)
    return np.asarray(image)


def above(*pictures: UInt8[np.ndarray, "_ _ 3"]) -> UInt8[np.ndarray, "height width 3"]:
    """Stacks pictures from top to bottom; narrower pictures get white on the right."""
    width = max(picture.shape[1] for picture in pictures)
    return np.concatenate(
        [np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0)), constant_values=255) for p in pictures]
    )


def beside(*pictures: UInt8[np.ndarray, "_ _ 3"], gap: int = 0) -> UInt8[np.ndarray, "height width 3"]:
    """Puts pictures in a row with ``gap`` pixels between them; shorter pictures get white below."""
    height = max(picture.shape[0] for picture in pictures)
    padded = [
        np.pad(p, ((0, height - p.shape[0]), (gap * (k > 0), 0), (0, 0)), constant_values=255)
        for k, p in enumerate(pictures)
    ]
    return np.concatenate(padded, axis=1)


LARGE_PNG = 80_000
"""Bytes: a PNG that would be larger gets a palette."""


def encode_png(picture: UInt8[np.ndarray, "height width 3"]) -> bytes:
    """Returns a PNG without metadata, in all its colours, or in 256 of them if the file would be large.

    The same picture gives the same bytes.
    """
    image = Image.fromarray(picture)
    full = _png_bytes(image)
    if len(full) <= LARGE_PNG:
        return full
    return _png_bytes(image.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG))


def _png_bytes(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def quick_png(picture: UInt8[np.ndarray, "height width 3"]) -> bytes:
    """Returns a large PNG, written four times as fast as by :func:`encode_png`. Use it while dragging."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
