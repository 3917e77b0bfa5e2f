"""Parts that pictures and widgets share."""
