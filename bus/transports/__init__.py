"""What moves the messages: implementations of `bus.transport`."""
