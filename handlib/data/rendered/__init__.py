"""Pairs of hands that are rendered, with exact truth."""
