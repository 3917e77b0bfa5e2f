"""Hands as photographs show them: drawn once in layers, made a new picture of at every step."""
