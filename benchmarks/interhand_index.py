"""How time and memory of indexing InterHand2.6M grow with the number of pictures, on generated annotations.

Every measurement runs in a process of its own. Peak memory is resident memory, imports included.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from handlib.data.interhand.files import find_sources
from handlib.data.interhand.index import open_index
from handlib.utils.files import replacing, write_between_marks, write_text

CAMERAS = 20
"""Cameras per moment. The dataset has 80 and more, which makes its JSON files smaller per picture."""
SPLIT = "train"
READ = 1000
MEGABYTE = 1e6


def write_list(file: Any, name: str, entries: Iterable[dict[str, Any]]) -> None:
    """One list of a JSON mapping, entry by entry, so that generating takes no memory either."""
    file.write(f'"{name}": [')
    for k, entry in enumerate(entries):
        file.write((", " if k else "") + json.dumps(entry))
    file.write("]")


def generate(root: Path, pictures: int) -> int:
    """Writes annotations of that many pictures without picture files; returns how many bytes they take."""
    rng = np.random.default_rng(0)
    folder = root / "annotations" / SPLIT
    folder.mkdir(parents=True)
    paths = {
        kind: folder / f"InterHand2.6M_{SPLIT}_{kind}.json"
        for kind in ("data", "camera", "joint_3d", "MANO_NeuralAnnot")
    }
    moments = pictures // CAMERAS

    def image(k: int) -> dict[str, Any]:
        moment, camera = divmod(k, CAMERAS)
        name = f"Capture0/0051_dinosaur/cam4{camera:05d}/image{moment}.jpg"
        size = {"id": k, "file_name": name, "width": 334, "height": 512}
        taken = {"capture": 0, "subject": 0, "seq_name": "0051_dinosaur", "camera": f"4{camera:05d}"}
        return size | taken | {"frame_idx": moment}

    def annotation(k: int) -> dict[str, Any]:
        about = {"id": k, "image_id": k, "bbox": rng.uniform(0, 300, 4).tolist()}
        return about | {"joint_valid": [[1]] * 42, "hand_type": "interacting", "hand_type_valid": 1}

    def fit() -> dict[str, list[float]]:
        sizes = {"pose": 48, "shape": 10, "trans": 3}
        return {name: rng.normal(size=size).tolist() for name, size in sizes.items()}

    with open(paths["data"], "w") as file:
        file.write("{")
        write_list(file, "images", map(image, range(pictures)))
        file.write(", ")
        write_list(file, "annotations", map(annotation, range(pictures)))
        file.write("}")
    cameras = [f"4{k:05d}" for k in range(CAMERAS)]
    values = {
        "campos": [0.0, 0.0, 0.0],
        "camrot": np.eye(3).tolist(),
        "focal": [1e3] * 2,
        "princpt": [1e2] * 2,
    }
    paths["camera"].write_text(
        json.dumps({"0": {field: dict.fromkeys(cameras, value) for field, value in values.items()}})
    )
    for kind in ("joint_3d", "MANO_NeuralAnnot"):
        with open(paths[kind], "w") as file:
            file.write('{"0": {')
            for k in range(moments):
                joints = {"world_coord": rng.normal(0, 100, (42, 3)).tolist(), "joint_valid": [[1]] * 42}
                entry = joints if kind == "joint_3d" else {"right": fit(), "left": fit()}
                file.write(f'{", " if k else ""}"{k}": {json.dumps(entry)}')
            file.write("}}")
    return sum(path.stat().st_size for path in paths.values())


def resident(peak: bool) -> float:
    """Megabytes of this process in memory, now or at most until now."""
    if peak:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MEGABYTE


def measure(root: Path, read: bool) -> dict[str, float]:
    """Opens the index, makes it if need be; ``read`` then asks for random pictures as well."""
    imports = resident(peak=False)
    start, spent = time.perf_counter(), time.process_time()
    index = open_index(find_sources(root, SPLIT, "both"), root / "index.sqlite")
    result = {"seconds": time.perf_counter() - start, "processor": time.process_time() - spent}
    if read:
        start = time.perf_counter()
        for number in np.random.default_rng(1).integers(0, len(index), READ):
            assert index[int(number)].annotation == number
        result["ms_per_picture"] = (time.perf_counter() - start) * 1000 / READ
    return result | {"imports_mb": imports, "peak_mb": resident(peak=True)}


def in_own_process(root: Path, read: bool) -> dict[str, float]:
    """:func:`measure` in a fresh process."""
    command = [sys.executable, __file__, "--measure", str(root), *(["--read"] if read else [])]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def table(rows: list[dict[str, Any]]) -> str:
    """The measurements as a table in Markdown."""
    titles = ("pictures", "JSON, MB", "index, MB", "making it, s", "peak memory, MB", "beyond imports, MB")
    titles += ("opening it, ms", "peak memory, MB", "a random picture, ms")
    lines = ["| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles)]
    for row in rows:
        make, use = row["make"], row["open"]
        cells = (f"{row['pictures']}", f"{row['json_mb']:.1f}", f"{row['index_mb']:.1f}")
        cells += (f"{make['processor']:.1f}", f"{make['peak_mb']:.0f}")
        cells += (f"{make['peak_mb'] - make['imports_mb']:.0f}",)
        cells += (f"{1000 * use['seconds']:.0f}", f"{use['peak_mb']:.0f}", f"{use['ms_per_picture']:.1f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Time and memory against pictures, both axes logarithmic where growth is asked for."""
    pictures = [row["pictures"] for row in rows]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    seconds = [row["make"]["processor"] for row in rows]
    left.plot(pictures, seconds, "o-", color="#0072B2", label="measured")
    proportional = [seconds[-1] * count / pictures[-1] for count in pictures]
    left.plot(pictures, proportional, ":", color="#777777", label="in proportion to pictures")
    left.set(
        xscale="log", yscale="log", xlabel="pictures", ylabel="processor time, s", title="Making the index"
    )
    left.legend(frameon=False)
    right.plot(pictures, [row["make"]["peak_mb"] for row in rows], "o-", color="#0072B2", label="making it")
    right.plot(pictures, [row["open"]["peak_mb"] for row in rows], "s--", color="#E69F00", label="using it")
    right.plot(pictures, [row["make"]["imports_mb"] for row in rows], ":", color="#777777", label="imports")
    highest = max(row["make"]["peak_mb"] for row in rows)
    right.set(xscale="log", ylim=(0, 1.3 * highest), xlabel="pictures", ylabel="MB", title="Peak memory")
    right.legend(frameon=False, loc="lower right")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, nargs="+", default=[3000, 10_000, 30_000, 100_000, 300_000])
    parser.add_argument("--json", type=Path, help="file to write the numbers to")
    parser.add_argument("--readme", type=Path, help="page to write the table to, between its marks")
    parser.add_argument("--plot", type=Path, help="PNG file to draw to")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--read", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.read)))
        return
    rows = []
    for pictures in options.pictures:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            size = generate(root, pictures)
            row = {"pictures": pictures, "json_mb": size / MEGABYTE, "make": in_own_process(root, False)}
            row["open"] = in_own_process(root, True)
            row["index_mb"] = (root / "index.sqlite").stat().st_size / MEGABYTE
        rows.append(row)
        print(json.dumps(row))
    print(table(rows))
    if options.json:
        machine = {"machine": platform.machine(), "python": platform.python_version()}
        write_text(options.json, json.dumps({**machine, "cameras": CAMERAS, "rows": rows}, indent=1) + "\n")
    if options.readme:
        write_between_marks(options.readme, Path(__file__).name, table(rows))
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
