"""What stands before, between and behind the hands."""
