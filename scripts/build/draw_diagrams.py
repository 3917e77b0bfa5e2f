"""Draws the Mermaid diagrams of ``docs`` as SVG for the book, whose pages load no Mermaid.

    python scripts/build/draw_diagrams.py

JupyterLab, which contains Mermaid, shows the diagram in a headless Chromium, and the picture is taken from
there. A picture's name is the hash of its code, so a changed diagram needs a new picture.
"""

import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

import nbformat
from build_book import BOOK, ROOT, diagram_name, diagrams
from playwright.sync_api import sync_playwright

from handlib.doctor.machine import chromium
from handlib.utils.files import write_text

PORT = 8987
IMAGE = ".jp-RenderedMermaid img"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")


def wait_for(url: str, seconds: float = 60) -> None:
    """Returns when a server answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.25)
    raise TimeoutError(f"JupyterLab did not start at {url}")


def draw(codes: list[str]) -> list[str]:
    """Returns the SVG of each diagram, drawn by JupyterLab from the text of a notebook."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        cells = [nbformat.v4.new_markdown_cell(f"```mermaid\n{code}```") for code in codes]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), Path(folder, "page.ipynb"))
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
        command += [f"--port={PORT}", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
        lab = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(f"http://127.0.0.1:{PORT}/api")
            browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1400, "height": 1600})
            page.goto(f"http://127.0.0.1:{PORT}/lab/tree/page.ipynb")
            page.locator(IMAGE).nth(len(codes) - 1).wait_for(timeout=60_000)
            sources = [image.get_attribute("src") for image in page.locator(IMAGE).all()]
            browser.close()
        finally:
            lab.terminate()
            lab.wait(20)
    drawn = [urllib.parse.unquote(source.partition(",")[2]) for source in sources]
    return [svg[svg.index("<svg") :] for svg in drawn]


def main() -> None:
    codes = [code for page in sorted((ROOT / "docs").glob("*.md")) for code in diagrams(page.read_text())]
    for old in (BOOK / "diagrams").glob("*.svg"):
        old.unlink()
    for code, svg in zip(codes, draw(codes), strict=True):
        write_text(BOOK / "diagrams" / diagram_name(code), svg)
        print(f"{diagram_name(code)}: {len(svg)} characters")


if __name__ == "__main__":
    main()
