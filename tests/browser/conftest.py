"""A real JupyterLab on this machine and a real browser: one Lab per process, one page per test file."""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.browser import keep_inside, launched

from handlib.doctor.machine import chromium

ROOT = Path(__file__).parents[2]
FOLDERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR")
FOLDERS += ("JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")
WITHOUT_AUTOSAVE = {"@jupyterlab/docmanager-extension:plugin": {"autosave": False}}


def no_browser(reason: str) -> None:
    """Without a browser these tests can't run: a user's machine skips them, CI must have one."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; CI must have one")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser_path() -> str:
    """The system's chromium; the environment variable CHROMIUM names another one."""
    if importlib.util.find_spec("playwright") is None:
        no_browser("playwright is not installed")
    found = chromium()
    if found is None:
        no_browser("no chromium found on this machine")
    return found


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab over a copy of the repository's notebooks and pages."""

    url: str
    root: Path

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"

    def ask(self, path: str, method: str = "GET") -> bytes:
        """An answer of the server's API."""
        request = urllib.request.Request(f"{self.url}/api{path}", method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read()

    def stop_kernels(self) -> None:
        """Stops every kernel, so that they don't add up over the files."""
        for session in json.loads(self.ask("/sessions")):
            self.ask(f"/sessions/{session['id']}", "DELETE")


def wait_until_up(lab: Lab, process: subprocess.Popen, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            lab.ask("")
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    raise RuntimeError(f"JupyterLab did not start at {lab.url}")


@pytest.fixture(scope="session")
def lab(browser_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab as `make lab` starts it, with folders of its own."""
    home = tmp_path_factory.mktemp("lab")
    root = home / "repository"
    (root / "docs").mkdir(parents=True)
    (root / "notebooks").mkdir()
    copied = (("notebooks", "*.ipynb"), ("docs", "*.md"), ("", "jupyter_lab_config.py"))
    for folder, pattern in copied:
        for file in (ROOT / folder).glob(pattern):
            shutil.copy(file, root / folder)
    folders = {name: str(home / name.lower()) for name in FOLDERS}
    overrides = Path(folders["JUPYTER_CONFIG_DIR"]) / "labconfig"
    overrides.mkdir(parents=True)
    (overrides / "default_setting_overrides.json").write_text(json.dumps(WITHOUT_AUTOSAVE))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--config", root / "jupyter_lab_config.py"]
    command += ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--ServerApp.port_retries=0"]
    # Without a token the server asks for none; without this its API would still refuse to stop kernels.
    command += ["--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True"]
    with open(home / "log", "w") as log:
        ours = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
        environment = {**os.environ, **folders, **ours}
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)
    try:
        running = Lab(f"http://127.0.0.1:{port}", root)
        wait_until_up(running, process)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture(scope="module")
def tab(lab: Lab, browser_path: str) -> Iterator:
    """The page of a test file, in a browser of its own: 3D views of many files would use up its contexts."""
    with launched(browser_path) as browser:
        tab = browser.new_page(viewport={"width": 1400, "height": 1000})
        tab.outside = keep_inside(tab, lab.url)
        tab.on("dialog", lambda dialog: dialog.accept())
        yield tab
    lab.stop_kernels()


@pytest.fixture
def page(tab, tmp_path: Path) -> Iterator:
    """The file's page; its last state is kept as ``last.png`` in the test's temporary folder."""
    yield tab
    tab.screenshot(path=tmp_path / "last.png")
    assert tab.outside == []
