# %% [markdown]
# # The 3D view, as notebooks use it

# %%
import ipywidgets

from handlib import show
from handlib.hand.hand import Hand

explorer = show.HandExplorer([Hand.open("left"), Hand.open("right")], num_pose=2, num_betas=1)
explorer

# %%
picked = ipywidgets.Label("nothing picked")


def tell(change):
    picked.value = f"Python knows: {explorer.view.joint_label(change['new'])}"


explorer.view.observe(tell, names="picked")
picked

# %%
import torch

from handlib.data.rendered.synthetic import make_sample
from handlib.geometry.camera import fit_weak_perspective
from handlib.geometry.rotation import rotation_to_6d
from handlib.hand.hand import HandParams
from handlib.model.estimate import LENGTH_UNIT, Estimate, Prediction

HANDS = [Hand.open("left"), Hand.open("right")]
sample = make_sample("desk", 128, 0, 0)


def bent(share):
    """The truth with every finger bent only by a share of what it should be: an estimate of known quality."""
    coefficients = [h.axis_angle_to_pca(share * sample.pose[k, None]) for k, h in enumerate(HANDS)]
    params = HandParams(rotation_to_6d(sample.root), torch.cat(coefficients), sample.betas, torch.zeros(2, 3))
    posed = [
        h.from_params(HandParams(params.root[k], params.pose[k], params.betas[k], params.camera[k]))
        for k, h in enumerate(HANDS)
    ]
    joints, vertices = torch.stack([p.joints for p in posed]), torch.stack([p.vertices for p in posed])
    camera = fit_weak_perspective(joints, sample.uv)
    offset = (sample.joints[1, 0] - sample.joints[0, 0]) / LENGTH_UNIT
    return Estimate.seen(params, camera[None], joints[None], vertices[None], offset[None])


prediction = Prediction((bent(0.0), bent(0.6), bent(1.0)), torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4))
show.stages(sample, prediction)

# %%
import numpy as np

linked = show.hands(sample)
GREEN = np.array([0, 255, 0], np.uint8)
linked.surface_opacity = 0.3
linked.update(
    joint_colours=np.tile(GREEN, (2, 21, 1)),
    links=show.Links(np.array([(8, 29), (0, 21)]), np.tile(GREEN, (2, 1)), np.array([1.0, 0.4])),
)
more = ipywidgets.Button(description="tie all tips")
tips = np.array([4, 8, 12, 16, 20])


def tie_tips(_):
    linked.surface_opacity = 1.0
    linked.clear_colours()
    linked.update(
        links=show.Links(np.column_stack((tips, tips + 21)), np.tile(GREEN, (5, 1)), np.full(5, 0.8))
    )


more.on_click(tie_tips)
show.Panel([linked, more], linked.picture, "links between joints")
