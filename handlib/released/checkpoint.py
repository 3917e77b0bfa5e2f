"""The authors' released checkpoint, loaded into this package's modules.

``python -m handlib.released.checkpoint CHECKPOINT INPUTS.npz OUT.npz [--losses OUT.json] [--mano FOLDER]`` writes what
the released network computes on the given inputs, stage by stage, in the release's units.
"""

import argparse
import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from handlib.hand.hand import Hand
from handlib.hand.mano_file import HandData, hand_data_from_mapping
from handlib.hand.skeleton import MANO_PARENTS, SIDES, Side
from handlib.model.config import DIRConfig
from handlib.model.estimate import Prediction
from handlib.model.network import DIR
from handlib.model.projection import project_planes
from handlib.released.names import convert
from handlib.training.losses import hand_faces, released_losses
from handlib.training.targets import Targets
from handlib.utils.errors import InputError
from handlib.utils.files import reading, replacing, write_text


class CheckpointError(InputError):
    """A file that isn't the released checkpoint; the message lists the entries that are off."""


def hand_from_checkpoint(released: Mapping[str, Tensor], side: Side, path: Path) -> HandData:
    """The hand model that the checkpoint carries in its buffers."""
    prefix = f"init_regressor.mano_layer_{side}.th_"
    fields = {
        name.removeprefix(prefix): value.numpy()
        for name, value in released.items()
        if name.startswith(prefix)
    }
    content = {
        "f": fields.get("faces"),
        "kintree_table": np.array([MANO_PARENTS, range(16)]),
        "hands_components": fields.get("comps"),
        **{name: fields.get(name) for name in ("shapedirs", "posedirs", "J_regressor", "weights")},
        **{name: fields[name][0] if name in fields else None for name in ("v_template", "hands_mean")},
    }
    return hand_data_from_mapping({k: v for k, v in content.items() if v is not None}, side, path)


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The weights in a released file; whatever else it holds is ignored, and nothing in it is run."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"{path}: not a checkpoint of plain tensors: {error}") from error
    released = content.get("net") if isinstance(content, dict) else None
    if not isinstance(released, dict) or not all(isinstance(v, Tensor) for v in released.values()):
        raise CheckpointError(f"{path}: expected the weights under the key 'net'")
    return released


def layout_problems(released: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Entries that are missing, unexpected or of the wrong shape, by kind, against our network's weights."""
    weights, unknown = convert(released)
    return {
        # Older files lack the batch counters of batch norm, which evaluation doesn't use.
        "missing": [n for n in expected if n not in weights and not n.endswith("num_batches_tracked")],
        "unexpected": unknown + [n for n in weights if n not in expected],
        "wrong shape": [
            f"{n} (expected {tuple(expected[n].shape)}, got {tuple(v.shape)})"
            for n, v in weights.items()
            if n in expected and expected[n].shape != v.shape
        ],
    }


def load_checkpoint(path: str | Path, mano: str | Path | None = None) -> DIR:
    """The released network with the weights of a checkpoint, in evaluation mode.

    ``mano`` is a folder with MANO_LEFT.pkl and MANO_RIGHT.pkl; without it the hand model comes from the
    checkpoint's own buffers. Optimiser state in the file is ignored.

    Raises:
        CheckpointError: the file can't be read, or entries are missing, unexpected or of another shape.
        HandFileError: the hand model can't be used.
    """
    path = Path(path)
    released = read_checkpoint(path)
    model = DIR(DIRConfig.released())
    problems = layout_problems(released, model.state_dict())
    if any(problems.values()):
        listed = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in problems.items() if names)
        raise CheckpointError(f"{path}: not the released network: {listed}")
    weights, _ = convert(released)
    model.load_state_dict(weights, strict=False)
    for side in SIDES:
        if mano is None:
            model.hands[side] = Hand(hand_from_checkpoint(released, side, path), model.config.tips)
        else:
            model.hands[side] = Hand.from_mano(mano, side, model.config.tips)
    return model.eval()


def named_outputs(prediction: Prediction) -> dict[str, Tensor]:
    """A prediction under the names of the release's outputs."""
    out: dict[str, Tensor] = {"seg": prediction.segmentation, "dense": prediction.dense}
    for k, estimate in enumerate(prediction.estimates):
        for h, side in enumerate(SIDES):
            out[f"stage{k}/joint_uv_{side}"] = estimate.uv[:, h]
            out[f"stage{k}/mesh_xyz_{side}"] = estimate.vertices[:, h]
            out[f"stage{k}/joint_xyz_{side}"] = estimate.joints[:, h]
            out[f"stage{k}/proj_{side}"] = estimate.params.camera[:, h]
        out[f"stage{k}/offset"] = estimate.offset
    return out


@torch.no_grad()
def run(model: DIR, image: Tensor) -> dict[str, Tensor]:
    """What the command writes for a normalised picture: all outputs, and the last stage's planes as one map.

    That map, ``planes_sum_last``, is the mean over each hand's planes and channels, summed over the hands.
    """
    trace = model.trace(image)
    last, config = trace.stages[-1], model.config
    size = last.fused.shape[-1]
    assert config.projection != "none"
    planes = project_planes(last.plane_features, last.after.uv, size, config.half_width, config.projection)
    return {**named_outputs(trace.prediction), "planes_sum_last": 2 * planes.mean((1, 2))}


def released_targets(inputs: Mapping[str, np.ndarray]) -> Targets:
    """The truth in the layout of the release's loader; what no released loss looks at is left at rest."""

    def both(name: str) -> Tensor:
        return torch.from_numpy(np.stack([inputs[f"{name}_{side}"] for side in SIDES], axis=1))

    joints = both("joint_3d")
    return Targets(
        uv=both("joint_2d")[..., :2],
        vertex_uv=both("mesh_2d")[..., :2],
        joints=joints,
        vertices=both("mesh_3d"),
        label=torch.from_numpy(inputs["seg"][:, 0]).long(),
        dense=torch.from_numpy(inputs["dense"]),
        root=torch.eye(3).expand(len(joints), 2, 3, 3),
        pose=torch.zeros(len(joints), 2, 45),
        betas=torch.zeros(len(joints), 2, 10),
    )


@torch.no_grad()
def training_losses(model: DIR, inputs: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The release's loss terms on a batch, with the batch's own statistics; the model stays as it is."""
    training = copy.deepcopy(model).train()
    faces = hand_faces(model.hands)
    prediction = training(torch.from_numpy(inputs["img"]))
    losses = released_losses(prediction, released_targets(inputs), faces)
    return {name: loss.item() for name, loss in losses.items()}


def main(arguments: list[str] | None = None) -> None:
    """Command line: load, run, write."""
    parser = argparse.ArgumentParser(description="Runs the released network on stored inputs.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("inputs", type=Path, help="npz with img (batch, 3, 256, 256), normalised")
    parser.add_argument("out", type=Path, help="npz to write")
    parser.add_argument(
        "--mano", type=Path, default=None, help="folder with MANO_LEFT.pkl and MANO_RIGHT.pkl"
    )
    parser.add_argument("--losses", type=Path, default=None, help="json to write the training losses to")
    args = parser.parse_args(arguments)
    try:
        model = load_checkpoint(args.checkpoint, args.mano)
        with reading(args.inputs, "an npz archive with img"), np.load(args.inputs) as archive:
            inputs = dict(archive)
            image = torch.from_numpy(inputs["img"])
    except (OSError, ValueError) as error:
        parser.error(str(error))
    outputs = run(model, image)
    arrays: dict[str, Any] = {name: value.numpy() for name, value in outputs.items()}
    with replacing(args.out) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
    if args.losses:
        write_text(args.losses, json.dumps(training_losses(model, inputs), indent=1) + "\n")


if __name__ == "__main__":
    main()
