"""How much pictures are changed while a network learns from them."""

from dataclasses import dataclass, fields

from handlib.utils.arguments import check_at_least, check_between, check_finite


@dataclass(frozen=True)
class Augmentation:
    """Ranges of random changes. The defaults suit ``desk``; ``released`` has the paper's.

    Changes are drawn uniformly from plus or minus the range, unless said otherwise.

    rotation: largest rotation either way, in degrees.
    scale: largest change of the size either way, as a share.
    shift: largest shift either way, as a share of the picture's side.
    flip: probability of the mirror image.
    blur: probability of motion blur.
    noise: standard deviation of the pixel noise (pixels from 0 to 1).
    gain: largest change of the contrast either way, as a share; the brightness changes by up to 0.6 of it.
    tint: largest change of each colour channel's contrast either way, as a share.
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
        """Refuses numbers that describe no change of a picture."""
        check_finite("augmentation", self)
        for name, largest in (("scale", 0.9), ("flip", 1), ("blur", 1)):
            check_between(f"augmentation.{name}", getattr(self, name), 0, largest)
        for name in ("rotation", "shift", "noise", "gain", "tint"):
            check_at_least(f"augmentation.{name}", getattr(self, name), 0)

    @classmethod
    def none(cls) -> "Augmentation":
        """Returns ranges that leave pictures as they are."""
        return cls(**{field.name: 0.0 for field in fields(cls)})

    @classmethod
    def released(cls) -> "Augmentation":
        """Returns the paper's ranges: any rotation, 10 % scale, 10 of 256 pixels, motion blur, 1 % noise."""
        return cls(
            rotation=180.0, scale=0.1, shift=10 / 256, flip=0.5, blur=0.3, noise=0.01, gain=0.0, tint=0.0
        )
