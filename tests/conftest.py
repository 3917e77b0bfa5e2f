"""Shapes and types in handlib's signatures are checked at every call that a test makes."""

from collections.abc import Iterator

import pytest
import torch
from jaxtyping import install_import_hook

install_import_hook("handlib", "beartype.beartype")


SLOWEST_FIRST = (
    "test_book.py",
    "test_robustness.py",
    "test_train.py",
    "test_processes.py",
    "test_your_photo.py",
    "test_training.py",
    "test_forward.py",
    "test_real_thing.py",
    "test_ablations.py",
    "test_widget.py",
    "test_killed.py",
    "test_ablate.py",
    "test_fuzz.py",
    "test_onnx_export.py",
    "test_batch.py",
    "test_released_losses.py",
    "test_released_export.py",
)
"""Files that take longest: begun last, one of them would run on while the other process has nothing to do."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the slowest files first; the others keep their order."""
    rank = {name: place for place, name in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


@pytest.fixture(autouse=True)
def arithmetic_as_it_was() -> Iterator[None]:
    """Commands that train flush denormal numbers to zero in their process, which here is the tests' own."""
    yield
    torch.set_flush_denormal(False)
