"""Shapes and types in handlib's signatures are checked at every call that a test makes."""

import sys
from pathlib import Path

from jaxtyping import install_import_hook

install_import_hook("handlib", "beartype.beartype")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
