"""Asking why: ablations, interventions, robustness, gradients."""
