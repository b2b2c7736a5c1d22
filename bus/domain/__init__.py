"""The pure core of the bus: no I/O, no asyncio, no clock, no randomness of its own."""
