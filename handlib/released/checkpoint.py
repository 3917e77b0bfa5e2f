"""Reads the authors' checkpoint into this package's modules, and writes checkpoints in their format.

``python -m handlib.released.checkpoint CHECKPOINT INPUTS.npz OUT.npz [--losses OUT.json] [--mano FOLDER]``
runs the released network on the given inputs and writes its outputs, stage by stage, in the release's units.
"""

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy._core import multiarray
from torch import Tensor

from handlib.hand.hand import Hand
from handlib.hand.mano_file import HandData, hand_data_from_mapping
from handlib.hand.skeleton import MANO_PARENTS, SIDES, Side
from handlib.model.config import DIRConfig
from handlib.model.estimate import Prediction
from handlib.model.network import DIR
from handlib.model.projection import project_planes
from handlib.released.names import from_released, to_released
from handlib.utils.errors import InputError
from handlib.utils.files import reading, replacing, write_text

FEW = 4
"""Number of entries of each kind that an error message names."""
_WRAPPERS = re.compile(r"^(?:module\.|_orig_mod\.)+|_orig_mod\.")
"""Parts of names that DistributedDataParallel and torch.compile add."""
_NUMPY: list[Any] = [
    np.ndarray,
    np.dtype,
    *{type(np.dtype(kind)) for kind in "?bBhHiIlLqQefd"},
    *(
        (getattr(multiarray, name), f"{package}.multiarray.{name}")
        for package in ("numpy.core", "numpy._core")
        for name in ("scalar", "_reconstruct")
    ),
]
"""Names that a pickle of numpy numbers and arrays may ask for, beside torch's own. None of them runs code."""


class CheckpointError(InputError):
    """A file isn't the released checkpoint; the message lists the wrong entries."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Returns the weights in a released file, with floating-point numbers as float32.

    Additions of torch.compile and DistributedDataParallel to the names are removed. All else in the file is
    ignored, and no code in it is run.
    """
    try:
        with torch.serialization.safe_globals(_NUMPY):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{path}: can't be read: {error.strerror}") from error
    except Exception as error:
        asked = re.search(r"GLOBAL ([\w.]+)", str(error))
        told = (
            f"it asks for {asked[1]}, which isn't run" if asked else "damaged, or not written by torch.save"
        )
        raise CheckpointError(f"{path}: not a checkpoint of plain tensors and numbers: {told}") from None
    weights = content.get("net") if isinstance(content, dict) else None
    tensors = {
        _WRAPPERS.sub("", name): value.detach().float() if value.is_floating_point() else value.detach()
        for name, value in (weights.items() if isinstance(weights, dict) else ())
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    if not isinstance(weights, dict) or (weights and not tensors):
        raise CheckpointError(f"{path}: expected the weights under the key 'net'")
    return tensors


def our_weights(released: Mapping[str, Tensor], model: DIR, path: Path) -> dict[str, Tensor]:
    """Returns the released weights in the form that ``model.load_state_dict`` takes.

    Raises:
        CheckpointError: entries are missing, unexpected or of another shape; the message names a few of each.
    """
    expected = model.state_dict()
    weights, unknown = from_released(released)
    problems = {
        # Older files lack the batch counters of batch norm, which evaluation doesn't use.
        "missing": [n for n in expected if n not in weights and not n.endswith("num_batches_tracked")],
        "unexpected": unknown + [n for n in weights if n not in expected],
        "of another shape": [
            f"{n} (expected {tuple(expected[n].shape)}, got {tuple(v.shape)})"
            for n, v in weights.items()
            if n in expected and expected[n].shape != v.shape
        ],
    }
    if any(problems.values()):
        listed = (
            f"{len(names)} {kind}: {', '.join([n[:150] for n in names[:FEW]] + ['...'] * (len(names) > FEW))}"
            for kind, names in problems.items()
            if names
        )
        raise CheckpointError(f"{path}: not the released network: {'; '.join(listed)}")
    return weights


def hand_from_checkpoint(released: Mapping[str, Tensor], side: Side, path: Path) -> HandData:
    """Returns the hand model that the checkpoint holds in its buffers."""
    prefix = f"init_regressor.mano_layer_{side}.th_"
    with reading(path, f"the {side} hand model in the buffers"):
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


def load_checkpoint(path: str | Path, mano: str | Path | None = None) -> DIR:
    """Returns the released network with the weights of a checkpoint, in evaluation mode.

    ``mano`` is a folder with MANO_LEFT.pkl and MANO_RIGHT.pkl. Without it the hand model comes from the
    checkpoint's own buffers.

    Raises:
        CheckpointError: the file can't be read, or entries are missing, unexpected or of another shape.
        HandFileError: the hand model can't be used.
    """
    path = Path(path)
    released = read_checkpoint(path)
    model = DIR(DIRConfig.released())
    model.load_state_dict(our_weights(released, model, path), strict=False)
    for side in SIDES:
        if mano is None:
            model.hands[side] = Hand(hand_from_checkpoint(released, side, path), model.config.tips)
        else:
            model.hands[side] = Hand.from_mano(mano, side, model.config.tips)
    return model.eval()


def hand_buffers(hand: Hand) -> dict[str, Tensor]:
    """Returns the hand model as the buffers that the release stores beside the weights."""
    fields = {
        "betas": torch.zeros(1, 10),
        "shapedirs": hand.shapedirs,
        "posedirs": hand.posedirs.T.unflatten(0, (-1, 3)).contiguous(),
        "v_template": hand.v_template[None],
        "J_regressor": hand.J_regressor,
        "weights": hand.weights,
        "faces": torch.from_numpy(hand.faces.copy()),
        "hands_mean": hand.hands_mean[None],
        "comps": hand.hands_components,
        "selected_comps": hand.hands_components,
    }
    prefix = f"init_regressor.mano_layer_{hand.side}.th_"
    return {prefix + name: value for name, value in fields.items()}


def write_checkpoint(model: DIR, path: str | Path) -> None:
    """Writes a network of the released configuration; the file is written whole or not at all.

    Raises:
        InputError: the network has another configuration.
    """
    if model.config != DIRConfig.released():
        raise InputError("model: expected DIRConfig.released(), whose layout this file has")
    content = to_released(model.state_dict())
    for side in SIDES:
        content |= hand_buffers(model.hands[side])
    with replacing(Path(path)) as temporary:
        torch.save({"net": content}, temporary)


def named_outputs(prediction: Prediction) -> dict[str, Tensor]:
    """Returns a prediction's tensors under the names of the release's outputs."""
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
    """Returns the arrays that the command writes for normalised pictures: all outputs and one more map.

    This map, ``planes_sum_last``, is made from the last stage's planes: their mean over each hand's planes
    and channels, summed over the hands.
    """
    trace = model.trace(image)
    last, config = trace.stages[-1], model.config
    size = last.fused.shape[-1]
    assert config.projection != "none"
    planes = project_planes(last.plane_features, last.after.uv, size, config.half_width, config.projection)
    return {**named_outputs(trace.prediction), "planes_sum_last": 2 * planes.mean((1, 2))}


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line: loads a checkpoint, runs the network, writes its outputs."""
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
        from handlib.released.losses import training_losses

        write_text(args.losses, json.dumps(training_losses(model, inputs), indent=1) + "\n")


if __name__ == "__main__":
    main()
