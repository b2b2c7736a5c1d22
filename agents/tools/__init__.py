"""Built-in tools, one per file: each measures something and judges nothing."""
