"""Where answers are kept for many processes: implementations of `agents.cache_store`."""
