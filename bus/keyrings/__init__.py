"""Implementations of the seam `bus.keyring`."""
