"""What a reader gives a notebook: uploads, boxes, arguments of widgets, numbers in cells, answers."""

import io
import pickle
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import torch
from fuzz_readers import Target
from PIL import Image

from handlib import show
from handlib.analysis.interventions import experiment
from handlib.data.augment import Augmentation
from handlib.data.photo import Box
from handlib.data.rendered.scenes import make_scene
from handlib.data.sample import normalise, resize, stack
from handlib.data.shipped import load_samples
from handlib.exercises import check, exercise_names
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES
from handlib.model.estimate import estimate_names
from handlib.model.network import DIR
from handlib.model.placed import place
from handlib.photos.one_euro import OneEuro
from handlib.photos.photo_frame import read_upload
from handlib.photos.reconstruct import reconstruct
from handlib.photos.widget import YourPhoto
from handlib.training.losses import LossWeights
from handlib.training.schedule import TrainConfig

SIZE = 64


def encode_arguments(content: Any) -> bytes:
    """Arguments as they are, whatever they are; nesting too deep to be kept becomes a list in a list."""
    try:
        return pickle.dumps(content)
    except RecursionError:
        return pickle.dumps([[]])


def call_target(folder: Path, name: str, calls: dict[str, Callable], arguments: dict[str, dict]) -> Target:
    """Functions by name, each with its arguments; one at a time is strange, and its function is called."""
    path = folder / f"{name.replace(' ', '_').replace(',', '')}.pickle"
    path.write_bytes(encode_arguments(arguments))

    def read() -> None:
        changed = pickle.loads(path.read_bytes())
        for called, whole in arguments.items():
            # What is missing keeps its default, or the value it had.
            given = changed.get(called) if isinstance(changed, dict) else None
            given = given if isinstance(given, dict) else {}
            if pickle.dumps(given) != pickle.dumps(whole):
                try:
                    calls[called](**{key: given.get(key, value) for key, value in whole.items()})
                finally:
                    ipywidgets.Widget.close_all()  # Or the process keeps them all.

    return Target(name, path, read, arguments, encode_arguments, bytes_too=False)


def notebook_targets(folder: Path) -> Iterator[Target]:
    """All of them, with whole inputs in a folder."""
    from tiny import TINY

    tempfile.tempdir = str(folder)  # What uploads and results are kept in for a moment.
    torch.manual_seed(0)
    model = DIR(TINY).eval()
    pairs = [resize(sample, SIZE) for sample in load_samples("test")[:2]]
    yield from photo_targets(folder, model, pairs[0].image.permute(1, 2, 0).numpy())
    yield explorers_target(folder, model, pairs)
    yield cells_target(folder)
    yield answers_target(folder)


def photo_targets(folder: Path, model: DIR, picture: np.ndarray) -> Iterator[Target]:
    """Notebook 13: the upload, its name, the box."""
    widget = YourPhoto(model, picture)
    upload, name = folder / "upload.png", folder / "name.txt"
    Image.fromarray(picture).save(upload)
    name.write_text("phone.png")
    content = upload.read_bytes()

    def take(name: str, content: bytes) -> None:
        widget.take(name, content)
        read_upload(name, content)

    yield Target("notebook 13, upload", upload, lambda: take("phone.png", upload.read_bytes()))
    yield Target(
        "notebook 13, name of the upload", name, lambda: take(name.read_text(errors="replace"), content)
    )

    def in_box(picture: object, **edges: object) -> None:
        box = Box(**edges)
        widget.set_box(reconstruct(picture, box, model).box)

    calls = {
        "reconstruct": in_box,
        "corners": lambda points: widget.corners.update(points=points),
        "YourPhoto": lambda **given: YourPhoto(model, **given),
    }
    arguments = {
        "reconstruct": {"picture": picture, "x": 10, "y": 5.0, "width": 40, "height": 30},
        "corners": {"points": np.array([[-0.5, -0.5], [0.5, 0.5]])},
        "YourPhoto": {"picture": picture},
    }
    yield call_target(folder, "notebook 13, boxes and pictures", calls, arguments)


@torch.no_grad()
def explorers_target(folder: Path, model: DIR, pairs: list) -> Target:
    """The 3D view and the explorers that a cell can make."""
    batch, hands = stack(pairs), [model.hands[side] for side in SIDES]
    images = normalise(batch.image)
    trace, run = model.trace(images), experiment(model, images[:1])
    placed = place(batch)
    influence = show.Influence("one", np.random.default_rng(0).random((3, 42, 42)))
    calls = {
        "HandsView": show.HandsView,
        "hands": show.hands,
        "HandExplorer": lambda **given: show.HandExplorer(hands, **given),
        "CropExplorer": show.CropExplorer,
        "AttentionExplorer": lambda **given: show.AttentionExplorer(
            run=lambda image: model.trace(normalise(image)), **given
        ),
        "SamplingExplorer": show.SamplingExplorer,
        "InfluenceExplorer": show.InfluenceExplorer,
        "AttentionLines": show.AttentionLines,
        "ProjectionExplorer": show.ProjectionExplorer,
        "RefinementExplorer": lambda **given: show.RefinementExplorer(run=run, **given),
        "LossExplorer": show.LossExplorer,
        "TrainingPanel": show.TrainingPanel,
        "EvaluationExplorer": lambda **given: show.EvaluationExplorer(hands=hands, **given),
    }
    names = estimate_names(1 + len(model.stages))
    arguments = {
        "HandsView": {
            "vertices": placed.vertices,
            "joints": placed.joints,
            "sides": list(SIDES),
            "caption": "two hands",
            "shown": "both",
        },
        "hands": {"hands": pairs[0], "index": 0},
        "HandExplorer": {"num_pose": 5, "num_betas": 5, "facing": "palm"},
        "CropExplorer": {"sample": pairs[0], "hand": "left"},
        "AttentionExplorer": {"samples": pairs, "index": 1},
        "SamplingExplorer": {"sample": batch, "trace": trace, "index": 1},
        "InfluenceExplorer": {"influences": [influence], "hands": placed, "picked": 0},
        "AttentionLines": {"traces": {"as it is": trace}, "index": 0, "joint": 29},
        "ProjectionExplorer": {"sample": pairs[0], "joint": "index4", "size": 16, "gap": 1.0},
        "RefinementExplorer": {"sample": pairs[0], "names": list(names)},
        "LossExplorer": {"sample": pairs[0]},
        "TrainingPanel": {"pairs": batch, "total": 10, "every": 5},
        "EvaluationExplorer": {"sample": batch, "prediction": trace.prediction},
    }
    return call_target(folder, "notebooks, explorers", calls, arguments)


def cells_target(folder: Path) -> Target:
    """Numbers and names that cells hold, for a reader to change."""
    calls = {
        "make_scene": lambda size, **given: make_scene(**given).sample(size),
        "load_samples": load_samples,
        "Hand.open": Hand.open,
        "upright": show.upright,
        "OneEuro": OneEuro,
        "TrainConfig": TrainConfig,
        "LossWeights": LossWeights,
        "Augmentation": Augmentation,
    }
    arguments = {
        "make_scene": {"world": "studio", "seed": 13, "index": 0, "split": "test", "size": 32},
        "load_samples": {"split": "test"},
        "Hand.open": {"side": "left", "tips": "smplx"},
        "upright": {"side": "left", "facing": "palm"},
        "OneEuro": {"min_cutoff": 1.0, "beta": 3.0, "derivative_cutoff": 1.0},
        "TrainConfig": {"steps": 10, "batch_size": 4, "learning_rate": 1e-3, "seed": 0},
        "LossWeights": {"uv": 10, "joints": 10.0},
        "Augmentation": {"rotation": 15.0, "scale": 0.1},
    }
    return call_target(folder, "notebooks, numbers and names in cells", calls, arguments)


def answers_target(folder: Path) -> Target:
    """Functions that readers write for exercises, which return something strange."""
    whole = {name: {"answer": np.zeros(3)} for name in exercise_names()}

    def asked(name: str, answer: object) -> None:
        with redirect_stdout(io.StringIO()):
            check(name, answer)
            check(name, lambda *arguments: answer)

    calls = {name: lambda answer, name=name: asked(name, answer) for name in whole}
    return call_target(folder, "notebooks, answers to exercises", calls, whole)
