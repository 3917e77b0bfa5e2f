"""Data sets on disk: samples in safetensors shards that are read by memory mapping.

A folder holds ``dataset.json`` (the settings of the data set) and files ``shard-00000.safetensors`` and so
on, with 250 samples each.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from safetensors.torch import load_file, save_file
from torch import Tensor

from handlib.data.sample import Sample
from handlib.geometry.rays import RAY_CASTER
from handlib.hand.hand import Hand
from handlib.hand.mano_file import MODEL_ARRAYS, open_hand_file
from handlib.hand.skeleton import SIDES
from handlib.utils.arguments import check_finite
from handlib.utils.errors import InputError
from handlib.utils.files import make_folder, reading, record_from, replacing, write_text

FORMAT = 1
SHARD_SIZE = 250
FIELDS = tuple(field.name for field in fields(Sample))


@cache
def open_hand_sha256() -> str:
    """Returns the SHA256 of the open hand's file, which identifies the open hand in ``dataset.json``."""
    return hashlib.sha256(open_hand_file().read_bytes()).hexdigest()


def hands_sha256(hands: Iterable[Hand]) -> str:
    """Returns a checksum of two hand models (left, right).

    The open hand has its file's, however it was read.
    """

    def digest(pair: Iterable[Hand]) -> str:
        arrays = [getattr(hand, name).cpu().numpy() for hand in pair for name in MODEL_ARRAYS]
        # Processes that flush denormal numbers see them as zeros.
        tiny = np.finfo(np.float32).tiny
        arrays = [np.where(np.abs(array) < tiny, 0, array) for array in arrays]
        return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()

    given = digest(hands)
    return open_hand_sha256() if given == digest([Hand.open(side) for side in SIDES]) else given


@dataclass(frozen=True)
class DatasetInfo:
    """The settings that define a data set; two folders with equal settings hold equal samples.

    ``photographs`` identifies the background photographs, if there are any.
    """

    world: str
    split: str
    count: int
    size: int
    seed: int
    hand_sha256: str
    photographs: str = ""
    format: int = FORMAT


def shard_ranges(count: int) -> list[range]:
    """Returns the sample numbers of every shard."""
    return [range(start, min(start + SHARD_SIZE, count)) for start in range(0, count, SHARD_SIZE)]


def shard_path(folder: Path, number: int) -> Path:
    """Returns the path of a shard."""
    return folder / f"shard-{number:05d}.safetensors"


def write_shard(path: Path, batch: Sample) -> None:
    """Writes a batch, whole or not at all; depth is stored in half precision."""
    tensors = {name: getattr(batch, name).contiguous() for name in FIELDS}
    tensors["depth"] = tensors["depth"].half()
    with replacing(path) as temporary:
        save_file(tensors, temporary)


def make_shards(
    make: Callable[[int, range], int], shards: list[tuple[int, range]], workers: int
) -> Iterator[int]:
    """Makes shards one by one or in several processes. Yields each shard's size when it is written.

    Every process uses one thread, because sums must not depend on the number of cores.
    """
    if workers == 1:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield from (make(*shard) for shard in shards)
        finally:
            torch.set_num_threads(threads)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,))
    try:
        for finished in as_completed([pool.submit(make, *shard) for shard in shards]):
            yield finished.result()
    finally:
        pool.shutdown(cancel_futures=True)


def prepare_folder(folder: Path, info: DatasetInfo) -> None:
    """Creates the folder and its ``dataset.json``, or checks that an existing one has the same settings."""
    path = folder / "dataset.json"
    if path.exists():
        found = read_info(folder)
        wrong = [
            f"{k} {v!r} (asked for: {asdict(info)[k]!r})"
            for k, v in asdict(found).items()
            if v != asdict(info)[k]
        ]
        if wrong:
            raise InputError(f"{folder}: already holds another data set: {', '.join(wrong)}")
        return
    make_folder(folder)
    made_with = {name: version(name) for name in ("handlib", "numpy", "torch")} | {"rays": RAY_CASTER}
    write_text(path, json.dumps({**asdict(info), "made_with": made_with}, indent=2) + "\n")


def read_info(folder: Path) -> DatasetInfo:
    """Reads the folder's ``dataset.json``; an :class:`InputError` says what is wrong with the file."""
    path = folder / "dataset.json"
    if not path.exists():
        raise InputError(f"{folder}: not a data set, dataset.json is missing")
    with reading(path, "the description of a data set"):
        content = json.loads(path.read_text())
        info = record_from(DatasetInfo, {field.name: content[field.name] for field in fields(DatasetInfo)})
        if info.count < 1 or info.size < 1:
            raise ValueError(f"count {info.count}, size {info.size}")
        return info


def check_hands(info: DatasetInfo, hands: Iterable[Hand], folder: Path) -> None:
    """Raises an :class:`InputError` if the pairs show another hand model than ``hands`` (left, right).

    Pose and shape coefficients would mean something else.
    """
    if info.hand_sha256 != hands_sha256(hands):
        raise InputError(
            f"{folder}: shows another hand model than the network's; name the folder of its MANO files (mano)"
        )


def read_shard(path: Path, count: int) -> dict[str, np.ndarray]:
    """Returns a shard's fields, memory-mapped; raises an :class:`InputError` for a damaged or other file."""
    with reading(path, f"a shard of {count} samples"):
        # As arrays, because numpy gathers a batch without threads; starting torch's costs more than the copy.
        shard = {name: tensor.numpy() for name, tensor in load_file(path).items()}
        short = [name for name in FIELDS if len(shard[name]) != count]
        if short:
            raise ValueError(f"{', '.join(short)} of another length")
        return shard


class Dataset:
    """A finished data set, memory-mapped: samples are read when they are used."""

    def __init__(self, folder: Path):
        self.info, self._folder = read_info(folder), folder
        if self.info.format != FORMAT:
            raise InputError(f"{folder}: expected format {FORMAT}, got {self.info.format}")
        paths = [shard_path(folder, n) for n in range(len(shard_ranges(self.info.count)))]
        missing = [path.name for path in paths if not path.exists()]
        if missing:
            raise InputError(
                f"{folder}: {len(missing)} of {len(paths)} shards are missing, the first is {missing[0]}"
            )
        self._shards = [
            read_shard(path, len(numbers))
            for path, numbers in zip(paths, shard_ranges(self.info.count), strict=True)
        ]

    def __len__(self) -> int:
        """Returns the number of samples."""
        return self.info.count

    def sample(self, indices: Int[Tensor, "n"]) -> Sample:
        """Returns a batch of the samples with these indices, in this order.

        Raises:
            InputError: one of the samples' numbers isn't finite.
        """
        if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < len(self):
            raise IndexError(f"indices: expected numbers from 0 to {len(self) - 1}")
        places = [divmod(i, SHARD_SIZE) for i in indices.tolist()]
        batch = {name: np.stack([self._shards[s][name][k] for s, k in places]) for name in FIELDS}
        batch["depth"] = batch["depth"].astype(np.float32)
        for name, values in batch.items():
            check_finite(f"{self._folder}: {name} of the batch", values)
        return Sample(**{name: torch.from_numpy(array) for name, array in batch.items()})


def load_dataset(path: str | Path) -> Dataset:
    """Opens the folder that :func:`handlib.data.rendered.synthetic.make_dataset` has made.

    Raises:
        InputError: the folder is missing, incomplete, or no data set.
    """
    return Dataset(Path(path))
