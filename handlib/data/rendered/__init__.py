"""Rendered pairs of hands with exact truth."""
