"""Kept answers: in memory and in a shared store, each made once."""
