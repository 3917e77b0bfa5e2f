"""DIR's training losses: distances, the meshes' edges and normals, the offset, and the pixel maps.

Every term is a function of its own. :func:`dir_loss` weights the terms and adds them up over the initial
estimate and all stages. Lengths enter the losses in units of ``LENGTH_UNIT`` (0.15 m), uv in [-1, 1].
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, huber_loss, interpolate, normalize

from handlib.geometry.rotation import rotation_from_6d
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES
from handlib.model.estimate import LENGTH_UNIT, Estimate, Prediction
from handlib.model.parts import Parts, function_of
from handlib.training.config import LossWeights
from handlib.training.distributed import mean_over_processes, shared_count
from handlib.training.joint_losses import joint_map_terms
from handlib.training.targets import CentredTargets, Targets, resize_label

HUBER_DELTA = 0.01
CLASS_WEIGHTS = (0.1, 0.45, 0.45)
"""Weights of background, left hand and right hand in the cross-entropy."""


def per_hand(
    loss: Float[Tensor, "batch hand=2 *rest"], present: Float[Tensor, "batch hand=2"]
) -> Float[Tensor, "hand=2"]:
    """Returns the mean over everything but the hand axis, for the hands that are present."""
    return loss.flatten(2).mean(2).where(present > 0, 0).sum(0) / shared_count(present.sum(0))


def huber(prediction: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Returns the elementwise Huber loss: z²/2 where |z| < δ, else δ(|z| - δ/2), with δ = ``HUBER_DELTA``.

    δ is far below typical errors, so the loss is nearly δ|z|. It is δ times torch's
    ``smooth_l1_loss(beta=δ)``.
    """
    return huber_loss(prediction, target, reduction="none", delta=HUBER_DELTA)


Elementwise = Callable[[Tensor, Tensor], Tensor]
"""The loss of every number of a prediction, as :func:`huber`."""
Faces = Int[Tensor, "hand=2 1538 3"]
"""Vertex ids of each hand's faces (left, right), both turned outwards."""
Edges = Float[Tensor, "hand=2 1538 3 xyz=3 batch"]
"""The three edges of every face as vectors. The batch comes last because gathering whole rows is fast."""


def hand_faces(hands: Mapping[str, Hand] | nn.ModuleDict) -> Faces:
    """Returns the faces of the left and of the right hand model."""
    return torch.stack([torch.from_numpy(hands[side].faces) for side in SIDES])


def face_edges(vertices: Float[Tensor, "batch hand=2 778 3"], faces: Faces) -> Edges:
    """Returns the edges b - a, c - b, a - c of every face (a, b, c); each hand has faces of its own."""
    rows = vertices.permute(1, 2, 3, 0).flatten(0, 1)
    row_of_corner = faces + vertices.shape[2] * torch.arange(2, device=faces.device)[:, None, None]
    corners = rows.index_select(0, row_of_corner.flatten()).unflatten(0, faces.shape)
    return corners.roll(-1, dims=2) - corners


def edge_lengths(edges: Edges) -> Float[Tensor, "hand=2 1538 3 batch"]:
    """Returns √(|e|² + 1e-12) of every edge e. The small term keeps the gradient finite at zero length."""
    return (edges.square().sum(dim=3) + 1e-12).sqrt()


def edge_loss(
    edges: Edges, true_edges: Edges, present: Float[Tensor, "batch hand=2"]
) -> Float[Tensor, "hand=2"]:
    """Returns the mean absolute difference of edge lengths, in the unit of the edges."""
    off = (edge_lengths(edges) - edge_lengths(true_edges)).abs()
    return per_hand(off.permute(3, 0, 1, 2), present)


def face_normals(
    vertices: Float[Tensor, "batch hand=2 778 3"], faces: Faces
) -> Float[Tensor, "hand=2 1538 xyz=3 batch"]:
    """Returns each face's unit normal: of (a, b, c), along (b - a) x (c - a), in the layout of ``Edges``."""
    a, b, c = (
        torch.stack([vertices[:, h].index_select(1, ids) for h, ids in enumerate(corner)], dim=1)
        for corner in faces.unbind(-1)
    )
    normals = torch.linalg.cross(normalize(b - a, dim=-1), normalize(c - a, dim=-1))
    return normalize(normals, dim=-1).permute(1, 2, 3, 0)


def normal_loss(
    edges: Edges,
    true_normals: Float[Tensor, "hand=2 1538 xyz=3 batch"],
    present: Float[Tensor, "batch hand=2"],
) -> Float[Tensor, "hand=2"]:
    """Returns the mean |cos| between predicted edges and their face's true normal; 0 for a perfect mesh."""
    cosines = (edges * true_normals[:, :, None]).sum(dim=3) / edge_lengths(edges)
    return per_hand(cosines.abs().permute(3, 0, 1, 2), present)


def lovasz_softmax(
    probabilities: Float[Tensor, "batch classes height width"], label: Int[Tensor, "batch height width"]
) -> Float[Tensor, ""]:
    """Returns the Lovász-softmax loss (Berman et al., CVPR 2018); the batch's pixels count as one picture.

    For one class, a pixel's error is |1[pixel is of the class] - probability|. The loss is the Lovász
    extension of the Jaccard loss 1 - IoU (their Alg. 1): sort the errors from large to small and count the
    pixels as mistaken in this order, one by one. Each pixel raises the Jaccard loss by some amount; its error
    is multiplied by this amount, and the products are added up. The result is the mean over the classes that
    occur in ``label``.
    """
    classes = torch.arange(probabilities.shape[1], device=label.device)
    is_class = label.flatten() == classes[:, None]
    error = (is_class.float() - probabilities.transpose(0, 1).flatten(1)).abs()
    error, order = error.sort(dim=1, descending=True)
    is_class = is_class.gather(1, order)
    size = is_class.sum(dim=1, keepdim=True)
    intersection = size - is_class.cumsum(dim=1)
    union = size + (~is_class).cumsum(dim=1)
    jaccard_loss = 1 - intersection / union
    growth = jaccard_loss.diff(dim=1, prepend=jaccard_loss.new_zeros(len(classes), 1))
    return (error * growth).sum(dim=1)[size[:, 0] > 0].mean()


def segmentation_loss(
    scores: Float[Tensor, "batch 3 height width"], label: Int[Tensor, "batch height width"]
) -> Float[Tensor, ""]:
    """Returns the cross-entropy of (background, left, right), weighted by class (``CLASS_WEIGHTS``).

    The sum over pixels is divided by the sum of the pixels' weights. With several processes it is divided by
    the mean of these sums over the processes.
    """
    weight = scores.new_tensor(CLASS_WEIGHTS)
    return cross_entropy(scores, label, weight, reduction="sum") / mean_over_processes(weight[label].sum())


def resize_dense(
    dense: Float[Tensor, "batch 3 _ _"], size: Sequence[int]
) -> Float[Tensor, "batch 3 height width"]:
    """Returns dense targets on a coarser map, interpolated bilinearly at each cell's centre."""
    return interpolate(dense, size, mode="bilinear", align_corners=False)


def pixel_terms(
    prediction: Prediction, targets: Targets, weights: LossWeights, huber: Elementwise = huber
) -> dict[str, Float[Tensor, ""]]:
    """Returns the weighted losses of the segmentation and dense heads; terms of weight 0 are left out.

    They are computed at the heads' resolution; the targets are resized.
    """
    scores, colours = prediction.segmentation.float(), prediction.dense.float()
    label = resize_label(targets.label, scores.shape[-2:])
    dense = resize_dense(targets.dense, colours.shape[-2:])
    lovasz_values = scores if weights.lovasz_on == "scores" else scores.softmax(dim=1)
    terms = {
        "segmentation": lambda: segmentation_loss(scores, label),
        "dense": lambda: huber(colours, dense).mean(),
        "lovasz": lambda: lovasz_softmax(lovasz_values, label),
    }
    return {name: weight * term() for name, term in terms.items() if (weight := getattr(weights, name))}


def hand_terms(
    prediction: Prediction,
    targets: Targets,
    weights: LossWeights,
    faces: Faces,
    huber: Elementwise = huber,
) -> list[dict[str, Tensor]]:
    """Returns the weighted losses of every estimate; terms of weight 0 are left out.

    Each term has one value per hand, except the offset's, which has one value.
    """
    centred, present = CentredTargets.of(targets, weights.target_centre), targets.present
    both = present.prod(1)
    if weights.edge or weights.normal:
        true_edges, true_normals = face_edges(centred.vertices, faces), face_normals(centred.vertices, faces)

    def one(estimate: Estimate) -> dict[str, Tensor]:
        params, vertices = estimate.params, estimate.vertices / LENGTH_UNIT
        edges = cache(lambda: face_edges(vertices, faces))
        terms = {
            "uv": lambda: per_hand(huber(estimate.uv, targets.uv), present),
            "vertex_uv": lambda: per_hand(huber(estimate.vertex_uv, targets.vertex_uv), present),
            "joints": lambda: per_hand(huber(estimate.joints / LENGTH_UNIT, centred.joints), present),
            "vertices": lambda: per_hand(huber(vertices, centred.vertices), present),
            "edge": lambda: edge_loss(edges(), true_edges, present),
            "normal": lambda: normal_loss(edges(), true_normals, present),
            "offset": lambda: (
                (huber(estimate.offset, centred.offset).mean(1) * both).sum() / shared_count(both.sum())
            ),
            "root": lambda: per_hand((rotation_from_6d(params.root) - targets.root).abs(), present),
            "pose": lambda: per_hand((params.pose - targets.pose).abs(), present),
            "betas": lambda: per_hand((params.betas - targets.betas).abs(), present),
        }
        return {name: weight * term() for name, term in terms.items() if (weight := getattr(weights, name))}

    return [one(estimate) for estimate in prediction.estimates]


def dir_loss(
    prediction: Prediction,
    targets: Targets,
    weights: LossWeights,
    faces: Faces,
    parts: Parts | None = None,
) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
    """Returns the training loss and the weighted terms that add up to it.

    Terms of an estimate are named ``joints_0``, ``joints_1``, ... (0 is the initial estimate) and summed
    over both hands. ``segmentation``, ``lovasz`` and ``dense`` come once. The terms carry no gradient.
    Of ``parts`` the reader's ``huber`` is used.
    """
    own_huber = function_of("huber", parts)
    terms = pixel_terms(prediction, targets, weights, own_huber)
    if prediction.joint_maps:
        terms |= joint_map_terms(prediction.joint_maps, targets, weights)
    for t, estimate_terms in enumerate(hand_terms(prediction, targets, weights, faces, own_huber)):
        terms |= {f"{name}_{t}": loss.sum() for name, loss in estimate_terms.items()}
    return sum_of_terms(terms)


def sum_of_terms(
    terms: dict[str, Float[Tensor, ""]],
) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
    """Returns the sum of the terms, and the terms without gradient."""
    return torch.stack(tuple(terms.values())).sum(), {name: loss.detach() for name, loss in terms.items()}


RELEASED_NAMES = {
    "segmentation": "seg",
    "dense": "dense",
    "lovasz": "lovasz",
    "uv": "joint_{side}_uv_{t}",
    "vertex_uv": "mesh_{side}_uv_{t}",
    "joints": "joint_{side}_xyz_{t}",
    "vertices": "mesh_{side}_xyz_{t}",
    "edge": "edge_{side}_{t}",
    "normal": "normal_{side}_{t}",
    "offset": "offset_{t}",
}
"""Names of the terms in the authors' training log."""


@torch.no_grad()
def released_losses(prediction: Prediction, targets: Targets, faces: Faces) -> dict[str, Float[Tensor, ""]]:
    """Returns the authors' weighted loss terms, per hand, under the authors' names; without gradient."""
    weights = LossWeights.released()
    losses = {RELEASED_NAMES[name]: loss for name, loss in pixel_terms(prediction, targets, weights).items()}
    for t, terms in enumerate(hand_terms(prediction, targets, weights, faces)):
        for name, loss in terms.items():
            per_side = zip(SIDES, loss.expand(2), strict=True)
            losses |= {RELEASED_NAMES[name].format(side=side, t=t): value for side, value in per_side}
    return losses
