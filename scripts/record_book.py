"""Records what the notebooks' 3D widgets show, for the book, whose pages have no kernel.

    python scripts/record_book.py              all of book/recorded/
    python scripts/record_book.py 00_stages    some, by name
    python scripts/record_book.py --check      writes nothing: fails if a widget shows something else

A recording holds the state of one :class:`handlib.show.HandsView` and, for every position of its controls
that was recorded, a *frame*: the geometry, colours, lines, picture and words of that position. The book
gives them to the view's own JavaScript. Geometry is kept in steps of 0.02 mm, equal buffers once.
"""

import argparse
import base64
import gzip
import io
import itertools
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import ipywidgets
import numpy as np
import torch
from PIL import Image

from handlib import DIR, load_samples, show
from handlib.data.sample import Sample, normalise, resize, stack
from handlib.estimate import estimate_names
from handlib.files import replacing
from handlib.hand import Hand, open_hand_data
from handlib.interventions import experiment
from handlib.show.hands import HandsView

RECORDED = Path(__file__).resolve().parents[1] / "book" / "recorded"
STEP = 2e-5
"""Metres: what one unit of the recorded coordinates stands for."""
WEBP_QUALITY = 80
STATE = (
    *("sides", "joint_names", "bones", "hand_colours", "highlight_colour", "framing", "description"),
    *("caption", "height", "shown", "surface_opacity", "picked"),
)
"""The view's traits that stay as they are."""


@dataclass(frozen=True)
class Control:
    """One thing to move: its name, what its positions are called, where it stands first, how it is moved.

    A control called ``picked`` has no slider: picking a joint moves it.
    """

    name: str
    labels: Sequence[str]
    start: int
    move: Callable[[int], None]


@dataclass(frozen=True)
class Recordable:
    """A widget of a notebook, ready to be moved: ``text`` is what stands for it in the committed notebook.

    ``positions`` are the combinations of the controls' positions that are recorded; ``words`` and ``image``
    are the parts of the widget that change beside the 3D view.
    """

    notebook: str
    text: str
    view: HandsView
    controls: Sequence[Control] = ()
    positions: Sequence[tuple[int, ...]] = ((),)
    words: Sequence[ipywidgets.Label | ipywidgets.HTML] = ()
    image: ipywidgets.Image | None = None


def all_positions(controls: Sequence[Control]) -> list[tuple[int, ...]]:
    """Every position of each control with every position of the others."""
    return list(itertools.product(*(range(len(control.labels)) for control in controls)))


def one_at_a_time(controls: Sequence[Control]) -> list[tuple[int, ...]]:
    """Every position of each control while the others stand where they start."""
    start = tuple(control.start for control in controls)
    moved = [
        (*start[:k], position, *start[k + 1 :])
        for k, control in enumerate(controls)
        for position in range(len(control.labels))
    ]
    return list(dict.fromkeys(moved))


def slider(widget: ipywidgets.Widget, values: Sequence[float], unit: str = "") -> Control:
    """A control for some values of a slider of numbers; it starts where the slider stands."""

    def move(position: int) -> None:
        widget.value = values[position]

    labels = [f"{value:g}{unit}" for value in values]
    return Control(widget.description.split(" (")[0], labels, list(values).index(widget.value), move)


def selection(widget: ipywidgets.SelectionSlider) -> Control:
    """A control for all options of a selection slider."""

    def move(position: int) -> None:
        widget.index = position

    return Control(widget.description, list(widget.options), widget.index, move)


def small_network() -> DIR:
    return DIR.from_pretrained("small").eval()


def test_pair(network: DIR, index: int = 14) -> Sample:
    return resize(load_samples("test")[index], network.config.image_size)


def truth() -> Recordable:
    view = show.hands(load_samples("test")[14])
    return Recordable("00_tour", repr(view), view)


def stages() -> Recordable:
    network = small_network()
    picture = test_pair(network)
    with torch.no_grad():
        panel = show.stages(picture, network(normalise(picture.image[None])))
    controls = [selection(panel.slider)]
    words = [panel.summary]
    return Recordable(
        "00_tour", repr(panel), panel.view, controls, all_positions(controls), words, panel.image
    )


def right_hand() -> Recordable:
    at_rest = Hand.open("right")(centre=None)
    turn = show.upright("right", "palm").T
    points = (at_rest.vertices.numpy()[None] @ turn, at_rest.joints.numpy()[None] @ turn)
    view = HandsView(*points, [open_hand_data("right").faces], ("right",))
    return Recordable("01_hand_model", repr(view), view)


def explorer() -> Recordable:
    panel = show.HandExplorer([Hand.open("left"), Hand.open("right")])
    pose = [slider(widget, (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)) for widget in panel.pose_sliders[:3]]
    shape = [slider(widget, (-3.0, -1.5, 0.0, 1.5, 3.0)) for widget in panel.beta_sliders[:3]]
    controls = [*pose, *shape]
    return Recordable(
        "01_hand_model", repr(panel), panel.view, controls, one_at_a_time(controls), [panel.status]
    )


def attention() -> Recordable:
    network = small_network()
    pair = stack([test_pair(network, 4)]).image
    with torch.no_grad():
        panel = show.AttentionLines({"as it is": network.trace(normalise(pair))})

    def pick(position: int) -> None:
        panel.view.picked = position

    names = [panel.view.joint_label(joint) for joint in range(2 * len(panel.view.joint_names))]
    controls = [Control("picked", names, panel.view.picked, pick)]
    text = repr(panel)
    return Recordable("06_transformer", text, panel.view, controls, all_positions(controls), [panel.caption])


def refinement() -> Recordable:
    network = small_network()
    picture = test_pair(network)
    names = estimate_names(1 + len(network.stages))
    run = experiment(network, normalise(picture.image[None]), stages=(0, 1, 1))
    panel = show.RefinementExplorer(picture, run, [*names, "stage 2 again"])
    controls = [selection(panel.stage), slider(panel.rotation, (0, 15, 30, 60), "°")]
    words = [panel.caption, panel.course]
    return Recordable(
        "08_refinement", repr(panel), panel.view, controls, all_positions(controls), words, panel.image
    )


RECORDABLES: dict[str, Callable[[], Recordable]] = {
    "00_truth": truth,
    "00_stages": stages,
    "01_right_hand": right_hand,
    "01_explorer": explorer,
    "06_attention": attention,
    "08_refinement": refinement,
}


class Buffers:
    """Bytes by number, each kept once."""

    def __init__(self) -> None:
        self.numbers: dict[bytes, int] = {}

    def add(self, content: bytes) -> int:
        """The number of these bytes."""
        return self.numbers.setdefault(content, len(self.numbers))

    def encoded(self) -> list[str]:
        """All bytes in base64, in the order of their numbers."""
        return [base64.b64encode(content).decode() for content in self.numbers]


def webp(png: bytes) -> bytes:
    """The same picture as WebP, a quarter of the bytes."""
    out = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(out, "WEBP", quality=WEBP_QUALITY, method=6)
    return out.getvalue()


def record(recordable: Recordable) -> dict:
    """Moves the widget through its positions and writes down what it shows.

    Raises:
        ValueError: the hands are too large for the recorded coordinates, or change their topology.
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
    """A recording that was written."""
    return json.loads(gzip.decompress((RECORDED / f"{name}.json.gz").read_bytes()))


def write(name: str, recording: dict) -> int:
    """Writes a recording, equal bytes for equal recordings; returns their number."""
    text = json.dumps(recording, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    packed = gzip.compress(text.encode(), mtime=0)
    RECORDED.mkdir(parents=True, exist_ok=True)
    with replacing(RECORDED / f"{name}.json.gz") as temporary:
        temporary.write_bytes(packed)
    return len(packed)


def difference(stored: dict, now: dict) -> str:
    """What differs between two recordings, in words; empty if they show the same.

    Another processor may round a coordinate the other way (two steps are let pass) and another version of
    the WebP encoder writes other bytes, so pictures and colours are compared by what they show.
    """
    for part in sorted({*stored, *now} - {"frames", "buffers", "faces"}):
        if stored.get(part) != now.get(part):
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
        print(*wrong, "run python scripts/record_book.py", sep="\n", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *RECORDABLES])
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    sys.exit(main(arguments.names, arguments.check))
