"""Implementations of the seam `bus.authority`."""
