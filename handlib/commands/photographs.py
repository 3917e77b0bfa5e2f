"""``handlib reconstruct``, ``video`` and ``eval-photos``: commands for the user's own pictures."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from handlib.commands.common import progress
from handlib.utils.errors import InputError
from handlib.utils.resources import DEFAULT_NETWORK

if TYPE_CHECKING:
    from handlib.photos.network import Network
    from handlib.photos.reconstruct import Reconstruction

Engine = Literal["torch", "onnx"]


def reconstruct(
    pictures: Annotated[Positional[tuple[Path, ...]], arg(metavar="PICTURE...", help_behavior_hint="")],
    out: Path,
    box: Annotated[str | None, arg(metavar="X,Y,W,H")] = None,
    boxes: Annotated[Path | None, arg(metavar="FILE")] = None,
    all: bool = False,
    checkpoint: str = DEFAULT_NETWORK,
    engine: Engine = "torch",
) -> None:
    """Reconstruct both hands in photographs: overlay.png, left.glb, right.glb, hands.glb, result.json.

    Args:
        pictures: JPEG, PNG or WebP files, or folders to search for such files.
            If some of several files can't be read, the errors come at the end and the exit code is 1.
            Interrupted? Run the same command again; it resumes.
        out: folder to write to; made if missing.
            With several pictures, each gets a folder in it, and summary.json says what was seen in them.
        box: where the hands are in a single picture, in pixels: left, top, width, height.
            If not given, the network looks for them.
        boxes: a JSON file with the boxes of the hands, one or several per picture:
            {"a.jpg": [x, y, w, h], "b.jpg": [[x, y, w, h], ...]}.
        all: reconstruct all people in a single picture; each pair of hands gets a numbered folder.
        checkpoint: a network that ships (handlib models), a folder that holds one, or hf://OWNER/NAME.
        engine: library that runs the network. onnxruntime is quicker on a CPU;
            the first time, it exports the network to the user's cache folder.
    """
    if not pictures:
        raise InputError("reconstruct: expected pictures or folders, got none")
    if all:
        if len(pictures) > 1 or box or boxes or pictures[0].is_dir():
            raise InputError("all: expected a single picture and no box")
        reconstruct_people(pictures[0], out, checkpoint, engine)
        return
    if len(pictures) > 1 or boxes or pictures[0].is_dir():
        if box:
            raise InputError("box: expected a single picture; for several, write a file for --boxes")
        reconstruct_many(pictures, out, boxes, checkpoint, engine)
    else:
        reconstruct_one(pictures[0], out, box, checkpoint, engine)


def load(checkpoint: str, engine: Engine) -> "Network":
    """Returns the network, run by this engine."""
    from handlib.model.network import DIR
    from handlib.photos.network import run_by

    return run_by(engine, DIR.from_pretrained(checkpoint))


def reconstruct_one(picture: Path, out: Path, box: str | None, checkpoint: str, engine: Engine) -> None:
    """Writes the results of one picture and prints a summary."""
    from handlib.data.photo import as_box
    from handlib.photos.reconstruct import reconstruct
    from handlib.photos.results import FILES

    result = reconstruct(picture, as_box(box) if box else None, checkpoint, engine)
    result.save(out)
    tell(result)
    print(f"{out}: {', '.join(FILES)}")


def reconstruct_people(picture: Path, out: Path, checkpoint: str, engine: Engine) -> None:
    """Writes the results of all people in a picture and prints a summary."""
    from handlib.photos.reconstruct import reconstruct_everyone

    results = reconstruct_everyone(picture, checkpoint, engine)
    print(f"{len(results)} pairs of hands")
    for number, result in enumerate(results, start=1):
        result.save(out / str(number))
        print(f"{out / str(number)}:")
        tell(result)


def tell(result: "Reconstruction") -> None:
    """Prints the box, which hands were seen, and how confident the network is."""
    from handlib.hand.skeleton import SIDES

    print(f"box: {result.box} ({result.origin})")
    print(f"seen: {result.presence}")
    for side, confidence in zip(SIDES, result.confidence.tolist(), strict=True):
        print(f"{side} hand: confidence {confidence:.2f}")


def reconstruct_many(
    places: tuple[Path, ...], out: Path, boxes: Path | None, checkpoint: str, engine: Engine
) -> None:
    """Writes the results of all pictures and a summary. Bad files are listed at the end, with exit code 1."""
    from handlib.data.photo_folders import find_pictures
    from handlib.photos.batch import (
        SUMMARY,
        check_names,
        check_out,
        in_words,
        reconstruct_all,
        write_summary,
    )
    from handlib.photos.boxes import read_boxes

    found = find_pictures(places)
    check_out(out, found)
    wanted = read_boxes(boxes) if boxes else {}
    check_names(wanted, found)
    model = load(checkpoint, engine)
    answers = reconstruct_all(model, found, wanted, out)
    entries = list(progress(answers, "pictures", len(found)))
    write_summary(out, model, entries)
    print(in_words(entries))
    print(f"{out / SUMMARY}")
    bad = [f"handlib: {entry['error']}" for entry in entries if "error" in entry]
    if bad:
        print(*bad, sep="\n", file=sys.stderr)
        sys.exit(1)


def eval_photos(
    folder: Annotated[Positional[Path], arg(metavar="FOLDER")],
    checkpoint: str = DEFAULT_NETWORK,
    boxes: bool = True,
    answers: Path | None = None,
    json: Path | None = None,
) -> None:
    """Measure a network on photographs whose joints are annotated in 2D: PCK, errors, swapped sides.

    Args:
        folder: folder with pictures and annotations.json, a list of
            {"file", "box": [x, y, w, h] around both hands, "view", "relation", "left", "right"}.
            "left" and "right" hold 21 joints in pixels, null for a joint that can't be seen.
        checkpoint: a network that ships (handlib models), a folder that holds one, or hf://OWNER/NAME.
        boxes: give the network the annotated boxes. With --no-boxes it has to find the hands.
        answers: a JSON file with answers of another program, to score instead of a network:
            {"a.jpg": {"left": 21 joints in pixels or null, "right": ...}, ...}.
        json: file to write all numbers to; its folder is made if missing.
    """
    from handlib.evaluation.evaluate import write_report
    from handlib.evaluation.photo_scores import (
        format_report,
        read_annotations,
        read_answers,
        report,
        score_folder,
    )
    from handlib.photos.finder import finder
    from handlib.utils.files import make_folder

    if json:
        make_folder(json.parent)
    find = read_answers(answers) if answers else finder(load(checkpoint, "torch"))
    measured = report(read_annotations(folder), score_folder(folder, find, boxes))
    print(format_report(measured))
    if json:
        answered = str(answers) if answers else checkpoint
        write_report(json, {"answers": answered, "boxes": boxes, "scores": measured})


def video(
    frames: Annotated[Positional[Path], arg(metavar="FRAMES")],
    out: Path,
    box: Annotated[str | None, arg(metavar="X,Y,W,H")] = None,
    fps: Annotated[float | None, arg(metavar="FPS")] = None,
    smooth: bool = False,
    min_cutoff: float = 1.0,
    beta: float = 3.0,
    checkpoint: str = DEFAULT_NETWORK,
    engine: Engine = "torch",
) -> None:
    """Reconstruct both hands in a sequence of pictures: overlay.webp, hands.glb (animated), result.json.

    Args:
        frames: a folder of pictures, or an animated GIF, WebP or PNG; at most 1000 frames.
            Pictures are sorted by name, numbers as numbers (frame_2 before frame_12).
            To turn a video into a folder of pictures:
            mkdir frames && ffmpeg -i video.mp4 -r 10 frames/%05d.png
        out: folder to write to; made if missing.
        box: where the hands are in all pictures, in pixels: left, top, width, height.
            If not given, the network looks for the hands in each picture.
        fps: pictures per second. If not given: the animation's own, 10 for a folder.
        smooth: smooth the hands over time with one-euro filters; rotations stay rotations.
        min_cutoff: cutoff frequency of the filters for hands at rest, in Hz; lower removes more jitter.
        beta: how much the cutoff rises with speed; higher lags less behind moving hands.
        checkpoint: a network that ships (handlib models), a folder that holds one, or hf://OWNER/NAME.
        engine: library that runs the network. onnxruntime is quicker on a CPU;
            the first time, it exports the network to the user's cache folder.
    """
    from collections import Counter
    from dataclasses import replace

    from handlib.data.photo import as_box
    from handlib.photos.frames import find_frames
    from handlib.photos.one_euro import OneEuro
    from handlib.photos.video import FILES, reconstruct_frames, smoothed, write_sequence

    if fps is not None and not 0 < fps < 1000:
        raise InputError(f"fps: expected pictures per second, between 0 and 1000, got {fps:g}")
    settings = OneEuro(min_cutoff, beta) if smooth else None
    wanted = as_box(box) if box else None
    found = find_frames(frames)
    found = replace(found, rate=fps or found.rate)
    model = load(checkpoint, engine)
    named = progress(zip(found.names, found, strict=True), "frames", len(found))
    results = reconstruct_frames(model, named, wanted)
    if settings:
        results = smoothed(results, found.rate, settings)
    write_sequence(results, found, settings, out)
    seen = Counter(str(result.presence) for result in results).most_common()
    print(f"{len(found)} frames, {found.rate:g} a second: {', '.join(f'{n} {what}' for what, n in seen)}")
    names = found.names if len(found) < 5 else (*found.names[:3], "...", found.names[-1])
    print(f"order, numbers in names as numbers: {', '.join(names)}")
    print(f"{out}: {', '.join(FILES)}")
