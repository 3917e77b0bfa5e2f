"""What a synthetic pair costs: milliseconds of one core per phase.

Processor time, not wall-clock time, so that other programs disturb it little.
"""

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from handlib.data.rendered.placement import WORLDS, look_at, place_pair
from handlib.data.rendered.render import PairScene
from handlib.data.rendered.scenes import sample_appearance

PHASES = ("place the pair", "build the scene", "visible shares", "truth", "background", "colour")
RENDER_PAIR = ("build the scene", "truth", "colour")
"""What ``render_pair`` does; the rest chooses what to draw and measures what hides what."""


def measure(world: str, size: int, samples: int, count: int) -> dict[str, float]:
    """Mean milliseconds per phase over ``count`` pairs, after two pairs that aren't counted."""
    rng = np.random.default_rng(0)
    spent = dict.fromkeys(PHASES, 0.0)

    @contextmanager
    def timed(phase: str) -> Iterator[None]:
        start = time.process_time()
        yield
        spent[phase] += time.process_time() - start

    for k in range(count + 2):
        if k == 2:
            spent.update(dict.fromkeys(PHASES, 0.0))
        with timed("place the pair"):
            pair, intrinsics = look_at(WORLDS[world], place_pair(WORLDS[world], rng), rng)
        with timed("build the scene"):
            scene = PairScene(pair.vertices, intrinsics)
        with timed("visible shares"):
            scene.visibility()
        with timed("truth"):
            label, _, _ = scene.truth(size)
        with timed("background"):
            appearance = sample_appearance(rng, size)
        with timed("colour"):
            scene.colour(label, appearance, samples)
    return {phase: 1000 * seconds / count for phase, seconds in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", choices=sorted(WORLDS), default="desk")
    parser.add_argument("--size", type=int, default=128, help="pixels")
    parser.add_argument("--samples", type=int, default=2, help="rays per pixel and direction")
    parser.add_argument("--count", type=int, default=100, help="pairs")
    parser.add_argument("--json", type=Path, help="file to write the numbers to as well")
    options = parser.parse_args()
    torch.set_num_threads(1)
    phases = measure(options.world, options.size, options.samples, options.count)
    total = sum(phases.values())
    render_pair = sum(phases[name] for name in RENDER_PAIR)
    if options.json:
        settings = {name: value for name, value in vars(options).items() if name != "json"}
        numbers = {**settings, "ms": phases, "ms_render_pair": render_pair, "ms_total": total}
        options.json.write_text(json.dumps(numbers, indent=1) + "\n")
    print(f"{options.world}, {options.size} px, {options.samples}² rays, {options.count} pairs")
    for phase, milliseconds in phases.items():
        print(f"{phase:16} {milliseconds:7.1f} ms {milliseconds / total:6.0%}")
    print(f"{'a pair':16} {total:7.1f} ms, {render_pair:.1f} ms of it render_pair")


if __name__ == "__main__":
    main()
