"""Calling tools, and guarding whatever is called with circuit breakers."""
