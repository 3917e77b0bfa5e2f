"""Draws a finished split of TwoHands.

``two_hands_benchmark.png`` shows how varied the split is, ``two_hands_pairs.png`` six pairs of each stratum.

    python scripts/build/make_benchmark_pictures.py FOLDER [OUT]

FOLDER is a split in one size, such as ``test-128``. OUT is ``docs/pictures`` if not given.
"""

import sys
from itertools import islice
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from make_data_samples import is_decent
from matplotlib.axes import Axes
from PIL import Image

from handlib.data.rendered.interlock import INTERLOCKED_FROM, count_interlocked
from handlib.data.rendered.poses import joint_axes
from handlib.data.sample import BACKGROUND, STRATA, Sample
from handlib.data.shards import load_dataset
from handlib.hand.skeleton import FINGERS, MANO_JOINT_NAMES, SIDES
from handlib.show.core.palette import HANDS

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
COLOURS = plt.get_cmap("viridis_r")(np.linspace(0.12, 1, len(STRATA)))
LIMIT = 300_000
# To turn a left hand's parameters into a right hand's, mirror vectors and reverse rotation vectors.
MIRROR, MIRRORED_TURN = np.array([-1.0, 1, 1]), np.array([1.0, -1, -1])


def draw_counts(axes: Axes, batch: Sample) -> None:
    counts = np.bincount(batch.stratum, minlength=len(STRATA))
    axes.bar_label(axes.bar(STRATA, counts, color=COLOURS), padding=1)
    axes.set(title="pairs per stratum", yticks=[], ymargin=0.12)


def draw_visible(axes: Axes, batch: Sample) -> None:
    for number, (name, colour) in enumerate(zip(STRATA, COLOURS, strict=True)):
        own = batch.visible[batch.stratum == number].flatten()
        if len(own):
            axes.ecdf(own, color=colour, linewidth=1.8, label=name)
    axes.set(title="share of hands of which less is visible than ...", xlim=(0, 1))
    axes.legend(frameon=False)


def draw_interlocked(axes: Axes, batch: Sample) -> None:
    """Draws a histogram per stratum, as shares of the stratum."""
    passing = np.array([count_interlocked(*joints.numpy()) for joints in batch.joints])
    for number, colour in enumerate(COLOURS):
        own = np.bincount(passing[batch.stratum == number], minlength=9)
        axes.bar(np.arange(9) + 0.2 * (number - 1.5), own / max(1, own.sum()), 0.2, color=colour)
    axes.axvline(INTERLOCKED_FROM - 0.5, color="0.6", linestyle=":")
    axes.set(title="fingers that pass between the other hand's", yticks=[])


def draw_gaps(axes: Axes, batch: Sample) -> None:
    gaps = 1000 * batch.distance.numpy()
    for name in ("near", "apart"):
        number = STRATA.index(name)
        axes.hist(gaps[batch.stratum.numpy() == number], np.arange(0, 130, 3), color=COLOURS[number])
    axes.set(title="gap between the hands, mm (if any)", yticks=[])


def draw_distances(axes: Axes, batch: Sample) -> None:
    metres = batch.joints[:, :, 0].norm(dim=-1).numpy()
    axes.hist(100 * metres, np.arange(35, 100, 3), color=HANDS, label=SIDES)
    axes.set(title="from the camera to the wrist, cm", yticks=[])
    axes.legend(frameon=False)


def draw_views(axes: Axes, batch: Sample) -> None:
    """Draws the camera's direction as seen from each hand; equal areas are equal shares of all directions."""
    towards = torch.einsum("bhji,bhj->bhi", batch.root, -batch.joints[:, :, 0]).numpy()
    towards /= np.linalg.norm(towards, axis=-1, keepdims=True)
    towards[:, 0] *= MIRROR
    for hand, colour in enumerate(HANDS):
        fingers, back, thumb = -towards[:, hand, 0], towards[:, hand, 1], towards[:, hand, 2]
        radius = np.sqrt(1 - back) / np.hypot(fingers, thumb)
        axes.scatter(-radius * thumb, radius * fingers, s=1.5, color=colour, alpha=0.5, linewidths=0)
    for angle in (90, 180):
        axes.add_patch(plt.Circle((0, 0), np.sqrt(1 - np.cos(np.deg2rad(angle))), fill=False, color="0.6"))
    for place, text in (((0, 0), "back"), ((0, 1.23), "fingertips"), ((-1.23, 0), "thumb")):
        axes.text(
            *place, text, ha="center", va="center", bbox={"fc": "w", "ec": "none", "pad": 1, "alpha": 0.7}
        )
    axes.set(title="which side the camera sees (rim: palm)", aspect="equal", xticks=[], yticks=[])
    axes.set(xlim=(-1.45, 1.45), ylim=(-1.45, 1.45))
    axes.axis("off")


def draw_flexion(axes: Axes, batch: Sample) -> None:
    """Draws flexion: the component of a joint's rotation vector along its flexion axis.

    Lines reach from 1 to 99 %, bars from the first to the third quartile.
    """
    names = [f"{finger}{k}" for finger in FINGERS for k in (1, 2, 3)]
    order = [MANO_JOINT_NAMES.index(name) - 1 for name in names]
    pose = batch.pose.numpy().reshape(-1, 2, 15, 3)
    pose = np.concatenate((pose[:, 0] * MIRRORED_TURN, pose[:, 1]))
    degrees = np.rad2deg(np.einsum("njc,jc->nj", pose, joint_axes()[:, 0]))
    low, first, median, third, high = np.percentile(degrees[:, order], (1, 25, 50, 75, 99), axis=0)
    rows = np.arange(15)
    axes.hlines(rows, low, high, color="0.7", linewidth=2)
    axes.hlines(rows, first, third, color="0.25", linewidth=5)
    axes.plot(median, rows, "|", color="w")
    axes.set(title="flexion of every joint, degrees", yticks=rows, yticklabels=names)
    axes.tick_params(axis="y", labelsize=6)
    axes.invert_yaxis()


def draw_tones(axes: Axes, batch: Sample) -> None:
    """Draws the median colour of the hands in every picture as a band, from dark to light."""
    tones = []
    for image, label in zip(batch.image, batch.label, strict=True):
        tones.append(image[:, label != BACKGROUND].float().median(1).values.numpy() / 255)
    tones = np.stack(tones)
    order = np.argsort(tones @ [0.30, 0.59, 0.11])
    axes.imshow(tones[order][None], aspect="auto")
    axes.set(title="skin in its light, picture by picture", xticks=[], yticks=[])


def draw_variety(batch: Sample, path: Path) -> None:
    plt.rcParams |= {
        "font.size": 8,
        "axes.titlesize": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    figure, axes = plt.subplots(2, 4, figsize=(12, 5.6), layout="constrained")
    draw_counts(axes[0, 0], batch)
    draw_visible(axes[0, 1], batch)
    draw_interlocked(axes[0, 2], batch)
    draw_gaps(axes[0, 3], batch)
    draw_views(axes[1, 0], batch)
    draw_flexion(axes[1, 1], batch)
    draw_distances(axes[1, 2], batch)
    draw_tones(axes[1, 3], batch)
    figure.savefig(path, dpi=100)


def draw_pairs(batch: Sample, path: Path) -> None:
    """Draws a row per stratum with its first decent pairs."""
    rows = []
    for number in range(len(STRATA)):
        own = (batch[int(k)] for k in torch.nonzero(batch.stratum == number))
        rows.append(torch.cat([pair.image for pair in islice(filter(is_decent, own), 6)], dim=2))
    sheet = torch.cat(rows, dim=1).permute(1, 2, 0).numpy()
    Image.fromarray(sheet).quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)


def main(folder: str, out: str | Path = PICTURES) -> None:
    data = load_dataset(folder)
    batch = data.sample(torch.arange(min(len(data), 2000)))
    for draw, name in ((draw_variety, "two_hands_benchmark.png"), (draw_pairs, "two_hands_pairs.png")):
        path = Path(out) / name
        draw(batch, path)
        print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")
        if path.stat().st_size > LIMIT:
            raise SystemExit(f"expected at most {LIMIT / 1e3:.0f} kB")


if __name__ == "__main__":
    main(*sys.argv[1:])
