"""Pictures of two hands and their truth: rendered, stored, augmented, or read from photographs."""
