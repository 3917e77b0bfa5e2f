"""A network small enough to build and run in a test: every mechanism, few channels, 64 px."""

from dataclasses import replace

from handlib.model.config import DIRConfig

TINY = replace(
    DIRConfig.small(),
    image_size=64,
    backbone_layers=(1, 1, 1, 1),
    backbone_channels=(8, 16, 24, 32),
    backbone_stem_width=8,
    attention_channels=8,
    channels=16,
    joint_features=16,
    token_features=8,
    gcn_layers=1,
    plane_channels=4,
)
