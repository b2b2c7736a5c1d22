"""Labelled sets for the data quality engineer, and how each is scored."""
