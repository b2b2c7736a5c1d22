"""Who is told of a pause: implementations of `agents.throttle`."""
