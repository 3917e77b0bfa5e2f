"""Analyses of networks: ablations, interventions, robustness, gradients."""
