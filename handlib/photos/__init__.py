"""Reconstruction of the user's own pictures: one, many, or a sequence."""
