"""The released network on made-up numbers: built once per seed, used by every test in this folder.

A checkpoint has 380 MB: its file goes as soon as a seed's tests are through. Processes that run at once
each build their own, so share tests out by file (``pytest -n 2 --dist loadfile``).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from support import reference

from handlib.model.estimate import Prediction
from handlib.model.network import DIR
from handlib.released.checkpoint import load_checkpoint


@pytest.fixture(scope="session", params=[pytest.param(2, marks=pytest.mark.slow), 108])
def seed(request: pytest.FixtureRequest) -> int:
    """Which made-up network; 2 has all joints inside the picture, 108 some outside."""
    return request.param


@pytest.fixture(scope="session")
def checkpoint_file(seed: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file laid out as the released one."""
    path = tmp_path_factory.mktemp("released") / f"checkpoint_{seed}.pth"
    torch.save({"net": reference.state_dict(seed)}, path)
    yield path
    path.unlink()


@pytest.fixture(scope="session")
def mano_folder(seed: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MANO_LEFT.pkl and MANO_RIGHT.pkl with the same made-up hand as the checkpoint's buffers."""
    folder = tmp_path_factory.mktemp("mano")
    reference.write_mano(seed, folder)
    return folder


@pytest.fixture(scope="session")
def released_inputs(seed: int) -> Mapping[str, np.ndarray]:
    """Picture and truth under the names of the release's loader, see ``reference.inputs``."""
    return reference.inputs(seed)


@pytest.fixture(scope="session")
def stored_outputs(seed: int) -> Mapping[str, np.ndarray]:
    """What the released network computed."""
    return reference.stored_outputs(seed)


@pytest.fixture(scope="session")
def stored_losses(seed: int) -> Mapping[str, float]:
    """What the release's losses came to."""
    return reference.stored_losses(seed)


@pytest.fixture(scope="session")
def released_model(checkpoint_file: Path) -> DIR:
    """The checkpoint loaded, with the hand model from its buffers; don't change it."""
    return load_checkpoint(checkpoint_file)


@pytest.fixture(scope="session")
def released_prediction(released_model: DIR, released_inputs: Mapping[str, np.ndarray]) -> Prediction:
    """Our network's answer on the reference picture."""
    with torch.no_grad():
        return released_model(torch.from_numpy(released_inputs["img"]))
