"""Writers on a disk that fills up while they write: an error, and what was there before is still whole."""

import multiprocessing
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from support.real_layouts import small_moments
from support.tiny import TINY

from handlib.data.interhand.files import find_sources
from handlib.data.interhand.index import open_index
from handlib.data.interhand.stand_ins import write_interhand
from handlib.data.photo import Box
from handlib.data.sample import stack
from handlib.data.shards import write_shard
from handlib.data.shipped import load_samples
from handlib.hand.mano_file import open_hand_data, write_mano
from handlib.model.network import DIR
from handlib.photos.gltf import motions_of, write_hands
from handlib.photos.reconstruct import reconstruct
from handlib.training.run_folder import save_checkpoint, save_network
from handlib.utils.files import write_text

ROOM = 4096
"""Bytes that a file may have."""

torch.manual_seed(0)
MODEL = DIR(TINY).eval()
SAMPLE = stack(load_samples("test")[:1])
PICTURE = SAMPLE.image[0].permute(1, 2, 0).contiguous().numpy()


def save_checkpoint_of(path: Path) -> None:
    fabric = Fabric(accelerator="cpu", devices=1)
    save_checkpoint(fabric, path, {"model": MODEL.state_dict()})


def hands_of_picture(path: Path) -> None:
    with torch.no_grad():
        final = MODEL(torch.zeros(1, 3, TINY.image_size, TINY.image_size)).final
    write_hands(path, motions_of([final], MODEL.hands))


WRITERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: write_text(path, "x" * 2 * ROOM),
    "shard": lambda path: write_shard(path, SAMPLE),
    "checkpoint": save_checkpoint_of,
    "MANO file": lambda path: write_mano(open_hand_data("left"), path),
    "glTF": hands_of_picture,
}
FOLDER_WRITERS: dict[str, Callable[[Path], object]] = {
    "network": lambda folder: save_network(MODEL, folder),
    "results": lambda folder: reconstruct(PICTURE, Box(0, 0, 256, 256), MODEL).save(folder),
}


def on_a_full_disk(work: Callable[[], object]) -> str:
    """Does the work in a process whose files can't grow beyond ``ROOM``; the error's name."""
    ours, theirs = multiprocessing.Pipe(duplex=False)

    def child() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        torch.set_num_threads(1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))
        try:
            work()
        except Exception as error:
            theirs.send(type(error).__name__)
        else:
            theirs.send("no error")

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    assert ours.poll(60), "the writer died or hangs"
    said = ours.recv()
    process.join()
    return said


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", WRITERS)
def test_the_old_file_stays(tmp_path: Path, name: str):
    path = tmp_path / "file"
    path.write_text("old")
    before = path.read_bytes()
    said = on_a_full_disk(lambda: WRITERS[name](path))
    assert said not in ("no error", "")
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["file"]
    WRITERS[name](path)
    assert path.stat().st_size > ROOM


@pytest.mark.parametrize("name", FOLDER_WRITERS)
def test_the_folder_is_as_it_was(tmp_path: Path, name: str):
    folder = tmp_path / "folder"
    folder.mkdir()
    FOLDER_WRITERS[name](folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert on_a_full_disk(lambda: FOLDER_WRITERS[name](folder)) not in ("no error", "")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [found.name for found in tmp_path.iterdir()] == ["folder"]


def test_an_index_appears_whole_or_not_at_all(tmp_path: Path):
    write_interhand(tmp_path, "train", list(small_moments()))
    sources, path = find_sources(tmp_path, "train", "both"), tmp_path / "index.sqlite"
    assert on_a_full_disk(lambda: open_index(sources, path)) == "InputError"
    assert not path.exists()
    assert len(open_index(sources, path)) == 6
