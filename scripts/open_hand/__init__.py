"""Builds the open hand: a licence-free hand model in the MANO format, from a table of lengths and radii.

``design`` is this table. ``field`` makes a solid from it, and ``grid`` samples the solid. ``mesh`` and
``remesh`` turn its surface into 778 vertices, ``fit`` corrects and numbers them. ``weights``, ``shape`` and
``pose`` make them move. ``marks`` and ``skin`` paint them. ``model`` puts everything together.
"""
