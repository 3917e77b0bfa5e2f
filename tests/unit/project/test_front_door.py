"""The front door: what ``import handlib`` offers, README's five lines, and the package as a wheel."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
import torch
from PIL import Image
from support.random_pairs import random_pairs
from support.tiny import TINY

import handlib
from handlib.data.sample import normalise
from handlib.photos import reconstruct as front
from handlib.utils import resources

ROOT = Path(__file__).parents[3]
HEAVY = (
    "matplotlib plotly IPython ipykernel ipywidgets anywidget traitlets jupyterlab trimesh pyarrow rich tyro"
)
FILES = ["hands.glb", "left.glb", "overlay.png", "result.json", "right.glb"]


def five_lines() -> str:
    (code,) = re.findall(r"```python\n(import handlib\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line]) == 5
    return code


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing but a reader's photo.jpg, and no screen."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(front, "_has_screen", lambda: False)
    Image.open(resources.samples_folder() / "test" / "0003.png").save("photo.jpg")
    return tmp_path


def test_the_five_lines_of_readme(empty_folder: Path, capsys: pytest.CaptureFixture[str]):
    exec(five_lines(), {})
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "(778, 3) (21, 3)"
    assert "save(folder) writes overlay.png" in said[1]
    assert sorted(p.name for p in (empty_folder / "result").iterdir()) == FILES


def test_a_notebook_shows_the_overlay_and_the_hands(empty_folder: Path, monkeypatch: pytest.MonkeyPatch):
    shown: list[object] = []
    monkeypatch.setattr(front, "_in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", shown.append)
    result = handlib.reconstruct("photo.jpg")
    result.show()
    picture, view = shown
    assert isinstance(picture, Image.Image)
    assert isinstance(view, handlib.show.HandsView)
    assert view.vertices[1] == pytest.approx(result.right.vertices, abs=1e-6)


def test_public_names():
    assert (
        set(handlib.__all__)
        == set(dir(handlib))
        == {
            *("DIR", "DIRConfig", "Hand", "Sample"),
            *("evaluate", "load_samples", "models", "read_picture", "reconstruct", "show", "train"),
        }
    )
    assert all(getattr(handlib, name).__doc__ for name in handlib.__all__)
    assert re.match(r"\d+\.\d+", handlib.__version__)
    assert resources.DEFAULT_NETWORK in handlib.models()


def test_a_network_and_a_reconstruction_need_no_widget_and_no_plot():
    code = """if True:
        import sys, numpy, handlib
        print(*sys.modules, sep=",")
        model = handlib.DIR(handlib.DIRConfig.small()).eval()
        handlib.reconstruct(numpy.zeros((80, 60, 3), numpy.uint8), model=model).overlay()
        print(*sys.modules, sep=",")
    """
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    bare, used = (set(line.split(",")) for line in run.stdout.splitlines())
    assert "torch" not in bare and "torch" in used
    assert used.isdisjoint([*HEAVY.split(), "scipy.stats"])


def test_texts_of_public_objects_are_short():
    pair, model = random_pairs(2), handlib.DIR(TINY).eval()
    with torch.no_grad():
        trace = model.trace(normalise(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)))
    result = handlib.reconstruct(pair.image[0], model=model)
    estimate = trace.prediction.final
    objects = (pair, model, model.hands["left"], trace, trace.prediction, trace.stages[0], estimate)
    for one in (*objects, estimate.params, result, result.left):
        assert len(repr(one)) < 600, type(one)
    assert "vertices=(1, 2, 778, 3)" in repr(estimate)


def test_a_wheel_holds_what_ships_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert resources.samples_folder() == ROOT / "data_samples"
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "handlib" / "utils" / "resources.py"))
    (tmp_path / "handlib" / "data_samples").mkdir(parents=True)
    assert resources.samples_folder() == tmp_path / "handlib" / "data_samples"


@pytest.mark.slow
def test_the_wheel_works_in_an_environment_of_its_own(empty_folder: Path):
    source, environment = empty_folder / "source", empty_folder / "environment"
    for name in ("handlib", "data_samples"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = [*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", empty_folder, source]
    subprocess.run(build, check=True)
    (wheel,) = empty_folder.glob("*.whl")
    assert wheel.stat().st_size < 40e6
    venv.create(environment)
    binaries = environment / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([*pip, "--python", binaries / "python", "install", "-q", "--no-deps", wheel], check=True)
    (place,) = environment.rglob("handlib/__init__.py")
    # Its dependencies are this environment's.
    (place.parents[1] / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    shutil.rmtree(source)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    clean = {name: value for name, value in clean.items() if "DISPLAY" not in name}

    def said(*command: str | Path) -> str:
        options = {"cwd": empty_folder, "env": clean, "text": True, "check": True}
        return subprocess.run(command, stdout=subprocess.PIPE, **options).stdout

    assert said(binaries / "python", "-c", "import handlib; print(handlib.__file__)").strip() == str(place)
    assert said(binaries / "python", "-c", five_lines()).startswith("(778, 3) (21, 3)\n")
    assert sorted(p.name for p in (empty_folder / "result").iterdir()) == FILES
    small, wild = said(binaries / "handlib", "models").splitlines()
    assert small.startswith("small ") and wild.startswith("wild ") and wild.endswith("(the default)")
    assert "full" in said(binaries / "handlib", "ablate", "--table")
    samples = "import handlib; print(len(handlib.load_samples('test')))"
    assert said(binaries / "python", "-c", samples) == "16\n"
