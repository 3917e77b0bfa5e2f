"""Things in front of, between and behind the hands."""
