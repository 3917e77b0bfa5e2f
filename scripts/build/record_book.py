"""Records the notebooks' 3D widgets for the book, whose pages have no kernel.

    python scripts/build/record_book.py              all of book/recorded/
    python scripts/build/record_book.py 00_stages    some, by name
    python scripts/build/record_book.py --check      writes nothing: fails if a recording is out of date

A recording holds the state of one :class:`handlib.show.HandsView` and a *frame* for every recorded position
of its controls: the geometry, colours, lines, picture and words of this position. The book passes them to the
view's own JavaScript. Geometry is stored in steps of 0.02 mm, and equal buffers are stored once.
"""

import argparse
import base64
import gzip
import io
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from recordables import RECORDABLES, Recordable

from handlib.utils.files import replacing

RECORDED = Path(__file__).resolve().parents[2] / "book" / "recorded"
STEP = 2e-5
"""Unit of the recorded coordinates in metres."""
WEBP_QUALITY = 80
STATE = (
    *("sides", "joint_names", "bones", "hand_colours", "highlight_colour", "framing", "description"),
    *("caption", "height", "shown", "surface_opacity", "picked"),
)
"""The view's traits that never change."""


class Buffers:
    """Numbered buffers of bytes; equal ones are stored once."""

    def __init__(self) -> None:
        self.numbers: dict[bytes, int] = {}

    def add(self, content: bytes) -> int:
        """Returns the number of these bytes."""
        return self.numbers.setdefault(content, len(self.numbers))

    def encoded(self) -> list[str]:
        """Returns all bytes in base64, in the order of their numbers."""
        return [base64.b64encode(content).decode() for content in self.numbers]


def webp(png: bytes) -> bytes:
    """Returns the same picture as WebP, which has a quarter of the bytes."""
    out = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(out, "WEBP", quality=WEBP_QUALITY, method=6)
    return out.getvalue()


def record(recordable: Recordable) -> dict:
    """Moves the widget through its positions and records what it shows.

    Raises:
        ValueError: the hands are too far apart for the recorded coordinates.
    """
    view, buffers = recordable.view, Buffers()
    state = {name: getattr(view, name) for name in STATE}
    origin = np.round((view.vertices.min((0, 1)) + view.vertices.max((0, 1))) / 2, 3).astype(float)

    def steps(points: np.ndarray) -> int:
        units = np.round((points - origin) / STEP)
        if np.abs(units).max() > np.iinfo(np.int16).max:
            raise ValueError("recording: expected hands within 0.65 m of the middle of the first ones")
        return buffers.add(units.astype("<i2").tobytes())

    def frame() -> dict:
        return {
            "vertices": steps(view.vertices),
            "joints": steps(view.joints),
            "colours": buffers.add(view._colours),
            "joint_colours": buffers.add(view._joint_colours),
            "links": buffers.add(view._links),
            "words": [part.value for part in recordable.words],
            "picture": buffers.add(webp(recordable.image.value)) if recordable.image else None,
        }

    frames = {}
    for positions in recordable.positions:
        for control, position in zip(recordable.controls, positions, strict=True):
            control.move(position)
        frames[",".join(map(str, positions))] = frame()
    size = (recordable.image.width, recordable.image.height) if recordable.image else None
    return {
        "notebook": recordable.notebook,
        "text": recordable.text,
        "state": state,
        "step": STEP,
        "origin": origin.tolist(),
        "faces": buffers.add(np.stack(view.faces).astype("<u2").tobytes()),
        "controls": [
            {"name": control.name, "labels": list(control.labels), "start": control.start}
            for control in recordable.controls
        ],
        "picture_size": [int(side) for side in size] if size else None,
        "frames": frames,
        "buffers": buffers.encoded(),
    }


def read(name: str) -> dict:
    """Reads a recording."""
    return json.loads(gzip.decompress((RECORDED / f"{name}.json.gz").read_bytes()))


def write(name: str, recording: dict) -> int:
    """Writes a recording and returns the number of bytes; equal recordings give equal bytes."""
    text = json.dumps(recording, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    packed = gzip.compress(text.encode(), mtime=0)
    RECORDED.mkdir(parents=True, exist_ok=True)
    with replacing(RECORDED / f"{name}.json.gz") as temporary:
        temporary.write_bytes(packed)
    return len(packed)


def alike(stored: object, now: object) -> bool:
    """Returns whether two JSON values are the same, except for rounding."""
    if isinstance(stored, dict) and isinstance(now, dict):
        return stored.keys() == now.keys() and all(alike(stored[key], now[key]) for key in stored)
    if isinstance(stored, list) and isinstance(now, list):
        return len(stored) == len(now) and all(map(alike, stored, now))
    if isinstance(stored, float) and isinstance(now, float):
        return math.isclose(stored, now, rel_tol=1e-4, abs_tol=1e-6)
    return stored == now


def difference(stored: dict, now: dict) -> str:
    """Returns the difference between two recordings in words; empty if they show the same.

    Another processor may round a coordinate differently, so two steps are tolerated. Another version of the
    WebP encoder writes other bytes, so pictures and colours are compared by their pixels.
    """
    for part in sorted({*stored, *now} - {"frames", "buffers", "faces"}):
        if not alike(stored.get(part), now.get(part)):
            return part
    if stored["frames"].keys() != now["frames"].keys():
        return "positions"

    def content(recording: dict, number: int) -> bytes:
        return base64.b64decode(recording["buffers"][number])

    def as_numbers(recording: dict, kind: str, number: int) -> np.ndarray:
        if kind == "picture":
            return np.asarray(Image.open(io.BytesIO(content(recording, number))).convert("RGB"), float)
        types = {"vertices": "<i2", "joints": "<i2", "links": "<f4"}
        return np.frombuffer(content(recording, number), types.get(kind, "u1")).astype(float)

    allowed = {"vertices": 2, "joints": 2, "colours": 3, "joint_colours": 3, "links": 1e-3, "picture": 4}
    if content(stored, stored["faces"]) != content(now, now["faces"]):
        return "faces"
    for position, frame in now["frames"].items():
        before = stored["frames"][position]
        if before["words"] != frame["words"]:
            return f"words at {position}: {before['words']} and {frame['words']}"
        for kind, most in allowed.items():
            if frame[kind] is None:
                continue
            old, new = (
                as_numbers(recording, kind, f[kind]) for recording, f in ((stored, before), (now, frame))
            )
            gap = np.abs(old - new) if old.shape == new.shape else np.array([np.inf])
            if (gap.mean() if kind == "picture" else gap.max(initial=0)) > most:
                return f"{kind} at {position}"
    return ""


def main(names: Sequence[str], check: bool) -> int:
    torch.set_num_threads(1)
    wrong = []
    for name in names or RECORDABLES:
        recording = record(RECORDABLES[name]())
        if not check:
            print(f"{name}: {len(recording['frames'])} frames, {write(name, recording) / 1000:.0f} kB")
        elif differs := difference(read(name), recording):
            wrong.append(f"{name} is out of date ({differs})")
    if wrong:
        print(*wrong, "run python scripts/build/record_book.py", sep="\n", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *RECORDABLES])
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    sys.exit(main(arguments.names, arguments.check))
