"""Draws the README's picture: a test picture, the network's first estimate and every stage's estimate."""

from pathlib import Path

import torch

from handlib import DIR, load_samples, show
from handlib.data.sample import normalise, resize
from handlib.show.core.raster import encode_png

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "tour.png"
SAMPLE = 14


@torch.no_grad()
def main() -> None:
    model = DIR.from_pretrained("small").eval()
    sample = resize(load_samples("test")[SAMPLE], model.config.image_size)
    panel = show.stages(sample, model(normalise(sample.image[None])))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_bytes(encode_png(panel.picture()))


if __name__ == "__main__":
    main()
