"""Whatever comes in from outside, thrown at what reads it: `python -m tests.fuzz --help`."""
