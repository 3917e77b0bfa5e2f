"""Learning: losses, what they are taught from, the loop."""
