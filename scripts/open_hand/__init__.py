"""Builds the open hand: a licence-free hand model in the MANO format, from a table of lengths and radii.

``design`` is that table; ``field`` makes a solid of it, which ``grid`` samples; ``mesh`` and ``remesh`` cut
its surface into 778 vertices; ``fit`` settles and numbers them; ``weights``, ``shape`` and ``pose`` let them
move; ``marks`` and ``skin`` paint them; ``model`` puts all together.
"""
