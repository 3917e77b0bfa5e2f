"""How far pictures are changed while a network learns from them."""

from dataclasses import dataclass

from handlib.utils.arguments import check_finite


@dataclass(frozen=True)
class Augmentation:
    """Ranges, uniform where not said otherwise. ``released`` has the paper's; the defaults suit ``desk``.

    rotation: degrees either way.
    scale: a share either way.
    shift: a share of the picture's side either way.
    flip: probability of the mirror image.
    blur: probability of motion blur.
    noise: deviation of pixel noise.
    gain: share by which brightness changes.
    tint: share by which each colour changes.
    """

    rotation: float = 15.0
    scale: float = 0.12
    shift: float = 0.04
    flip: float = 0.5
    blur: float = 0.15
    noise: float = 0.01
    gain: float = 0.25
    tint: float = 0.1

    def __post_init__(self) -> None:
        """Refuses numbers that aren't finite."""
        check_finite("augmentation", self)

    @classmethod
    def released(cls) -> "Augmentation":
        """The paper's training: any rotation, 10 % scale, 10 of 256 pixels, motion blur, 1 % noise."""
        return cls(
            rotation=180.0, scale=0.1, shift=10 / 256, flip=0.5, blur=0.3, noise=0.01, gain=0.0, tint=0.0
        )
