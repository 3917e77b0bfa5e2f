"""One palette for every picture: left blue, right orange, told apart by colour-blind readers and in grey."""

LEFT = "#0072B2"
RIGHT = "#E69F00"
HANDS = (LEFT, RIGHT)
TRUTH = "#4D4D4D"
INK = "#222222"
"""Words in pictures."""
HIGHLIGHT = "#CC3377"
FINGERS = ("#882255", "#CC6677", "#DDCC77", "#117733", "#332288")
"""Thumb to little."""
STRENGTH = "viridis_r"
"""Matplotlib's colour map for strengths of things that may belong to either hand: darker is stronger."""
