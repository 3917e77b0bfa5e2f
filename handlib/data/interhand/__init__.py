"""InterHand2.6M and data made from it."""
