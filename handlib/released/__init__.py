"""Reads and writes the authors' weights."""
