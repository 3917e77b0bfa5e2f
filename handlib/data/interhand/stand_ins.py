"""Stand-ins for real data: small data sets of rendered pairs in exactly the layouts of the real data sets.

With them you can try a reader, a command or a training without the real data, and the truth is known. The
fits are parameters of the open hand: they mean nothing for MANO, and MANO's mean nothing for the open hand.
"""

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from scipy.spatial.transform import Rotation

from handlib.data.interhand.files import ANNOTATED_TO_21
from handlib.data.rendered.placement import Pair
from handlib.data.rendered.posed_arm import hands
from handlib.data.rendered.render import RenderedPair, render_pair
from handlib.data.rendered.scenes import make_scene, sample_appearance
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES
from handlib.utils.files import replacing, write_text

CAMERAS = ("cam400262", "cam400263")
MOMENTS_PER_CAPTURE = 2
# Degrees between the two cameras, and the distance (metres) from both to the point about which they turn.
BETWEEN_CAMERAS, HINGE = 20, 0.65
# Focal length and the pair's radius in the picture, in widths of the picture.
FOCAL, SPREAD = 2.0, 0.38


@dataclass(frozen=True, eq=False)
class StandIn:
    """A picture of a stand-in and its truth, in the frame of the camera that took the picture (metres).

    ``rotation`` and ``translation`` lead from the world to this frame. ``intrinsics`` belong to the picture.
    """

    file_name: str
    picture: UInt8[np.ndarray, "height width 3"]
    vertices: Float[np.ndarray, "2 778 3"]
    joints: Float[np.ndarray, "2 21 3"]
    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, "3"]
    intrinsics: Float[np.ndarray, "4"]


@dataclass(frozen=True, eq=False)
class Moment:
    """A pair at one moment: the views of two cameras, and both hands' fits in the world's frame."""

    capture: int
    frame: int
    views: tuple[StandIn, ...]
    fits: dict[str, dict[str, np.ndarray]]


def _world_fit(
    hand: Hand, pair: Pair, wrist: np.ndarray, rotation: np.ndarray, translation: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns one hand's parameters in the world's frame; ``wrist`` is given in the first camera's frame."""
    h = SIDES.index(hand.side)
    rest = hand.v_template.numpy() + hand.shapedirs.numpy() @ pair.betas[h]
    return {
        "root": rotation.T @ pair.root[h].astype(np.float64),
        "pose": pair.pose[h].astype(np.float64),
        "shape": pair.betas[h].astype(np.float64),
        "trans": rotation.T @ (wrist - translation) - hand.J_regressor[0].numpy() @ rest,
    }


def _draw(
    vertices: np.ndarray, intrinsics: np.ndarray, side: int, looks: np.random.Generator
) -> RenderedPair:
    return render_pair(vertices.astype(np.float32), intrinsics, side, sample_appearance(looks, side))


def _moment(index: int, seed: int, width: int, height: int) -> Moment:
    capture, step = divmod(index, MOMENTS_PER_CAPTURE)
    frame = 1000 + 3 * step
    pair = make_scene("desk", seed, index).pair
    # The first camera looks at the middle of the pair, from a distance at which it sees the whole pair.
    middle = pair.vertices.mean((0, 1))
    spread = np.linalg.norm(pair.vertices - middle, axis=-1).max()
    shift = (0, 0, FOCAL * spread / SPREAD) - middle
    of_capture, of_moment = (np.random.default_rng((seed, number)) for number in (2 * capture, 2 * index + 1))
    rotation = Rotation.random(rng=of_capture).as_matrix()
    translation = 0.3 * of_capture.normal(size=3)
    square = width * np.array((FOCAL, FOCAL, 0.5, 0.5))
    # Above and below the square, its edges are repeated.
    above = (height - width) // 2
    room = ((above, height - width - above), (0, 0), (0, 0))
    views = []
    for k, camera in enumerate(CAMERAS):
        turn = Rotation.from_euler("y", BETWEEN_CAMERAS * k, degrees=True).as_matrix()
        hinge = np.array((0, 0, HINGE)) @ (np.eye(3) - turn.T)
        vertices, joints = ((points + shift) @ turn.T + hinge for points in (pair.vertices, pair.joints))
        drawn = _draw(vertices, square, width, of_moment)
        views.append(
            StandIn(
                file_name=f"Capture{capture}/0000_stand_in/{camera}/image{frame}.jpg",
                picture=np.pad(drawn.image, room, mode="edge"),
                vertices=vertices,
                joints=joints,
                rotation=turn @ rotation,
                translation=turn @ translation + hinge,
                intrinsics=square + np.array((0, 0, 0, above)),
            )
        )
    wrists = pair.joints[:, 0] + shift
    fits: dict[str, dict[str, np.ndarray]] = {
        hand.side: _world_fit(hand, pair, wrist, rotation, translation)
        for hand, wrist in zip(hands(), wrists, strict=True)
    }
    return Moment(capture, frame, tuple(views), fits)


def make_moments(count: int, seed: int, width: int = 334, height: int = 512) -> list[Moment]:
    """Makes pairs of the ``desk`` world; two cameras see each pair, in pictures of ``width`` x ``height``.

    The pairs are at random places in the world's frame. A capture has two moments; its cameras don't move.
    """
    return [_moment(index, seed, width, height) for index in range(count)]


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(content))


def _save_picture(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        Image.fromarray(picture).save(temporary, format="JPEG", quality=95)


def _annotated_joints(view: StandIn) -> np.ndarray:
    """Returns the 42 joints in the annotation's order, in millimetres, in the world's frame."""
    joints = np.zeros((42, 3))
    for h, side in enumerate(SIDES):
        world = (view.joints[h] - view.translation) @ view.rotation
        joints[list(ANNOTATED_TO_21[side])] = 1000 * world
    return joints


def _neural_annot(fit: dict[str, np.ndarray], hand: Hand) -> dict[str, list[float]]:
    root = Rotation.from_matrix(fit["root"]).as_rotvec()
    pose = np.concatenate((root, fit["pose"] - hand.hands_mean.numpy()))
    return {"pose": pose.tolist(), "shape": fit["shape"].tolist(), "trans": fit["trans"].tolist()}


def write_interhand(root: Path, split: str, moments: list[Moment]) -> list[StandIn]:
    """Writes moments in the layout of InterHand2.6M v1.0: ``images`` and ``annotations``.

    Every second picture counts as annotated by humans. Returns the pictures in the annotations' order.
    """
    data: dict[str, list[Any]] = {"images": [], "annotations": []}
    cameras: dict[str, Any] = {}
    joints: dict[str, dict[str, Any]] = {}
    fits: dict[str, dict[str, Any]] = {}
    views = [(moment, k, view) for moment in moments for k, view in enumerate(moment.views)]
    for number, (moment, k, view) in enumerate(views):
        capture, frame, camera = str(moment.capture), str(moment.frame), CAMERAS[k].removeprefix("cam")
        height, width = view.picture.shape[:2]
        _save_picture(root / "images" / split / view.file_name, view.picture)
        image = {"id": number, "file_name": view.file_name, "width": width, "height": height}
        taken = {"capture": moment.capture, "subject": 0, "seq_name": "0000_stand_in", "camera": camera}
        data["images"].append(image | taken | {"frame_idx": moment.frame})
        about = {"id": 10 + number, "image_id": number, "bbox": [0.0, 0.0, float(width), float(height)]}
        kind = {"joint_valid": [[1]] * 42, "hand_type": "interacting", "hand_type_valid": 1}
        data["annotations"].append(about | kind)
        of_capture = cameras.setdefault(capture, {"campos": {}, "camrot": {}, "focal": {}, "princpt": {}})
        of_capture["campos"][camera] = (-1000 * view.rotation.T @ view.translation).tolist()
        of_capture["camrot"][camera] = view.rotation.tolist()
        of_capture["focal"][camera] = view.intrinsics[:2].tolist()
        of_capture["princpt"][camera] = view.intrinsics[2:].tolist()
        annotated = {"world_coord": _annotated_joints(view).tolist(), "joint_valid": [[1]] * 42}
        annotated |= {"hand_type": "interacting", "hand_type_valid": True}
        joints.setdefault(capture, {})[frame] = annotated
        of_moment = {hand.side: _neural_annot(moment.fits[hand.side], hand) for hand in hands()}
        fits.setdefault(capture, {})[frame] = of_moment
    folder = root / "annotations" / split
    contents = {"data": data, "camera": cameras, "joint_3d": joints, "MANO_NeuralAnnot": fits}
    for name, content in contents.items():
        _write_json(folder / f"InterHand2.6M_{split}_{name}.json", content)
    ids = {"human": range(0, len(views), 2), "machine": range(1, len(views), 2)}
    for annotators, numbers in ids.items():
        write_text(folder / f"aid_{annotators}_annot_{split}.txt", "".join(f"{10 + k}\n" for k in numbers))
    return [view for _, _, view in views]


def write_intaghand(root: Path, split: str, moments: list[Moment], size: int = 256) -> list[StandIn]:
    """Writes moments as IntagHand's preparation does, but without dense maps and heat maps.

    Each view becomes a cropped picture, numbered from 0, with its mask and annotation. Returns the pictures
    in this order.
    """
    written: list[StandIn] = []
    for moment in moments:
        for view in moment.views:
            square = view.picture.shape[1]
            above = (view.picture.shape[0] - square) // 2
            picture = Image.fromarray(view.picture[above : above + square]).resize((size, size))
            intrinsics = (view.intrinsics - (0, 0, 0, above)) * (size / square)
            _write_one(root / split, len(written), np.array(picture), moment, view, intrinsics)
            written.append(view)
    return written


def _write_one(
    folder: Path, number: int, picture: np.ndarray, moment: Moment, view: StandIn, intrinsics: np.ndarray
) -> None:
    size = len(picture)
    maps = _draw(view.vertices, intrinsics, size, np.random.default_rng(number))
    colours = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0)], dtype=np.uint8)
    _save_picture(folder / "img" / f"{number}.jpg", picture)
    _save_picture(folder / "mask" / f"{number}.jpg", colours[maps.label])
    parameters = {}
    for hand in hands():
        fit = moment.fits[hand.side]
        offset = fit["pose"] - hand.hands_mean.numpy()
        coefficients = np.linalg.solve(hand.hands_components.numpy().T, offset)
        values = {"R": fit["root"], "pose": coefficients, "shape": fit["shape"], "trans": fit["trans"]}
        parameters[hand.side] = {name: value[None].astype(np.float32) for name, value in values.items()}
    fx, fy, cx, cy = intrinsics
    content = {
        "inter_idx": number,
        "image": {"file_name": view.file_name, "capture": moment.capture, "frame_idx": moment.frame},
        "annotation": {"hand_type": "interacting", "hand_type_valid": 1},
        "mano_params": parameters,
        "camera": {
            "R": view.rotation.astype(np.float32),
            "t": view.translation.astype(np.float32),
            "camera": np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
        },
    }
    (folder / "anno").mkdir(parents=True, exist_ok=True)
    with replacing(folder / "anno" / f"{number}.pkl") as temporary:
        temporary.write_bytes(pickle.dumps(content))
