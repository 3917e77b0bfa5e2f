"""A pytest plugin for the nbval run: what isn't compared, and the kernel that notebooks are built with."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "build"))

from notebook_kernel import kernel_environment

NOT_COMPARED = (
    "text/html",
    "image/svg+xml",
    "application/vnd.plotly.v1+json",
    "application/vnd.jupyter.widget-view+json",
)
_open = ExitStack()


def pytest_configure(config):
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    os.environ.update(_open.enter_context(kernel_environment(threads)))


def pytest_unconfigure(config):
    _open.close()


def pytest_collectstart(collector):
    if type(collector).__name__ == "IPyNbFile":
        collector.skip_compare += NOT_COMPARED
