"""Every reader of files in the package: a whole file for each, and how it is read."""

import io
import json
import pickle
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from malform import to_json
from PIL import Image

from handlib.analysis.ablations import load_results, results_folder
from handlib.analysis.robustness import load_robustness
from handlib.data.interhand.convert import Conversion
from handlib.data.interhand.files import KINDS
from handlib.data.interhand.intaghand import IntagHand
from handlib.data.interhand.interhand import InterHand
from handlib.data.interhand.stand_ins import make_moments, write_intaghand, write_interhand
from handlib.data.photo import as_box, read_picture
from handlib.data.rendered.synthetic import make_dataset
from handlib.data.shards import load_dataset
from handlib.data.shipped import load_samples
from handlib.hand.hand import Hand
from handlib.hand.mano_file import export_open_hand
from handlib.hand.skeleton import SIDES
from handlib.model.network import DIR
from handlib.photos.boxes import read_boxes
from handlib.photos.frames import find_frames
from handlib.released.checkpoint import read_checkpoint
from handlib.utils.resources import samples_folder

Encode = Callable[[Any], bytes]


@dataclass(frozen=True)
class Target:
    """A file that is malformed, and what reads it.

    ``content`` and ``encode`` make the file from something that can be malformed in place of its bytes;
    ``bytes_too`` is false where no file is read, and only what a person writes in its place can be wrong.
    """

    name: str
    path: Path
    read: Callable[[], object]
    content: Any = None
    encode: Encode | None = None
    bytes_too: bool = True


def encode_npz(content: Any) -> bytes:
    """As numpy's archive."""
    file = io.BytesIO()
    arrays = content if isinstance(content, dict) else {"x": content}
    np.savez_compressed(
        file, **{name: np.asarray(value, dtype=_kind(value)) for name, value in arrays.items()}
    )
    return file.getvalue()


def _kind(value: Any) -> Any:
    return object if value is None or isinstance(value, (list, dict)) else None


def encode_torch(content: Any) -> bytes:
    """As ``torch.save`` writes it."""
    file = io.BytesIO()
    torch.save(_tensors(content), file)
    return file.getvalue()


def _tensors(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _tensors(value) for name, value in content.items()}
    if isinstance(content, np.ndarray) and content.dtype.kind in "fiu":
        return torch.from_numpy(np.ascontiguousarray(content))
    return content


def read_all(folder: Path) -> None:
    """Every sample of a data set."""
    dataset = load_dataset(folder)
    dataset.sample(torch.arange(len(dataset)))


def targets(folder: Path) -> Iterator[Target]:
    """All of them, with whole files in a folder."""
    yield from picture_targets(folder)
    yield from data_targets(folder)
    yield from model_targets(folder)
    yield from real_data_targets(folder)


def picture_targets(folder: Path) -> Iterator[Target]:
    """Pictures, sequences of pictures, boxes."""
    picture = Image.open(samples_folder() / "test" / "0000.png").convert("RGB").resize((64, 64))
    for suffix in ("jpg", "png", "webp"):
        path = folder / f"picture.{suffix}"
        picture.save(path)
        yield Target(f"picture, {suffix}", path, lambda path=path: read_picture(path))
    path = folder / "frames.gif"
    picture.save(path, save_all=True, append_images=[picture.rotate(10), picture.rotate(20)])
    yield Target("animation, gif", path, lambda path=path: list(find_frames(path)))
    boxes = {"a.jpg": [10, 20, 300, 200], "b.jpg": [[0, 0, 90, 90], [200, 0, 90, 90]]}
    json_path, csv_path, text_path = (folder / f"boxes.{suffix}" for suffix in ("json", "csv", "txt"))
    json_path.write_text(json.dumps(boxes))
    yield Target("boxes, json", json_path, lambda: read_boxes(json_path), boxes, to_json)
    csv_path.write_text("picture,x,y,width,height\na.jpg,10,20,300,200\nb.jpg,0,0,90,90\n")
    yield Target("boxes, csv", csv_path, lambda: read_boxes(csv_path))
    text_path.write_text("10,20,300,200")
    yield Target("box, command line", text_path, lambda: as_box(text_path.read_text(errors="replace")))


def data_targets(folder: Path) -> Iterator[Target]:
    """Data sets, sample pairs, result files."""
    dataset = folder / "dataset"
    with redirect_stderr(io.StringIO()):
        make_dataset(dataset, "test", 2, size=32, seed=0, workers=1)
    info, shard = dataset / "dataset.json", dataset / "shard-00000.safetensors"
    content = json.loads(info.read_text())
    yield Target("data set, dataset.json", info, lambda: read_all(dataset), content, to_json)
    yield Target("data set, shard", shard, lambda: read_all(dataset))
    samples = folder / "samples" / "test"
    samples.mkdir(parents=True)
    with np.load(samples_folder() / "test" / "truth.npz") as archive:
        truth = {name: archive[name][:1] for name in archive.files}
    for path in sorted((samples_folder() / "test").rglob("0000*.png")):
        copy = samples / path.relative_to(samples_folder() / "test")
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    np.savez_compressed(samples / "truth.npz", **truth)

    def read() -> None:
        load_samples("test", samples.parent)

    yield Target("sample pairs, truth.npz", samples / "truth.npz", read, truth, encode_npz)
    yield Target("sample pairs, label", samples / "truth" / "0000_label.png", read)
    results = folder / "results"
    results.mkdir()
    source = next(results_folder().glob("*.json"))
    (results / source.name).write_bytes(source.read_bytes())
    yield Target(
        "result of an ablation",
        results / source.name,
        lambda: [result.mpjpe for result in load_results(results)],
        json.loads(source.read_text()),
        to_json,
    )
    source, path = samples_folder() / "robustness.json", folder / "robustness.json"
    path.write_bytes(source.read_bytes())
    yield Target(
        "robustness.json", path, lambda: load_robustness(path), json.loads(path.read_text()), to_json
    )
    conversion = folder / "conversion" / "conversion.json"
    conversion.parent.mkdir()
    Conversion({"source": "x"}).save(conversion.parent)
    yield Target(
        "conversion.json",
        conversion,
        lambda: Conversion.resumed(conversion.parent, {"source": "x"}),
        json.loads(conversion.read_text()),
        to_json,
    )


def model_targets(folder: Path) -> Iterator[Target]:
    """Networks, checkpoints, hand models."""
    from tiny import TINY

    saved = folder / "network"
    DIR(TINY).save_pretrained(saved)
    config = json.loads((saved / "config.json").read_text())

    def load() -> None:
        DIR.from_pretrained(saved)

    yield Target("network, config.json", saved / "config.json", load, config, to_json)
    yield Target("network, weights", saved / "model.safetensors", load)
    checkpoint = folder / "released.pth"
    content = {"net": {"encoder.weight": np.ones((3, 4), np.float32), "n": np.array(3)}, "epoch": 3}
    checkpoint.write_bytes(encode_torch(content))
    yield Target(
        "released checkpoint", checkpoint, lambda: read_checkpoint(checkpoint), content, encode_torch
    )
    mano = folder / "mano"
    mano.mkdir()
    export_open_hand(mano)
    path = mano / "MANO_LEFT.pkl"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = pickle.loads(path.read_bytes(), encoding="latin1")
    yield Target(
        "MANO file",
        path,
        lambda: Hand.from_mano(mano, "left"),
        content,
        lambda changed: pickle.dumps(changed, protocol=2),
    )


def real_data_targets(folder: Path) -> Iterator[Target]:
    """InterHand2.6M and IntagHand's folder, as stand-ins."""
    hands = tuple(Hand.open(side) for side in SIDES)
    moments = make_moments(1, seed=0, width=48, height=64)
    root = folder / "interhand"
    write_interhand(root, "train", moments)

    def index() -> None:
        source = InterHand(root, "train", hands)
        source.sample(0, 16) if len(source) else None

    index()
    for kind in KINDS:
        path = root / "annotations" / "train" / f"InterHand2.6M_train_{kind}.json"
        content = json.loads(path.read_text())
        yield Target(f"InterHand2.6M, {kind}", path, index, content, to_json)
    for name in ("pictures", "images", "fits"):
        path = root / "handlib_index" / "train-both" / f"{name}.parquet"
        yield Target(f"InterHand2.6M, index, {name}", path, index)
    root = folder / "intaghand"
    write_intaghand(root, "train", moments, size=48)
    path = root / "train" / "anno" / "0.pkl"
    yield Target(
        "IntagHand's annotation",
        path,
        lambda: IntagHand(root, "train", hands).sample(0, 16),
        pickle.loads(path.read_bytes()),
        pickle.dumps,
    )
