"""Every exercise's check takes the solution and refuses the stub and plausible mistakes."""

import numpy as np
import pytest
import torch

from handlib.data.sample import normalise
from handlib.exercises import check, exercise, exercise_names


def mirror_pose(pose):
    return pose * np.tile([1.0, -1.0, -1.0], 15)


def camera_translation(wrist, translation, rotation, shift):
    return rotation @ translation + shift + rotation @ wrist - wrist


def mirrored_error(model, image):
    both = model(normalise(torch.stack((image, image.flip(-1))))).final.uv
    left = both[0, 0] * torch.tensor([-1.0, 1.0])
    return (both[1, 1] - left).norm(dim=-1).mean() * image.shape[-1] / 2


def without_swapping_hands(model, image):
    both = model(normalise(torch.stack((image, image.flip(-1))))).final.uv
    return (both[1, 0] - both[0, 0] * torch.tensor([-1.0, 1.0])).norm(dim=-1).mean() * 64


def without_mirroring_back(model, image):
    both = model(normalise(torch.stack((image, image.flip(-1))))).final.uv
    return (both[1, 1] - both[0, 0]).norm(dim=-1).mean() * 64


SOLUTIONS = {
    "mirror_pose": mirror_pose,
    "camera_translation": camera_translation,
    "mirrored_error": mirrored_error,
}
MISTAKES = {
    "mirror_pose": [
        lambda pose: pose * np.tile([-1.0, 1.0, 1.0], 15),
        lambda pose: -pose,
        lambda pose: pose,
        lambda pose: mirror_pose(pose).reshape(15, 3),
        lambda pose: pose @ np.eye(3),
    ],
    "mirrored_error": [
        without_swapping_hands,
        without_mirroring_back,
        lambda model, image: mirrored_error(model, image) / 64,
        lambda model, image: mirrored_error(model, image.flip(-2)) * 2,
    ],
    "camera_translation": [
        lambda wrist, translation, rotation, shift: rotation @ translation + shift,
        lambda wrist, translation, rotation, shift: rotation @ (translation + wrist) + shift,
        lambda wrist, translation, rotation, shift: translation,
    ],
}


def said(capsys, name, answer) -> str:
    assert check(name, answer) is None
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and err == ""
    assert out.startswith(f"{name}: ")
    return out.removeprefix(f"{name}: ").strip()


@pytest.mark.parametrize("name", SOLUTIONS)
def test_solution_is_correct(capsys, name):
    assert said(capsys, name, SOLUTIONS[name]) == "correct"


@pytest.mark.parametrize("name", SOLUTIONS)
@pytest.mark.parametrize("stub", [..., None, lambda *arguments: ..., lambda *arguments: None])
def test_stub_is_not_written_yet(capsys, name, stub):
    assert said(capsys, name, stub).startswith("not written yet")


@pytest.mark.parametrize(("name", "mistake"), [(n, m) for n, ms in MISTAKES.items() for m in ms])
def test_plausible_mistake_is_refused_with_the_same_words_each_time(capsys, name, mistake):
    first = said(capsys, name, mistake)
    assert first.startswith("not right yet")
    assert said(capsys, name, mistake) == first


def test_a_value_where_a_function_is_asked_for(capsys):
    assert said(capsys, "mirror_pose", 3.0) == "not right yet: expected a function"


def test_unknown_exercise_names_those_there_are(capsys):
    assert "mirror_pose" in said(capsys, "no such thing", 1)


def test_names_are_registered_once():
    assert set(SOLUTIONS) <= set(exercise_names())
    with pytest.raises(ValueError, match="two checks"):
        exercise("mirror_pose")(lambda answer: None)
