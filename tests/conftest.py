"""Shapes and types in handlib's signatures are checked at every call that a test makes."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

install_import_hook("handlib", "beartype.beartype")

# Examples of properties: few and the same ones each time, or many with --hypothesis-profile=thorough.
QUICK = settings(
    max_examples=30, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
settings.register_profile("quick", QUICK)
settings.register_profile("thorough", QUICK, max_examples=300, derandomize=False)
settings.load_profile("quick")


SLOWEST_FIRST = (
    "test_book.py",
    "test_killed.py",
    "test_distributed.py",
    "test_photos.py",
    "test_hands_view.py",
    "test_lab.py",
    "test_forward.py",
    "test_onnx.py",
    "test_network.py",
    "test_loop.py",
    "test_convert.py",
    "test_metrics.py",
    "test_batch.py",
    "test_cli.py",
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
