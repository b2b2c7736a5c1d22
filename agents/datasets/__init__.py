"""Engines behind the seam `agents.dataset`, named after their technology."""
