"""What ``pyproject.toml`` can't say: a wheel holds ``data_samples`` inside the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithSamples(build_py):
    """Copies the networks, sample pairs and results that ship; a checkout has them beside the package."""

    def run(self) -> None:
        """Builds as ever, then copies."""
        super().run()
        if not self.editable_mode:
            shutil.copytree(
                "data_samples", Path(self.build_lib, "handlib", "data_samples"), dirs_exist_ok=True
            )


setup(cmdclass={"build_py": BuildWithSamples})
