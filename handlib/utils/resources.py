"""What ships with the package, in a wheel and in a checkout alike: networks, sample pairs, results."""

from pathlib import Path

DEFAULT_NETWORK = "wild"
"""The network that answers where none is named."""


def samples_folder() -> Path:
    """``data_samples``: a wheel holds it inside the package, a checkout beside it."""
    package = Path(__file__).parents[1]
    inside = package / "data_samples"
    return inside if inside.is_dir() else package.parent / "data_samples"


def networks_folder() -> Path:
    """Where the networks that ship lie, each in a folder with its name."""
    return samples_folder() / "checkpoints"


def models() -> dict[str, str]:
    """The networks that ship, by name, with a line of what each is: the heading of its card."""
    cards = sorted(networks_folder().glob("*/README.md"))
    headings = {card.parent.name: card.read_text(encoding="utf-8").partition("\n")[0] for card in cards}
    return {name: heading.partition(": ")[2] for name, heading in headings.items()}
