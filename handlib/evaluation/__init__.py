"""Evaluation: errors, protocols, tables."""
