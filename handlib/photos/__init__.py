"""Pictures from outside: reconstruct one, many, a sequence."""
