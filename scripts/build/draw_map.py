"""Draws the map of DIR that the README and the book show."""

from pathlib import Path

from handlib.show.map import dir_map
from handlib.utils.files import write_text

PICTURE = Path(__file__).parents[2] / "docs" / "map.svg"


def main() -> None:
    write_text(PICTURE, dir_map().svg)


if __name__ == "__main__":
    main()
