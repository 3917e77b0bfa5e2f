"""Shows how moving a crop and fitting a weak-perspective camera change pixels and intrinsics."""

from dataclasses import dataclass

import ipywidgets
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw
from torch import Tensor

from handlib.data.photo import MID_GREY, Crop
from handlib.data.sample import Sample
from handlib.geometry.camera import crop_intrinsics, fit_weak_perspective, project_weak_perspective
from handlib.hand.skeleton import BONES, JOINT_NAMES, SIDES
from handlib.model.placed import check_one, picture_of
from handlib.show.core import palette
from handlib.show.core.hands_drawing import HAND_COLOURS
from handlib.show.core.overlay import to_pixels
from handlib.show.core.panel import Explorer, Picture, choice, png_image, slider
from handlib.show.core.raster import above, beside, draw_skeleton, quick_png, resized, words
from handlib.utils.arguments import check_choice

CROP_SIZE = 128
"""Side in pixels to which the crop is resampled: that of the small network's picture."""

DRAWN_SIDE = 340
DASH = 6.0


def crop_window(size: int, zoom: float, shift: tuple[float, float]) -> Crop:
    """Returns the window of a picture at a zoom; its centre is ``shift`` pixels from the picture's centre."""
    side = size / zoom
    return Crop(size / 2 + shift[0] - side / 2, size / 2 + shift[1] - side / 2, side)


def uv_in_crop(sample: Sample, crop: Crop) -> Float[Tensor, "hand=2 21 2"]:
    """Returns the true joints' uv over the crop."""
    return crop.to_uv((sample.uv + 1) * (sample.size / 2))


def fit_in_crop(sample: Sample, hand: int, crop: Crop) -> Float[Tensor, "3"]:
    """Returns the weak camera (s, tx, ty) with the least squared error for one hand, centred on its wrist."""
    joints = sample.joints[hand]
    return fit_weak_perspective(joints - joints[:1], uv_in_crop(sample, crop)[hand])


@dataclass(frozen=True)
class CropState:
    """All that the widget shows: a crop, its intrinsics, and the error of a weak camera in it.

    ``errors`` are in pixels of the crop, one per joint of the chosen hand. ``least`` is the mean error of the
    camera that :func:`fit_in_crop` finds.
    """

    crop: Crop
    intrinsics: Float[Tensor, "4"]
    uv: Float[Tensor, "hand=2 21 2"]
    weak_uv: Float[Tensor, "21 2"]
    errors: Float[Tensor, "21"]
    least: float
    whole: UInt8[np.ndarray, "height width 3"]
    cropped: UInt8[np.ndarray, "height width 3"]
    summary: tuple[str, str, str]


def crop_state(
    sample: Sample, hand: int, zoom: float, shift: tuple[float, float], camera: tuple[float, float, float]
) -> CropState:
    """Returns the state of one sample; ``camera`` projects ``hand`` (0 left, 1 right)."""
    crop = crop_window(sample.size, zoom, shift)
    corner, uv = sample.intrinsics.new_tensor((crop.x, crop.y)), uv_in_crop(sample, crop)
    intrinsics = crop_intrinsics(sample.intrinsics, corner, CROP_SIZE / crop.side)
    centred = sample.joints[hand] - sample.joints[hand, :1]

    def projected(weak: Tensor) -> tuple[Tensor, Tensor]:
        weak_uv = project_weak_perspective(centred, weak)
        return weak_uv, (weak_uv - uv[hand]).norm(dim=-1) * (CROP_SIZE / 2)

    weak_uv, errors = projected(centred.new_tensor(camera))
    least = float(projected(fit_in_crop(sample, hand, crop))[1].mean())
    (fx, fy, cx, cy), (s, tx, ty), worst = intrinsics.tolist(), camera, int(errors.argmax())
    return CropState(
        crop=crop,
        intrinsics=intrinsics,
        uv=uv,
        weak_uv=weak_uv,
        errors=errors,
        least=least,
        whole=_draw_whole(sample, crop),
        cropped=_draw_cropped(sample, crop, uv, weak_uv),
        summary=(
            f"Crop: {crop.side:.0f} pixels from ({crop.x:.0f}, {crop.y:.0f}), resampled to {CROP_SIZE}. "
            f"There fx = {fx:.0f}, fy = {fy:.0f}, cx = {cx:.1f}, cy = {cy:.1f}.",
            f"Weak camera of the {SIDES[hand]} hand: s = {s:.2f}, tx = {tx:.2f}, ty = {ty:.2f}.",
            f"It is {errors.mean():.1f} pixels off on average, {errors[worst]:.1f} at {JOINT_NAMES[worst]}.",
        ),
    )


def _draw_whole(sample: Sample, crop: Crop) -> UInt8[np.ndarray, "height width 3"]:
    scale = DRAWN_SIDE / sample.size
    image = resized(picture_of(sample), DRAWN_SIDE, DRAWN_SIDE)
    draw = ImageDraw.Draw(image)
    frame = [scale * c for c in (crop.x, crop.y, crop.x + crop.side, crop.y + crop.side)]
    x, y = (scale * sample.intrinsics[2:]).tolist()
    for width, colour in ((5, "#ffffff"), (2, palette.HIGHLIGHT)):
        draw.rectangle(frame, outline=colour, width=width)
        draw.line((x - 9, y, x + 9, y), fill=colour, width=width)
        draw.line((x, y - 9, x, y + 9), fill=colour, width=width)
    return np.asarray(image)


def _draw_cropped(
    sample: Sample, crop: Crop, uv: Tensor, weak_uv: Tensor
) -> UInt8[np.ndarray, "height width 3"]:
    window = (crop.x, crop.y, crop.x + crop.side, crop.y + crop.side)
    picture = Image.fromarray(picture_of(sample))
    # First reduced to the network's pixels, so that the reader sees what the network sees, then enlarged.
    seen = picture.transform(
        (2 * CROP_SIZE, 2 * CROP_SIZE),
        Image.Transform.EXTENT,
        window,
        Image.Resampling.BILINEAR,
        fillcolor=MID_GREY,
    ).reduce(2)
    image = seen.resize((DRAWN_SIDE, DRAWN_SIDE), Image.Resampling.BICUBIC)
    for side, joints in zip(SIDES, to_pixels(uv.numpy(), DRAWN_SIDE, DRAWN_SIDE), strict=True):
        draw_skeleton(image, joints, HAND_COLOURS[side][1], thickness=1.6)
    _draw_dashed(image, to_pixels(weak_uv.numpy(), DRAWN_SIDE, DRAWN_SIDE))
    return np.asarray(image)


def _draw_dashed(image: Image.Image, joints: Float[np.ndarray, "21 2"]) -> None:
    draw = ImageDraw.Draw(image)
    for parent, child in BONES:
        start, end = joints[parent], joints[child]
        dashes = 2 * int(np.linalg.norm(end - start) / (2 * DASH)) + 1
        places = start + np.linspace(0, 1, dashes + 1)[:, None] * (end - start)
        for k in range(0, dashes, 2):
            draw.line((*places[k], *places[k + 1]), fill="#ffffff", width=4)
            draw.line((*places[k], *places[k + 1]), fill=palette.HIGHLIGHT, width=2)
    for x, y in joints:
        draw.ellipse((x - 3.5, y - 3.5, x + 3.5, y + 3.5), outline="#ffffff", width=3)
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), outline=palette.HIGHLIGHT, width=2)


class CropExplorer(Explorer[CropState]):
    """One sample's picture with a movable crop, and one hand's weak camera to set or fit.

    On the left is the whole picture with the crop's frame and the principal point (a cross). On the right is
    the crop: true joints are solid, the weak camera's projection is dashed. The camera starts unfitted; once
    it was fitted, a line tells how far off the camera of least squares is. A weak camera belongs to its crop.
    Moving the crop doesn't change the camera, so it must be fitted anew.
    """

    def __init__(self, sample: Sample, hand: str = "left"):
        check_one(sample)
        check_choice("hand", hand, SIDES)
        self.sample = sample
        self.zoom = slider("zoom", 1, 0.5, 2.5, 0.1, 1)
        self.shift = [slider(f"shift {axis}", 0, -64, 64, 2.0, 0) for axis in "xy"]
        self.scale = slider("s", 3, 0.5, 28, 0.01, 2)
        self.translation = [slider(f"t{axis}", 0, -4, 4, 0.01, 2) for axis in "xy"]
        self.hand = choice("hand", SIDES, hand, f"{DRAWN_SIDE}px")
        self.fit_button = ipywidgets.Button(description="fit the weak camera", layout={"width": "auto"})
        self.fit_button.on_click(lambda _: self.fit())
        self.images = [png_image(DRAWN_SIDE, DRAWN_SIDE) for _ in range(2)]
        self.fitted = False
        self.lines = [ipywidgets.Label() for _ in range(4)]
        super().__init__(
            [
                [self.hand, self.fit_button],
                [ipywidgets.VBox([self.zoom, *self.shift]), ipywidgets.VBox([self.scale, *self.translation])],
                ipywidgets.VBox(self.lines),
                self.images,
            ]
        )

    @property
    def position(self) -> tuple[float, tuple[float, float]]:
        """Returns the crop's zoom and shift, as set by the sliders."""
        return self.zoom.value, (self.shift[0].value, self.shift[1].value)

    def fit(self) -> None:
        """Sets the weak camera to the one with the least squared error in the current crop."""
        crop = crop_window(self.sample.size, *self.position)
        fitted = fit_in_crop(self.sample, SIDES.index(self.hand.value), crop).tolist()
        with self.quiet():
            for control, value in zip((self.scale, *self.translation), fitted, strict=True):
                control.value = value
        self.fitted = True
        self.refresh()

    def compute(self) -> CropState:
        """Returns the state of the crop and its weak camera."""
        camera = (self.scale.value, *(control.value for control in self.translation))
        return crop_state(self.sample, SIDES.index(self.hand.value), *self.position, camera)

    def text(self) -> list[str]:
        """Returns the lines about the state; once the camera was fitted, the last is about least squares."""
        least = f"The camera of least squares is {self.state.least:.1f} pixels off on average."
        return [*self.state.summary, *([least] if self.fitted else [])]

    def draw(self, state: CropState) -> None:
        """Shows both pictures and the lines."""
        for image, drawn in zip(self.images, (state.whole, state.cropped), strict=True):
            image.value = quick_png(drawn)
        for label, line in zip(self.lines, self.text(), strict=False):
            label.value = line

    def picture(self) -> Picture:
        """Returns both pictures above the lines."""
        both = beside(self.state.whole, self.state.cropped, gap=8)
        return above(both, words("\n".join(self.text()), both.shape[1]))

    def __repr__(self) -> str:
        return f"CropExplorer: {' '.join(self.text())}"
