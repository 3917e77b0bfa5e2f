"""The hand: its model, its files, its skeleton."""
