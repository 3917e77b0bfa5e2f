"""Resources that ship with the package, in a wheel and in a checkout: networks, sample pairs, results."""

from pathlib import Path

DEFAULT_NETWORK = "wild"
"""The network that is used when none is named."""


def samples_folder() -> Path:
    """Returns the folder ``data_samples``: a wheel has it inside the package, a checkout beside it."""
    package = Path(__file__).parents[1]
    inside = package / "data_samples"
    return inside if inside.is_dir() else package.parent / "data_samples"


def networks_folder() -> Path:
    """Returns the folder of the networks that ship; each network has a folder with its name."""
    return samples_folder() / "checkpoints"


def models() -> dict[str, str]:
    """Returns the networks that ship: name and one line of description, the heading of the network's card."""
    cards = sorted(networks_folder().glob("*/README.md"))
    headings = {card.parent.name: card.read_text(encoding="utf-8").partition("\n")[0] for card in cards}
    return {name: heading.partition(": ")[2] for name, heading in headings.items()}
