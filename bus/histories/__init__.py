"""Where messages are recorded: implementations of `bus.history`."""
