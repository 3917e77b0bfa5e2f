"""Writes the answers of MediaPipe's hand landmarker to annotated photographs, for ``handlib eval-photos``.

    python -m venv CONVERT && CONVERT/bin/pip install mediapipe==0.10.21
    CONVERT/bin/python scripts/experiments/mediapipe_answers.py FOLDER ANSWERS.json [--whole-pictures]
    handlib eval-photos FOLDER --answers ANSWERS.json

The landmarker sees the square around the annotated box, like this package's networks, or the whole picture.
It looks for two hands. If both get the same side, the surer hand keeps the side and the other hand gets the
other side. This favours MediaPipe.
"""

import argparse
import json
from pathlib import Path

import mediapipe
import numpy as np
from PIL import Image, ImageOps

SHARE = 0.8
"""Share of the square's side that the box fills."""


def square(picture: Image.Image, box: tuple[float, float, float, float]) -> tuple[np.ndarray, float, float]:
    """Returns the square around a box, and its left and top edge; it repeats the picture's edge outside."""
    x, y, width, height = box
    side = max(width, height) / SHARE
    left, top = round(x + width / 2 - side / 2), round(y + height / 2 - side / 2)
    right, bottom = left + round(side), top + round(side)
    before = max(0, -top), max(0, -left)
    after = max(0, bottom - picture.height), max(0, right - picture.width)
    padded = np.pad(np.asarray(picture), (*zip(before, after, strict=True), (0, 0)), mode="edge")
    part = padded[top + before[0] : bottom + before[0], left + before[1] : right + before[1]]
    return np.ascontiguousarray(part), left, top


def answer(landmarker: mediapipe.solutions.hands.Hands, picture: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the joints (21, 2) in pixels by side."""
    found = landmarker.process(picture)
    if not found.multi_hand_landmarks:
        return {}
    size = picture.shape[1::-1]
    hands = []
    for landmarks, sides in zip(found.multi_hand_landmarks, found.multi_handedness, strict=True):
        joints = np.array([(point.x, point.y) for point in landmarks.landmark]) * size
        # The landmarker assumes mirrored pictures, as from selfie cameras.
        side = {"Left": "right", "Right": "left"}[sides.classification[0].label]
        hands.append((sides.classification[0].score, side, joints))
    hands.sort(key=lambda hand: -hand[0])
    answers: dict[str, np.ndarray] = {}
    for _, side, joints in hands:
        other = "left" if side == "right" else "right"
        answers.setdefault(side if side not in answers else other, joints)
    return answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--whole-pictures", action="store_true")
    options = parser.parse_args()
    answers = {}
    landmarker = mediapipe.solutions.hands.Hands(
        static_image_mode=True, max_num_hands=2, min_detection_confidence=0.3
    )
    for record in json.loads((options.folder / "annotations.json").read_text()):
        picture = ImageOps.exif_transpose(Image.open(options.folder / record["file"])).convert("RGB")
        if options.whole_pictures:
            part, left, top = np.asarray(picture), 0.0, 0.0
        else:
            part, left, top = square(picture, record["box"])
        found = answer(landmarker, part)
        answers[record["file"]] = {
            side: (found[side] + (left, top)).round(1).tolist() if side in found else None
            for side in ("left", "right")
        }
    options.answers.write_text(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    main()
