"""JupyterLab as the course needs it: ``jupyter lab --config=jupyter_lab_config.py``, as `make lab` does.

Readers work in copies of the notebooks, in the folder ``work``, which git ignores.
"""

from pathlib import Path

from ipykernel.ipkernel import IPythonKernel
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from handlib.exercises.core.reader_copies import make_reader_copies

ROOT = Path(__file__).resolve().parent


def is_python(model: dict) -> bool:
    """Tells a notebook with its content, for the kernel of this Python, from all else."""
    content = model.get("content") if model["type"] == "notebook" else None
    return bool(content) and content["metadata"].get("kernelspec", {}).get("name") == "python3"


class UnchangedNotebooks(AsyncLargeFileManager):
    """A notebook that was only opened is neither unsaved in Lab nor changed in git.

    Lab writes the name of the kernel and the version of its Python into every notebook that it opens. Here
    it finds them there already, and they are not saved.
    """

    async def get(self, *arguments: object, **options: object) -> dict:
        """A file or folder; a notebook with what Lab would add."""
        model = await super().get(*arguments, **options)
        if is_python(model):
            metadata = model["content"]["metadata"]
            metadata["language_info"] = IPythonKernel.language_info
            metadata["kernelspec"]["display_name"] = "Python 3 (ipykernel)"
        return model

    async def save(self, model: dict, path: str = "") -> dict:
        """Saves a file; a notebook without what Lab added."""
        if is_python(model):
            metadata = model["content"]["metadata"]
            metadata["language_info"] = {"name": "python"}
            metadata["kernelspec"]["display_name"] = "Python 3"
        return await super().save(model, path)


def without_news(_: object, page_config: dict) -> dict:
    """Lab without its question whether to fetch news, which would cover a widget."""
    page_config["disabledExtensions"] = [
        *page_config.get("disabledExtensions", []),
        "@jupyterlab/apputils-extension:announcements",
    ]
    return page_config


make_reader_copies(ROOT / "notebooks", ROOT / "work")
c = get_config()
c.ServerApp.root_dir = str(ROOT)  # Notebooks link to pages in docs/.
c.ServerApp.tornado_settings = {"page_config_hook": without_news}
c.ServerApp.contents_manager_class = UnchangedNotebooks
c.LabApp.default_url = "/lab/tree/work/00_tour.ipynb"
