"""The palette of all pictures: left blue, right orange. They differ for colour-blind readers and in grey."""

LEFT = "#0072B2"
RIGHT = "#E69F00"
HANDS = (LEFT, RIGHT)
TRUTH = "#4D4D4D"
INK = "#222222"
"""Colour of words in pictures."""
HIGHLIGHT = "#CC3377"
FINGERS = ("#882255", "#CC6677", "#DDCC77", "#117733", "#332288")
"""Colours of the fingers, thumb to little finger."""
STRENGTH = "viridis_r"
"""Matplotlib's colour map for strengths that may belong to either hand: darker is stronger."""
