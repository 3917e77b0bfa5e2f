"""Text sources -> executed notebooks: ``notebooks/source/*.py`` (percent format) -> ``notebooks/*.ipynb``.

    python scripts/build/build_notebooks.py                    all notebooks
    python scripts/build/build_notebooks.py 01_hand_model      some, by name
    python scripts/build/build_notebooks.py --check            runs nothing: fails if a notebook is out of
    date

The same source gives the same bytes: cell ids are numbers, timings and widget state aren't kept, and numerics
run in one thread. Of a widget its picture is kept, but not its live view, whose id is random.
"""

import argparse
import base64
import hashlib
import io
import sys
import time
from pathlib import Path

import jupytext
import nbclient
import nbformat
import numpy as np
from nbformat import NotebookNode
from notebook_kernel import kernel_environment
from PIL import Image

from handlib.show.core.raster import encode_png
from handlib.utils.files import write_text

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
CELL_SECONDS = 300
LARGEST_FILE = 1_000_000
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


class BuildError(RuntimeError):
    """A notebook must not be committed; the message names the notebook, the cell and the problem."""


def read_source(source: Path) -> NotebookNode:
    """Returns the notebook of a source, not yet run: cells are numbered, and nothing in it is random."""
    text = source.read_text(encoding="utf-8")
    notebook = jupytext.reads(text, fmt="py:percent")
    digest = hashlib.sha256(text.encode()).hexdigest()
    notebook.metadata = NotebookNode(
        kernelspec=KERNEL, language_info={"name": "python"}, handlib={"source_sha256": digest}
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"{source.stem[:2]}-{number:03d}"
    return notebook


def shrink_png(encoded: str) -> str:
    """Returns a PNG output with a palette and without metadata. An image with a palette stays as it is."""
    image = Image.open(io.BytesIO(base64.b64decode(encoded)))
    if image.mode == "P":
        return encoded.replace("\n", "")
    opaque = Image.new("RGB", image.size, "white")
    opaque.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    return base64.b64encode(encode_png(np.asarray(opaque))).decode()


def clean_outputs(cell: NotebookNode, where: str) -> None:
    """Makes a cell's outputs reproducible, or raises a :class:`BuildError`."""
    for output in cell.get("outputs", []):
        if output.get("name") == "stderr":
            raise BuildError(f"{where}: expected no output on stderr, got {output['text'].strip()[:300]!r}")
        data = output.get("data", {})
        if data.pop(WIDGET_VIEW, None) is not None and not {"image/png", "text/html"} & data.keys():
            raise BuildError(
                f"{where}: expected a picture or a page beside the widget, for readers without a kernel"
            )
        if "image/png" in data:
            data["image/png"] = shrink_png(data["image/png"])


def execute(notebook: NotebookNode, folder: Path, name: str) -> None:
    """Runs a notebook in place, cell by cell, in ``folder``."""
    client = nbclient.NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name=KERNEL["name"],
        store_widget_state=False,
        coalesce_streams=True,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    with kernel_environment() as environment:
        try:
            client.execute(env=environment)
        except nbclient.exceptions.CellExecutionError as error:
            raise BuildError(f"{name}: {error}") from error
    notebook.metadata["language_info"] = {"name": "python"}


def build(source: Path, target: Path) -> None:
    """Runs one source and writes its notebook; an old notebook stays until the new one is complete."""
    notebook = read_source(source)
    execute(notebook, target.parent, source.stem)
    for cell in notebook.cells:
        clean_outputs(cell, f"{source.stem}, cell {cell['id']}")
    nbformat.validate(notebook)
    text = nbformat.writes(notebook, version=4) + "\n"
    if len(text.encode()) >= LARGEST_FILE:
        raise BuildError(f"{source.stem}: expected less than 1 MB, got {len(text.encode()) / 1e6:.2f} MB")
    write_text(target, text)


def differences(source: Path, target: Path) -> list[str]:
    """Returns the differences between a notebook and its source, without running anything; empty if none."""
    if not target.exists():
        return [f"{target.name}: missing"]
    wanted, found = read_source(source), nbformat.read(target, as_version=4)
    if found.metadata.get("handlib") == wanted.metadata["handlib"] and len(found.cells) == len(wanted.cells):
        keys = ("id", "cell_type", "source", "metadata")
        pairs = zip(wanted.cells, found.cells, strict=True)
        changed = [w["id"] for w, f in pairs if any(w.get(k) != f.get(k) for k in keys)]
        return [f"{target.name}: cell {cell} differs from the source" for cell in changed]
    return [f"{target.name}: built from another version of {source.name}"]


def check(sources: list[Path], folder: Path, complete: bool) -> list[str]:
    """Returns all differences between sources and notebooks; ``complete`` adds notebooks without a source."""
    problems = [p for source in sources for p in differences(source, folder / f"{source.stem}.ipynb")]
    if complete:
        orphans = {path.stem for path in folder.glob("*.ipynb")} - {source.stem for source in sources}
        problems += [f"{name}.ipynb: has no source" for name in sorted(orphans)]
    return problems


def main(arguments: list[str] | None = None, folder: Path = NOTEBOOKS) -> int:
    """Runs the command line and returns the exit status."""
    parser = argparse.ArgumentParser(description="Builds notebooks from their text sources.")
    parser.add_argument("names", nargs="*", help="notebooks, such as 01_hand_model; all if none is named")
    parser.add_argument("--check", action="store_true", help="only compare, run nothing")
    options = parser.parse_args(arguments)
    names = [Path(name).stem for name in options.names]
    sources = sorted(p for p in (folder / "source").glob("*.py") if not names or p.stem in names)
    unknown = set(names) - {source.stem for source in sources}
    if unknown:
        parser.error(f"no source for {', '.join(sorted(unknown))} in {folder / 'source'}")
    if options.check:
        problems = check(sources, folder, complete=not names)
        print("\n".join(problems) or f"{len(sources)} notebooks are up to date")
        return 1 if problems else 0
    for source in sources:
        started = time.monotonic()
        try:
            build(source, folder / f"{source.stem}.ipynb")
        except BuildError as error:
            print(error, file=sys.stderr)
            return 1
        size = (folder / f"{source.stem}.ipynb").stat().st_size
        print(f"{source.stem}: {time.monotonic() - started:.0f} s, {size / 1000:.0f} kB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
