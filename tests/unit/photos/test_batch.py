"""Many pictures in one go, by the command: good ones, bad ones, again, and where the boxes are."""

import errno
import json
import os
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.commands import failing
from support.pictures import png_claiming, truncated
from support.tiny import TINY

from handlib import cli
from handlib.data.photo import Box
from handlib.model.network import DIR
from handlib.photos import batch
from handlib.photos.results import FILES

FIFTY_MEGAPIXELS = (8700, 5800)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network that has learnt nothing."""
    folder = tmp_path_factory.mktemp("checkpoints") / "untrained"
    torch.manual_seed(0)
    DIR(TINY).save_pretrained(folder)
    return folder


def noise(*shape: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def run(*arguments: object) -> int:
    """The command's exit code."""
    try:
        cli.main([str(argument) for argument in ("reconstruct", *arguments)])
    except SystemExit as stopped:
        return stopped.code
    return 0


def summary(out: Path) -> dict[str, dict]:
    entries = json.loads((out / "summary.json").read_text())["pictures"]
    return {entry["picture"]: entry for entry in entries}


def test_a_folder_of_everything_finishes(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    photos, out = tmp_path / "photos", tmp_path / "out"
    (photos / "more").mkdir(parents=True)
    noise(60, 90, 3).save(photos / "good.png")
    noise(60, 90).save(photos / "more" / "grey.jpg")
    noise(1, 1, 3).save(photos / "tiny.png")
    noise(60, 90, 3).save(photos / "animated.webp", save_all=True, append_images=[noise(60, 90, 3)] * 2)
    noise(60, 90).save(photos / "animated.gif", save_all=True, append_images=[noise(60, 90).rotate(9)])
    Image.new("RGB", FIFTY_MEGAPIXELS, (90, 120, 60)).save(photos / "fifty.jpg", quality=30)
    (photos / "truncated.jpg").write_bytes(truncated("jpeg"))
    (photos / "empty.png").touch()
    (photos / "text.png").write_text("no picture")
    (photos / "bomb.png").write_bytes(png_claiming(60_000, 60_000))
    (photos / "notes.txt").write_text("no picture, and not called one")

    assert run(photos, "--checkpoint", checkpoint, "--out", out) == 1
    said, complained = capsys.readouterr()
    good = ["animated.webp", "fifty.jpg", "good.png", "more/grey.jpg", "tiny.png"]
    bad = ["animated.gif", "bomb.png", "empty.png", "text.png", "truncated.jpg"]
    lines = [line for line in complained.splitlines() if line.startswith("handlib: ")]
    assert len(lines) == len(bad)
    for name, line in zip(bad, lines, strict=True):
        assert str(photos / name) in line
    assert "5 of 10 pictures read" in said

    entries = summary(out)
    assert list(entries) == sorted(good + bad)
    for name in good:
        (result,) = entries[name]["results"]
        assert result["folder"] == name
        record = json.loads((out / name / "result.json").read_text())
        assert result["hands_seen"] == record["hands_seen"]
        assert result["confidence"]["left"] == record["hands"]["left"]["confidence"]
    for name in bad:
        assert str(photos / name) in entries[name]["error"]
        assert not (out / name).exists()
    assert "at most 100 megapixels" in entries["bomb.png"]["error"]


@pytest.mark.slow
def test_fifty_megapixels_take_a_few_copies_of_the_picture(checkpoint: Path, tmp_path: Path):
    """Its own process, because only a process's peak of memory is known."""
    small, large = tmp_path / "small.jpg", tmp_path / "large.jpg"
    Image.new("RGB", (640, 480)).save(small)
    Image.new("RGB", FIFTY_MEGAPIXELS).save(large, quality=30)
    code = "import sys, resource; from handlib import cli; cli.main(sys.argv[1:]); "
    code += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    peaks = []
    for picture in (small, large):
        command = ["reconstruct", picture, "--checkpoint", checkpoint, "--out", tmp_path / "out"]
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, command)], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout.splitlines()[-1]) / 1024)  # From kilobytes, as on Linux.
    picture_size = 3 * FIFTY_MEGAPIXELS[0] * FIFTY_MEGAPIXELS[1] / 2**20
    assert peaks[1] - peaks[0] < 5 * picture_size


def test_a_second_run_does_only_what_is_missing(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """The results lie among the pictures and are none. Times of files say nothing."""
    photos, out = tmp_path / "photos", tmp_path / "photos" / "result"
    photos.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        noise(40, 50, 3).save(photos / name)
    command = (photos, "--checkpoint", checkpoint, "--out", out)
    assert run(*command) == 0
    first = summary(out)
    (out / "b.png" / "left.glb").unlink()
    noise(50, 40, 3).save(photos / "c.png")
    os.utime(photos / "a.png", (2e9, 2e9))
    os.utime(photos / "c.png", (0, 0))
    written = {name: (out / name / "overlay.png").stat().st_mtime_ns for name in first}
    assert run(*command) == 0
    again = {name: (out / name / "overlay.png").stat().st_mtime_ns for name in first}
    assert {name for name in first if again[name] != written[name]} == {"b.png", "c.png"}
    assert list(summary(out)) == list(first)
    assert summary(out)["a.png"] == first["a.png"]
    assert json.loads((out / "c.png" / "result.json").read_text())["picture"] == {"width": 40, "height": 50}


def test_an_answer_to_another_question_is_no_answer(tmp_path: Path):
    picture, out, box = tmp_path / "a.png", tmp_path / "out", Box(-5, 5, 30, 20)
    noise(40, 50, 3).save(picture)
    torch.manual_seed(0)
    model = DIR(TINY).eval()

    def jobs(*boxes: Box) -> list[batch.Job]:
        return batch.jobs_of(picture, model.checksum(), out, boxes)

    batch.reconstruct_picture(model, picture, jobs(box))
    assert jobs(box)[0].finished
    assert not jobs(Box(0, 5, 20, 20))[0].finished and not jobs()[0].finished
    assert not any(job.finished for job in jobs(box, box))
    noise(40, 51, 3).save(picture)
    os.utime(picture, (0, 0))
    assert not jobs(box)[0].finished
    noise(40, 50, 3).save(picture)
    assert jobs(box)[0].finished
    model.config = replace(TINY, log_scale=not TINY.log_scale)
    assert not jobs(box)[0].finished
    model.config = TINY
    next(model.parameters()).data[0] += 1
    assert not jobs(box)[0].finished
    (out / "result.json").write_text("{}")
    next(model.parameters()).data[0] -= 1
    assert not jobs(box)[0].finished


def test_boxes_give_several_pairs_of_a_picture(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """An accent may be part of its letter in one name and a sign of its own in the other, as on macOS."""
    photos, out, boxes = tmp_path / "photos", tmp_path / "out", tmp_path / "boxes.json"
    photos.mkdir()
    one = "ein\u00e9.png"
    for name in (one, "two.png", "none.png", "wrong.png"):
        noise(60, 90, 3).save(photos / name)
    wanted = {unicodedata.normalize("NFD", one): [5, 5, 50, 40], "two.png": [[0, 0, 40, 60], [45, 0, 40, 60]]}
    wanted["wrong.png"] = [[0, 0, 10, 10], [100, 0, 10, 10]]
    boxes.write_text(json.dumps(wanted))
    command = (photos, "--checkpoint", checkpoint, "--out", out, "--boxes", boxes)
    assert run(*command) == 1
    assert f"{photos / 'wrong.png'}: box: expected to overlap the picture" in capsys.readouterr().err
    assert not (out / "wrong.png").exists()
    entries = summary(out)
    folders = {name: [r["folder"] for r in entry.get("results", [])] for name, entry in entries.items()}
    assert folders == {
        "none.png": ["none.png"],
        one: [one],
        "two.png": ["two.png/1", "two.png/2"],
        "wrong.png": [],
    }
    assert [result["box"]["x"] for result in entries["two.png"]["results"]] == [0, 45]
    assert {result["box"]["origin"] for result in entries["two.png"]["results"]} == {"given"}
    assert entries["none.png"]["results"][0]["box"]["origin"] != "given"
    assert {p.name for p in (out / "two.png" / "2").iterdir()} == set(FILES)


def test_what_the_user_can_mend_comes_before_the_work(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    noise(60, 90, 3).save(tmp_path / "a.png")
    (tmp_path / "boxes.json").write_text('{"b.png": [0, 0, 9, 9]}')
    end = ("--checkpoint", checkpoint, "--out", tmp_path / "out")
    said = failing(capsys, "reconstruct", tmp_path, *end, "--boxes", tmp_path / "boxes.json")
    assert "boxes: expected names like 'a.png', got 'b.png'" in said
    assert "expected a single picture" in failing(capsys, "reconstruct", tmp_path, *end, "--box", "1,2,3,4")
    assert "expected pictures or folders" in failing(capsys, "reconstruct", *end)
    own = ("--checkpoint", checkpoint, "--out", tmp_path)
    assert "out: expected a folder other than" in failing(capsys, "reconstruct", tmp_path, *own)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", [errno.ENAMETOOLONG, errno.EACCES, errno.ENOSPC])
def test_an_error_of_one_picture_is_its_own_and_a_full_disk_stops_the_run(
    number: int,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    write, longest, out = batch.write_results, "\u624b" * 83 + ".png", tmp_path / "out"

    def failing_at_a(*arguments: object) -> None:
        if arguments[1] == out / "a.png":
            raise OSError(number, os.strerror(number), str(arguments[1]))
        write(*arguments)

    monkeypatch.setattr(batch, "write_results", failing_at_a)
    for name in ("a.png", longest):
        noise(60, 90, 3).save(tmp_path / name)
    command = (tmp_path, "--checkpoint", checkpoint, "--out", out)
    if number == errno.ENOSPC:
        assert "No space left" in failing(capsys, "reconstruct", *command)
        return
    assert run(*command) == 1
    said = f"{out / 'a.png'}: {os.strerror(number)}"
    assert capsys.readouterr().err == f"handlib: {said}\n"
    assert summary(out)["a.png"]["error"] == said
    assert summary(out)[longest]["results"][0]["folder"] == longest
