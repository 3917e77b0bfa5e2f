"""What the machine's processor is good at.

Arithmetic in bfloat16 saves a training time where the processor multiplies such numbers itself. Elsewhere
torch does it in software, which takes many times as long: ``benchmarks/README.md`` has a measurement.
"""

from typing import Literal

import torch

Precision = Literal["32-true", "bf16-mixed"]
MULTIPLY_BFLOAT16 = ("amx_bf16", "avx512_bf16", "bf16")
"""Any of these makes it quick: Intel's and AMD's instructions, Arm's."""


def multiplies_bfloat16(device: str) -> bool:
    """Returns whether a kind of device has instructions for matrices in bfloat16; GPUs are taken to have
    them.
    """
    if device != "cpu":
        return True
    # PyTorch 2.9 can't be asked; there the answer is no.
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in MULTIPLY_BFLOAT16)


def training_precision(accelerator: str = "cpu") -> Precision:
    """The arithmetic of a training whose user didn't choose: mixed with bfloat16 where that is quick.

    ``accelerator`` as Lightning Fabric takes it: cpu, cuda, mps or auto.
    """
    if accelerator == "auto" and not torch.accelerator.is_available():
        accelerator = "cpu"
    return "bf16-mixed" if multiplies_bfloat16(accelerator) else "32-true"
