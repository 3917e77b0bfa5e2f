"""Checks MANO's files and the released checkpoint. Only their owners may distribute them."""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from handlib.doctor.findings import Finding, judged
from handlib.hand.hand import Hand
from handlib.hand.mano_file import HandData, find_mano, open_hand_data, read_mano, repair_left_shapedirs
from handlib.hand.skeleton import SIDES, Side, joint_index
from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.released.checkpoint import hand_from_checkpoint, our_weights, read_checkpoint
from handlib.utils.errors import InputError

GET_MANO = (
    "register at https://mano.is.tue.mpg.de, download the models and give the folder that holds "
    "MANO_LEFT.pkl and MANO_RIGHT.pkl"
)
GET_CHECKPOINT = "https://github.com/PengfeiRen96/DIR says in its README where to download it"


def side_of(data: HandData) -> Side:
    """Returns whether a model is a left or a right hand, judged by its shape.

    The mean pose bends the fingers towards the palm. If you look at a right hand's palm with the fingers up,
    its index finger is on the right of its little finger.
    """
    hand = Hand(data)
    flat, bent = (hand(pose_axis_angle=pose).joints.numpy() for pose in (torch.zeros(45), hand.hands_mean))
    tips = [joint_index(f"{finger}4") for finger in ("index", "middle", "ring", "little")]
    along = flat[joint_index("middle1")] - flat[joint_index("wrist")]
    across = flat[joint_index("index1")] - flat[joint_index("little1")]
    towards_palm = (bent[tips] - flat[tips]).mean(0)
    return "right" if np.dot(np.cross(along, across), towards_palm) < 0 else "left"


def mano_findings(folder: Path) -> list[Finding]:
    """Checks both files of a folder: that they can be read, their sides, and the left hand's sign fault."""
    found: dict[Side, HandData] = {}

    def read(side: Side) -> str:
        found[side] = data = read_mano(find_mano(folder, side), side)
        if (got := side_of(data)) != side:
            raise InputError(f"a {got} hand under the {side} hand's name")
        if np.array_equal(data.v_template, open_hand_data(side).v_template):
            return "the open hand in MANO's format; MANO's own parameters mean something else on it"
        return "fields, shapes and side as they should be"

    findings = [judged(f"MANO_{side.upper()}", partial(read, side), GET_MANO) for side in SIDES]
    if all(finding.verdict == "ok" for finding in findings):
        faulty = repair_left_shapedirs(found["left"], found["right"]) is not found["left"]
        told = (
            "found, as in the original file; mended whenever the folder is loaded" if faulty else "not found"
        )
        findings.append(Finding("left hand's sign fault", "ok", told))
    return findings


def checkpoint_findings(path: Path) -> list[Finding]:
    """Checks the released weights: all entries with their shapes, and the hand model in the buffers."""

    def layout() -> str:
        released = read_checkpoint(path)
        our_weights(released, DIR(DIRConfig.released()), path)
        for side in SIDES:
            hand_from_checkpoint(released, side, path)
        return f"{len(released)} entries, laid out as released, hand model included"

    return [judged("released checkpoint", layout, GET_CHECKPOINT)]
