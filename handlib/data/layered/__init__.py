"""Hands as photographs show them: drawn once in layers, then composed to new pictures at every step."""
