"""Where the keys of conversations are kept: implementations of `bus.vault`."""
