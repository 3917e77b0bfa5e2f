"""The book, as a reader has it who has neither a kernel nor a network."""

import functools
import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe
from book_api import read_modules
from build_book import SITE
from support.browser import keep_inside, launched
from support.recorded_page import SECONDS, keep_complaints, wait_until_live

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-book" / "bin" / "python"
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("book")]
AUDITED = (
    "index.html",
    "docs/claims.html",
    "notebooks/01_hand_model.html",
    "api/training.html",
    "search.html",
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def said_while_building() -> str:
    """Builds the book from what is here now; what Sphinx had to say about it."""
    if not PYTHON.exists():
        pytest.skip("the book's environment isn't there: make book")
    command = [PYTHON, ROOT / "scripts" / "build" / "build_book.py"]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    return built.stderr


@pytest.fixture(scope="module")
def book(said_while_building: str) -> Iterator[str]:
    """The address of the book, served from this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def chromium(browser_path: str) -> Iterator:
    with launched(browser_path) as browser:
        yield browser


@pytest.fixture
def open_page(chromium, book: str) -> Iterator:
    """Opens a page of the book, with nothing to be had from anywhere else.

    ``page.complaints`` collects every error, ``page.outside`` every address beyond the book.
    """
    contexts = []

    def open_page(name: str, **options):
        context = chromium.new_context(viewport={"width": 1300, "height": 1000}, **options)
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.outside = keep_complaints(page), keep_inside(page, book)
        page.goto(f"{book}/{name}")
        return page

    yield open_page
    for context in contexts:
        context.close()


def pages() -> list[str]:
    """Every page of the site, as a path below its root."""
    return sorted(str(path.relative_to(SITE)) for path in SITE.rglob("*.html") if "_static" not in path.parts)


class Reading(HTMLParser):
    """What a page refers to, and what can be referred to in it."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors, self.links, self.parts, self.open_details = {""}, [], [], 0
        self.collapsed = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        elif tag in ("img", "script", "iframe", "source") and values.get("src"):
            self.parts.append(values["src"])
        elif tag == "link" and values.get("href") and values.get("rel") != "canonical":
            self.parts.append(values["href"])
        if tag == "details" and "hide" in (values.get("class") or ""):
            self.collapsed += 1
            self.open_details += "open" in values


@functools.cache
def read(name: str) -> Reading:
    reading = Reading()
    reading.feed((SITE / name).read_text(encoding="utf-8"))
    return reading


def test_the_build_has_nothing_to_warn_of(said_while_building):
    assert [line for line in said_while_building.splitlines() if "WARNING" in line or "ERROR" in line] == []


def test_no_page_asks_for_anything_elsewhere_or_complains(open_page, book):
    complaints = {}
    page = open_page("index.html")
    for name in pages():
        page.goto(f"{book}/{name}")
        page.wait_for_load_state("networkidle")
        broken = page.locator("mjx-merror").count()
        if page.complaints or page.outside or broken:
            complaints[name] = [*page.complaints, *page.outside, f"{broken} broken formulas"]
        page.complaints.clear()
        page.outside.clear()
    assert complaints == {}


def test_every_link_and_every_part_of_a_page_is_there():
    missing = []
    for name in pages():
        reading = read(name)
        outside = [part for part in reading.parts if part.startswith(("http:", "https:", "//"))]
        missing += [f"{name}: {part} is elsewhere" for part in outside]
        for link in reading.links + reading.parts:
            target, anchor = urldefrag(urljoin(f"book:/{name}", link))
            if not target.startswith("book:/"):
                continue
            file = unquote(target.removeprefix("book:/")).split("?")[0].lstrip("/") or name
            if not (SITE / file).is_file():
                missing.append(f"{name}: {link}")
            elif file.endswith(".html") and unquote(anchor) not in read(file).anchors:
                missing.append(f"{name}: {link} has no such place")
    assert missing == []


def test_every_notebook_and_every_module_is_in_the_book():
    contents = {urljoin("/index.html", link) for link in read("index.html").links}
    notebooks = [path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")]
    assert len(notebooks) >= 12
    assert [name for name in notebooks if f"/notebooks/{name}.html" not in contents] == []
    anchors = set().union(*(read(name).anchors for name in pages() if name.startswith("api/")))
    modules = [module.name for module in read_modules(ROOT / "handlib")]
    assert len(modules) > 60
    assert [name for name in modules if f"module-{name}" not in anchors] == []
    assert "handlib.geometry.camera.project_pinhole" in anchors


def test_solutions_are_there_and_collapsed():
    for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        hidden = sum("hide-cell" in cell["metadata"].get("tags", []) for cell in cells)
        reading = read(f"notebooks/{path.stem}.html")
        assert hidden > 0
        assert (reading.collapsed, reading.open_details) == (hidden, 0), path.stem


def test_pictures_stay_on_paper_and_without_javascript(open_page):
    page = open_page("index.html")
    wait_until_live(page, "00_stages")
    page.emulate_media(media="print")
    assert page.locator('[data-recorded="00_stages"] > img').is_visible()
    assert not page.locator(".recorded-live").is_visible()
    assert not page.locator(".bd-sidebar-primary").is_visible()
    plain = open_page("notebooks/00_tour.html", java_script_enabled=False)
    assert plain.locator('[data-recorded="00_stages"] > img').is_visible()


def test_search_finds_words_and_functions(open_page):
    page = open_page("search.html?q=skinning")
    results = page.locator("#search-results li a")
    results.first.wait_for(timeout=30 * SECONDS)
    assert any("01_hand_model" in link.get_attribute("href") for link in results.all())
    page = open_page("search.html?q=fit_weak_perspective")
    results = page.locator("#search-results li a")
    results.first.wait_for(timeout=30 * SECONDS)
    assert any("api/geometry" in link.get_attribute("href") for link in results.all())
    assert page.complaints == []


def test_keyboard_reaches_everything_on_the_title_page(open_page):
    page = open_page("index.html")
    wait_until_live(page, "00_stages")
    reached = []
    for _ in range(120):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                """() => { const e = document.activeElement, style = getComputedStyle(e);
                return [e.tagName, e.getAttribute('type') ?? e.textContent.trim().slice(0, 20),
                        style.outlineStyle !== 'none' || style.boxShadow !== 'none']; }"""
            )
        )
    assert reached[0][1].startswith("Skip to main")
    assert {"INPUT", "CANVAS", "SELECT", "BUTTON"} <= {tag for tag, _, _ in reached}
    invisible = [(tag, what) for tag, what, visible in reached if not visible and tag != "BODY"]
    assert invisible == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", AUDITED)
def test_pages_are_accessible(open_page, name: str, scheme: str):
    page = open_page(name, color_scheme=scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.wait_for_load_state("networkidle")
    if page.locator(".recorded").count():
        page.locator(".recorded").first.scroll_into_view_if_needed()
        page.locator(".recorded.is-live").first.wait_for(timeout=60 * SECONDS)
    found = Axe().run(page).response["violations"]
    serious = {
        violation["id"]: [node["html"][:200] for node in violation["nodes"]][:5]
        for violation in found
        if violation["impact"] in ("serious", "critical")
    }
    assert serious == {}
