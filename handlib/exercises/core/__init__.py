"""The machinery around exercises: predictions, readers' notebooks, and readers' parts of the network."""
