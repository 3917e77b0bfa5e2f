"""Pictures of two hands with their truth: rendering, storing, augmenting; reading photographs."""
