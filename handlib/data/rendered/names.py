"""Names of worlds, splits and parts of the benchmark. Importing them is quick, as the command line needs."""

from typing import Literal

WorldName = Literal[
    "desk",
    "studio",
    "desk-full",
    "studio-full",
    "desk-wide",
    "desk-person",
    "desk-objects",
    "desk-others",
    "desk-stacked",
    "wild",
]
Split = Literal["train", "val", "test"]
PartName = Literal["train", "val", "test", "studio-test", "wild-test"]
