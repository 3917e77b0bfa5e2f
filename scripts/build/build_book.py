"""The book: a static site from the committed notebooks and pages, built offline with jupyter-book 1.

    python scripts/build/build_book.py       book/_build/html/index.html

Pages keep their places in the repository, so that links between them work in the book as on GitHub. Two
things change. A widget's picture gets its recording (``book/recorded``, see ``record_book.py``), which the
page's JavaScript makes interactive. A diagram becomes the picture that was drawn of it
(``draw_diagrams.py``). The build needs the packages of ``book/requirements.txt``; it executes and fetches
nothing.
"""

import base64
import gzip
import hashlib
import html
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import book_api

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
BUILD = BOOK / "_build"
SOURCE = BUILD / "source"
SITE = BUILD / "html"
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/*.md",
    "notebooks/README.md",
    "notebooks/[0-9]*.ipynb",
    "benchmarks/README.md",
    "data_samples/README.md",
    "data_samples/checkpoints/*/README.md",
)
PLOTLY = "application/vnd.plotly.v1+json"
MATHJAX_PARTS = ("tex-chtml.js", "input/tex/extensions", "output/chtml/fonts/woff-v2")
DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?\[[^\]]*\]\()((?!\w+:|#)[^)\s]+)\)")
EXPORT = re.compile(r"export\s*\{\s*([\w$]+) as default\s*\};?")


class BookError(RuntimeError):
    """The book can't be built; the message names the missing part and the command that makes it."""


def read_recordings() -> dict[str, dict]:
    """Returns all recordings by name."""
    files = sorted((BOOK / "recorded").glob("*.json.gz"))
    return {
        file.name.removesuffix(".json.gz"): json.loads(gzip.decompress(file.read_bytes())) for file in files
    }


def recorded_html(name: str, picture: str, words: str) -> str:
    """Returns HTML of a picture, which the page's JavaScript replaces by the recorded widget."""
    alt = html.escape(words, quote=True)
    return f'<div class="recorded" data-recorded="{name}"><img src="{picture}" alt="{alt}"></div>'


def with_recordings(notebook: dict, name: str, recordings: dict[str, dict]) -> dict:
    """Returns a notebook whose recorded widgets are interactive.

    Raises:
        BookError: a recording of this notebook belongs to none of its outputs.
    """
    missing = {key: value["text"] for key, value in recordings.items() if value["notebook"] == name}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            text = "".join(data.get("text/plain", ""))
            found = next((key for key, stored in missing.items() if stored == text), None)
            if found and "image/png" in data:
                del missing[found]
                picture = f"data:image/png;base64,{''.join(data['image/png']).strip()}"
                output["data"] = {"text/html": recorded_html(found, picture, text)}
    if missing:
        raise BookError(
            f"{name}: no output is the widget recorded as {', '.join(missing)}: "
            "run python scripts/build/record_book.py"
        )
    return notebook


def without_charts(notebook: dict) -> dict:
    """Returns a notebook whose Plotly charts are pictures, since Plotly would have to be fetched."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output["data"].pop(PLOTLY, None)
    return notebook


def diagram_name(code: str) -> str:
    """Returns the file name of a diagram's picture, which depends on the diagram's code."""
    return f"{hashlib.sha256(code.encode()).hexdigest()[:12]}.svg"


def diagrams(text: str) -> list[str]:
    """Returns the Mermaid code of every diagram of a page."""
    return DIAGRAM.findall(text)


def with_diagrams(text: str, page: Path) -> str:
    """Returns a page with pictures instead of Mermaid code.

    Raises:
        BookError: a diagram wasn't drawn yet.
    """

    def picture(match: re.Match) -> str:
        file = BOOK / "diagrams" / diagram_name(match[1])
        if not file.exists():
            raise BookError(f"{page}: its diagram has changed: run python scripts/build/draw_diagrams.py")
        labels = re.findall(r'\["([^"]*)"\]', match[1])
        words = "; ".join(label.replace("<br>", ": ") for label in labels)
        up = "../" * len(page.relative_to(ROOT).parent.parts)
        return f'```{{image}} {up}diagrams/{file.name}\n:alt: "Flow chart: {words}"\n:class: diagram\n```'

    return DIAGRAM.sub(picture, text)


def notebook_table() -> str:
    """Returns the table of notebooks by question, from the notebooks' README."""
    text = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    table = text[text.index("| | question") : text.index("## Questions")].strip()
    return LINK.sub(lambda match: f"{match[1]}notebooks/{match[2]})", table)


def title_page(recordings: dict[str, dict]) -> str:
    """Returns the book's first page, with a recorded widget and the table of notebooks in place of marks."""
    text = (BOOK / "index.md").read_text(encoding="utf-8")
    picture = base64.b64encode((ROOT / "docs" / "pictures" / "tour.png").read_bytes()).decode()

    def recorded(match: re.Match) -> str:
        words = recordings[match[1]]["text"]
        return recorded_html(match[1], f"data:image/png;base64,{picture}", words)

    text = re.sub(r"<!-- recorded: (\w+) -->", recorded, text)
    return text.replace("<!-- notebooks -->", notebook_table())


def put(path: Path, content: str | bytes) -> None:
    """Writes a file, and makes its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def put_linked_files(text: str, page: Path) -> None:
    """Copies the files that a page links to or shows, except pages."""
    for _, target in LINK.findall(text):
        file = (page.parent / target.split("#")[0]).resolve()
        if file.is_file() and file.suffix not in (".md", ".ipynb"):
            put(SOURCE / file.relative_to(ROOT), file.read_bytes())


def put_pages(recordings: dict[str, dict]) -> None:
    """Copies all pages and writes the API reference."""
    put(SOURCE / "index.md", title_page(recordings))
    for name, text in book_api.pages(book_api.read_modules(ROOT / "handlib")).items():
        put(SOURCE / "api" / f"{name}.rst", text)
    for page in sorted(path for pattern in PAGES for path in ROOT.glob(pattern)):
        target, text = SOURCE / page.relative_to(ROOT), page.read_text(encoding="utf-8")
        if page.suffix == ".ipynb":
            notebook = with_recordings(json.loads(text), page.stem, recordings)
            put(target, json.dumps(without_charts(notebook), ensure_ascii=False))
        else:
            put_linked_files(text, page)
            put(target, with_diagrams(text, page))


def put_scripts(static: Path, recordings: dict[str, dict]) -> None:
    """Writes the scripts of recorded widgets as classic scripts, which work without a server too.

    Raises:
        BookError: the view's bundle has no default export.
    """
    bundle = (ROOT / "handlib" / "assets" / "hands.bundle.js").read_text(encoding="utf-8")
    if len(EXPORT.findall(bundle)) != 1:
        raise BookError("hands.bundle.js: expected one default export")
    classic = EXPORT.sub(r"window.handsView = \1;", bundle)
    put(static / "hands.js", f"(() => {{\n{classic}\n}})();\n")
    for file in (BOOK / "static").iterdir():
        put(static / file.name, file.read_bytes())
    for name in recordings:
        packed = base64.b64encode((BOOK / "recorded" / f"{name}.json.gz").read_bytes()).decode()
        put(static / "recorded" / f"{name}.js", f'handsRecorded["{name}"]("{packed}");\n')


def put_mathjax(static: Path) -> None:
    """Copies the parts of MathJax that the pages load."""
    mathjax = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    for part in MATHJAX_PARTS:
        files = [mathjax / part] if (mathjax / part).is_file() else sorted((mathjax / part).iterdir())
        for file in files:
            put(static / "mathjax" / file.relative_to(mathjax), file.read_bytes())


def main() -> int:
    recordings = read_recordings()
    shutil.rmtree(BUILD, ignore_errors=True)
    put_pages(recordings)
    put_scripts(SOURCE / "static", recordings)
    put_mathjax(SOURCE / "static")
    for file in (BOOK / "diagrams").glob("*.svg"):
        put(SOURCE / "diagrams" / file.name, file.read_bytes())
    for name in ("_config.yml", "_toc.yml", "extensions/book_pages.py"):
        put(SOURCE / name, (BOOK / name).read_bytes())
    command = [Path(sys.executable).with_name("jupyter-book"), "build", SOURCE, "--path-output", BOOK]
    return subprocess.run([*command, "--quiet", *sys.argv[1:]], check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BookError as error:
        sys.exit(f"book: {error}")
