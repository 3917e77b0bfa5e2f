"""JupyterLab as the course needs it: ``jupyter lab --config=jupyter_lab_config.py``, as `make lab` does.

Readers work in copies of the notebooks, in the folder ``work``, which git ignores. Pages link to the copies.
"""

from pathlib import Path

from ipykernel.ipkernel import IPythonKernel
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from handlib.exercises.core.reader_copies import (
    COPIES,
    ORIGINALS,
    linked_to,
    make_reader_copies,
    without_dead_widgets,
)

ROOT = Path(__file__).resolve().parent


def is_python(model: dict) -> bool:
    """Tells a notebook with its content, for the kernel of this Python, from all else."""
    content = model.get("content") if model["type"] == "notebook" else None
    return bool(content) and content["metadata"].get("kernelspec", {}).get("name") == "python3"


def is_page(model: dict) -> bool:
    """Tells a page in Markdown with its content from all else."""
    return model["type"] == "file" and model["path"].endswith(".md") and isinstance(model["content"], str)


class CourseFiles(AsyncLargeFileManager):
    """Notebooks that were only opened are neither unsaved in Lab nor changed in git; pages link to copies.

    Lab writes the name of the kernel and the version of its Python into every notebook that it opens. Here
    it finds them there already, and they are not saved.
    """

    async def has_kernel(self, path: str) -> bool:
        """Whether a notebook's kernel is running."""
        sessions = await self.parent.session_manager.list_sessions()
        return any(session["path"] == path for session in sessions)

    async def get(self, path: str, *arguments: object, **options: object) -> dict:
        """A file or folder; a notebook with what Lab would add, and without dead widgets."""
        model = await super().get(path, *arguments, **options)
        if is_page(model):
            model["content"] = linked_to(COPIES, model["content"], model["path"])
        if is_python(model):
            if not await self.has_kernel(model["path"]):
                without_dead_widgets(model["content"])
            metadata = model["content"]["metadata"]
            metadata["language_info"] = IPythonKernel.language_info
            metadata["kernelspec"]["display_name"] = "Python 3 (ipykernel)"
        return model

    async def save(self, model: dict, path: str = "") -> dict:
        """Saves a file; a notebook without what Lab added, a page with links to the originals."""
        if is_page({"path": path.strip("/"), **model}):
            model["content"] = linked_to(ORIGINALS, model["content"], path)
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


make_reader_copies(ROOT / ORIGINALS, ROOT / COPIES)
c = get_config()
c.ServerApp.root_dir = str(ROOT)  # Notebooks link to pages in docs/.
c.ServerApp.tornado_settings = {"page_config_hook": without_news}
c.ServerApp.contents_manager_class = CourseFiles
c.LabApp.default_url = f"/lab/tree/{COPIES}/00_tour.ipynb"
