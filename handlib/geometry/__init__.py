"""Cameras, rotations and meshes: mathematics that knows nothing of hands."""
