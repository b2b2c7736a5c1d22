"""Asking a model: what it reads, what it may cost, and what to do without its answer."""
