"""Measuring: errors, protocols, tables."""
