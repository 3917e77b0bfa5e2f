"""The plan for teachers says how long a notebook takes, as the notebook itself does."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_table_of_minutes_is_what_the_notebooks_say():
    page = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    table = re.findall(r"\| \[\d\d\]\(\.\./notebooks/(\w+)\.ipynb\) \| (\d+) \| (\d+) \|", page)
    said = []
    for source in sorted((ROOT / "notebooks" / "source").glob("*.py")):
        minutes = re.search(r"about (\d+) minutes for the core, (\d+) for Further", source.read_text())
        assert minutes, source.name
        said.append((source.stem, *minutes.groups()))
    assert table == said
