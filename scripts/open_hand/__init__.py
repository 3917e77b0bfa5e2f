"""Builds the open hand: a licence-free hand model in the MANO format, from a table of lengths and radii.

``design`` is that table; ``field`` makes a solid of it; ``mesh`` and ``remesh`` cut its surface into 778 vertices;
``fit`` settles them; ``weights``, ``shape`` and ``pose`` let them move; ``skin`` paints them.
"""
