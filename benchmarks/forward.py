"""What the released network costs, as ratios measured side by side on one thread.

Its forward pass, in PyTorch and by onnxruntime, against a plain ResNet-50, the factorised projection against
the literal one, batches and half precision. Weights are random: they don't change what is computed. Times are
processor time, medians over repeats that take turns.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import matplotlib.pyplot as plt
import onnxruntime
import timm
import torch
from torch import Tensor, nn

from handlib.analysis.cost import flops, medians, peak_megabytes
from handlib.deploy.onnx import OnnxNetwork
from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.model.projection import conv_of_masks, planes_then_conv, project_planes
from handlib.utils.files import write_between_marks

HALF_WIDTH, CHANNELS_OUT = 0.125, 256
STANDARD = {"hands": 2, "channels": 64, "size": 32}
SERIES: dict[str, tuple[str, tuple[int, ...]]] = {
    "bones": ("hands", (1, 2, 3, 4)),
    "channels": ("channels", (16, 32, 64, 96)),
    "map size": ("size", (16, 32, 48, 64)),
}


def by_onnxruntime(module: nn.Module, image: Tensor, path: Path) -> Callable[[], object]:
    """Runs a module for this picture by onnxruntime."""
    torch.onnx.export(module, (image,), path, input_names=["image"], dynamo=True, verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"image": image.numpy()})


@torch.no_grad()
def network(repeats: int) -> dict[str, object]:
    """The released network in PyTorch and by onnxruntime, in batches and in bfloat16."""
    torch.manual_seed(0)
    model = DIR(DIRConfig.released()).eval()
    resnet = timm.create_model("resnet50", features_only=True, out_indices=(1, 2, 3, 4)).eval()
    engine = OnnxNetwork(model, torch.get_num_threads())
    one, eight = torch.randn(1, 3, 256, 256), torch.randn(8, 3, 256, 256)

    def half(image: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return model(image).final.vertices

    with tempfile.TemporaryDirectory() as folder:
        single = medians(
            {
                "ResNet-50": lambda: resnet(one),
                "DIR": lambda: model(one),
                "DIR, bfloat16": lambda: half(one),
                "DIR, onnxruntime": lambda: engine(one),
                "ResNet-50, onnxruntime": by_onnxruntime(resnet, one, Path(folder, "resnet.onnx")),
            },
            repeats,
        )
    batch = medians(
        {"DIR": lambda: model(eight), "DIR, onnxruntime": lambda: engine(eight)}, max(3, repeats // 4)
    )
    exact = model(one).final.vertices
    return {
        "billion multiplications": {
            "ResNet-50": flops(lambda: resnet(one)) / 2e9,
            "DIR": flops(lambda: model(one)) / 2e9,
        },
        "ms": single,
        "against ResNet-50": {name: ms / single["ResNet-50"] for name, ms in single.items()},
        "images per second": {
            name: {"batch 1": 1000 / single[name], "batch 8": 8000 / ms} for name, ms in batch.items()
        },
        "largest difference of a vertex coordinate, relative to the largest coordinate": {
            name: float((other - exact).abs().max() / exact.abs().max())
            for name, other in (
                ("DIR, onnxruntime", engine(one).final.vertices),
                ("DIR, bfloat16", half(one)),
            )
        },
    }


def projection_forms(hands: int, channels: int, size: int) -> dict[str, Callable[[bool], Tensor]]:
    """Projection and fusion convolution, literal and factorised, on the same numbers; True runs backward."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, hands, 21, channels, generator=generator, requires_grad=True)
    uv = torch.rand(1, hands, 21, 2, generator=generator) * 1.6 - 0.8
    weight = torch.randn(CHANNELS_OUT, hands * 20 * channels, 3, 3, generator=generator) * 0.02
    # As ``handlib train`` lays out what it trains.
    weight = weight.contiguous(memory_format=torch.channels_last).requires_grad_()
    bias = torch.zeros(CHANNELS_OUT, requires_grad=True)

    def literal() -> Tensor:
        return planes_then_conv(project_planes(features, uv, size, HALF_WIDTH), weight, bias)

    def factorised() -> Tensor:
        return conv_of_masks(features, uv, size, HALF_WIDTH, weight, bias)

    def runner(form: Callable[[], Tensor]) -> Callable[[bool], Tensor]:
        def run(backward: bool) -> Tensor:
            if not backward:
                with torch.no_grad():
                    return form()
            out = form()
            out.sum().backward()
            for leaf in (features, weight, bias):
                leaf.grad = None
            return out.detach()

        return run

    return {"literal": runner(literal), "factorised": runner(factorised)}


def projection(repeats: int) -> dict[str, object]:
    """Times and memory at the released network's last stage."""
    forms = projection_forms(**STANDARD)
    report: dict[str, object] = {}
    for name, backward in (("forward", False), ("forward and backward", True)):
        runs = {form: lambda run=run, b=backward: run(b) for form, run in forms.items()}
        ms = medians(runs, repeats)
        megabytes = {form: peak_megabytes(run) for form, run in runs.items()}
        hands, channels = STANDARD["hands"], STANDARD["channels"]
        leaves = CHANNELS_OUT * (hands * 20 * channels * 9 + 1) + hands * 21 * channels
        gradients = 4e-6 * leaves if backward else 0.0
        report[name] = {
            "ms": ms,
            "times faster": ms["literal"] / ms["factorised"],
            "peak MB": megabytes,
            "share of memory": megabytes["factorised"] / megabytes["literal"],
            "gradients MB": gradients,
            "share of memory beyond the gradients": (megabytes["factorised"] - gradients)
            / (megabytes["literal"] - gradients),
        }
    outputs = {form: run(False) for form, run in forms.items()}
    difference = (outputs["literal"] - outputs["factorised"]).abs().max() / outputs["literal"].abs().max()
    return {**report, "relative difference": float(difference)}


def projection_series(repeats: int) -> dict[str, list[dict[str, float]]]:
    """Forward and backward against the number of bones, channels and the map's size, the others standard."""
    series: dict[str, list[dict[str, float]]] = {}
    for label, (option, values) in SERIES.items():
        series[label] = []
        for value in values:
            forms = projection_forms(**{**STANDARD, option: value})
            ms = medians({form: lambda run=run: run(True) for form, run in forms.items()}, repeats)
            series[label].append({label: 20 * value if label == "bones" else value, **ms})
    return series


def plot(series: dict[str, list[dict[str, float]]], path: Path) -> None:
    """One panel per series, both forms, logarithmic times."""
    figure, panels = plt.subplots(1, len(series), figsize=(10, 3.2), sharey=True, layout="constrained")
    for panel, (label, rows) in zip(panels, series.items(), strict=True):
        for form, colour, marker in (("literal", "#E69F00", "s"), ("factorised", "#0072B2", "o")):
            panel.plot([row[label] for row in rows], [row[form] for row in rows], f"{marker}-", color=colour)
            panel.annotate(
                form, (rows[-1][label], rows[-1][form]), (-4, 8), textcoords="offset points", ha="right"
            )
        panel.set(xlabel=label, yscale="log", xticks=[row[label] for row in rows])
        panel.margins(y=0.12)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("forward and backward, ms")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def machine() -> dict[str, object]:
    """What the numbers belong to."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": names[0].split(":")[1].strip() if names else platform.processor(),
        "vector instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "timm": timm.__version__,
        "onnxruntime": onnxruntime.__version__,
    }


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""

    def line(cells: Iterable[object]) -> str:
        return "| " + " | ".join(f"{c:.3g}" if isinstance(c, float) else str(c) for c in cells) + " |"

    head = list(head)
    return "\n".join([line(head), line(["---"] * len(head)), *map(line, rows)])


def as_markdown(report: dict) -> str:
    """The report's tables."""
    net, drawn = report["network"], report["projection"]
    parts = [table(report["machine"].keys(), [report["machine"].values()])]
    counted = net["billion multiplications"]
    rows = [
        (name, counted.get(name, ""), ms, net["against ResNet-50"][name]) for name, ms in net["ms"].items()
    ]
    parts.append(table(("one picture", "billion multiplications", "ms", "ms against ResNet-50"), rows))
    rows = [(name, *rates.values()) for name, rates in net["images per second"].items()]
    parts.append(table(("images per second", "batch 1", "batch 8"), rows))
    name = "largest difference of a vertex coordinate, relative to the largest coordinate"
    parts.append(table((name, ""), [(k, f"{v:.1e}") for k, v in net[name].items()]))
    rows = [
        (way, *drawn[way]["ms"].values(), drawn[way]["times faster"])
        for way in ("forward", "forward and backward")
    ]
    parts.append(table(("projection", "literal, ms", "factorised, ms", "times faster"), rows))
    rows = [
        (
            way,
            *drawn[way]["peak MB"].values(),
            drawn[way]["share of memory"],
            drawn[way]["gradients MB"],
            drawn[way]["share of memory beyond the gradients"],
        )
        for way in ("forward", "forward and backward")
    ]
    head = ("peak memory", "literal, MB", "factorised, MB", "share", "gradients, MB", "share beyond them")
    parts.append(table(head, rows))
    for label, points in report["series"].items():
        rows = [(*point.values(), point["literal"] / point["factorised"]) for point in points]
        parts.append(table((label, "literal, ms", "factorised, ms", "times faster"), rows))
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file to write the numbers to")
    parser.add_argument("--plot", type=Path, help="PNG to draw the projection's cost to")
    parser.add_argument("--readme", type=Path, help="README whose tables to replace")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    few = max(3, options.repeats // 2)
    report = {
        "machine": machine(),
        "network": network(options.repeats),
        "projection": projection(options.repeats),
        "series": projection_series(few),
    }
    print(as_markdown(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if options.readme:
        write_between_marks(options.readme, "forward.py", as_markdown(report))
    if options.plot:
        plot(report["series"], options.plot)


if __name__ == "__main__":
    main()
