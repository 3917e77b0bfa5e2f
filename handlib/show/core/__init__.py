"""Shared parts of pictures and widgets."""
