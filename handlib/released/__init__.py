"""The authors' weights, read and written."""
