"""handlib: DIR, the reconstruction of two interacting hands from one picture, taken apart and explained."""
