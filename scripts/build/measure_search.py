"""Measures which hands ``reconstruct`` finds by itself: ``data_samples/checkpoints/wild/search.json``.

    python scripts/build/measure_search.py --handless FOLDER ...

It looks at rendered pictures of world ``wild`` with two hands, one or none, larger than the network's input.
``--handless`` are folders of photographs that show no hands; a random choice of them is looked at, too.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from handlib.data.layered.compose import Backdrops, Ranges
from handlib.data.layered.pictures import make_picture
from handlib.data.photo_folders import find_pictures
from handlib.data.sample import Sample
from handlib.hand.skeleton import SIDES
from handlib.model.network import DIR
from handlib.photos.reconstruct import reconstruct
from handlib.utils.files import write_text
from handlib.utils.resources import networks_folder

SEED, SIZE = 91, 384
KINDS = {
    "two hands": Ranges(one_hand=0.0, no_hand=0.0, close=0.0, bystander=0.0),
    "one hand": Ranges(one_hand=1.0, no_hand=0.0, close=0.0, bystander=0.0),
    "no hand": Ranges(no_hand=1.0, bystander=0.0),
}


def pictures(kind: str, count: int) -> Iterator[Sample]:
    """Yields pictures of a kind; pairs that leave other hands in the picture are passed over."""
    hands = list(KINDS).index(kind)
    backdrops, index, made = Backdrops(()), 0, 0
    while made < count:
        sample = make_picture(SEED, index, "test", SIZE, backdrops, KINDS[kind])
        index += 1
        if int((sample.visible > 0).sum()) == 2 - hands:
            made += 1
            yield sample


def told(sample: Sample, answer: str) -> str:
    """Returns how right an answer (``both hands``, ``left hand only``, ...) is about a picture's hands."""
    there = sample.visible > 0
    if answer.endswith("only") and there.sum() == 1:
        return "the right one" if answer.startswith(SIDES[int(there.nonzero())]) else "the other side"
    return "one hand" if answer.endswith("only") else answer


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the search for hands.")
    parser.add_argument("--checkpoint", default="wild")
    parser.add_argument("--count", type=int, default=60, help="rendered pictures of each kind")
    parser.add_argument("--handless", type=Path, nargs="*", default=[])
    parser.add_argument("--photographs", type=int, default=30, help="number of photographs without hands")
    parser.add_argument("--out", type=Path, default=networks_folder() / "wild" / "search.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    network = DIR.from_pretrained(options.checkpoint).eval()
    answers: dict[str, dict[str, int]] = {}
    for kind in KINDS:
        some = track(pictures(kind, options.count), kind, options.count)
        answers[kind] = Counter(
            told(sample, str(reconstruct(sample.image.permute(1, 2, 0).numpy(), None, network).presence))
            for sample in some
        )
    if options.handless:
        paths = list(find_pictures(options.handless).values())
        chosen = np.random.default_rng(SEED).permutation(len(paths))[: options.photographs]
        answers["photographs without hands"] = Counter(
            str(reconstruct(paths[k], None, network).presence) for k in track(chosen, "photographs")
        )
    write_text(options.out, json.dumps({"size": SIZE, "answers": answers}, indent=1) + "\n")


if __name__ == "__main__":
    main()
