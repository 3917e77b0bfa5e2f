"""InterHand2.6M and what is made of it."""
