"""Made-up tables that no rule was tuned on: with known mistakes, and without any."""
