"""What is chosen by its name: worlds, splits and parts of the benchmark. The command line needs no more."""

from typing import Literal

WorldName = Literal[
    "desk",
    "studio",
    "desk-full",
    "studio-full",
    "desk-wide",
    "desk-objects",
    "desk-others",
    "desk-stacked",
    "wild",
]
Split = Literal["train", "val", "test"]
PartName = Literal["train", "val", "test", "studio-test", "wild-test"]
