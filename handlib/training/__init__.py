"""Training: losses, targets, optimisers and the loop."""
