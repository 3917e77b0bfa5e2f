"""The arithmetic that suits the machine's processor.

Training in bfloat16 is quicker where the processor has instructions for such numbers. Elsewhere torch
computes in software, which takes many times as long: ``benchmarks/README.md`` has a measurement.
"""

from typing import Literal

import torch

Precision = Literal["32-true", "bf16-mixed"]
MULTIPLY_BFLOAT16 = ("amx_bf16", "avx512_bf16", "bf16")
"""Instructions of Intel, AMD and Arm; a processor with any of them is quick at bfloat16."""


def multiplies_bfloat16(device: str) -> bool:
    """Returns whether a kind of device has instructions for bfloat16 matrices; GPUs always count as yes."""
    if device != "cpu":
        return True
    # PyTorch 2.9 has no such function; there the answer is no.
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in MULTIPLY_BFLOAT16)


def training_precision(accelerator: str = "cpu") -> Precision:
    """Returns the default arithmetic of a training: mixed with bfloat16 where that is quick.

    ``accelerator`` is Lightning Fabric's name: cpu, cuda, mps or auto.
    """
    if accelerator == "auto" and not torch.accelerator.is_available():
        accelerator = "cpu"
    return "bf16-mixed" if multiplies_bfloat16(accelerator) else "32-true"
