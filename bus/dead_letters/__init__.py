"""Where messages are parked: implementations of `bus.dead_letter`."""
