"""Shapes and types in handlib's signatures are checked at every call that a test makes."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from jaxtyping import install_import_hook

install_import_hook("handlib", "beartype.beartype")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))


@pytest.fixture(autouse=True)
def arithmetic_as_it_was() -> Iterator[None]:
    """Commands that train flush denormal numbers to zero in their process, which here is the tests' own."""
    yield
    torch.set_flush_denormal(False)
