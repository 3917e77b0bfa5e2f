"""JupyterLab as the course needs it: ``jupyter lab --config=jupyter_lab_config.py``, as `make lab` does.

Readers work in copies of the notebooks, in the folder ``work``, which git ignores.
"""

from pathlib import Path

from handlib.exercises.core.reader_copies import make_reader_copies

ROOT = Path(__file__).resolve().parent


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
c.LabApp.default_url = "/lab/tree/work/00_tour.ipynb"
