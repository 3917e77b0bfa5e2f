"""The hand model, its files and its skeleton."""
