"""The configurations' table in the docs says what the code does."""

from ast import literal_eval
from dataclasses import fields
from pathlib import Path

import pytest

from handlib.model.config import DIRConfig
from handlib.training.losses import LossWeights

DOCS = Path(__file__).parents[3] / "docs" / "configurations.md"


def table(heading: str) -> dict[str, list]:
    """Option names to the three values that the docs give them."""
    section = DOCS.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return {
        name.strip().strip("`"): [literal_eval(cell.strip().strip("`")) for cell in row[1:4]]
        for row in rows
        for name in row[0].split(",")
    }


@pytest.mark.parametrize(("heading", "options"), [("The network", DIRConfig), ("The losses", LossWeights)])
def test_every_difference_is_listed_with_its_values(heading: str, options: type) -> None:
    configurations = [options.released(), options.paper(), options.small()]
    actual = {
        field.name: [getattr(configuration, field.name) for configuration in configurations]
        for field in fields(options)
    }
    differing = {name: values for name, values in actual.items() if any(v != values[0] for v in values)}
    assert table(heading) == differing
