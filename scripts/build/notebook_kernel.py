"""The environment of notebooks' kernels, for building and for testing notebooks."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STARTUP = """from jaxtyping import install_import_hook

install_import_hook("handlib", "beartype.beartype")
"""


@contextmanager
def kernel_environment(threads: int = 1) -> Iterator[dict[str, str]]:
    """Yields a kernel's environment: it sets the number of threads and makes handlib check shapes."""
    with tempfile.TemporaryDirectory() as folder:
        startup = Path(folder) / "profile_default" / "startup"
        startup.mkdir(parents=True)
        (startup / "00-check-shapes.py").write_text(STARTUP)
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        yield {
            **os.environ,
            **dict.fromkeys(names, str(threads)),
            "IPYTHONDIR": folder,
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }
