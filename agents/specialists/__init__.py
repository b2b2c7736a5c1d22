"""The built-in specialists, one per file: what each asks of its tools, and what it concludes."""
