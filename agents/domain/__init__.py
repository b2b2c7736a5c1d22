"""The pure core of the agents: no I/O, no asyncio, no clock, no randomness of its own."""
