"""Measures a network's cost for one picture: parameters, arithmetic, memory and time."""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from handlib.model.network import DIR


@dataclass(frozen=True)
class Cost:
    """The cost of one picture in a network in evaluation mode.

    ``flops`` counts multiplications and additions in convolutions and matrix products. ``peak_megabytes`` is
    the most memory of tensors beside the weights. ``milliseconds`` is processor time, the median of several
    runs.
    """

    parameters: int
    flops: int
    peak_megabytes: float
    milliseconds: float


def flops(run: Callable[[], object]) -> int:
    """Returns the number of multiplications and additions of a call, in convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def peak_megabytes(run: Callable[[], object]) -> float:
    """Returns the most memory (MB) that a call's tensors use at one time, beyond the memory used before."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # Otherwise the profiler reports every start on stderr.
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        events = json.loads(path.read_text())["traceEvents"]
    memory = sorted(
        ((e["ts"], e["args"]) for e in events if e["name"] == "[memory]"), key=lambda event: event[0]
    )
    before = memory[0][1]["Total Allocated"] - memory[0][1]["Bytes"]
    return (max(args["Total Allocated"] for _, args in memory) - before) / 1e6


def medians(variants: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Returns each variant's median processor time (ms). Variants take turns; the first turn is left out."""
    spent: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(repeats + 1):
        for name, run in variants.items():
            start = time.process_time()
            run()
            spent[name].append(time.process_time() - start)
    return {name: 1000 * statistics.median(times[1:]) for name, times in spent.items()}


@torch.no_grad()
def cost_of(model: DIR, repeats: int = 15) -> Cost:
    """Returns the network's cost for one picture; this leaves the model in evaluation mode."""
    model.eval()
    picture = torch.zeros(1, 3, model.config.image_size, model.config.image_size)
    return Cost(
        parameters=sum(p.numel() for p in model.parameters()),
        flops=flops(lambda: model(picture)),
        peak_megabytes=peak_megabytes(lambda: model(picture)),
        milliseconds=medians({"model": lambda: model(picture)}, repeats)["model"],
    )
