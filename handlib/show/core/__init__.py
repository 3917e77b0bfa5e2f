"""What the pictures and widgets share."""
