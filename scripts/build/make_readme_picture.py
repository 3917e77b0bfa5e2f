"""Draws the README's picture: two interlocked hands, the first estimate and every stage's estimate."""

from itertools import count
from pathlib import Path

import numpy as np
import torch

from handlib import DIR, show
from handlib.data.rendered.synthetic import make_sample
from handlib.data.sample import STRATA, Sample, normalise
from handlib.show.core.raster import above, beside, encode_png, resized, words

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "tour.png"
WORLD, SEED, WIDTH, GAP = "desk-person", 20, 268, 12


def first_interlocked(size: int) -> Sample:
    """Returns the first interlocked pair of a seed's test pairs, which no network has learned from."""
    pairs = (make_sample(WORLD, size, SEED, number, "test") for number in count())
    return next(pair for pair in pairs if STRATA[int(pair.stratum)] == "interlocked")


@torch.no_grad()
def main() -> None:
    model = DIR.from_pretrained("small").eval()
    sample = first_interlocked(model.config.image_size)
    panel = show.stages(sample, model(normalise(sample.image[None])))
    picture = np.asarray(resized(sample.image.permute(1, 2, 0).numpy(), WIDTH, WIDTH))
    alone = above(words("the picture", WIDTH), picture)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_bytes(encode_png(beside(alone, panel.picture(), gap=GAP)))


if __name__ == "__main__":
    main()
