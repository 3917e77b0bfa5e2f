# %% [markdown]
# # The 3D view, as notebooks use it

# %%
import ipywidgets

from handlib import show
from handlib.hand import Hand

explorer = show.HandExplorer([Hand.open("left"), Hand.open("right")], num_pose=2, num_betas=1)
explorer

# %%
picked = ipywidgets.Label("nothing picked")


def tell(change):
    picked.value = f"Python knows: {explorer.view.joint_label(change['new'])}"


explorer.view.observe(tell, names="picked")
show.Panel([picked], explorer.view.picture, "what was picked")
