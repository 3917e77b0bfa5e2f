"""Geometry of cameras, rotations and meshes, independent of hands."""
