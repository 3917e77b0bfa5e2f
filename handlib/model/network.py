"""DIR, from one picture to two hands: connects all mechanisms to one network (Sec. 3)."""

import hashlib
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import PyTorchModelHubMixin
from jaxtyping import Float
from torch import Tensor, nn

from handlib.geometry.camera import project_weak_perspective
from handlib.geometry.turn import turn_picture
from handlib.hand.hand import Hand, Hands
from handlib.hand.skeleton import SIDES
from handlib.hand.submesh import submesh
from handlib.hand.upright import turn_to_upright
from handlib.model.config import NUM_VERTEX_TOKENS, DIRConfig
from handlib.model.encoder import Encoder
from handlib.model.estimate import Estimate, Prediction, StageTrace, Trace, decode
from handlib.model.joint_maps import JointMaps
from handlib.model.joints_head import JointsHead
from handlib.model.parts import Parts, use_parts
from handlib.model.refinement import RefinementStage
from handlib.utils.errors import InputError
from handlib.utils.files import reading
from handlib.utils.resources import models, networks_folder

HUB = "hf://"
"""Prefix of networks on the Hugging Face hub. Loading a network without it never uses the internet."""


class PixelHeads(nn.Module):
    """Segmentation and dense correspondence, read off the last map (Sec. 3.3)."""

    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, hidden, 3, padding=1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 1),
        )
        self.segmentation, self.dense = (
            nn.Sequential(
                nn.Conv2d(hidden, hidden // 2, 3, padding=1),
                nn.BatchNorm2d(hidden // 2),
                nn.ReLU(),
                nn.Conv2d(hidden // 2, 3, 1),
            )
            for _ in range(2)
        )

    def forward(
        self, feature_map: Float[Tensor, "batch _ height width"]
    ) -> tuple[Float[Tensor, "batch 3 height width"], Float[Tensor, "batch 3 height width"]]:
        """Returns scores of (background, left, right), and dense colours."""
        stem = self.stem(feature_map)
        return self.segmentation(stem), self.dense(stem)


def joints_at_rest(hand: Hand) -> Float[Tensor, "21 3"]:
    """Returns the joints of the flat hand of mean shape, in metres."""
    return hand().joints


def weights_sum(model: nn.Module) -> str:
    """Returns the SHA256 of a network's weights and buffers."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.contiguous().numpy(force=True).tobytes())
    return digest.hexdigest()


class DIR(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="handlib",
    license="mit",
    tags=["hand-reconstruction", "interacting-hands"],
):
    """The whole network. ``hands`` are the hand models, the open hand unless others are given.

    ``save_pretrained`` saves configuration and weights, but not the hand models. If you trained with other
    hands than the open hand, give them again (``from_pretrained(name, hands=...)``); otherwise the pose
    coefficients mean something else. ``name`` is the name that the network was loaded by.
    """

    name = "unnamed"
    project_weak_perspective = staticmethod(project_weak_perspective)

    def __init__(self, config: DIRConfig, hands: dict[str, Hand] | None = None):
        super().__init__()
        self.config = config
        hands = hands or {side: Hand.open(side, config.tips) for side in SIDES}
        given = {name: hand.side for name, hand in hands.items()}
        if given != {side: side for side in SIDES}:
            raise ValueError(f"hands: expected a left and a right hand under their names, got {given}")
        self.encoder = Encoder(config, torch.stack([joints_at_rest(hands[side]) for side in SIDES]))
        thinned = None
        if config.tokens == "vertices":
            thinned = submesh(hands["right"].v_template.numpy(), hands["right"].faces, NUM_VERTEX_TOKENS)
        deep, stages = self.encoder.channels[-1], []
        for level in config.stage_levels:
            stages.append(RefinementStage(config, deep, self.encoder.channels[level], thinned))
            deep = config.channels
        self.stages = nn.ModuleList(stages)
        self.heads = PixelHeads(deep, config.channels)
        self.hands = Hands(hands)

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, name: str | Path, parts: Parts | None = None, **options: Any
    ) -> "DIR":
        """Loads a network in evaluation mode: one that ships (``small``), a folder, or ``hf://OWNER/NAME``.

        ``parts`` are a reader's functions that the network runs in their places: a module, the path of a
        Python file, or functions by name (:mod:`handlib.model.parts`).

        Raises:
            InputError: there is no such network, one of its files is damaged, or ``parts`` can't be used.
        """
        source = str(name).removeprefix(HUB)
        if source == str(name):
            source = str(_network_folder(source))
        # The mixin prints how it loads the network.
        with redirect_stdout(None), reading(Path(source), "a network that save_pretrained has written"):
            try:
                model: DIR = super().from_pretrained(source, **{"strict": True, **options})
            except InputError as error:
                raise InputError(f"{source}: {error}") from error
        model.name = str(name)
        use_parts(model, parts)
        return model

    def checksum(self) -> str:
        """Returns the SHA256 of all that determines the network's answers: configuration, weights, hands."""
        digest = hashlib.sha256(f"{self.config} {weights_sum(self)}".encode())
        for buffer in self.hands.buffers():
            digest.update(buffer.numpy(force=True).tobytes())
        return digest.hexdigest()

    def decode(self, vectors: Float[Tensor, "batch hand=2 64"], offset: Float[Tensor, "batch 3"]) -> Estimate:
        """Turns hand vectors into posed hands, see :func:`handlib.model.estimate.decode`."""
        return decode(vectors, offset, self.hands, self.config.log_scale, self.project_weak_perspective)

    def trace(self, image: Float[Tensor, "batch 3 size size"], seen: JointMaps | None = None) -> Trace:
        """Runs a forward pass and keeps all that it computes; ``image`` is normalised (``sample.normalise``).

        The picture isn't turned, also with ``DIRConfig.upright``. Joint maps of the same picture that were
        ``seen`` before are averaged with those of this pass.

        Raises:
            ValueError: the picture's size isn't the configuration's.
        """
        size = self.config.image_size
        if image.shape[1:] != (3, size, size):
            raise ValueError(f"image: expected shape (batch, 3, {size}, {size}), got {tuple(image.shape)}")
        features, attention, vectors, offset, maps = self.encoder(image, seen)
        estimate = self.decode(vectors, offset)
        estimates, stages, deep = [estimate], [], features[-1]
        for level, stage in zip(self.config.stage_levels, self.stages, strict=True):
            step: StageTrace = stage(deep, features[level], estimates[-1], self.decode)
            stages.append(step)
            estimates.append(step.after)
            deep = step.enhanced
        segmentation, dense = self.heads(deep)
        prediction = Prediction(tuple(estimates), segmentation, dense, maps, maps.located if maps else None)
        return Trace(tuple(features), attention, tuple(stages), prediction)

    def joint_maps(self, image: Float[Tensor, "batch 3 size size"]) -> JointMaps:
        """Returns the joint maps of a picture alone, not averaged with those of its mirror image.

        Raises:
            ValueError: the network's initial head isn't ``joints``.
        """
        if not isinstance(self.encoder.head, JointsHead):
            raise ValueError(f"initial_head: only joints makes maps, this is {self.config.initial_head}")
        return self.encoder.head.joint_maps(self.encoder.backbone(image)[1:])

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> Prediction:
        """Returns the prediction, without the trace.

        With ``DIRConfig.upright`` it is that of the picture turned so that its hands point up, turned back.
        The joint maps of both pictures are averaged.
        """
        if self.training or not self.config.upright:
            return self.trace(image).prediction
        glance = self.joint_maps(image)
        turn = turn_to_upright(glance.located.uv)
        upright = self.trace(turn_picture(image, turn), glance.turned(turn))
        return upright.prediction.turned(-turn)

    def __repr__(self) -> str:
        size, count = self.config.image_size, sum(p.numel() for p in self.parameters())
        parts = ", ".join(name for name, _ in self.named_children())
        return f"DIR({self.name}: {size} x {size} pixels, {count / 1e6:.1f} million parameters; {parts})"


def _network_folder(name: str) -> Path:
    """Returns the folder of a network that ships, or the named folder; else raises an ``InputError``."""
    shipped, told = models(), f"network {name}: expected"
    folder = networks_folder() / name if name in shipped else Path(name)
    if not folder.is_dir():
        if folder.suffix in (".pth", ".pt", ".pkl", ".ckpt"):
            reader = "handlib.released.checkpoint.load_checkpoint"
            raise InputError(f"{told} a folder, got a file; {reader} reads the authors' weights")
        if folder.suffix == ".safetensors":
            raise InputError(
                f"{told} a folder, got a file; name the folder that holds it and its config.json"
            )
        ours = ", ".join(shipped) or "none is there: install handlib again"
        raise InputError(f"{told} one that ships ({ours}), a folder, or {HUB}OWNER/NAME on the hub")
    missing = [file for file in ("config.json", "model.safetensors") if not (folder / file).is_file()]
    if missing:
        raise InputError(f"{told} {' and '.join(missing)} in this folder")
    return folder
