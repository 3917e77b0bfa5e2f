"""What a script has written into a page."""

from pathlib import Path


def between_marks(page: Path, writer: str) -> str:
    """The text between the writer's mark and the end of what it writes."""
    _, _, rest = page.read_text().partition(f"<!-- {writer} writes from here -->\n")
    return rest.partition("\n<!-- to here -->")[0]
