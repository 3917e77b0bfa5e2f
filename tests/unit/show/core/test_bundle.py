import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import handlib

PACKAGE = Path(handlib.__file__).parent
SOURCES = PACKAGE / "show" / "core" / "js"
BUNDLE = PACKAGE / "assets" / "hands.bundle.js"
NAMES = ("build.mjs", "hands.css", "hands.js", "package-lock.json", "package.json", "scene.js")


def test_bundle_was_built_from_the_sources_that_are_here():
    assert sorted(path.name for path in SOURCES.iterdir() if path.is_file()) == sorted(NAMES)
    digest = hashlib.sha256(b"".join((SOURCES / name).read_bytes() for name in NAMES)).hexdigest()
    stored = (PACKAGE / "assets" / "hands.bundle.sources.sha256").read_text().strip()
    assert digest == stored, "run npm ci && npm run build in handlib/show/core/js"


def test_bundle_is_small_and_asks_for_nothing_elsewhere():
    text = BUNDLE.read_text(encoding="utf-8")
    assert len(text.encode()) <= 650_000
    assert "three.js" in text[:200] and "MIT" in text[:200]
    for asking in ("importScripts", "cdn.", "unpkg", "jsdelivr", "fonts.googleapis"):
        assert asking not in text


@pytest.mark.skipif(
    shutil.which("node") is None or not (SOURCES / "node_modules").is_dir(),
    reason="rebuilding needs node and `npm ci` in handlib/show/core/js",
)
def test_rebuilding_gives_the_same_bundle(tmp_path):
    target = tmp_path / "hands.bundle.js"
    subprocess.run(["node", "build.mjs", str(target)], cwd=SOURCES, check=True, env=dict(os.environ))
    assert target.read_bytes() == BUNDLE.read_bytes()
